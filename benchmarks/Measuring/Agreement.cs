using System.Globalization;

namespace Inference.Benchmarks.Measuring;

/// <summary>
/// Whether a peer computes the same as we do: both start anew from many seeds, and the means of what comes of it must agree within their
/// sampling errors; or within rounding, where both draw the same numbers.
/// </summary>
/// <param name="Number">The number whose means differ most.</param>
/// <param name="Ours">Its mean with us.</param>
/// <param name="Theirs">Its mean with the peer.</param>
/// <param name="StandardError">Of the difference.</param>
internal sealed record Agreement(string Number, double Ours, double Theirs, double StandardError)
{
    /// <summary>A right peer fails one such test in 16,000.</summary>
    private const double MostStandardErrors = 4;

    /// <summary>Rounding, where a number hardly varies.</summary>
    private const double Rounding = 1e-5;

    public double StandardErrors => Math.Abs(Ours - Theirs) / (StandardError + (Rounding * Math.Abs(Ours)));

    public bool Holds => StandardErrors <= MostStandardErrors;

    public static Agreement Of(IWork work, Peer peer, Comparison comparison)
    {
        IReadOnlyDictionary<string, double>[] ours = [.. Enumerable.Range(0, comparison.Runs).Select(work.RunAnew)];
        IReadOnlyDictionary<string, double[]> theirs = peer.Sample(comparison.Runs);
        return theirs.SelectMany(number =>
            {
                double[] own = [.. ours.Select(run => run[number.Key])];
                return comparison.IsPaired
                    ? own.Zip(number.Value, (a, b) => new Agreement(number.Key, a, b, StandardError: 0))
                    : [Of(number.Key, own, number.Value)];
            })
            .MaxBy(agreement => agreement.StandardErrors)!;
    }

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"the {Number} is {Ours:G5} with us, {Theirs:G5} there, {StandardErrors:F1} standard errors apart ({MostStandardErrors} are allowed)");

    private static Agreement Of(string number, double[] ours, double[] theirs) => new(
        number, ours.Average(), theirs.Average(), Math.Sqrt(SquaredErrorOfMean(ours) + SquaredErrorOfMean(theirs)));

    private static double SquaredErrorOfMean(double[] values)
    {
        double mean = values.Average();
        return values.Sum(value => (value - mean) * (value - mean)) / (values.Length - 1) / values.Length;
    }
}
