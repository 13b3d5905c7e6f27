namespace Inference;

/// <summary>A compiled program whose inputs, states and outputs are written and read by name, as double precision.</summary>
internal class NamedExecutable : IDisposable
{
    private readonly Executable _executable;

    public NamedExecutable(Engine engine, Program program) => _executable = engine.Compile(program);

    /// <summary>Writes an input as it lies. One that no output needs is none of the program's, and is passed over.</summary>
    public void Set(string input, ReadOnlySpan<double> values)
    {
        if (_executable.Inputs.Any(slot => slot.Name == input))
        {
            _executable.SetInput(_executable.IndexOfInput(input), values);
        }
    }

    /// <summary>Writes an input of one number.</summary>
    public void Set(string input, double value) => Set(input, new ReadOnlySpan<double>(in value));

    public void SetState(string state, ReadOnlySpan<double> values) => _executable.SetState(_executable.IndexOfState(state), values);

    public double[] State(string state, double[] into)
    {
        _executable.CopyState(_executable.IndexOfState(state), into);
        return into;
    }

    public double[] Output(string output, double[] into)
    {
        _executable.CopyOutput(_executable.IndexOfOutput(output), into);
        return into;
    }

    /// <summary>All numbers of an output, or null where the program has none of this name.</summary>
    public double[]? TryOutput(string output)
    {
        Compiler.SlotPlan? slot = _executable.Outputs.FirstOrDefault(o => o.Slot.Name == output)?.Slot;
        return slot is null ? null : Output(output, new double[slot.Shape.Aggregate(1, (size, axis) => size * axis)]);
    }

    /// <summary>All numbers of an output.</summary>
    public double[] Numbers(string output) => TryOutput(output) ?? throw new ArgumentException($"There is no output \"{output}\".", nameof(output));

    /// <summary>An output of one number.</summary>
    public double Output(string output)
    {
        double number = 0;
        _executable.CopyOutput(_executable.IndexOfOutput(output), new Span<double>(ref number));
        return number;
    }

    /// <summary>Runs the program once.</summary>
    /// <returns>False if a next state is not finite.</returns>
    public bool Run()
    {
        _executable.Run();
        return _executable.LastRunCommitted;
    }

    public void SetSeed(long seed) => SeedWords.Write(_executable, _executable.IndexOfInput("seed"), seed);

    public string Explain() => _executable.Explain();

    public void Dispose() => _executable.Dispose();

    /// <summary>The elements of an input in its own type, to be written in place.</summary>
    protected Span<T> Elements<T>(string input)
        where T : unmanaged => _executable.Input<T>(_executable.IndexOfInput(input));
}
