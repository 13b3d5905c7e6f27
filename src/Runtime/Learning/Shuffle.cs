namespace Inference;

/// <summary>The order in which rows are learnt from: a function of seed, epoch and window (docs/random.md).</summary>
internal static class Shuffle
{
    // No site's path begins with a slash.
    private static readonly (uint Low, uint High) Path = Hash("/order of rows");

    /// <summary>Fills with a permutation of 0 … length−1, each as likely as the others: Fisher and Yates, in Durstenfeld's form.</summary>
    /// <param name="order">Filled.</param>
    /// <param name="seed">The seed of the run.</param>
    /// <param name="epoch">The number of the pass over the data.</param>
    /// <param name="window">The number of the window in the pass; 0 for data in memory.</param>
    public static void Fill(Span<int> order, long seed, long epoch, long window)
    {
        for (int k = 0; k < order.Length; k++)
        {
            order[k] = k;
        }

        var (key0, key1, _, _) = Philox.wordsOf(Path.Low, Path.High, Low(epoch), High(epoch), Low(seed), High(seed));
        for (int k = order.Length - 1; k > 0; k--)
        {
            var (a, b, c, d) = Philox.wordsOf((uint)(k / 2), Low(window), High(window), 0, key0, key1);
            ulong number = k % 2 == 0 ? a | ((ulong)b << 32) : c | ((ulong)d << 32);
            int other = (int)Math.BigMul(number, (ulong)k + 1, out _);
            (order[k], order[other]) = (order[other], order[k]);
        }
    }

    private static (uint Low, uint High) Hash(string path)
    {
        var (low, high) = Philox.hashPath(path);
        return (low, high);
    }

    private static uint Low(long value) => unchecked((uint)value);

    private static uint High(long value) => unchecked((uint)(value >> 32));
}
