namespace Inference;

/// <summary>What the backward recursion has found: a row a step, or one for all steps of an infinite horizon.</summary>
internal sealed record QuadraticMessages
{
    /// <summary>V [n+1, n+1]; of a finite horizon also that of the last state.</summary>
    public required double[][] Values { get; init; }

    /// <summary>[m, n+1]</summary>
    public required double[][] Gains { get; init; }

    /// <summary>[m, m]</summary>
    public required double[][] Covariances { get; init; }

    /// <summary>[m, m]</summary>
    public required double[][] Curvatures { get; init; }

    public required double[] Peaks { get; init; }

    /// <summary>What a step earns in the long run; 0 unless the horizon is infinite and undiscounted.</summary>
    public double AverageReward { get; init; }

    public double Residual { get; init; }

    public double? ErrorBound { get; init; }

    public int Steps { get; init; }

    /// <summary>Rows of a stacked output.</summary>
    public static double[][] Rows(double[] stacked, int rows) =>
        [.. Enumerable.Range(0, rows).Select(row => stacked.AsSpan(row * (stacked.Length / rows), stacked.Length / rows).ToArray())];
}
