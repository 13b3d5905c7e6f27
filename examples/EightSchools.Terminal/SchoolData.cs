namespace Inference.Examples.EightSchools;

/// <summary>The data of Rubin, "Estimation in parallel randomized experiments", 1981, table 1, and the parameters of the priors.</summary>
public static class SchoolData
{
    /// <summary>How many schools there are.</summary>
    public const int Count = 8;

    /// <summary>The standard deviation of the mean's prior, Normal(0, 5).</summary>
    public const double PriorOfMean = 5;

    /// <summary>The median of the deviation's prior, LogNormal(log 5, 1).</summary>
    public const double MedianOfDeviation = 5;

    /// <summary>Estimated effects, in points.</summary>
    internal static readonly float[] Effects = [28, 8, -3, 7, -1, 1, 18, 12];

    /// <summary>Their standard errors.</summary>
    internal static readonly float[] Errors = [15, 10, 16, 11, 9, 11, 10, 18];

    /// <summary>What is inferred.</summary>
    internal static readonly string[] Quantities = ["mu", "tau", .. Enumerable.Range(0, Count).Select(k => $"theta {(char)('A' + k)}")];

    /// <summary>The place of tau among the quantities.</summary>
    internal const int Tau = 1;
}
