using System.Runtime.InteropServices;
using Inference.Compiler;

namespace Inference;

/// <summary>
/// The native memory of one executable, one block: buffers, the table of their addresses, run-time variables, and scratch for
/// each worker. Owned: freed on disposal, or by the finalizer.
/// </summary>
internal sealed unsafe class Workspace : IDisposable
{
    /// <summary>Bytes to which every part is aligned: a cache line, and the widest vector.</summary>
    public const int Alignment = 64;

    // Between the parts of two workers: processors fetch lines in pairs.
    private const int Padding = 128;

    private readonly BufferPlan[] _buffers;
    private readonly byte** _home;
    private byte* _memory;

    public Workspace(CompiledProgram program, int workers)
    {
        _buffers = program.Buffers;
        long table = Padded((long)Math.Max(1, _buffers.Length) * sizeof(byte*));
        long scratch = Padded(program.ScratchBytes);
        long scratchTable = Padded((long)workers * sizeof(byte*));
        long variables = Padded((long)Math.Max(1, program.VariableCount) * sizeof(int));
        Bytes = Padded(program.WorkspaceBytes) + 3 * table + variables + scratchTable + workers * scratch;
        Allocate(program.Name);

        byte* next = _memory + Padded(program.WorkspaceBytes);
        Buffers = (byte**)Take(ref next, table);
        BuffersOfLastRun = (byte**)Take(ref next, table);
        _home = (byte**)Take(ref next, table);
        Variables = (int*)Take(ref next, variables);
        Scratch = (byte**)Take(ref next, scratchTable);
        for (int worker = 0; worker < workers; worker++)
        {
            Scratch[worker] = Take(ref next, scratch);
        }

        for (int b = 0; b < _buffers.Length; b++)
        {
            _home[b] = _memory + _buffers[b].Offset;
            Reset(b);
        }
    }

    ~Workspace() => Free();

    /// <summary>Bytes in all.</summary>
    public long Bytes { get; }

    /// <summary>For each buffer its address. Those of a state and of its next value change places when a run is committed.</summary>
    public byte** Buffers { get; }

    /// <summary>
    /// The same as the last run found it. Outputs are read through it, because one may lie where a state or its next value does.
    /// </summary>
    public byte** BuffersOfLastRun { get; }

    /// <summary>For each worker the address of its own scratch.</summary>
    public byte** Scratch { get; }

    /// <summary>The extents, then the counters of loops.</summary>
    public int* Variables { get; }

    /// <summary>Notes where a buffer is, at the start of a run.</summary>
    public void Note(int buffer) => BuffersOfLastRun[buffer] = Buffers[buffer];

    /// <summary>Lets two buffers change places.</summary>
    public void Swap(int first, int second)
    {
        byte* before = Buffers[first];
        Buffers[first] = Buffers[second];
        Buffers[second] = before;
    }

    /// <summary>Gives a buffer its first address and its first contents.</summary>
    public void Reset(int buffer)
    {
        BufferPlan plan = _buffers[buffer];
        Buffers[buffer] = _home[buffer];
        Note(buffer);
        NativeMemory.Clear(Buffers[buffer], (nuint)plan.Bytes);
        plan.Initial?.AsSpan().CopyTo(new Span<byte>(Buffers[buffer], plan.Initial.Length));
    }

    public void Dispose()
    {
        Free();
        GC.SuppressFinalize(this);
    }

    private static long Padded(long bytes) => (bytes + Padding - 1) / Padding * Padding;

    private static byte* Take(ref byte* next, long bytes)
    {
        byte* taken = next;
        next += bytes;
        return taken;
    }

    private void Allocate(string program)
    {
        try
        {
            _memory = (byte*)NativeMemory.AlignedAlloc((nuint)Bytes, Alignment);
        }
        catch (OutOfMemoryException failure)
        {
            throw new OutOfMemoryException(
                $"The program \"{program}\" needs {Bytes:N0} bytes of workspace, more than there is. "
                    + "Fewer samples or a shorter horizon need less.",
                failure);
        }

        NativeMemory.Clear(_memory, (nuint)Bytes);
        GC.AddMemoryPressure(Bytes);
    }

    private void Free()
    {
        if (_memory is not null)
        {
            NativeMemory.AlignedFree(_memory);
            _memory = null;
            GC.RemoveMemoryPressure(Bytes);
        }
    }
}
