namespace Inference;

/// <summary>
/// Backward induction over beliefs, for a process whose states are hidden behind observations: every belief that may be come to within a
/// horizon, beliefs that are equal once.
/// </summary>
public sealed record BeliefTree
{
    /// <summary>Steps to go at time 0; at least 1.</summary>
    public required int Horizon { get; init; }

    /// <summary>The most beliefs that are told apart; more are refused. 200,000 unless given.</summary>
    public int MaximumBeliefs { get; init; } = 200_000;

    /// <summary>Whether the temperature's limit α → 0 is solved for: the best action alone counts, and equal ones share by their prior.</summary>
    public bool Hard { get; init; }
}
