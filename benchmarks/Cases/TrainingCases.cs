using static Inference.Language;

namespace Inference.Benchmarks.Cases;

/// <summary>Whole steps of learning: forward, backward, and what the optimiser does.</summary>
internal static class TrainingCases
{
    private const double LearningRate = 1e-3;

    public static Case Mlp { get; } = new()
    {
        Name = "mlp_step",
        SetUp = MlpStep,
        UnitsPerRound = 50,
        PeerUnitsPerRound = 20,
        Peers = [new("PyTorch", "mlp.py", [])],
    };

    public static Case Vae { get; } = new()
    {
        Name = "vae_step",
        SetUp = VaeStep,
        UnitsPerRound = 20,
        PeerUnitsPerRound = 5,
        Peers = [new("PyTorch", "vae.py", [])],
    };

    public static Case Gru { get; } = new()
    {
        Name = "gru_step",
        SetUp = GruStep,
        UnitsPerRound = 5,
        PeerUnitsPerRound = 2,
        Peers = [new("PyTorch", "gru.py", [])],
    };

    public static Case Rssm { get; } = new()
    {
        Name = "rssm_step",
        SetUp = RssmStep.SetUp,
        UnitsPerRound = 2,
        PeerUnitsPerRound = 1,
        Peers = [new("PyTorch", "rssm.py", [])],
    };

    public static Case Conv { get; } = new()
    {
        Name = "conv_step",
        SetUp = ConvStep,
        UnitsPerRound = 1,
        PeerUnitsPerRound = 1,
        Peers = [new("PyTorch", "conv.py", [])],
    };

    private static TrainingWork MlpStep(Engine engine)
    {
        const int Batch = 256;
        var builder = new ProgramBuilder("mlp_step");
        FreeIndex data = PlateIndex("data", Batch);
        Tensor x = Unstack(builder.Input("x", [Batch, 17], DType.F32), data);
        Tensor y = Unstack(builder.Input("y", [Batch, 6], DType.F32), data);
        Network net = Net.Mlp("net", [17, 256, 256, 6]);
        Tensor loss = MeanOver(data, Mean(Square(net.Apply(x) - y)));
        builder.Output("loss", loss);
        Learning.step(builder, new Adam(LearningRate), 0, loss);
        return TrainingWork.Of(engine, builder, net.Parameters, (_, u) => (2 * u) - 1, stepsOfARun: 20);
    }

    private static TrainingWork VaeStep(Engine engine)
    {
        const int Batch = 128, Pixels = 784, Hidden = 400, Latents = 20;
        var builder = new ProgramBuilder("vae_step");
        FreeIndex data = PlateIndex("data", Batch);
        Tensor image = Unstack(builder.Input("image", [Batch, Pixels], DType.F32), data);

        // Keys of the data end in 0: noise and data share no words.
        Tensor draws = builder.State(TrainingWork.NumberOfDraws, [], DType.U32, [0]);
        builder.Next(draws, draws + Convert(Fill(1), DType.U32));
        Network encoder = Net.Mlp("encoder", [Pixels, Hidden, 2 * Latents]);
        Network decoder = Net.Mlp("decoder", [Latents, Hidden, Pixels]);
        Tensor code = encoder.Apply(image);
        Tensor mean = Slice(code, 0, 0, Latents), logVariance = Slice(code, 0, Latents, 2 * Latents);
        Tensor noise = Structure.random(RandomKind.Normal, [data], [], 0, [draws, Convert(Fill(1), DType.U32)], [Latents]);
        Tensor logits = decoder.Apply(mean + (Exp(0.5 * logVariance) * noise));
        Tensor reconstruction = Sum(Softplus(logits) - (image * logits));
        Tensor divergence = 0.5 * Sum(Exp(logVariance) + Square(mean) - 1 - logVariance);
        Tensor loss = MeanOver(data, reconstruction + divergence);
        builder.Output("loss", loss);
        Learning.step(builder, new Adam(LearningRate), 0, loss);
        return TrainingWork.Of(engine, builder, [.. encoder.Parameters, .. decoder.Parameters], (_, u) => u < 0.5 ? 0 : 1, stepsOfARun: 20);
    }

    private static TrainingWork ConvStep(Engine engine)
    {
        const int Batch = 50, Size = 64, Latents = 30;
        var builder = new ProgramBuilder("conv_step");
        FreeIndex data = PlateIndex("data", Batch);
        Tensor image = Unstack(builder.Input("image", [Batch, 3, Size, Size], DType.F32), data);
        Tensor draws = builder.State(TrainingWork.NumberOfDraws, [], DType.U32, [0]);
        builder.Next(draws, draws + Convert(Fill(1), DType.U32));
        Network relu = Net.Function("relu", Activation.Relu);
        Network encoder = Net.Conv("encoder.0", 3, 32, 4, 2).Then(relu)
            .Then(Net.Conv("encoder.1", 32, 64, 4, 2)).Then(relu)
            .Then(Net.Conv("encoder.2", 64, 128, 4, 2)).Then(relu)
            .Then(Net.Conv("encoder.3", 128, 256, 4, 2)).Then(relu)
            .Then(Net.Function("vector", x => Reshape(x, 1024)))
            .Then(Net.Linear("encoder.4", 1024, 2 * Latents));
        Network decoder = Net.Linear("decoder.0", Latents, 1024)
            .Then(Net.Function("image", x => Reshape(x, 1024, 1, 1)))
            .Then(Net.Deconv("decoder.1", 1024, 128, 5, 2)).Then(relu)
            .Then(Net.Deconv("decoder.2", 128, 64, 5, 2)).Then(relu)
            .Then(Net.Deconv("decoder.3", 64, 32, 6, 2)).Then(relu)
            .Then(Net.Deconv("decoder.4", 32, 3, 6, 2));
        Tensor code = encoder.Apply(image);
        Tensor mean = Slice(code, 0, 0, Latents), logVariance = Slice(code, 0, Latents, 2 * Latents);
        Tensor noise = Structure.random(RandomKind.Normal, [data], [], 0, [draws, Convert(Fill(1), DType.U32)], [Latents]);
        Tensor reconstruction = 0.5 * Sum(Square(image - decoder.Apply(mean + (Exp(0.5 * logVariance) * noise))));
        Tensor divergence = 0.5 * Sum(Exp(logVariance) + Square(mean) - 1 - logVariance);
        Tensor loss = MeanOver(data, reconstruction + divergence);
        builder.Output("loss", loss);
        Learning.step(builder, new Adam(LearningRate), 0, loss);
        return TrainingWork.Of(engine, builder, [.. encoder.Parameters, .. decoder.Parameters], (_, u) => u, stepsOfARun: 2);
    }

    private static TrainingWork GruStep(Engine engine)
    {
        const int Batch = 50, Steps = 50, Size = 200;
        var builder = new ProgramBuilder("gru_step");
        FreeIndex data = PlateIndex("data", Batch);
        FreeIndex time = TimeIndex("time", Steps);
        Tensor x = Unstack(Unstack(builder.Input("x", [Batch, Steps, Size], DType.F32), data), time);
        RecurrentNetwork gru = Net.Gru("gru", Size, Size);
        (_, Tensor states) = Scan<Tensor, Tensor>(time, Zeros(Size), carried =>
        {
            Tensor next = gru.Apply(carried, x);
            return (next, next);
        });
        Tensor loss = SumOver(data, SumOver(time, Sum(Square(states))));
        builder.Output("loss", loss);
        Tensor[] parameters = builder.Parameters([loss], 0);
        foreach ((Tensor parameter, Tensor gradient) in parameters.Zip(Calculus.gradient(loss, parameters)))
        {
            builder.Output("gradient of " + Parameter.nameOf(parameter), gradient);
        }

        return TrainingWork.Of(engine, builder, parameters, (_, u) => (2 * u) - 1, stepsOfARun: 1);
    }
}
