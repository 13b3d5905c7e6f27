namespace Inference;

/// <summary>Where the inputs, states and outputs of a planner's program are, and what they say.</summary>
internal sealed class PlannerSlots
{
    private readonly Executable _executable;
    private readonly int _plan;
    private readonly int _step;
    private readonly int _firstNonFinite;
    private readonly int[] _diagnostics;
    private readonly double[] _kept;

    public PlannerSlots(Executable executable, PlannerProgram program)
    {
        _executable = executable;
        Names = program.Diagnostics;
        State = executable.IndexOfInput("state");
        Settings = executable.IndexOfInput("settings");
        Seed = executable.IndexOfInput("seed");
        Means = executable.IndexOfOutput("means");
        _plan = executable.IndexOfState("plan");
        _step = executable.IndexOfState("step");
        _kept = new double[program.Horizon * program.ActionSpace.Count];
        _diagnostics = [.. Names.Select(executable.IndexOfOutput)];
        EffectiveSamples = Array.IndexOf(Names, "effective sample size");
        FreeEnergy = Array.IndexOf(Names, "free energy");
        Elbo = Array.IndexOf(Names, "elbo");
        NonFiniteSamples = Array.IndexOf(Names, "non-finite samples");
        _firstNonFinite = Array.IndexOf(Names, "first non-finite step");
    }

    public string[] Names { get; }

    public int State { get; }

    public int Settings { get; }

    public int Seed { get; }

    public int Means { get; }

    /// <summary>The positions of well-known diagnostics among the names, or −1.</summary>
    public int EffectiveSamples { get; }

    public int FreeEnergy { get; }

    public int Elbo { get; }

    public int NonFiniteSamples { get; }

    public void ReadDiagnostics(Span<float> values)
    {
        for (int k = 0; k < _diagnostics.Length; k++)
        {
            _executable.CopyOutput(_diagnostics[k], values.Slice(k, 1));
        }
    }

    /// <summary>The plan that the next solve starts from.</summary>
    public void ReadPlan(Span<float> plan) => _executable.CopyState(_plan, plan);

    /// <summary>Does what a run that was not committed has left undone: the plan that was kept is shifted, and the step counted.</summary>
    /// <param name="plan">Receives the kept plan: the previous one, shifted.</param>
    /// <param name="width">The numbers of an action.</param>
    public void KeepPlan(Span<float> plan, int width)
    {
        _executable.CopyState(_plan, plan);
        _executable.CopyState(_plan, _kept);
        _kept.AsSpan(width).CopyTo(_kept);
        _executable.SetState(_plan, (ReadOnlySpan<double>)_kept);
        Span<double> step = stackalloc double[1];
        _executable.CopyState(_step, step);
        step[0]++;
        _executable.SetState(_step, (ReadOnlySpan<double>)step);
    }

    public PlannerStatus StatusOf(ReadOnlySpan<float> diagnostics, bool committed)
    {
        bool anyBad = NonFiniteSamples >= 0 && diagnostics[NonFiniteSamples] > 0;
        int? step = (anyBad || !committed) && _firstNonFinite >= 0 ? (int)diagnostics[_firstNonFinite] : null;

        // Without a single weight there are no effective samples, and a derivation that divides by their sum reports 0/0.
        bool allBad = !committed || (EffectiveSamples >= 0 && !(diagnostics[EffectiveSamples] > 0));
        return new PlannerStatus(allBad ? PlannerOutcome.AllNonFinite : PlannerOutcome.Solved, step);
    }
}
