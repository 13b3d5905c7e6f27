using System.Globalization;

namespace Inference.Benchmarks.Measuring;

/// <summary>
/// Whether a peer computes the same as we do: both start anew from many seeds, and the means of what comes of it must agree within their
/// sampling errors.
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

    public static Agreement Of(IWork work, Peer peer, int count)
    {
        IReadOnlyDictionary<string, double>[] ours = [.. Enumerable.Range(0, count).Select(work.RunAnew)];
        IReadOnlyDictionary<string, double[]> theirs = peer.Sample(count);
        return theirs.Select(number => Of(number.Key, [.. ours.Select(run => run[number.Key])], number.Value))
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
