using static Inference.Language;

namespace Inference.Examples.LatentPendulum;

/// <summary>What is predicted of test recordings after their context.</summary>
/// <param name="Test">The recordings.</param>
/// <param name="Imagined">The state-space model's means for all steps, over draws of the latent path; those of the context have seen it.</param>
/// <param name="Spread">The standard deviations of the same draws.</param>
/// <param name="FeedForward">The feed-forward network's means for the steps after the context.</param>
internal sealed record Predictions(Recordings Test, float[] Imagined, float[] Spread, float[] FeedForward)
{
    private const int Draws = 16;
    private const int Ahead = Recording.Steps - Recording.Context;

    /// <summary>Asks both.</summary>
    public static Predictions Of(
        LatentPendulumTwin twin, Fitted stateSpace, FeedForward rival, Fitted feedForward, Recordings test, long seed, Engine engine)
    {
        FreeIndex row = PlateIndex("recording", test.Count), draw = PlateIndex("draw", Draws);
        Recording Read(ProgramBuilder builder)
        {
            Tensor Field(string name, params int[] shape) => Unstack(builder.Input(name, [test.Count, .. shape], DType.F32), row);
            return new Recording(Field("observation", Recording.Steps, Recording.Observed), Field("action", Recording.Steps, 1), Zeros(Recording.Steps));
        }

        using var imagining = new DrawingProgram(
            engine,
            "imagination",
            builder =>
            {
                Recording r = Read(builder);
                return from drawn in Plate(row, Plate(draw, twin.Imagine(r)))
                       let path = drawn.Value.Value
                       let mean = MeanOver(draw, path)
                       select new[] { ("mean", Stack(mean, row)), ("spread", Stack(Sqrt(MeanOver(draw, Square(path - mean))), row)) };
            },
            stateSpace);
        using var rolling = new DrawingProgram(
            engine, "roll-out", builder => Prob.result(new[] { ("mean", Stack(rival.Predict(Read(builder)), row)) }), feedForward);
        foreach (DrawingProgram program in new[] { imagining, rolling })
        {
            program.Set("observation", test.Observation);
            program.Set("action", test.Action);
            program.Run(seed, 0);
        }

        var made = new Predictions(
            test, new float[test.Observation.Length], new float[test.Observation.Length], new float[test.Count * Ahead * Recording.Observed]);
        imagining.Get("mean", made.Imagined);
        imagining.Get("spread", made.Spread);
        rolling.Get("mean", made.FeedForward);
        return made;
    }

    /// <summary>
    /// The mean over recordings of log Normal(observation; prediction, 1) by steps after the context: each predictor gives means, and all are
    /// scored at the same unit scale.
    /// </summary>
    public (double[] StateSpace, double[] FeedForward, double[] LastValue) Scores()
    {
        double[] Score(Func<int, int, int, double> predicted) =>
        [
            .. Enumerable.Range(0, Ahead).Select(ahead => Enumerable.Range(0, Test.Count).Average(k =>
                Enumerable.Range(0, Recording.Observed).Sum(part =>
                {
                    double error = Test.Observation[At(k, Recording.Context + ahead, part)] - predicted(k, ahead, part);
                    return (-0.5 * error * error) - (0.5 * Math.Log(2 * Math.PI));
                }))),
        ];

        return (
            Score((k, ahead, part) => Imagined[At(k, Recording.Context + ahead, part)]),
            Score((k, ahead, part) => FeedForward[(((k * Ahead) + ahead) * Recording.Observed) + part]),
            Score((k, _, part) => Test.Observation[At(k, Recording.Context - 1, part)]));
    }

    private static int At(int recording, int step, int part) => (((recording * Recording.Steps) + step) * Recording.Observed) + part;
}
