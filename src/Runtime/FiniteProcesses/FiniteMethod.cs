namespace Inference;

/// <summary>How the messages of a finite process are passed.</summary>
public abstract record FiniteMethod
{
    private protected FiniteMethod()
    {
    }

    /// <summary>Whether the temperature's limit α → 0 is solved for: the best action alone counts, and equal ones share by their prior.</summary>
    public bool Hard { get; init; }

    /// <summary>What <see cref="FiniteSolution.Explain"/> calls it.</summary>
    internal abstract string Name { get; }
}

/// <summary>
/// Value iteration for an infinite horizon: V ← T V from 0 until the distance to the solution is known to be at most
/// <see cref="Tolerance"/>, or until the numbers' precision allows no more.
/// </summary>
public sealed record ValueIteration : FiniteMethod
{
    /// <summary>The distance to the solution that is asked for, in units of reward. 1e-6 unless given.</summary>
    public double Tolerance { get; init; } = 1e-6;

    /// <summary>The most sweeps. 100,000 unless given.</summary>
    public int MaximumSweeps { get; init; } = 100_000;

    internal override string Name => "value iteration";
}

/// <summary>
/// Policy iteration for an infinite horizon: evaluates a policy by sweeps, improves it, and goes on until it no longer changes. The first
/// policy is the one that is best for a value of 0.
/// </summary>
public sealed record PolicyIteration : FiniteMethod
{
    /// <summary>The distance to the solution that is asked for, in units of reward. 1e-6 unless given.</summary>
    public double Tolerance { get; init; } = 1e-6;

    /// <summary>The most sweeps, of all evaluations together. 100,000 unless given.</summary>
    public int MaximumSweeps { get; init; } = 100_000;

    internal override string Name => "policy iteration";
}

/// <summary>Backward induction for a finite horizon: the value of each step from that of the next, and a policy for each step.</summary>
public sealed record BackwardInduction : FiniteMethod
{
    /// <summary>Steps to go at time 0; at least 1.</summary>
    public required int Steps { get; init; }

    internal override string Name => "backward induction";
}
