namespace Inference;

/// <summary>Rows that come one by one, held a window at a time.</summary>
internal sealed class StreamDataset : Dataset
{
    private readonly Func<long, CancellationToken, IEnumerable<float[]>> _from;
    private readonly long? _count;
    private readonly int _window;

    public StreamDataset(Func<long, CancellationToken, IEnumerable<float[]>> from, long? count, int window)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(window, 1);
        _from = from;
        _count = count;
        _window = window;
    }

    /// <inheritdoc/>
    internal override DatasetReader Open(Space fields, long? seed, CancellationToken cancellation) => new Reader(fields, this, seed, cancellation);

    private sealed class Reader(Space fields, StreamDataset data, long? seed, CancellationToken cancellation) : DatasetReader(fields)
    {
        private readonly float[] _rows = new float[data._window * fields.Count];
        private readonly int[] _order = new int[data._window];
        private IEnumerator<float[]>? _source;
        private long _epoch = -1;
        private long _held = -1;
        private int _count;

        public override long? Count => data._count;

        public override int Read(long epoch, long row, float[][] batch, int rows)
        {
            for (int k = 0; k < rows; k++, row++)
            {
                Hold(epoch, row / data._window);
                int at = (int)(row % data._window);
                if (at >= _count)
                {
                    return k;
                }

                Copy(_rows.AsSpan(_order[at] * Fields.Count, Fields.Count), batch, k);
            }

            return rows;
        }

        public override void Dispose() => _source?.Dispose();

        private void Hold(long epoch, long window)
        {
            if (epoch == _epoch && window == _held)
            {
                return;
            }

            if (_source is null || epoch != _epoch || window != _held + 1)
            {
                _source?.Dispose();
                _source = data._from(window * data._window, cancellation).GetEnumerator();
            }

            (_epoch, _held, _count) = (epoch, window, 0);
            while (_count < data._window && _source.MoveNext())
            {
                Keep(_source.Current, (window * data._window) + _count);
                _count++;
            }

            if (seed is { } number)
            {
                Shuffle.Fill(_order.AsSpan(0, _count), number, epoch, window);
                return;
            }

            for (int k = 0; k < _count; k++)
            {
                _order[k] = k;
            }
        }

        private void Keep(float[] values, long row)
        {
            if (values.Length != Fields.Count)
            {
                throw new InvalidDataException($"Row {row} of the data has {values.Length} numbers; {Fields.Count} were expected. Give whole rows.");
            }

            ReadOnlySpan<float> rest = values;
            foreach (Leaf leaf in Fields.Leaves)
            {
                Check(leaf, row, rest[..leaf.Count]);
                rest = rest[leaf.Count..];
            }

            values.CopyTo(_rows, _count * values.Length);
        }

        private void Copy(ReadOnlySpan<float> values, float[][] batch, int at)
        {
            for (int k = 0; k < batch.Length; k++)
            {
                int count = Fields.Leaves[k].Count;
                values[..count].CopyTo(batch[k].AsSpan(at * count));
                values = values[count..];
            }
        }
    }
}
