using System.Globalization;
using System.IO.Compression;

namespace Inference.Examples.Digits;

/// <summary>Binary images of digits with their labels.</summary>
/// <param name="Pixels">Pixels of an image.</param>
/// <param name="Images">0 or 1, image after image, row by row.</param>
/// <param name="Labels">0 … 9.</param>
internal sealed record DigitSet(int Pixels, float[] Images, int[] Labels)
{
    /// <summary>Labels.</summary>
    public const int Classes = 10;

    private const int SmallPixels = 64;
    private const int SmallTraining = 1500;
    private const int SmallThreshold = 8;
    private const int MnistThreshold = 128;

    /// <summary>How many images.</summary>
    public int Count => Labels.Length;

    /// <summary>The digits that come with the example: the first 1,500 to train, the last 297 to test.</summary>
    public static (DigitSet Training, DigitSet Test) Small()
    {
        using Stream packed = typeof(DigitSet).Assembly.GetManifestResourceStream("digits.csv.gz")!;
        using var reader = new StreamReader(new GZipStream(packed, CompressionMode.Decompress));
        var rows = new List<int[]>();
        while (reader.ReadLine() is { } line)
        {
            rows.Add(Array.ConvertAll(line.Split(','), cell => int.Parse(cell, CultureInfo.InvariantCulture)));
        }

        return (Of(rows[..SmallTraining]), Of(rows[SmallTraining..]));

        static DigitSet Of(List<int[]> rows) => new(
            SmallPixels,
            [.. rows.SelectMany(row => row[..SmallPixels]).Select(v => v >= SmallThreshold ? 1f : 0f)],
            [.. rows.Select(row => row[SmallPixels])]);
    }

    /// <summary>MNIST (LeCun et al., 1998) from its four files.</summary>
    public static (DigitSet Training, DigitSet Test) Mnist(string folder)
    {
        return (Of("train"), Of("t10k"));

        DigitSet Of(string part)
        {
            (int[] sizes, byte[] images) = IdxFile.Read(folder, part + "-images-idx3-ubyte", axes: 3);
            (int[] counts, byte[] labels) = IdxFile.Read(folder, part + "-labels-idx1-ubyte", axes: 1);
            if (sizes[0] != counts[0] || labels.Any(label => label >= Classes))
            {
                throw new InvalidDataException(
                    $"The {part} part in \"{folder}\" has {sizes[0]} images and {counts[0]} labels; expected as many labels, each of 0 … 9.");
            }

            return new DigitSet(
                sizes[1] * sizes[2], Array.ConvertAll(images, v => v >= MnistThreshold ? 1f : 0f), Array.ConvertAll(labels, label => (int)label));
        }
    }

    /// <summary>The image at a place.</summary>
    public ReadOnlySpan<float> Image(int at) => Images.AsSpan(at * Pixels, Pixels);

    /// <summary>A label as ten numbers, a single 1 among zeros.</summary>
    public static float[] OneHot(int label) => [.. Enumerable.Range(0, Classes).Select(k => k == label ? 1f : 0f)];

    /// <summary>The images one after another, each with its label behind it if that is asked for.</summary>
    public float[] Rows(bool withLabels)
    {
        if (!withLabels)
        {
            return Images;
        }

        float[] rows = new float[Count * (Pixels + Classes)];
        for (int k = 0; k < Count; k++)
        {
            Span<float> row = rows.AsSpan(k * (Pixels + Classes));
            Image(k).CopyTo(row);
            row[Pixels + Labels[k]] = 1;
        }

        return rows;
    }

    /// <summary>The first images.</summary>
    public DigitSet First(int count) => count >= Count ? this : new(Pixels, Images[..(count * Pixels)], Labels[..count]);
}
