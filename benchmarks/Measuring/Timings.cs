namespace Inference.Benchmarks.Measuring;

/// <summary>The seconds that units of work took.</summary>
internal sealed class Timings
{
    private readonly double[] _sorted;

    public Timings(IEnumerable<double> seconds) => _sorted = [.. seconds.Order()];

    public int Runs => _sorted.Length;

    public double Median => Quantile(0.5);

    public double P10 => Quantile(0.1);

    public double P90 => Quantile(0.9);

    private double Quantile(double share) => _sorted[(int)Math.Round(share * (_sorted.Length - 1))];
}
