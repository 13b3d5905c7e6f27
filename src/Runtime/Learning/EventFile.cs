using System.Buffers.Binary;
using System.Numerics;
using System.Text;

namespace Inference;

/// <summary>
/// Scalars as a TensorBoard event file: records of protocol buffers (tensorflow/core/util/event.proto, summary.proto), each framed by its
/// length and masked CRC-32Cs (tensorflow/core/lib/io/record_writer.h).
/// </summary>
internal sealed class EventFile : IDisposable
{
    private const int Varint = 0, Fixed64 = 1, Bytes = 2, Fixed32 = 5;
    private const int WallTime = 1, Step = 2, FileVersion = 3, Summary = 5, SessionLog = 7;

    private readonly AppendedFile _file;

    /// <summary>Begins a file in a folder.</summary>
    /// <param name="folder">Exists.</param>
    /// <param name="firstStep">Of an earlier file in the folder, what was logged from this step on no longer counts.</param>
    public EventFile(string folder, long firstStep)
    {
        long seconds = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        string name = $"events.out.tfevents.{seconds:D10}.{Environment.MachineName}.{Environment.ProcessId}.{Guid.NewGuid():N}";
        _file = AppendedFile.Open(Path.Combine(folder, name));
        Write(0, FileVersion, "brain.Event:2"u8);

        // SessionLog.status = START: readers drop what comes after it from before a restart.
        Write(firstStep, SessionLog, [Tag(1, Varint), 1]);
    }

    /// <summary>Writes values of a step.</summary>
    public void Write(long step, IEnumerable<(string Tag, double Value)> scalars)
    {
        var summary = new MemoryStream();
        foreach ((string tag, double value) in scalars)
        {
            var item = new MemoryStream();
            WriteBytes(item, 1, Encoding.UTF8.GetBytes(tag));
            item.WriteByte(Tag(2, Fixed32));
            item.Write(BitConverter.GetBytes((float)value));
            WriteBytes(summary, 1, item.ToArray());
        }

        Write(step, Summary, summary.ToArray());
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    /// <summary>The checksum that stands in the file: CRC-32C, turned and shifted so that a checksum of checksums is no special value.</summary>
    internal static uint MaskedChecksum(ReadOnlySpan<byte> data)
    {
        uint crc = uint.MaxValue;
        foreach (byte value in data)
        {
            crc = BitOperations.Crc32C(crc, value);
        }

        return unchecked(BitOperations.RotateRight(~crc, 15) + 0xa282ead8);
    }

    private static byte Tag(int field, int type) => (byte)((field << 3) | type);

    private static void WriteBytes(Stream stream, int field, ReadOnlySpan<byte> value)
    {
        stream.WriteByte(Tag(field, Bytes));
        WriteVarint(stream, (ulong)value.Length);
        stream.Write(value);
    }

    private static void WriteVarint(Stream stream, ulong value)
    {
        for (; value >= 0x80; value >>= 7)
        {
            stream.WriteByte((byte)(value | 0x80));
        }

        stream.WriteByte((byte)value);
    }

    private void Write(long step, int field, ReadOnlySpan<byte> content)
    {
        var stream = new MemoryStream();
        stream.WriteByte(Tag(WallTime, Fixed64));
        stream.Write(BitConverter.GetBytes(DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() / 1000.0));
        stream.WriteByte(Tag(Step, Varint));
        WriteVarint(stream, (ulong)step);
        WriteBytes(stream, field, content);
        byte[] record = stream.ToArray();

        const int LengthBytes = sizeof(ulong), ChecksumBytes = sizeof(uint);
        byte[] framed = new byte[LengthBytes + ChecksumBytes + record.Length + ChecksumBytes];
        BinaryPrimitives.WriteUInt64LittleEndian(framed, (ulong)record.Length);
        BinaryPrimitives.WriteUInt32LittleEndian(framed.AsSpan(LengthBytes), MaskedChecksum(framed.AsSpan(0, LengthBytes)));
        record.CopyTo(framed, LengthBytes + ChecksumBytes);
        BinaryPrimitives.WriteUInt32LittleEndian(framed.AsSpan(framed.Length - ChecksumBytes), MaskedChecksum(record));
        _file.Append(framed);
    }
}
