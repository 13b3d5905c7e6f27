using static Inference.Language;

namespace Inference.Examples.Umbrella;

/// <summary>What is known of the weather of some days from the umbrellas alone, and what it was.</summary>
internal sealed record Weather
{
    /// <summary>Whether it rained, to compare with: no question reads it.</summary>
    public required double[] Rain { get; init; }

    /// <summary>Whether an umbrella was seen.</summary>
    public required double[] Umbrellas { get; init; }

    /// <summary>The probability of rain given the umbrellas up to each day.</summary>
    public required double[] Filtered { get; init; }

    /// <summary>The probability of rain given all umbrellas.</summary>
    public required double[] Smoothed { get; init; }

    /// <summary>The likeliest weather of all days together.</summary>
    public required double[] Likeliest { get; init; }

    /// <summary>The logarithm of its probability together with the umbrellas, in nats.</summary>
    public required double LogLikeliest { get; init; }

    /// <summary>log p(umbrellas), in nats.</summary>
    public required double LogEvidence { get; init; }

    /// <summary>Draws of the weather of all days together.</summary>
    public required double[][] Draws { get; init; }

    /// <summary>The share of the draws in which it rains.</summary>
    public double[] Drawn => [.. Rain.Select((_, day) => Draws.Average(draw => draw[day]))];

    /// <summary>The share of days on which the likelier weather by a probability is what it was.</summary>
    public double AccuracyOf(double[] probability) => probability.Zip(Rain, (p, rain) => p > 0.5 == rain > 0.5 ? 1.0 : 0).Average();

    /// <summary>Asks for the weather behind umbrellas.</summary>
    public static Weather Of(
        UmbrellaTwin twin, Climate climate, double[] rain, double[] umbrellas, int draws, long seed, Engine engine, CancellationToken cancellation)
    {
        int days = umbrellas.Length;
        FreeIndex day = TimeIndex("day", days);
        FinitePosterior Posterior(Tensor seen) => Behind(twin, climate, seen, day);
        using var questions = engine.Compile("weather", Input("umbrella", days), seen =>
        {
            FinitePosterior posterior = Posterior(seen);
            return (
                Pack(posterior.LogEvidence, posterior.LogMostLikely),
                posterior.Filtered("day/rain"),
                posterior.Marginal("day/rain"),
                posterior.MostLikely.Value("day/rain"));
        });
        float[] seen = Array.ConvertAll(umbrellas, x => (float)x);
        double[] found = Array.ConvertAll(questions.Run(seen).ToArray(), x => (double)x);
        return new Weather
        {
            Rain = rain,
            Umbrellas = umbrellas,
            LogEvidence = found[0],
            LogLikeliest = found[1],
            Filtered = RainIn(found.AsSpan(2, 2 * days)),
            Smoothed = RainIn(found.AsSpan(2 + (2 * days), 2 * days)),
            Likeliest = found[(2 + (4 * days))..],
            Draws = DrawnFrom(engine, Posterior, seen, draws, seed, cancellation),
        };
    }

    /// <summary>log p(umbrellas), in nats.</summary>
    public static double LogEvidenceOf(UmbrellaTwin twin, Climate climate, double[] umbrellas, Engine engine)
    {
        FreeIndex day = TimeIndex("day", umbrellas.Length);
        using var evidence = engine.Compile("evidence", Input("umbrella", umbrellas.Length), seen => Behind(twin, climate, seen, day).LogEvidence);
        return evidence.Run(Array.ConvertAll(umbrellas, x => (float)x))[0];
    }

    /// <summary>The weather of the days of an index, given what was seen on each.</summary>
    public static FinitePosterior Behind(UmbrellaTwin twin, Climate climate, Tensor seen, FreeIndex day) =>
        twin.World(climate, day).Condition(("day/umbrella", Unstack(seen, day))).FinitePosterior();

    /// <summary>Draws the weather of some days, and the umbrellas that follow from it.</summary>
    public static (double[] Rain, double[] Umbrellas) Draw(UmbrellaTwin twin, Climate climate, int days, long seed, Engine engine)
    {
        FreeIndex day = TimeIndex("day", days);
        using var program = new DrawingProgram(
            engine,
            "days",
            _ => twin.World(climate, day).Select(chain => new[] { ("rain", Stack(chain.Each.Rain, day)), ("umbrella", Stack(chain.Each.Umbrella, day)) }));
        program.Run(seed, run: 0);
        return (Read(program, "rain", days), Read(program, "umbrella", days));
    }

    private static double[][] DrawnFrom(
        Engine engine, Func<Tensor, FinitePosterior> posterior, float[] seen, int draws, long seed, CancellationToken cancellation)
    {
        using var program = new DrawingProgram(
            engine,
            "draws",
            builder => posterior(builder.Input("umbrella", [seen.Length], DType.F32)).Sample
                .Select(drawn => new[] { ("rain", drawn.Value("day/rain")) }));
        program.Set("umbrella", seen);
        double[][] found = new double[draws][];
        for (int k = 0; k < draws; k++)
        {
            cancellation.ThrowIfCancellationRequested();
            program.Run(seed, k);
            found[k] = Read(program, "rain", seen.Length);
        }

        return found;
    }

    private static double[] Read(DrawingProgram program, string output, int days)
    {
        float[] values = new float[days];
        program.Get(output, values);
        return Array.ConvertAll(values, x => (double)x);
    }

    // Of the probabilities of both values, those of 1.
    private static double[] RainIn(ReadOnlySpan<double> probabilities)
    {
        double[] rain = new double[probabilities.Length / 2];
        for (int day = 0; day < rain.Length; day++)
        {
            rain[day] = probabilities[(2 * day) + 1];
        }

        return rain;
    }
}
