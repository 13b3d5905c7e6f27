using Inference.Compiler;

namespace Inference;

/// <summary>
/// A compiled planner: from a state to an action, keeping its plan from one call to the next. Nothing is allocated by an
/// <see cref="Act(ReadOnlySpan{float})"/>.
/// </summary>
/// <remarks>For one thread at a time. Spans hold until the next <see cref="Act(ReadOnlySpan{float})"/>.</remarks>
public sealed class Planner : IDisposable
{
    private readonly PlannerSlots _slots;
    private readonly float[] _action;
    private readonly float[] _plan;
    private readonly float[] _diagnostics;
    private readonly string _title;
    private readonly string _model;
    private PlannerStatus _status;
    private long _seed;
    private int _busy;
    private bool _disposed;

    /// <summary>Compiles a planner, or loads what was compiled before.</summary>
    /// <param name="program">The derivation, closed to a program.</param>
    /// <param name="engine">The machine that it runs on. It outlives the planner.</param>
    /// <param name="seed">Decides every draw, together with the number of the step.</param>
    /// <exception cref="ModelException">The program cannot mean anything.</exception>
    public Planner(PlannerProgram program, Engine engine, long seed = 0)
    {
        ArgumentNullException.ThrowIfNull(program);
        ArgumentNullException.ThrowIfNull(engine);
        Engine = engine;
        Executable = engine.Compile(program.Program);
        Name = program.Name;
        Horizon = program.Horizon;
        StateSpace = program.StateSpace;
        ActionSpace = program.ActionSpace;
        SettingsSpace = program.SettingsSpace;
        DiagnosticNames = program.Diagnostics;
        StateFields = SpaceText.Components(StateSpace);
        ActionFields = SpaceText.Components(ActionSpace);
        _title = $"The planner \"{Name}\"";
        _model = program.Model;
        _slots = new PlannerSlots(Executable, program);
        _action = new float[ActionSpace.Count];
        _plan = new float[Horizon * ActionSpace.Count];
        _diagnostics = new float[program.Diagnostics.Length];
        _slots.ReadPlan(_plan);
        Seed = seed;
    }

    /// <summary>The name of the derivation.</summary>
    public string Name { get; }

    /// <summary>The steps planned.</summary>
    public int Horizon { get; }

    /// <summary>The fields of a state.</summary>
    public Space StateSpace { get; }

    /// <summary>The fields of an action.</summary>
    public Space ActionSpace { get; }

    /// <summary>The fields of the settings; none where the process has no run-time settings.</summary>
    public Space SettingsSpace { get; }

    /// <summary>A name for each number of a state.</summary>
    public IReadOnlyList<string> StateFields { get; }

    /// <summary>A name for each number of an action.</summary>
    public IReadOnlyList<string> ActionFields { get; }

    /// <summary>The machine that it runs on.</summary>
    public Engine Engine { get; }

    /// <summary>The compiled program.</summary>
    public Executable Executable { get; }

    /// <summary>What decides the draws, together with the number of the step. A new seed holds from the next solve on.</summary>
    public long Seed
    {
        get => _seed;
        set
        {
            Enter();
            try
            {
                SeedWords.Write(Executable, _slots.Seed, value);
                _seed = value;
            }
            finally
            {
                Leave();
            }
        }
    }

    /// <summary>The actions planned by the last solve, a row a step; before the first, 0 held to the actions' limits.</summary>
    public ReadOnlySpan<float> Plan => _plan;

    /// <summary>How the last solve went.</summary>
    public PlannerStatus Status => _status;

    /// <summary>What the derivation reports of a solve.</summary>
    public IReadOnlyList<string> DiagnosticNames { get; }

    /// <summary>The reported numbers of the last solve, in the order of their names.</summary>
    public ReadOnlySpan<float> Diagnostics => _diagnostics;

    /// <summary>1/Σw² of the last solve's weights: how many samples the plan rests on. NaN if the derivation does not report it.</summary>
    public float EffectiveSampleSize => At(_slots.EffectiveSamples);

    /// <summary>−α·log mean exp(R/α) of the last solve. NaN if the derivation does not report it.</summary>
    public float FreeEnergy => At(_slots.FreeEnergy);

    /// <summary>A lower bound on the log-evidence of optimality by the last plan. NaN if the derivation does not report it.</summary>
    public float Elbo => At(_slots.Elbo);

    /// <summary>The samples of the last solve that counted for nothing, a NaN or an infinity being in them; 0 if it is not reported.</summary>
    public int NonFiniteSamples => At(_slots.NonFiniteSamples) is var count && float.IsFinite(count) ? (int)count : 0;

    /// <summary>The reported number with a name.</summary>
    /// <exception cref="ArgumentException">The derivation reports none of this name.</exception>
    public float Diagnostic(string name)
    {
        int slot = Array.IndexOf(_slots.Names, name);
        return slot >= 0
            ? _diagnostics[slot]
            : throw new ArgumentException(
                $"{_title} reports no \"{name}\". It reports {Quoted(_slots.Names)}.", nameof(name));
    }

    /// <summary>Plans from a state and gives the first action. For processes without settings.</summary>
    /// <returns>The action, row-major, field after field, within its limits.</returns>
    /// <exception cref="ArgumentException">The count of numbers is wrong, or the process has settings.</exception>
    /// <exception cref="InvalidOperationException">Another thread is using this planner.</exception>
    /// <exception cref="ObjectDisposedException">The planner or its engine has been disposed.</exception>
    public ReadOnlySpan<float> Act(ReadOnlySpan<float> state) => Act(state, []);

    /// <summary>Plans from a state under settings and gives the first action.</summary>
    /// <inheritdoc cref="Act(ReadOnlySpan{float})"/>
    public ReadOnlySpan<float> Act(ReadOnlySpan<float> state, ReadOnlySpan<float> settings)
    {
        Enter();
        try
        {
            SpaceText.Require(_title, "state", StateSpace, state.Length);
            SpaceText.Require(_title, "settings", SettingsSpace, settings.Length);

            // A space without fields still has a slot of one number.
            if (state.Length > 0)
            {
                Executable.SetInput(_slots.State, state);
            }

            if (settings.Length > 0)
            {
                Executable.SetInput(_slots.Settings, settings);
            }

            Executable.Run();
            _slots.ReadDiagnostics(_diagnostics);
            if (Executable.LastRunCommitted)
            {
                Executable.CopyOutput(_slots.Means, _plan);
            }
            else
            {
                // The derivation made a plan that is not finite and the executable kept the old one, shifted already.
                _slots.KeepPlan(_plan, ActionSpace.Count);
            }

            _plan.AsSpan(0, _action.Length).CopyTo(_action);
            _status = _slots.StatusOf(_diagnostics, Executable.LastRunCommitted);
            return _action;
        }
        finally
        {
            Leave();
        }
    }

    /// <summary>Forgets the plan and counts steps from 0 again: what follows is as after the start.</summary>
    public void Reset()
    {
        Enter();
        try
        {
            Executable.ResetStates();
            _slots.ReadPlan(_plan);
            Array.Clear(_action);
            Array.Clear(_diagnostics);
            _status = default;
        }
        finally
        {
            Leave();
        }
    }

    /// <summary>The process, its sites and the objective; then the program's graph, schedule, loops and source, for people.</summary>
    public string Explain() => $"== Model\n{_model}\n{Executable.Explain()}";

    /// <summary>Frees its memory and code. The engine stays.</summary>
    public void Dispose()
    {
        _disposed = true;
        Executable.Dispose();
    }

    private static string Quoted(string[] names) => names.Length == 0 ? "nothing" : string.Join(", ", names.Select(n => $"\"{n}\""));

    private float At(int diagnostic) => diagnostic < 0 ? float.NaN : _diagnostics[diagnostic];

    private void Enter()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (Interlocked.Exchange(ref _busy, 1) != 0)
        {
            throw new InvalidOperationException(
                $"{_title} is in use by another thread. It is for one thread at a time: make one for each thread.");
        }
    }

    private void Leave() => Volatile.Write(ref _busy, 0);
}
