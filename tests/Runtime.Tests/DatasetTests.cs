using Xunit;

namespace Inference.Runtime.Tests;

public sealed class DatasetTests
{
    private static readonly Space Pair = new("Pair", [new Leaf("A", [2], double.NegativeInfinity, double.PositiveInfinity, 0), new Leaf("B", [], double.NegativeInfinity, double.PositiveInfinity, 0)]);

    [Fact]
    public void An_order_is_a_permutation_that_seed_epoch_and_window_decide()
    {
        int[] Order(int count, long seed, long epoch, long window)
        {
            int[] order = new int[count];
            Shuffle.Fill(order, seed, epoch, window);
            return order;
        }

        int[] first = Order(100, 1, 0, 0);
        Assert.Equal(Enumerable.Range(0, 100), first.Order());
        Assert.Equal(first, Order(100, 1, 0, 0));
        foreach (int[] other in new[] { Order(100, 2, 0, 0), Order(100, 1, 1, 0), Order(100, 1, 0, 1), Order(100, 1L << 32, 0, 0), Order(100, 1, 1L << 32, 0) })
        {
            Assert.Equal(Enumerable.Range(0, 100), other.Order());
            Assert.NotEqual(first, other);
        }

        Assert.Equal([0], Order(1, 1, 0, 0));
        Assert.Empty(Order(0, 1, 0, 0));
    }

    [Fact]
    public void An_order_is_what_the_document_says()
    {
        // docs/random.md, written once more with whole-number arithmetic of any size.
        const long Seed = 77, Epoch = 3, Window = 2;
        var (low, high) = Philox.hashPath("/order of rows");
        uint[] key = Philox.words(low, high, (uint)Epoch, 0, (uint)Seed, 0);
        int[] expected = [.. Enumerable.Range(0, 50)];
        for (int k = 49; k > 0; k--)
        {
            uint[] words = Philox.words((uint)(k / 2), (uint)Window, 0, 0, key[0], key[1]);
            var number = new System.Numerics.BigInteger(words[(2 * (k % 2)) + 1]) * (System.Numerics.BigInteger.One << 32) + words[2 * (k % 2)];
            int other = (int)((number * (k + 1)) >> 64);
            (expected[k], expected[other]) = (expected[other], expected[k]);
        }

        int[] order = new int[50];
        Shuffle.Fill(order, Seed, Epoch, Window);
        Assert.Equal(expected, order);
    }

    [Fact]
    public void Every_order_of_four_is_as_likely_as_the_others()
    {
        const int Draws = 24_000;
        var counts = new Dictionary<string, int>();
        int[] order = new int[4];
        for (int epoch = 0; epoch < Draws; epoch++)
        {
            Shuffle.Fill(order, 9, epoch, 0);
            string text = string.Join(' ', order);
            counts[text] = counts.GetValueOrDefault(text) + 1;
        }

        Assert.Equal(24, counts.Count);
        double chiSquare = counts.Values.Sum(count => Math.Pow(count - (Draws / 24), 2) / (Draws / 24));

        // The 1 − 1e-6 quantile of chi-square with 23 degrees of freedom.
        Assert.True(chiSquare < 71.9, $"chi-square {chiSquare}");
    }

    [Fact]
    public void Rows_columns_and_streams_give_the_same_batches()
    {
        float[][] rows = [.. Enumerable.Range(0, 10).Select(k => new float[] { k, k + 0.25f, k + 0.5f })];
        Dataset[] sets =
        [
            Dataset.Rows([.. rows.SelectMany(row => row)]),
            Dataset.Columns(("B", [.. rows.Select(row => row[2])]), ("A", [.. rows.SelectMany(row => row[..2])])),
            Dataset.Stream(row => rows.Skip((int)row), window: 10),
        ];
        foreach (long? seed in new long?[] { null, 4 })
        {
            (float[] A, float[] B)[][] all = [.. sets.Select(set => Batches(set, seed, 4))];
            for (int set = 1; set < sets.Length; set++)
            {
                Assert.Equal(all[0].Select(b => b.A), all[set].Select(b => b.A));
                Assert.Equal(all[0].Select(b => b.B), all[set].Select(b => b.B));
            }

            Assert.Equal(rows.Select(row => row[2]), all[0].SelectMany(b => b.B).Order());
            Assert.Equal(seed is null, all[0].SelectMany(b => b.B).SequenceEqual(rows.Select(row => row[2])));
        }
    }

    [Fact]
    public void A_stream_is_shuffled_within_windows_and_read_from_the_start_of_one()
    {
        var starts = new List<long>();
        Dataset set = Dataset.Stream(row =>
        {
            starts.Add(row);
            return Enumerable.Range((int)row, 25 - (int)row).Select(k => new float[] { k, k, k });
        }, window: 10);
        using DatasetReader reader = set.Open(Pair, 3, CancellationToken.None);
        float[][] batch = [new float[2 * 25], new float[25]];
        Assert.Equal(25, reader.Read(0, 0, batch, 25));
        float[] whole = [.. batch[1]];
        Assert.Equal([0, .. Enumerable.Range(1, 9).Select(k => (float)k)], whole[..10].Order());
        Assert.Equal([20, 21, 22, 23, 24], whole[20..].Order());
        Assert.NotEqual(Enumerable.Range(0, 10).Select(k => (float)k), whole[..10]);

        starts.Clear();
        Assert.Equal(4, reader.Read(0, 13, batch, 4));
        Assert.Equal(whole[13..17], batch[1][..4]);
        Assert.Equal([10], starts);
        Assert.Equal(8, reader.Read(0, 17, batch, 10));
        Assert.Equal(whole[17..], batch[1][..8]);
        Assert.Equal([10], starts);
    }

    private static (float[] A, float[] B)[] Batches(Dataset set, long? seed, int size)
    {
        using DatasetReader reader = set.Open(Pair, seed, CancellationToken.None);
        var batches = new List<(float[], float[])>();
        for (int row = 0; ; row += size)
        {
            float[][] batch = [new float[2 * size], new float[size]];
            int count = reader.Read(1, row, batch, size);
            batches.Add((batch[0][..(2 * count)], batch[1][..count]));
            if (count < size)
            {
                return [.. batches];
            }
        }
    }
}
