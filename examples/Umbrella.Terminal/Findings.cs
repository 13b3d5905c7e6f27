using static Inference.Language;

namespace Inference.Examples.Umbrella;

/// <summary>What the example finds.</summary>
/// <param name="TwoDays">The weather of two days with an umbrella on both, whose answers are in the book.</param>
/// <param name="Shown">The weather of days that were drawn.</param>
/// <param name="Learnt">The probabilities that a long diary tells.</param>
/// <param name="LogEvidence">log p of a day of that diary by the true probabilities, in nats.</param>
internal sealed record Findings(Weather TwoDays, Weather Shown, Learnt Learnt, double LogEvidence)
{
    /// <summary>The true probabilities: stay, umbrella in rain, umbrella without.</summary>
    public static readonly double[] Truth = [0.7, 0.9, 0.2];

    /// <summary>Asks all that the page shows.</summary>
    public static Findings Of(UmbrellaOptions options, UmbrellaTwin twin, Engine engine, CancellationToken cancellation)
    {
        var climate = new Climate(Fill(Truth[0]), Fill(Truth[1]), Fill(Truth[2]));
        Weather two = Weather.Of(twin, climate, [1, 1], [1, 1], 1, options.Seed, engine, cancellation);
        (double[] rain, double[] umbrellas) = Weather.Draw(twin, climate, options.Days, options.Seed, engine);
        Weather shown = Weather.Of(twin, climate, rain, umbrellas, options.Draws, options.Seed, engine, cancellation);
        (double[] _, double[] diary) = Weather.Draw(twin, climate, Learnt.Days, options.Seed, engine);
        var learnt = Learnt.From(twin, diary, options, engine, cancellation);
        return new Findings(two, shown, learnt, Weather.LogEvidenceOf(twin, climate, diary, engine) / Learnt.Days);
    }
}
