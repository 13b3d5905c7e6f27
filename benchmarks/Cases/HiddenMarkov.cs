using static Inference.Language;

namespace Inference.Benchmarks.Cases;

/// <summary>
/// The log-likelihood of a hidden Markov model and its gradient by all parameters: 64 states, 256 series of 1,000 numbers, unit-variance
/// Normal about a mean for each state. The states are eliminated from the model as a user writes it.
/// </summary>
internal static class HiddenMarkov
{
    private const int States = 64, Steps = 1000, Batch = 256;

    public static Case Case { get; } = new()
    {
        Name = "hmm_1000x64",
        SetUp = SetUp,
        UnitsPerRound = 1,
        PeerUnitsPerRound = 1,
        PeerRounds = 1,
        Peers = [new("PyTorch", "hmm.py", [])],
        Comparison = new(2, IsPaired: true),
    };

    private static TrainingWork SetUp(Engine engine)
    {
        var builder = new ProgramBuilder("hmm");
        FreeIndex series = PlateIndex("series", Batch), time = TimeIndex("time", Steps);
        Tensor x = Unstack(Unstack(builder.Input("x", [Batch, Steps], DType.F32), series), time);
        Tensor start = builder.Input("start", [States], DType.F32);
        Tensor transition = builder.Input("transition", [States, States], DType.F32);
        Tensor mean = builder.Input("mean", [States], DType.F32);

        var model = Plate(series, Markov(time, Convert(Fill(-1), DType.I32), before =>
            from state in Sample("state", Categorical(logits: Select(before < 0, start, Gather(transition, before))))
            select state.Observed("x", Normal(Gather(mean, state), 1), x)));
        Tensor evidence = model.FinitePosterior().LogEvidence;
        builder.Output("log-likelihood", evidence);
        Tensor[] parameters = [start, transition, mean];
        string[] names = ["start", "transition", "mean"];
        foreach ((string name, Tensor gradient) in names.Zip(Calculus.gradient(evidence, parameters)))
        {
            builder.Output("gradient of " + name, gradient);
        }

        return TrainingWork.Of(engine, builder, [], (_, u) => (4 * u) - 2, stepsOfARun: 1);
    }
}
