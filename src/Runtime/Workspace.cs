using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Inference.Compiler;

namespace Inference;

/// <summary>
/// The memory of one executable, one block that never moves: buffers, the table of their addresses, run-time variables, and scratch
/// for each worker.
/// </summary>
/// <remarks>
/// The block is a pinned array, so that a span over it keeps it alive: whoever still holds one after disposal reads old numbers, never
/// memory that is somebody else's. Kernels see bare addresses; their caller holds the workspace, and disposes it after them.
/// </remarks>
internal sealed unsafe class Workspace : IDisposable
{
    /// <summary>Bytes to which every part is aligned: a cache line, and the widest vector.</summary>
    public const int Alignment = 64;

    // Between the parts of two workers: processors fetch lines in pairs.
    private const int Padding = 128;

    private readonly BufferPlan[] _buffers;
    private readonly byte** _home;
    private readonly byte** _addresses;
    private readonly int* _variables;
    private Line[]? _memory;

    public Workspace(CompiledProgram program, int workers)
    {
        _buffers = program.Buffers;
        long table = Padded((long)Math.Max(1, _buffers.Length) * sizeof(byte*));
        long scratch = Padded(program.ScratchBytes);
        long scratchTable = Padded((long)workers * sizeof(byte*));
        long variables = Padded((long)Math.Max(1, program.VariableCount) * sizeof(int));
        Bytes = Padded(program.WorkspaceBytes) + 2 * table + variables + scratchTable + workers * scratch;
        _memory = Allocate(Bytes, program.Name);

        byte* first = AddressOf(_memory);
        LargePages.Advise(first, Bytes);
        NativeMemory.Clear(first, (nuint)Bytes);
        byte* next = first + Padded(program.WorkspaceBytes);
        _addresses = (byte**)Take(ref next, table);
        _home = (byte**)Take(ref next, table);
        _variables = (int*)Take(ref next, variables);
        Scratch = (byte**)Take(ref next, scratchTable);
        for (int worker = 0; worker < workers; worker++)
        {
            Scratch[worker] = Take(ref next, scratch);
        }

        for (int b = 0; b < _buffers.Length; b++)
        {
            _home[b] = first + _buffers[b].Offset;
            Reset(b);
        }
    }

    /// <summary>Bytes in all.</summary>
    public long Bytes { get; }

    /// <summary>
    /// For each buffer its address, for kernels. Those of a state and of its next value change places when a run is committed.
    /// </summary>
    public byte** Buffers => _addresses;

    /// <summary>For each worker the address of its own scratch, for kernels.</summary>
    public byte** Scratch { get; }

    /// <summary>The extents, then the counters of loops, for kernels.</summary>
    public int* Variables => _variables;

    /// <summary>The first elements of a buffer. The span keeps the memory alive.</summary>
    /// <exception cref="ObjectDisposedException">The workspace has been disposed.</exception>
    public Span<T> Elements<T>(int buffer, int count)
        where T : unmanaged
    {
        Line[] memory = Held();
        var elements = new Span<T>(_addresses[buffer], count);
        GC.KeepAlive(memory);
        return elements;
    }

    /// <summary>The extents, then the counters of loops. The reference keeps the memory alive.</summary>
    /// <exception cref="ObjectDisposedException">The workspace has been disposed.</exception>
    public ref int Variable(int variable)
    {
        Line[] memory = Held();
        ref int entry = ref Unsafe.AsRef<int>(_variables + variable);
        GC.KeepAlive(memory);
        return ref entry;
    }

    /// <summary>Lets two buffers change places.</summary>
    public void Swap(int first, int second)
    {
        byte* before = _addresses[first];
        _addresses[first] = _addresses[second];
        _addresses[second] = before;
    }

    /// <summary>Gives a buffer its first address and its first contents.</summary>
    /// <exception cref="ObjectDisposedException">The workspace has been disposed.</exception>
    public void Reset(int buffer)
    {
        Line[] memory = Held();
        BufferPlan plan = _buffers[buffer];
        _addresses[buffer] = _home[buffer];
        NativeMemory.Clear(_addresses[buffer], (nuint)plan.Bytes);
        plan.Initial?.AsSpan().CopyTo(new Span<byte>(_addresses[buffer], plan.Initial.Length));
        GC.KeepAlive(memory);
    }

    /// <summary>Lets the memory go as soon as no span lies in it.</summary>
    public void Dispose() => Volatile.Write(ref _memory, null);

    private static long Padded(long bytes) => (bytes + Padding - 1) / Padding * Padding;

    private static byte* Take(ref byte* next, long bytes)
    {
        byte* taken = next;
        next += bytes;
        return taken;
    }

    private static Line[] Allocate(long bytes, string program)
    {
        try
        {
            // One line more, to begin at a multiple of its size.
            return GC.AllocateUninitializedArray<Line>(checked((int)(bytes / Alignment + 1)), pinned: true);
        }
        catch (Exception failure) when (failure is OutOfMemoryException or OverflowException)
        {
            throw new OutOfMemoryException(
                $"The program \"{program}\" needs {bytes:N0} bytes of workspace, more than there is. "
                    + "Fewer samples or a shorter horizon need less.",
                failure);
        }
    }

    private static byte* AddressOf(Line[] memory)
    {
        nint address = (nint)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(memory));
        return (byte*)((address + Alignment - 1) / Alignment * Alignment);
    }

    private Line[] Held() => Volatile.Read(ref _memory) ?? throw new ObjectDisposedException(nameof(Executable));

    [StructLayout(LayoutKind.Sequential, Size = Alignment)]
    private struct Line;
}
