using Microsoft.FSharp.Collections;
using static Inference.Language;

namespace Inference.Benchmarks.Cases;

/// <summary>
/// A whole ELBO step of a recurrent state-space model (Hafner et al., "Learning latent dynamics for planning from pixels", 2019), written as a
/// chain and its guide; the objective is derived.
/// </summary>
internal static class RssmStep
{
    private const int Batch = 50, Steps = 50, Observation = 24, Action = 6, Width = 200, Latents = 30;

    /// <summary>What is carried from step to step.</summary>
    private sealed record Latent([property: Size(Width)] Tensor Hidden, [property: Size(Latents)] Tensor Code);

    public static TrainingWork SetUp(Engine engine)
    {
        var builder = new ProgramBuilder("rssm_step");
        FreeIndex data = PlateIndex("data", Batch), time = TimeIndex("time", Steps);
        Tensor observation = PerStep(builder, "observation", Observation, data, time);
        Tensor action = PerStep(builder, "action", Action, data, time);
        Tensor reward = Element(PerStep(builder, "reward", 1, data, time), 0);

        // Keys of the data end in 0: noise and data share no words.
        Tensor draws = builder.State(TrainingWork.NumberOfDraws, [], DType.U32, [0]);
        builder.Next(draws, draws + Convert(Fill(1), DType.U32));

        Func<Tensor, Tensor> elu = Activation.Elu;
        Network encoder = Net.Mlp("encoder", [Observation, Width, Width], elu);
        Network input = Net.Linear("input", Latents + Action, Width);
        RecurrentNetwork cell = Net.Gru("cell", Width, Width);
        Network prior = Net.Mlp("prior", [Width, Width, 2 * Latents], elu);
        Network posterior = Net.Mlp("posterior", [2 * Width, Width, 2 * Latents], elu);
        Network decoder = Net.Mlp("decoder", [Width + Latents, Width, Width, Observation], elu);
        Network head = Net.Mlp("reward", [Width + Latents, Width, Width, 1], elu);
        Tensor embedding = elu(encoder.Apply(observation));
        var start = new Latent(Zeros(Width), Zeros(Latents));

        Tensor Hidden(Latent s) => cell.Apply(s.Hidden, elu(input.Apply(Concat(0, s.Code, action))));
        static Distribution Gaussian(Tensor code) =>
            Normal(Slice(code, 0, 0, Latents), Softplus(Slice(code, 0, Latents, 2 * Latents)) + 0.1);

        Prob<Chain<Latent, Latent>> model = Markov(time, start, s =>
        {
            Tensor hidden = Hidden(s);
            return from z in Sample("z", Gaussian(prior.Apply(hidden)))
                   let next = new Latent(hidden, z)
                   let both = Concat(0, hidden, z)
                   select next
                       .Observed("observation", Normal(decoder.Apply(both), Ones(Observation)), observation)
                       .Observed("reward", Normal(Element(head.Apply(both), 0), Ones()), reward);
        });
        Prob<Chain<Latent, Latent>> guide = Markov(time, start, s =>
        {
            Tensor hidden = Hidden(s);
            return from z in Sample("z", Gaussian(posterior.Apply(Concat(0, hidden, embedding)))) select new Latent(hidden, z);
        });

        Tensor zero = Convert(Fill(0), DType.U32), one = Convert(Fill(1), DType.U32);
        ProbContext context = ProbContext.At(
            SampleSource.NewDraw([draws, one], [zero, zero]), new Trace(), ListModule.OfArray([data]), FSharpList<FreeIndex>.Empty);
        EvidenceBound bound = EvidenceBoundModule.derive(new Objective { FreeNats = 3 }, model, guide).Run(context);
        Tensor loss = -MeanOver(data, bound.Value);
        builder.Output("loss", loss);
        Tensor[] parameters = Learning.step(builder, new ClipNorm(100).Then(new Adam(6e-4)), 0, loss);
        return TrainingWork.Of(engine, builder, parameters, (_, u) => (2 * u) - 1, stepsOfARun: 10);
    }

    private static Tensor PerStep(ProgramBuilder builder, string name, int size, FreeIndex data, FreeIndex time) =>
        Unstack(Unstack(builder.Input(name, [Batch, Steps, size], DType.F32), data), time);
}
