using System.Buffers.Binary;
using System.IO.Compression;

namespace Inference.Examples.Digits;

/// <summary>
/// Files of LeCun's IDX format: two zero bytes, the type of the elements (8: unsigned bytes), the number of axes, each size as four bytes, the highest
/// first, then the elements.
/// </summary>
internal static class IdxFile
{
    private const int UnsignedBytes = 8;

    /// <summary>Reads a file of unsigned bytes, packed by gzip or not.</summary>
    /// <param name="folder">Where it is.</param>
    /// <param name="name">Its name without <c>.gz</c>, as <c>train-images-idx3-ubyte</c>; a dot may stand before <c>idx</c>.</param>
    /// <param name="axes">How many axes it is to have.</param>
    /// <returns>The sizes, and the elements row-major.</returns>
    /// <exception cref="InvalidDataException">It is not such a file, or not whole.</exception>
    /// <exception cref="IOException">It is not there, or cannot be read.</exception>
    public static (int[] Sizes, byte[] Elements) Read(string folder, string name, int axes)
    {
        string[] candidates = [.. new[] { name, name.Replace("-idx", ".idx", StringComparison.Ordinal) }.SelectMany(file => new[] { file, file + ".gz" })];
        string path = candidates.Select(file => Path.Combine(folder, file)).FirstOrDefault(File.Exists)
            ?? throw new FileNotFoundException($"\"{folder}\" has none of {string.Join(", ", candidates)}. Put the files of MNIST there.");
        byte[] bytes = Bytes(path);
        if (bytes.Length < 4 + (4 * axes) || bytes[0] != 0 || bytes[1] != 0 || bytes[2] != UnsignedBytes || bytes[3] != axes)
        {
            throw new InvalidDataException($"\"{path}\" is no IDX file of unsigned bytes with {axes} axes.");
        }

        int[] sizes = [.. Enumerable.Range(0, axes).Select(axis => BinaryPrimitives.ReadInt32BigEndian(bytes.AsSpan(4 + (4 * axis))))];
        long count = sizes.Aggregate(1L, (product, size) => product * size);
        byte[] elements = bytes[(4 + (4 * axes))..];
        return elements.Length == count && sizes.All(size => size > 0)
            ? (sizes, elements)
            : throw new InvalidDataException($"\"{path}\" says that it has {string.Join(" × ", sizes)} elements; it has {elements.Length}.");
    }

    private static byte[] Bytes(string path)
    {
        if (!path.EndsWith(".gz", StringComparison.Ordinal))
        {
            return File.ReadAllBytes(path);
        }

        using var packed = new GZipStream(File.OpenRead(path), CompressionMode.Decompress);
        using var bytes = new MemoryStream();
        packed.CopyTo(bytes);
        return bytes.ToArray();
    }
}
