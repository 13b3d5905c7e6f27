namespace Inference.Runtime.Tests;

/// <summary>Reads TensorBoard event files by their published format, with a bitwise checksum, for comparison with what writes them.</summary>
internal static class EventReader
{
    public static List<Event> Read(string path)
    {
        byte[] bytes = File.ReadAllBytes(path);
        var events = new List<Event>();
        for (int at = 0; at < bytes.Length;)
        {
            int length = checked((int)BitConverter.ToUInt64(bytes, at));
            Require(Masked(bytes.AsSpan(at, 8)) == BitConverter.ToUInt32(bytes, at + 8), "the length's checksum");
            ReadOnlySpan<byte> record = bytes.AsSpan(at + 12, length);
            Require(Masked(record) == BitConverter.ToUInt32(bytes, at + 12 + length), "the record's checksum");
            events.Add(EventOf(record));
            at += 16 + length;
        }

        return events;
    }

    /// <summary>CRC-32C by its reflected polynomial, bit by bit, masked as TensorFlow does.</summary>
    public static uint Masked(ReadOnlySpan<byte> data)
    {
        uint crc = 0xffffffff;
        foreach (byte value in data)
        {
            crc ^= value;
            for (int bit = 0; bit < 8; bit++)
            {
                crc = (crc & 1) != 0 ? (crc >> 1) ^ 0x82f63b78 : crc >> 1;
            }
        }

        crc ^= 0xffffffff;
        return unchecked(((crc >> 15) | (crc << 17)) + 0xa282ead8);
    }

    private static Event EventOf(ReadOnlySpan<byte> record)
    {
        double time = 0;
        long step = 0;
        string version = "";
        bool isStart = false;
        var values = new Dictionary<string, float>();
        foreach ((int field, byte[] content) in Fields(record))
        {
            switch (field)
            {
                case 1: time = BitConverter.ToDouble(content); break;
                case 2: step = (long)Varint(content, out _); break;
                case 3: version = System.Text.Encoding.UTF8.GetString(content); break;
                case 5:
                    foreach ((_, byte[] value) in Fields(content))
                    {
                        var parts = Fields(value).ToDictionary(part => part.Field, part => part.Content);
                        values[System.Text.Encoding.UTF8.GetString(parts[1])] = BitConverter.ToSingle(parts[2]);
                    }

                    break;
                case 7: isStart = content is [0x08, 0x01]; break;
                default: throw new InvalidDataException($"an event with field {field}");
            }
        }

        return new Event(time, step, version, isStart, values);
    }

    private static List<(int Field, byte[] Content)> Fields(ReadOnlySpan<byte> message)
    {
        var fields = new List<(int, byte[])>();
        while (message.Length > 0)
        {
            ulong tag = Varint(message, out int used);
            message = message[used..];
            int length;
            switch (tag & 7)
            {
                case 0: Varint(message, out length); break;
                case 1: length = 8; break;
                case 5: length = 4; break;
                default:
                    length = (int)Varint(message, out used);
                    message = message[used..];
                    break;
            }

            fields.Add(((int)(tag >> 3), message[..length].ToArray()));
            message = message[length..];
        }

        return fields;
    }

    private static ulong Varint(ReadOnlySpan<byte> bytes, out int used)
    {
        ulong value = 0;
        used = 0;
        do
        {
            value |= (ulong)(bytes[used] & 0x7f) << (7 * used);
        }
        while ((bytes[used++] & 0x80) != 0);
        return value;
    }

    private static void Require(bool holds, string what)
    {
        if (!holds)
        {
            throw new InvalidDataException(what);
        }
    }

    public sealed record Event(double WallTime, long Step, string FileVersion, bool IsStart, Dictionary<string, float> Values);
}
