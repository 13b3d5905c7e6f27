namespace Inference;

/// <summary>A compiled program over a finite process, whose tables have been written.</summary>
internal sealed class TableExecutable : IDisposable
{
    private readonly Executable _executable;
    private readonly TableShape _shape;

    public TableExecutable(Engine engine, Program program, FiniteMdp process)
    {
        _executable = engine.Compile(program);
        _shape = TableShape.Of(process);
        _shape.LayOut(process.Next).CopyTo(_executable.Input<int>(_executable.IndexOfInput("next")));
        SetTable("probability", process.Probability);
        SetTable("reward", process.Reward);
        if (process.Prior is not null)
        {
            SetTable("prior", process.Prior);
        }

        if (process.Ends is not null)
        {
            Set("ends", Array.ConvertAll(process.Ends, ends => ends ? 1.0 : 0.0));
        }
    }

    /// <summary>Writes a table [rows, states].</summary>
    public void SetTable(string input, double[] table) => Set(input, _shape.LayOut(table));

    /// <summary>Writes an input as it lies.</summary>
    public void Set(string input, ReadOnlySpan<double> values)
    {
        // An input that no output needs is none of the program's.
        if (_executable.Inputs.Any(slot => slot.Name == input))
        {
            _executable.SetInput(_executable.IndexOfInput(input), values);
        }
    }

    public void SetSeed(long seed) => SeedWords.Write(_executable, _executable.IndexOfInput("seed"), seed);

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

    public string Explain() => _executable.Explain();

    public void Dispose() => _executable.Dispose();
}
