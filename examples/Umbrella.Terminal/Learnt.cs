using static Inference.Language;

namespace Inference.Examples.Umbrella;

/// <summary>Umbrellas of many days: what the probabilities of the world are learnt from.</summary>
/// <param name="Umbrella">0 or 1, day after day.</param>
internal sealed record Diary([property: Size(Learnt.Days)] Tensor Umbrella);

/// <summary>What is told of each step of learning.</summary>
/// <param name="Stay">The probability that the weather stays.</param>
/// <param name="InRain">The probability of an umbrella in rain.</param>
/// <param name="Without">The probability of an umbrella without rain.</param>
internal sealed record Told(Tensor Stay, Tensor InRain, Tensor Without);

/// <summary>The probabilities of the world, learnt from umbrellas alone: they maximise the evidence, whose gradient is the language's.</summary>
internal sealed record Learnt
{
    /// <summary>Days of the diary.</summary>
    public const int Days = 4000;

    private const int Points = 60;

    // Logits of 0.6, 0.7 and 0.3: it is not known how the weather goes, but that umbrellas are more for rain.
    private static readonly double[] First = [0.405, 0.847, -0.847];

    /// <summary>Steps of learning at which the others are told.</summary>
    public required double[] Steps { get; init; }

    /// <summary>−log p(umbrellas) of a day, in nats.</summary>
    public required double[] Loss { get; init; }

    /// <summary>The probabilities on the way, each the mean of some steps: stay, umbrella in rain, umbrella without.</summary>
    public required double[][] Course { get; init; }

    /// <summary>The probabilities at the end: stay, umbrella in rain, umbrella without.</summary>
    public required double[] Found { get; init; }

    /// <summary>Learns from a diary.</summary>
    public static Learnt From(UmbrellaTwin twin, double[] umbrellas, UmbrellaOptions options, Engine engine, CancellationToken cancellation)
    {
        var fit = new FitOptions
        {
            Steps = options.Steps,
            BatchSize = 1,
            Seed = options.Seed,
            EvaluateEvery = Math.Max(1, options.Steps / Points),
        };
        Dataset diary = Dataset.Columns(("Umbrella", Array.ConvertAll(umbrellas, x => (float)x)));
        var view = new TrainingView("learning", "−log p of a day", "diaries", options.Json) { Pass = "step" };
        (Fitted fitted, _) = view.Show(options.Steps, progress => LearnerOf(twin, options.Steps).Fit(diary, fit, engine, progress, cancellation));
        cancellation.ThrowIfCancellationRequested();
        FitPoint[] points = [.. fitted.History];
        double[] Of(int metric) => [.. points.Select(point => point.Training[metric])];
        return new Learnt
        {
            Steps = [.. points.Select(point => (double)point.Step)],
            Loss = Of(0),
            Course = [Of(1), Of(2), Of(3)],
            Found = [.. fitted.Parameters["logits"].ToArray().Zip(First, (logit, first) => 1 / (1 + Math.Exp(-logit - first)))],
        };
    }

    private static Learner<Diary> LearnerOf(UmbrellaTwin twin, int steps)
    {
        FreeIndex day = TimeIndex("day", Days);
        return Learner.Minimise("umbrella", (LearnerContext _, Diary diary) =>
        {
            Tensor p = Sigmoid(Constant(First) + Parameter.create("logits", [3], Initializer.Zeros));
            var climate = new Climate(Element(p, 0), Element(p, 1), Element(p, 2));
            Tensor evidence = Weather.Behind(twin, climate, diary.Umbrella, day).LogEvidence;
            return (-evidence / Days, new Told(climate.Stay, climate.InRain, climate.Without));
        }, new Adam(Rate.Cosine(0.05, steps)));
    }
}
