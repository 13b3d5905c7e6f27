namespace Inference.Examples.Gridworld;

/// <summary>Where one is.</summary>
/// <param name="Row">From the top.</param>
/// <param name="Column">From the left.</param>
public sealed record Cell([property: Discrete(5)] Tensor Row, [property: Discrete(5)] Tensor Column);

/// <summary>Where one goes.</summary>
/// <param name="Direction">Up, down, left, right.</param>
public sealed record Move([property: Discrete(4)] Tensor Direction);

/// <summary>What a twin brings: the same grid, specified in its own language.</summary>
public sealed record GridworldTwin
{
    /// <summary>The grid as tables, by the probability that the wind turns a move.</summary>
    public required Func<double, Engine, FiniteMdp> Tabulate { get; init; }

    /// <summary>The grid's graph, by that probability and a horizon.</summary>
    public required Func<double, int, ModelGraph> Graph { get; init; }

    /// <summary>What a reward is looked for in: an indicator of each cell, and one of moves off the grid.</summary>
    public required Func<Engine, double[]> Features { get; init; }

    /// <summary>Solves the grid exactly: by slip, temperature, semantics and method.</summary>
    public required Func<double, double, PlanningSemantics, FiniteMethod, Engine, FiniteSolution> Solve { get; init; }
}
