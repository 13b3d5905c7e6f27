using System.Buffers.Binary;
using System.Text.Json;
using Inference.Compiler;

namespace Inference;

/// <summary>
/// The safetensors format (Hugging Face; huggingface.co/docs/safetensors): eight bytes with the length of the header, the header in JSON, then the
/// numbers, little-endian and without gaps. As in the reference implementation the widest numbers come first, so that all are aligned, then names
/// in order; the header is padded to eight bytes.
/// </summary>
internal static class Safetensors
{
    private const string Metadata = "__metadata__";
    private const int LengthBytes = sizeof(ulong);

    // The reference implementation's limit.
    private const int MostHeaderBytes = 100_000_000;

    private static readonly (string Name, ElementType Type)[] Types =
    [
        ("F32", ElementType.Float32), ("F64", ElementType.Float64), ("I32", ElementType.Int32), ("U32", ElementType.UInt32),
    ];

    /// <summary>What the format calls a type.</summary>
    public static string NameOf(ElementType type) => Array.Find(Types, t => t.Type == type).Name;

    /// <summary>Writes tensors and metadata.</summary>
    public static void Write(Stream stream, IEnumerable<KeyValuePair<string, StoredTensor>> tensors, IReadOnlyDictionary<string, string> metadata)
    {
        KeyValuePair<string, StoredTensor>[] ordered =
            [.. tensors.OrderByDescending(tensor => Slot.BytesOf(tensor.Value.Type)).ThenBy(tensor => tensor.Key, StringComparer.Ordinal)];
        byte[] header = HeaderOf(ordered, metadata);
        Span<byte> length = stackalloc byte[LengthBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
        stream.Write(length);
        stream.Write(header);
        foreach ((_, StoredTensor tensor) in ordered)
        {
            stream.Write(tensor.Bytes);
        }
    }

    /// <summary>Reads a file.</summary>
    /// <exception cref="CheckpointException">It is not whole, or not of this format.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static (SortedDictionary<string, StoredTensor> Tensors, Dictionary<string, string> Metadata) Read(string path)
    {
        using var stream = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        return Read(stream, path);
    }

    /// <summary>Reads a stream whose length is known.</summary>
    /// <inheritdoc cref="Read(string)"/>
    public static (SortedDictionary<string, StoredTensor> Tensors, Dictionary<string, string> Metadata) Read(Stream stream, string path)
    {
        using JsonDocument header = ReadHeader(stream, path);
        long dataBytes = stream.Length - stream.Position;
        var entries = new List<Entry>();
        var metadata = new Dictionary<string, string>();
        var names = new HashSet<string>();
        foreach (JsonProperty property in header.RootElement.EnumerateObject())
        {
            if (!names.Add(property.Name))
            {
                throw Foreign(path, $"its header names \"{property.Name}\" twice");
            }

            if (property.Name == Metadata)
            {
                ReadMetadata(property.Value, metadata, path);
            }
            else
            {
                entries.Add(EntryOf(property, path));
            }
        }

        entries.Sort((a, b) => (a.Begin, a.End).CompareTo((b.Begin, b.End)));
        long end = 0;
        foreach (Entry entry in entries)
        {
            if (entry.Begin != end)
            {
                throw Foreign(path, $"\"{entry.Name}\" begins at byte {entry.Begin}, where {end} was expected: {(entry.Begin < end ? "tensors overlap" : "there is a gap")}");
            }

            end = entry.End;
        }

        RequireLength(end, dataBytes, path);
        return (ReadTensors(stream, entries), metadata);
    }

    private static byte[] HeaderOf(KeyValuePair<string, StoredTensor>[] tensors, IReadOnlyDictionary<string, string> metadata)
    {
        using var bytes = new MemoryStream();
        using (var writer = new Utf8JsonWriter(bytes))
        {
            writer.WriteStartObject();
            writer.WriteStartObject(Metadata);
            foreach ((string key, string value) in metadata)
            {
                writer.WriteString(key, value);
            }

            writer.WriteEndObject();
            long offset = 0;
            foreach ((string name, StoredTensor tensor) in tensors)
            {
                writer.WriteStartObject(name);
                writer.WriteString("dtype", NameOf(tensor.Type));
                WriteNumbers(writer, "shape", tensor.Shape.Select(size => (long)size));
                WriteNumbers(writer, "data_offsets", [offset, offset += tensor.Bytes.LongLength]);
                writer.WriteEndObject();
            }

            writer.WriteEndObject();
        }

        while (bytes.Length % LengthBytes != 0)
        {
            bytes.WriteByte((byte)' ');
        }

        return bytes.ToArray();
    }

    private static void WriteNumbers(Utf8JsonWriter writer, string name, IEnumerable<long> numbers)
    {
        writer.WriteStartArray(name);
        foreach (long number in numbers)
        {
            writer.WriteNumberValue(number);
        }

        writer.WriteEndArray();
    }

    private static JsonDocument ReadHeader(Stream stream, string path)
    {
        Span<byte> length = stackalloc byte[LengthBytes];
        if (stream.ReadAtLeast(length, LengthBytes, throwOnEndOfStream: false) < LengthBytes)
        {
            throw Truncated(path, $"it has {stream.Length} bytes");
        }

        ulong headerBytes = BinaryPrimitives.ReadUInt64LittleEndian(length);
        if (headerBytes is < 2 or > MostHeaderBytes)
        {
            throw Foreign(path, $"its first eight bytes tell of a header of {headerBytes} bytes");
        }

        if ((long)headerBytes > stream.Length - LengthBytes)
        {
            throw Truncated(path, $"its header has {headerBytes} bytes and the file {stream.Length}");
        }

        byte[] header = new byte[headerBytes];
        stream.ReadExactly(header);
        try
        {
            JsonDocument document = JsonDocument.Parse(header);
            return header[0] == '{' ? document : throw Foreign(path, "its header is no JSON object");
        }
        catch (JsonException failure)
        {
            throw Foreign(path, $"its header is not JSON ({failure.Message})");
        }
    }

    private static void ReadMetadata(JsonElement element, Dictionary<string, string> metadata, string path)
    {
        if (element.ValueKind != JsonValueKind.Object)
        {
            throw Foreign(path, "its metadata is no object");
        }

        foreach (JsonProperty property in element.EnumerateObject())
        {
            metadata[property.Name] = property.Value.ValueKind == JsonValueKind.String
                ? property.Value.GetString()!
                : throw Foreign(path, $"its metadata \"{property.Name}\" is no string");
        }
    }

    private static Entry EntryOf(JsonProperty property, string path)
    {
        string name = property.Name;
        string type;
        long[] shape, offsets;
        try
        {
            type = property.Value.GetProperty("dtype").GetString()!;
            shape = [.. property.Value.GetProperty("shape").EnumerateArray().Select(size => size.GetInt64())];
            offsets = [.. property.Value.GetProperty("data_offsets").EnumerateArray().Select(offset => offset.GetInt64())];
        }
        catch (Exception failure) when (failure is KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw Foreign(path, $"what it says of \"{name}\" is not dtype, shape and data_offsets");
        }

        int at = Array.FindIndex(Types, t => t.Name == type);
        if (at < 0)
        {
            throw Foreign(path, $"\"{name}\" has the type {type}, where one of {string.Join(", ", Types.Select(t => t.Name))} was expected");
        }

        ElementType element = Types[at].Type;
        long count = 1;
        foreach (long size in shape)
        {
            count = size is >= 0 and <= int.MaxValue && count * size <= int.MaxValue
                ? count * size
                : throw Foreign(path, $"\"{name}\" has the shape [{string.Join(", ", shape)}]");
        }

        return offsets.Length == 2 && offsets[0] >= 0 && offsets[1] - offsets[0] == count * Slot.BytesOf(element)
            ? new Entry(name, element, [.. shape.Select(size => (int)size)], offsets[0], offsets[1])
            : throw Foreign(path, $"\"{name}\" of {type}[{string.Join(", ", shape)}] lies at [{string.Join(", ", offsets)}], which does not fit");
    }

    private static void RequireLength(long expected, long actual, string path)
    {
        if (actual < expected)
        {
            throw Truncated(path, $"its tensors take {expected} bytes and {actual} are there");
        }

        if (actual > expected)
        {
            throw Foreign(path, $"{actual - expected} bytes follow its last tensor");
        }
    }

    private static SortedDictionary<string, StoredTensor> ReadTensors(Stream stream, List<Entry> entries)
    {
        var tensors = new SortedDictionary<string, StoredTensor>(StringComparer.Ordinal);
        foreach (Entry entry in entries)
        {
            var tensor = new StoredTensor(entry.Type, entry.Shape);
            stream.ReadExactly(tensor.Bytes);
            tensors[entry.Name] = tensor;
        }

        return tensors;
    }

    private static CheckpointException Truncated(string path, string reason) =>
        new($"The file \"{path}\" is truncated: {reason}. Use another copy of it.");

    private static CheckpointException Foreign(string path, string reason) =>
        new($"The file \"{path}\" is not a safetensors file that can be read here: {reason}. Give one written by Fit, Save or PyTorch, in 32- or 64-bit numbers.");

    private readonly record struct Entry(string Name, ElementType Type, int[] Shape, long Begin, long End);
}
