namespace Inference;

/// <summary>
/// The Riccati recursion of a linear-quadratic process: the value of each step from that of the next, in double precision. Over an infinite horizon it
/// is iterated from a value of 0 until it no longer changes.
/// </summary>
public sealed record Riccati
{
    /// <summary>Steps to go at time 0, at least 1; null, the default, for an infinite horizon.</summary>
    public int? Horizon { get; init; }

    /// <summary>For an infinite horizon: the largest change of a step, relative to the largest number of V. 1e-12 unless given.</summary>
    public double Tolerance { get; init; } = 1e-12;

    /// <summary>For an infinite horizon: the most steps. 1,000,000 unless given.</summary>
    public int MaximumSteps { get; init; } = 1_000_000;
}
