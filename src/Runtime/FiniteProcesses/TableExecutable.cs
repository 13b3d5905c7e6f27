namespace Inference;

/// <summary>A compiled program over a finite process, whose tables have been written.</summary>
internal sealed class TableExecutable : NamedExecutable
{
    private readonly TableShape _shape;

    public TableExecutable(Engine engine, Program program, FiniteMdp process)
        : base(engine, program)
    {
        _shape = TableShape.Of(process);
        SetStep(process);
        if (process.Prior is not null)
        {
            SetTable("prior", process.Prior);
        }

        if (process.Ends is not null)
        {
            Set("ends", Array.ConvertAll(process.Ends, ends => ends ? 1.0 : 0.0));
        }
    }

    /// <summary>Writes what a step of the process does: its successors and rewards.</summary>
    public void SetStep(FiniteMdp process)
    {
        _shape.LayOut(process.Next).CopyTo(Elements<int>("next"));
        SetTable("probability", process.Probability);
        SetTable("reward", process.Reward);
    }

    /// <summary>Writes a table [rows, states].</summary>
    public void SetTable(string input, double[] table) => Set(input, _shape.LayOut(table));
}
