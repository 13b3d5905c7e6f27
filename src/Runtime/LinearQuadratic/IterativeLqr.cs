namespace Inference;

/// <summary>
/// Iterative LQR: from a state on, actions and gains that are locally optimal, for a process that need not be linear-quadratic. Each iteration takes the
/// step to first and the reward to second order along the trajectory, solves that, and goes as far along the solution as the return rises. Actions
/// that are [Within] limits keep them.
/// </summary>
public sealed record IterativeLqr
{
    /// <summary>Steps planned; at least 1.</summary>
    public required int Horizon { get; init; }

    /// <summary>The state in which the trajectory begins: its numbers, field after field. Null: the mean of the process's start.</summary>
    public double[]? From { get; init; }

    /// <summary>The actions of the first trajectory, a row a step; null: those nearest to 0 within their limits.</summary>
    public double[]? Actions { get; init; }

    /// <summary>The most iterations. 500 unless given.</summary>
    public int MaximumIterations { get; init; } = 500;

    /// <summary>The gain promised by another iteration at which to end, relative to 1 + |return|. 1e-6 unless given.</summary>
    public double Tolerance { get; init; } = 1e-6;
}
