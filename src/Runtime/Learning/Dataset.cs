namespace Inference;

/// <summary>
/// Rows to learn from. A row is one datum: the numbers of the learner's record, row-major, field after field. Data are checked: a NaN, an
/// infinity or a value that a discrete field does not have is an <see cref="InvalidDataException"/> that names row and column.
/// </summary>
public abstract class Dataset
{
    /// <summary>Rows of a stream that are shuffled among one another.</summary>
    public const int DefaultWindow = 8192;

    private protected Dataset()
    {
    }

    /// <summary>Rows in memory, one after another in one array, which is not copied.</summary>
    /// <param name="values">As many numbers as rows times the numbers of a row.</param>
    public static Dataset Rows(float[] values)
    {
        ArgumentNullException.ThrowIfNull(values);
        return new MemoryDataset([(null, values)]);
    }

    /// <summary>Rows in memory, an array for each field, which is not copied.</summary>
    /// <param name="columns">The field's name in the learner's record, and its numbers, row after row.</param>
    public static Dataset Columns(params (string Field, float[] Values)[] columns)
    {
        ArgumentNullException.ThrowIfNull(columns);
        return new MemoryDataset([.. columns.Select(column => ((string?)column.Field, column.Values))]);
    }

    /// <summary>
    /// Rows that come one by one. Shuffling happens within windows of consecutive rows, so that a window of them is held in memory.
    /// </summary>
    /// <param name="from">
    /// The rows of an epoch from a number on; the same rows at each call. Called with 0 at the start of an epoch, and with the start of a
    /// window on resume. An array may be used again for the next row.
    /// </param>
    /// <param name="count">The number of rows, if it is known.</param>
    /// <param name="window">Rows that are shuffled among one another; at least 1.</param>
    public static Dataset Stream(Func<long, IEnumerable<float[]>> from, long? count = null, int window = DefaultWindow)
    {
        ArgumentNullException.ThrowIfNull(from);
        return new StreamDataset((row, _) => from(row), count, window);
    }

    /// <inheritdoc cref="Stream(Func{long, IEnumerable{float[]}}, long?, int)"/>
    public static Dataset Stream(Func<long, IAsyncEnumerable<float[]>> from, long? count = null, int window = DefaultWindow)
    {
        ArgumentNullException.ThrowIfNull(from);
        return new StreamDataset((row, cancellation) => from(row).ToBlockingEnumerable(cancellation), count, window);
    }

    /// <summary>Begins to read.</summary>
    /// <param name="fields">The fields of a row.</param>
    /// <param name="seed">What the order comes from; null: the rows come as they are.</param>
    /// <param name="cancellation">Ends waiting for a stream.</param>
    internal abstract DatasetReader Open(Space fields, long? seed, CancellationToken cancellation);
}

/// <summary>Gives the batches of a data set.</summary>
/// <param name="fields">The fields of a row.</param>
internal abstract class DatasetReader(Space fields) : IDisposable
{
    /// <summary>The fields of a row.</summary>
    protected Space Fields { get; } = fields;

    /// <summary>The number of rows, or null where it is not known.</summary>
    public abstract long? Count { get; }

    /// <summary>Copies rows of an epoch.</summary>
    /// <param name="epoch">The number of the pass over the data.</param>
    /// <param name="row">The place in the order of this epoch from which on rows are wanted.</param>
    /// <param name="batch">For each field the numbers of all rows.</param>
    /// <param name="rows">How many are wanted.</param>
    /// <returns>How many there were: fewer at the end of the epoch.</returns>
    public abstract int Read(long epoch, long row, float[][] batch, int rows);

    /// <inheritdoc/>
    public virtual void Dispose()
    {
    }

    /// <summary>Refuses numbers of a field that cannot be learnt from.</summary>
    /// <param name="leaf">The field.</param>
    /// <param name="row">The row, for the error.</param>
    /// <param name="values">The field's numbers in this row.</param>
    protected static void Check(Leaf leaf, long row, ReadOnlySpan<float> values)
    {
        for (int k = 0; k < values.Length; k++)
        {
            float value = values[k];
            bool isGood = leaf.Discrete == 0 ? float.IsFinite(value) : value >= 0 && value < leaf.Discrete && value == MathF.Floor(value);
            if (!isGood)
            {
                string field = leaf.Path.Length == 0 ? "value" : leaf.Path;
                string column = leaf.Shape.Length == 0 ? field : $"{field}[{string.Join(", ", PositionOf(leaf, k))}]";
                string expected = leaf.Discrete == 0 ? "a finite number" : $"one of 0 … {leaf.Discrete - 1}";
                throw new InvalidDataException(
                    $"Row {row} of the data has {value} in column \"{column}\"; {expected} was expected. Mend the data or leave the row out.");
            }
        }
    }

    private static int[] PositionOf(Leaf leaf, int element)
    {
        int[] position = new int[leaf.Shape.Length];
        for (int axis = position.Length - 1; axis >= 0; axis--)
        {
            (element, position[axis]) = Math.DivRem(element, leaf.Shape[axis]);
        }

        return position;
    }
}
