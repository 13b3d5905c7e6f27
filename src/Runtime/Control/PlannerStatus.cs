namespace Inference;

/// <summary>How the last solve went.</summary>
/// <param name="Outcome">Whether there is a new plan.</param>
/// <param name="NonFiniteStep">
/// The step of the plan, from 0, at which a NaN or an infinity first arose in any sample, or null if none did or the planner does not say.
/// The number of steps planned means: in the value of the final state.
/// </param>
public readonly record struct PlannerStatus(PlannerOutcome Outcome, int? NonFiniteStep)
{
    /// <summary>True if there is a new plan.</summary>
    public bool IsSolved => Outcome == PlannerOutcome.Solved;

    /// <summary>The status as a sentence.</summary>
    public override string ToString() => (Outcome, NonFiniteStep) switch
    {
        (PlannerOutcome.Idle, _) => "Nothing has been solved yet.",
        (PlannerOutcome.Solved, null) => "Solved.",
        (PlannerOutcome.Solved, int step) => $"Solved; in some samples a number was not finite, first at step {step} of the plan.",
        (_, null) => "No sample was finite; the shifted previous plan is kept.",
        (_, int step) => $"No sample was finite, first at step {step} of the plan; the shifted previous plan is kept.",
    };
}

/// <summary>What came of a solve.</summary>
public enum PlannerOutcome
{
    /// <summary>Nothing has been solved since the start or the last reset.</summary>
    Idle = 0,

    /// <summary>There is a new plan.</summary>
    Solved = 1,

    /// <summary>No sample had a finite return: the plan is the previous one, shifted.</summary>
    AllNonFinite = 2,
}
