namespace Inference;

/// <summary>
/// A Markov decision process as an environment. Its programs are compiled in the background; what needs them first waits for
/// them. A step allocates nothing.
/// </summary>
public sealed class MdpEnvironment : IEnvironment
{
    private readonly EnvironmentPrograms _programs;
    private readonly Engine _engine;
    private readonly Task<StepProgram> _compiling;
    private readonly string _title;
    private readonly float[] _state;
    private readonly float[] _observation;
    private readonly float[] _settings;
    private StepProgram? _step;
    private Executable? _start;
    private Executable? _observe;
    private long _seed;
    private int _episode;
    private int _steps;
    private bool _begun;
    private bool _over;
    private bool _disposed;

    /// <summary>Makes an environment; an episode begins with a reset.</summary>
    /// <param name="programs">The process, closed to programs.</param>
    /// <param name="engine">The machine that they run on. It outlives the environment.</param>
    /// <param name="stepLimit">The steps after which an episode is truncated, or null.</param>
    public MdpEnvironment(EnvironmentPrograms programs, Engine engine, int? stepLimit = null)
    {
        ArgumentNullException.ThrowIfNull(programs);
        ArgumentNullException.ThrowIfNull(engine);
        if (stepLimit is < 1)
        {
            throw new ArgumentOutOfRangeException(nameof(stepLimit), stepLimit, "A step limit is at least 1, or null for none.");
        }

        _programs = programs;
        _engine = engine;
        StepLimit = stepLimit;
        _title = $"The environment \"{Name}\"";
        _state = new float[StateSpace.Count];
        _observation = new float[programs.ObservationCount];
        _settings = new float[SettingsSpace.Count];
        _compiling = Task.Run(() => new StepProgram(engine.Compile(programs.Step)));
    }

    /// <inheritdoc/>
    public string Name => _programs.Name;

    /// <inheritdoc/>
    public Space StateSpace => _programs.StateSpace;

    /// <inheritdoc/>
    public Space ActionSpace => _programs.ActionSpace;

    /// <summary>The fields of the settings; none where the process has no run-time settings.</summary>
    public Space SettingsSpace => _programs.SettingsSpace;

    /// <inheritdoc/>
    public int? StepLimit { get; }

    /// <inheritdoc/>
    public ReadOnlySpan<float> State => _state;

    /// <inheritdoc/>
    public ReadOnlySpan<float> Observation => _observation;

    /// <summary>The settings under which it steps; zeros at first.</summary>
    public ReadOnlySpan<float> Settings => _settings;

    /// <summary>Changes the settings, from the next step on.</summary>
    /// <exception cref="ArgumentException">The count of numbers is not that of the settings.</exception>
    public void Configure(ReadOnlySpan<float> settings)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        SpaceText.Require(_title, "settings", SettingsSpace, settings.Length);
        settings.CopyTo(_settings);
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The process does not say how it starts.</exception>
    public void Reset(long seed, int episode = 0)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_programs.Reset is not { } reset)
        {
            if (StateSpace.Count == 0)
            {
                // There is one state to start in.
                Reset([], seed, episode);
                return;
            }

            throw new InvalidOperationException(
                $"{_title} does not say how it starts. Define its Start, or give a state: Reset(state).");
        }

        _start ??= _engine.Compile(reset.Value);
        Draw(_start, seed, episode);
        Read(_start, "state", _state);
        Read(_start, "observation", _observation);
        Begin(seed, episode);
    }

    /// <inheritdoc/>
    public void Reset(ReadOnlySpan<float> state, long seed = 0, int episode = 0)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        SpaceText.Require(_title, "state", StateSpace, state.Length);
        state.CopyTo(_state);
        if (_programs.Observe is { } observe)
        {
            _observe ??= _engine.Compile(observe.Value);
            if (state.Length > 0)
            {
                _observe.SetInput(_observe.IndexOfInput("state"), state);
            }

            Draw(_observe, seed, episode);
            Read(_observe, "observation", _observation);
        }
        else
        {
            state.CopyTo(_observation);
        }

        Begin(seed, episode);
    }

    /// <inheritdoc/>
    public StepResult Step(ReadOnlySpan<float> action)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        SpaceText.Require(_title, "action", ActionSpace, action.Length);
        if (!_begun || _over)
        {
            throw new InvalidOperationException(
                _begun ? $"The episode of \"{Name}\" is over. Reset it before the next step." : $"{_title} has not been reset. Reset it first.");
        }

        StepProgram program = _step ??= Await(_compiling);
        if (_steps == 0)
        {
            program.Begin(_seed, _episode, _state);
        }

        float reward = program.Run(action, _settings, out bool terminated);
        bool finite = float.IsFinite(reward) && program.Committed;
        if (program.Committed)
        {
            program.Read(_state, _observation);
        }

        _steps++;
        terminated &= finite;
        bool truncated = finite && !terminated && _steps >= StepLimit;
        _over = terminated || truncated || !finite;
        return new StepResult(reward, terminated, truncated, !finite);
    }

    /// <summary>Frees its memory and code. The engine stays.</summary>
    public void Dispose()
    {
        if (_disposed)
        {
            return;
        }

        _disposed = true;
        _start?.Dispose();
        _observe?.Dispose();

        // What is still compiling is let go when it is done.
        _compiling.ContinueWith(
            static done => (done.IsCompletedSuccessfully ? done.Result : null)?.Dispose(),
            CancellationToken.None,
            TaskContinuationOptions.ExecuteSynchronously,
            TaskScheduler.Default);
    }

    private static T Await<T>(Task<T> task) => task.GetAwaiter().GetResult();

    private static void Draw(Executable program, long seed, int episode)
    {
        SeedWords.Write(program, program.IndexOfInput("seed"), seed);
        program.Input<uint>(program.IndexOfInput("episode"))[0] = (uint)episode;
        program.Run();
    }

    // A space without fields still has an output of one number.
    private static void Read(Executable program, string output, float[] values)
    {
        if (values.Length > 0)
        {
            program.CopyOutput(program.IndexOfOutput(output), values);
        }
    }

    private void Begin(long seed, int episode)
    {
        _seed = seed;
        _episode = episode;
        _steps = 0;
        _begun = true;
        _over = false;
    }
}
