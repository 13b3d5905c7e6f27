namespace Inference.Examples.EightSchools;

/// <summary>The distribution of one quantity.</summary>
/// <param name="Mean">Its mean.</param>
/// <param name="Deviation">Its standard deviation.</param>
/// <param name="Density">Its density.</param>
internal sealed record Marginal(double Mean, double Deviation, Func<double, double> Density)
{
    private const int Bins = 1000;

    /// <summary>Of draws; the density by a kernel of Silverman's width (1986), on the logarithms of what is positive.</summary>
    public static Marginal Of(double[] draws, bool isPositive)
    {
        double mean = draws.Average(), deviation = Math.Sqrt(draws.Average(x => (x - mean) * (x - mean)));
        if (!isPositive)
        {
            return new Marginal(mean, deviation, Kernel(draws));
        }

        Func<double, double> ofLogarithm = Kernel(Array.ConvertAll(draws, Math.Log));
        return new Marginal(mean, deviation, x => x <= 0 ? 0 : ofLogarithm(Math.Log(x)) / x);
    }

    /// <summary>A mixture of Normals.</summary>
    /// <param name="components">Weights that sum to one, means and variances.</param>
    public static Marginal Mixture((double Weight, double Mean, double Variance)[] components)
    {
        double mean = components.Sum(c => c.Weight * c.Mean);
        double variance = components.Sum(c => c.Weight * (c.Variance + ((c.Mean - mean) * (c.Mean - mean))));
        return new Marginal(mean, Math.Sqrt(variance), x => components.Sum(c => c.Weight * Normal(x - c.Mean, c.Variance)));
    }

    private static double Normal(double x, double variance) => Math.Exp(-0.5 * x * x / variance) / Math.Sqrt(2 * Math.PI * variance);

    // Counts in bins much narrower than the kernel stand for the draws.
    private static Func<double, double> Kernel(double[] draws)
    {
        double mean = draws.Average(), deviation = Math.Sqrt(draws.Average(x => (x - mean) * (x - mean)));
        double width = 1.06 * deviation * Math.Pow(draws.Length, -0.2);
        double low = draws.Min(), bin = (draws.Max() - low) / Bins;
        int[] counts = new int[Bins + 1];
        foreach (double draw in draws)
        {
            counts[(int)Math.Round((draw - low) / bin)]++;
        }

        return x => Enumerable.Range(0, counts.Length).Sum(k => counts[k] * Normal(x - low - (k * bin), width * width)) / draws.Length;
    }
}
