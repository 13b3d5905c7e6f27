using System.Runtime.InteropServices;
using Inference.Compiler;

namespace Inference;

/// <summary>Numbers with a type and a shape, as a file holds them: row-major, little-endian.</summary>
public sealed class StoredTensor
{
    /// <summary>A tensor of zeros.</summary>
    /// <param name="type">Float32, Float64, Int32 or UInt32.</param>
    /// <param name="shape">Sizes; none for a scalar.</param>
    public StoredTensor(ElementType type, params ReadOnlySpan<int> shape)
    {
        Type = type;
        Shape = shape.ToArray();
        Count = Shape.Aggregate(1, (product, size) => checked(product * size));
        Bytes = new byte[checked((long)Count * Slot.BytesOf(type))];
    }

    /// <summary>The type of its elements.</summary>
    public ElementType Type { get; }

    /// <summary>Its shape; empty for a scalar.</summary>
    public IReadOnlyList<int> Shape { get; }

    /// <summary>The number of its elements.</summary>
    public int Count { get; }

    /// <summary>Its elements.</summary>
    internal byte[] Bytes { get; }

    /// <summary>Its elements as numbers.</summary>
    public double[] ToArray()
    {
        double[] values = new double[Count];
        for (int k = 0; k < Count; k++)
        {
            values[k] = Type switch
            {
                ElementType.Float32 => As<float>()[k],
                ElementType.Float64 => As<double>()[k],
                ElementType.UInt32 => As<uint>()[k],
                _ => As<int>()[k],
            };
        }

        return values;
    }

    /// <inheritdoc/>
    public override string ToString() => $"{Safetensors.NameOf(Type)}[{string.Join(", ", Shape)}]";

    /// <summary>Whether another has its type and shape.</summary>
    internal bool IsLike(StoredTensor other) => Type == other.Type && Shape.SequenceEqual(other.Shape);

    /// <summary>A copy of its own.</summary>
    internal StoredTensor Copy()
    {
        var copy = new StoredTensor(Type, [.. Shape]);
        Bytes.CopyTo(copy.Bytes, 0);
        return copy;
    }

    /// <summary>Its elements in place.</summary>
    internal Span<T> As<T>()
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(Bytes.AsSpan());
}
