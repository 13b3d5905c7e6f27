using Inference.Compiler;

namespace Inference;

/// <summary>A learner's executable for batches of a size, with its slots looked up and room for a batch.</summary>
internal sealed class LearnerRun : IDisposable
{
    private readonly float[][] _batch;
    private readonly int[] _fields;
    private readonly int[] _metrics;
    private readonly int _seed;
    private readonly int _step;
    private readonly int _total;
    private readonly int _extent;

    public LearnerRun(LearnerProgram program, Space fields, int size, Engine engine)
    {
        Program = program;
        Size = size;
        Executable = engine.Compile(program.Program);
        _batch = Array.ConvertAll(fields.Leaves, leaf => new float[size * leaf.Count]);
        _fields = Array.ConvertAll(fields.Leaves, leaf => SlotOf(Learner<Tensor>.Field(leaf)));
        _metrics = Array.ConvertAll(program.Metrics, Executable.IndexOfOutput);
        _seed = SlotOf("seed");
        _step = SlotOf("step");
        _total = SlotOf("total");
        _extent = Executable.Extents.Any(extent => extent.Name == "data") ? Executable.IndexOfExtent("data") : -1;
    }

    public LearnerProgram Program { get; }

    public Executable Executable { get; }

    /// <summary>The rows of a full batch.</summary>
    public int Size { get; }

    /// <summary>Says what holds for all steps.</summary>
    public void Begin(long seed, long? rows)
    {
        if (_seed >= 0)
        {
            SeedWords.Write(Executable, _seed, seed);
        }

        if (_total >= 0)
        {
            double total = rows ?? throw new ArgumentException(
                $"The learner \"{Executable.Name}\" reads the number of all data, which this stream does not tell. Give it: Dataset.Stream(from, count).");
            Executable.SetInput(_total, [total]);
        }
    }

    /// <summary>Reads the next rows of an epoch into the program's inputs.</summary>
    /// <returns>How many there were.</returns>
    public int Read(DatasetReader data, long epoch, long row)
    {
        int rows = data.Read(epoch, row, _batch, Size);
        for (int k = 0; k < _fields.Length; k++)
        {
            if (_fields[k] >= 0)
            {
                Executable.SetInput(_fields[k], _batch[k]);
            }
        }

        if (_extent >= 0)
        {
            Executable.SetExtent(_extent, rows);
        }

        return rows;
    }

    /// <summary>Runs a step.</summary>
    public void Run(long step)
    {
        if (_step >= 0)
        {
            SeedWords.Write(Executable, _step, step);
        }

        Executable.Run();
    }

    /// <summary>A metric of the last run.</summary>
    public double Metric(int metric)
    {
        Span<double> value = stackalloc double[1];
        Executable.CopyOutput(_metrics[metric], value);
        return value[0];
    }

    /// <summary>Takes the states of another run that have the same names here.</summary>
    public void TakeStates(Executable from)
    {
        for (int slot = 0; slot < Executable.States.Count; slot++)
        {
            LearnerStates.Copy(from, from.IndexOfState(Executable.States[slot].Name), Executable, slot);
        }
    }

    /// <summary>Each metric over all rows of data, in their order.</summary>
    public double[] Evaluate(DatasetReader data)
    {
        double[] sums = new double[_metrics.Length];
        long row = 0;
        for (long batch = 0; Read(data, 0, row) is > 0 and var rows; batch++)
        {
            Run(batch);
            for (int k = 0; k < sums.Length; k++)
            {
                sums[k] += rows * Metric(k);
            }

            row += rows;
        }

        return row > 0
            ? Array.ConvertAll(sums, sum => sum / row)
            : throw new InvalidDataException($"The data on which \"{Executable.Name}\" is evaluated have no rows. Give at least one.");
    }

    /// <inheritdoc/>
    public void Dispose() => Executable.Dispose();

    // What a learner does not read is no input of its program.
    private int SlotOf(string input) => Executable.Inputs.Any(slot => slot.Name == input) ? Executable.IndexOfInput(input) : -1;
}
