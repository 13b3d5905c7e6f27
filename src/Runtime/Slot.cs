using System.Numerics;
using System.Runtime.InteropServices;
using Inference.Compiler;

namespace Inference;

/// <summary>An input, state or output of an executable: a dense array in its workspace, in row-major order.</summary>
internal sealed class Slot
{
    private readonly Workspace _workspace;
    private readonly string _role;

    /// <param name="role">Input, state or output, for errors.</param>
    /// <param name="plan">What the compiler says of it.</param>
    /// <param name="workspace">The memory that it lies in.</param>
    public Slot(string role, SlotPlan plan, Workspace workspace)
    {
        _role = role;
        _workspace = workspace;
        Plan = plan;
        Count = plan.Shape.Aggregate(1, (product, extent) => product * extent);
    }

    /// <summary>What the compiler says of it.</summary>
    public SlotPlan Plan { get; }

    /// <summary>Its elements.</summary>
    public int Count { get; }

    /// <summary>True when it holds floating-point numbers.</summary>
    public bool IsFloating => Plan.Type is ElementType.Float32 or ElementType.Float64;

    public static int BytesOf(ElementType type) => type == ElementType.Float64 ? 8 : 4;

    /// <summary>The elements themselves. The span keeps them alive.</summary>
    /// <exception cref="ObjectDisposedException">The executable has been disposed.</exception>
    public Span<T> Elements<T>()
        where T : unmanaged
    {
        bool fits = Plan.Type switch
        {
            ElementType.Float32 => typeof(T) == typeof(float),
            ElementType.Float64 => typeof(T) == typeof(double),
            ElementType.Int32 => typeof(T) == typeof(int),
            ElementType.UInt32 => typeof(T) == typeof(uint),
            ElementType.Bool => typeof(T) == typeof(int) || typeof(T) == typeof(uint),
            _ => false,
        };
        return fits ? Raw<T>() : throw new ArgumentException($"{Title} was asked for as {typeof(T).Name}. Ask for it as {NameOfElement}.");
    }

    /// <summary>
    /// Writes all elements, converted to the slot's type: what is beyond its range to the nearest end, what is not 0 to true.
    /// </summary>
    public void Write<T>(ReadOnlySpan<T> values)
        where T : unmanaged, INumberBase<T>
    {
        RequireCount(values.Length, "was given");
        switch (Plan.Type)
        {
            case ElementType.Float32:
                Convert(values, Raw<float>());
                break;
            case ElementType.Float64:
                Convert(values, Raw<double>());
                break;
            case ElementType.Int32:
                Convert(values, Raw<int>());
                break;
            case ElementType.UInt32:
                Convert(values, Raw<uint>());
                break;
            case ElementType.Bool:
                Span<int> flags = Raw<int>();
                for (int i = 0; i < values.Length; i++)
                {
                    flags[i] = T.IsZero(values[i]) ? 0 : 1;
                }

                break;
        }
    }

    /// <summary>Reads all elements, converted.</summary>
    public void Read<T>(Span<T> values)
        where T : unmanaged, INumberBase<T>
    {
        RequireCount(values.Length, "was asked for");
        switch (Plan.Type)
        {
            case ElementType.Float32:
                Convert(Raw<float>(), values);
                break;
            case ElementType.Float64:
                Convert(Raw<double>(), values);
                break;
            case ElementType.UInt32:
                Convert(Raw<uint>(), values);
                break;
            case ElementType.Int32 or ElementType.Bool:
                Convert(Raw<int>(), values);
                break;
        }
    }

    /// <summary>The element of a slot that has one.</summary>
    public double Single()
    {
        double value = 0;
        Read(new Span<double>(ref value));
        return value;
    }

    private string Title => $"The {_role} \"{Plan.Name}\", shape [{string.Join(", ", Plan.Shape)}] of {NameOfElement},";

    private string NameOfElement => Plan.Type switch
    {
        ElementType.Float32 => "Single",
        ElementType.Float64 => "Double",
        ElementType.Int32 => "Int32",
        ElementType.UInt32 => "UInt32",
        _ => "Int32 (0 or 1)",
    };

    private static void Convert<TFrom, TTo>(ReadOnlySpan<TFrom> from, Span<TTo> to)
        where TFrom : unmanaged, INumberBase<TFrom>
        where TTo : unmanaged, INumberBase<TTo>
    {
        if (typeof(TFrom) == typeof(TTo))
        {
            MemoryMarshal.Cast<TFrom, TTo>(from).CopyTo(to);
            return;
        }

        for (int i = 0; i < from.Length; i++)
        {
            to[i] = TTo.CreateSaturating(from[i]);
        }
    }

    // Through the workspace at each use, because the buffers of states change places.
    private Span<T> Raw<T>()
        where T : unmanaged => _workspace.Elements<T>(Plan.Buffer, Count);

    private void RequireCount(int count, string verb)
    {
        if (count != Count)
        {
            throw new ArgumentException($"{Title} {verb} {count} {(count == 1 ? "element" : "elements")}; it has {Count}.");
        }
    }
}
