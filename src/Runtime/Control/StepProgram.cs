namespace Inference;

/// <summary>The compiled step of an environment, with its slots looked up.</summary>
internal sealed class StepProgram : IDisposable
{
    private readonly Executable _executable;
    private readonly int _seed;
    private readonly int _episode;
    private readonly int _action;
    private readonly int _settings;
    private readonly int _state;
    private readonly int _reward;
    private readonly int _terminated;
    private readonly int _observation;

    public StepProgram(Executable executable)
    {
        _executable = executable;
        _seed = executable.IndexOfInput("seed");
        _episode = executable.IndexOfInput("episode");
        _action = executable.IndexOfInput("action");
        _settings = executable.IndexOfInput("settings");
        _state = executable.IndexOfState("state");
        _reward = executable.IndexOfOutput("reward");
        _terminated = executable.IndexOfOutput("terminated");
        _observation = executable.IndexOfOutput("observation");
    }

    /// <summary>False if the last run left the state as it was, because the next one is not finite.</summary>
    public bool Committed => _executable.LastRunCommitted;

    public void Begin(long seed, int episode, ReadOnlySpan<float> state)
    {
        _executable.ResetStates();
        SeedWords.Write(_executable, _seed, seed);
        _executable.Input<uint>(_episode)[0] = (uint)episode;

        // A space without fields still has a slot of one number; so below.
        if (state.Length > 0)
        {
            _executable.SetState(_state, state);
        }
    }

    public float Run(ReadOnlySpan<float> action, ReadOnlySpan<float> settings, out bool terminated)
    {
        if (action.Length > 0)
        {
            _executable.SetInput(_action, action);
        }

        if (settings.Length > 0)
        {
            _executable.SetInput(_settings, settings);
        }

        _executable.Run();
        Span<float> number = stackalloc float[1];
        _executable.CopyOutput(_terminated, number);
        terminated = number[0] != 0;
        _executable.CopyOutput(_reward, number);
        return number[0];
    }

    public void Read(Span<float> state, Span<float> observation)
    {
        if (state.Length > 0)
        {
            _executable.CopyState(_state, state);
        }

        if (observation.Length > 0)
        {
            _executable.CopyOutput(_observation, observation);
        }
    }

    public void Dispose() => _executable.Dispose();
}
