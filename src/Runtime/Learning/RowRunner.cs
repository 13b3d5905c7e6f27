namespace Inference;

/// <summary>A program over rows of data with its executable, which takes them in runs of a fixed size.</summary>
internal sealed class RowRunner : IDisposable
{
    private readonly Executable _executable;
    private readonly int _rows;
    private readonly Space _results;
    private readonly float[] _buffer;

    public RowRunner(Program program, int rows, Space results, Fitted fitted, Engine engine)
    {
        _executable = engine.Compile(program);
        (_rows, _results) = (rows, results);
        try
        {
            fitted.CopyTo(_executable);
        }
        catch
        {
            _executable.Dispose();
            throw;
        }

        IEnumerable<Inference.Compiler.SlotPlan> slots = _executable.Inputs.Concat(_executable.Outputs.Select(output => output.Slot));
        _buffer = new float[slots.Max(slot => slot.Shape.Aggregate(1, (product, size) => product * size))];
    }

    /// <summary>Says what draws depend on, if the program draws.</summary>
    public void SetSeed(long seed, long step)
    {
        foreach ((string name, long value) in new[] { ("seed", seed), ("step", step) })
        {
            if (Has(name, out int slot))
            {
                SeedWords.Write(_executable, slot, value);
            }
        }
    }

    /// <summary>Writes some rows to the inputs that hold their fields. A field that the program does not read is passed over.</summary>
    /// <param name="fields">The fields of a row.</param>
    /// <param name="nameOf">The input of a field.</param>
    /// <param name="rows">All rows, one after another.</param>
    /// <param name="first">The first that is wanted.</param>
    /// <param name="count">How many are.</param>
    public void Set(Space fields, Func<Leaf, string> nameOf, ReadOnlySpan<float> rows, int first, int count)
    {
        int at = 0;
        foreach (Leaf leaf in fields.Leaves)
        {
            if (Has(nameOf(leaf), out int slot))
            {
                Span<float> values = _buffer.AsSpan(0, _rows * leaf.Count);
                values.Clear();
                for (int row = 0; row < count; row++)
                {
                    rows.Slice(((first + row) * fields.Count) + at, leaf.Count).CopyTo(values[(row * leaf.Count)..]);
                }

                _executable.SetInput(slot, values);
            }

            at += leaf.Count;
        }
    }

    /// <summary>Runs the program over the rows that are set and copies what it makes of them.</summary>
    public void Run(int count, Span<float> results)
    {
        if (_executable.Extents.Count > 0)
        {
            _executable.SetExtent("data", count);
        }

        _executable.Run();
        int at = 0;
        foreach (Leaf leaf in _results.Leaves)
        {
            Span<float> values = _buffer.AsSpan(0, _rows * leaf.Count);
            _executable.CopyOutput(_executable.IndexOfOutput(leaf.Path), values);
            for (int row = 0; row < count; row++)
            {
                values.Slice(row * leaf.Count, leaf.Count).CopyTo(results[((row * _results.Count) + at)..]);
            }

            at += leaf.Count;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _executable.Dispose();

    private bool Has(string input, out int slot)
    {
        bool has = _executable.Inputs.Any(plan => plan.Name == input);
        slot = has ? _executable.IndexOfInput(input) : -1;
        return has;
    }
}
