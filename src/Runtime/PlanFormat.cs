using Inference.Compiler;

namespace Inference;

/// <summary>A compiled program as bytes: its fields in the order of their declaration, arrays behind their length.</summary>
internal static class PlanFormat
{
    /// <summary>To be raised whenever what is written here changes.</summary>
    public const int Version = 2;

    public static void Write(BinaryWriter writer, CompiledProgram program)
    {
        writer.Write(program.Name);
        writer.Write(program.Source);
        writer.Write(program.Graph);
        writer.Write(program.Schedule);
        writer.Write(program.Loops);
        writer.Write(program.KernelCount);
        WriteAll(writer, program.Steps, WriteStep);
        WriteAll(writer, program.Buffers, WriteBuffer);
        writer.Write(program.WorkspaceBytes);
        writer.Write(program.ScratchBytes);
        writer.Write(program.VariableCount);
        WriteAll(writer, program.Extents, WriteExtent);
        WriteAll(writer, program.Inputs, WriteSlot);
        WriteAll(writer, program.States, WriteSlot);
        WriteAll(writer, program.Outputs, WriteOutput);
    }

    public static CompiledProgram Read(BinaryReader reader) => new()
    {
        // Initialisers run in the order in which they are written.
        Name = reader.ReadString(),
        Source = reader.ReadString(),
        Graph = reader.ReadString(),
        Schedule = reader.ReadString(),
        Loops = reader.ReadString(),
        KernelCount = reader.ReadInt32(),
        Steps = ReadAll(reader, ReadStep),
        Buffers = ReadAll(reader, ReadBuffer),
        WorkspaceBytes = reader.ReadInt64(),
        ScratchBytes = reader.ReadInt64(),
        VariableCount = reader.ReadInt32(),
        Extents = ReadAll(reader, ReadExtent),
        Inputs = ReadAll(reader, ReadSlot),
        States = ReadAll(reader, ReadSlot),
        Outputs = ReadAll(reader, ReadOutput),
    };

    private static void WriteStep(BinaryWriter writer, StepPlan step)
    {
        writer.Write((int)step.Kind);
        writer.Write(step.Kernel);
        writer.Write(step.Count);
        writer.Write(step.Extent);
        writer.Write(step.Tile);
        writer.Write(step.Parallel);
        writer.Write(step.Variable);
        writer.Write(step.Descending);
    }

    private static StepPlan ReadStep(BinaryReader reader) => new()
    {
        Kind = (StepKind)reader.ReadInt32(),
        Kernel = reader.ReadInt32(),
        Count = reader.ReadInt64(),
        Extent = reader.ReadInt32(),
        Tile = reader.ReadInt32(),
        Parallel = reader.ReadBoolean(),
        Variable = reader.ReadInt32(),
        Descending = reader.ReadBoolean(),
    };

    private static void WriteBuffer(BinaryWriter writer, BufferPlan buffer)
    {
        writer.Write(buffer.Name);
        writer.Write((int)buffer.Kind);
        writer.Write((int)buffer.Type);
        writer.Write(buffer.Bytes);
        writer.Write(buffer.Offset);
        writer.Write(buffer.Initial is not null);
        if (buffer.Initial is not null)
        {
            WriteBytes(writer, buffer.Initial);
        }
    }

    private static BufferPlan ReadBuffer(BinaryReader reader) => new()
    {
        Name = reader.ReadString(),
        Kind = (BufferKind)reader.ReadInt32(),
        Type = (ElementType)reader.ReadInt32(),
        Bytes = reader.ReadInt64(),
        Offset = reader.ReadInt64(),
        Initial = reader.ReadBoolean() ? ReadBytes(reader) : null,
    };

    private static void WriteExtent(BinaryWriter writer, ExtentPlan extent)
    {
        writer.Write(extent.Name);
        writer.Write(extent.Capacity);
    }

    private static ExtentPlan ReadExtent(BinaryReader reader) => new() { Name = reader.ReadString(), Capacity = reader.ReadInt32() };

    private static void WriteSlot(BinaryWriter writer, SlotPlan slot)
    {
        writer.Write(slot.Name);
        WriteAll(writer, slot.Shape, static (target, extent) => target.Write(extent));
        writer.Write((int)slot.Type);
        writer.Write(slot.Buffer);
        writer.Write(slot.Next);
    }

    private static SlotPlan ReadSlot(BinaryReader reader) => new()
    {
        Name = reader.ReadString(),
        Shape = ReadAll(reader, static source => source.ReadInt32()),
        Type = (ElementType)reader.ReadInt32(),
        Buffer = reader.ReadInt32(),
        Next = reader.ReadInt32(),
    };

    private static void WriteOutput(BinaryWriter writer, OutputPlan output)
    {
        WriteSlot(writer, output.Slot);
        writer.Write((int)output.Kind);
        writer.Write(output.Message ?? "");
    }

    private static OutputPlan ReadOutput(BinaryReader reader) => new()
    {
        Slot = ReadSlot(reader),
        Kind = (OutputKind)reader.ReadInt32(),
        Message = reader.ReadString(),
    };

    /// <summary>Writes an array of bytes behind its length.</summary>
    public static void WriteBytes(BinaryWriter writer, byte[] bytes)
    {
        writer.Write(bytes.Length);
        writer.Write(bytes);
    }

    /// <summary>Reads what <see cref="WriteBytes"/> wrote.</summary>
    public static byte[] ReadBytes(BinaryReader reader) => reader.ReadBytes(LengthWithin(reader));

    private static void WriteAll<T>(BinaryWriter writer, T[] items, Action<BinaryWriter, T> write)
    {
        writer.Write(items.Length);
        foreach (T item in items)
        {
            write(writer, item);
        }
    }

    private static T[] ReadAll<T>(BinaryReader reader, Func<BinaryReader, T> read)
    {
        var items = new T[LengthWithin(reader)];
        for (int i = 0; i < items.Length; i++)
        {
            items[i] = read(reader);
        }

        return items;
    }

    // No item takes less than a byte, so that a wrong length cannot ask for more memory than there are bytes.
    private static int LengthWithin(BinaryReader reader)
    {
        int length = reader.ReadInt32();
        long left = reader.BaseStream.Length - reader.BaseStream.Position;
        return length >= 0 && length <= left ? length : throw new InvalidDataException($"A length of {length} with {left} bytes left.");
    }
}
