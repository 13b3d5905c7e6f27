namespace Inference;

/// <summary>Rows in memory: one array of whole rows, or an array for each field.</summary>
/// <param name="columns">A field, or null for all of them, and its numbers.</param>
internal sealed class MemoryDataset((string? Field, float[] Values)[] columns) : Dataset
{
    /// <inheritdoc/>
    internal override DatasetReader Open(Space fields, long? seed, CancellationToken cancellation)
    {
        Column[] found = columns is [(null, var values)] ? Parts(fields, values) : [.. fields.Leaves.Select(leaf => ColumnOf(fields, leaf))];
        int[] counts = [.. found.Select(column => column.Rows).Distinct()];
        if (counts.Length > 1)
        {
            throw new ArgumentException(
                $"The data have different numbers of rows: {string.Join(", ", fields.Leaves.Zip(found, (leaf, column) => $"{column.Rows} in \"{leaf.Path}\""))}. "
                    + "Give every field the same.");
        }

        return new Reader(fields, found, counts[0], seed);
    }

    private static Column[] Parts(Space fields, float[] values)
    {
        int width = fields.Count;
        if (values.Length % width != 0)
        {
            throw new ArgumentException(
                $"The data have {values.Length} numbers, and a row has {width} ({Names(fields)}): the last row is not whole. Give whole rows.");
        }

        var parts = new Column[fields.Leaves.Length];
        int first = 0;
        for (int k = 0; k < parts.Length; k++)
        {
            parts[k] = new Column(values, first, width, fields.Leaves[k].Count, values.Length / width);
            first += fields.Leaves[k].Count;
        }

        return parts;
    }

    private static string Names(Space fields) =>
        string.Join(", ", fields.Leaves.Select(leaf => leaf.Shape.Length == 0 ? leaf.Path : $"{leaf.Path}[{string.Join(", ", leaf.Shape)}]"));

    private Column ColumnOf(Space fields, Leaf leaf)
    {
        int at = Array.FindIndex(columns, column => column.Field == leaf.Path);
        if (at < 0 || columns.Length != fields.Leaves.Length)
        {
            throw new ArgumentException(
                $"The data have the fields {string.Join(", ", columns.Select(column => $"\"{column.Field}\""))}; the learner reads "
                    + $"{string.Join(", ", fields.Leaves.Select(l => $"\"{l.Path}\""))}. Give each of these, and no other.");
        }

        float[] values = columns[at].Values;
        return values.Length % leaf.Count == 0
            ? new Column(values, 0, leaf.Count, leaf.Count, values.Length / leaf.Count)
            : throw new ArgumentException(
                $"The field \"{leaf.Path}\" has {values.Length} numbers, and {leaf.Count} a row: the last row is not whole. Give whole rows.");
    }

    /// <summary>Where a field's numbers are.</summary>
    private readonly record struct Column(float[] Values, int First, int Stride, int Width, int Rows)
    {
        public ReadOnlySpan<float> Row(int row) => Values.AsSpan(First + (row * Stride), Width);
    }

    private sealed class Reader : DatasetReader
    {
        private readonly Column[] _columns;
        private readonly int[] _order;
        private readonly long? _seed;
        private long _epoch = -1;

        public Reader(Space fields, Column[] columns, int rows, long? seed)
            : base(fields)
        {
            _columns = columns;
            _seed = seed;
            _order = [.. Enumerable.Range(0, rows)];
            for (int row = 0; row < rows; row++)
            {
                for (int k = 0; k < columns.Length; k++)
                {
                    Check(fields.Leaves[k], row, columns[k].Row(row));
                }
            }
        }

        public override long? Count => _order.Length;

        public override int Read(long epoch, long row, float[][] batch, int rows)
        {
            if (_seed is { } seed && epoch != _epoch)
            {
                Shuffle.Fill(_order, seed, epoch, window: 0);
                _epoch = epoch;
            }

            rows = (int)Math.Max(0, Math.Min(rows, _order.Length - row));
            ReadOnlySpan<int> chosen = rows == 0 ? [] : _order.AsSpan((int)row, rows);
            for (int k = 0; k < _columns.Length; k++)
            {
                Span<float> rest = batch[k];
                foreach (int at in chosen)
                {
                    _columns[k].Row(at).CopyTo(rest);
                    rest = rest[_columns[k].Width..];
                }
            }

            return rows;
        }
    }
}
