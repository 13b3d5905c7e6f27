using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Inference.Compiler;

namespace Inference;

/// <summary>
/// Decides after a run whether the next values of the states replace the present ones: only if all of them are finite. States
/// that a run writes in place are not examined, since there is nothing left to go back to.
/// </summary>
internal sealed unsafe class StateCommit
{
    // 16 KiB of single precision: big enough to be worth handing out, small enough to share out evenly.
    private const int ChunkElements = 4096;

    // Below this a barrier costs more than the second thread saves.
    private const int ParallelChunks = 16;

    private readonly Slot[] _swapped;
    private readonly Target[] _targets;
    private readonly Slot[] _floating;
    private readonly long _chunks;

    public StateCommit(IEnumerable<Slot> states)
    {
        _swapped = [.. states.Where(state => state.Plan.Next != state.Plan.Buffer)];
        _floating = [.. _swapped.Where(state => state.IsFloating)];
        _targets = GC.AllocateArray<Target>(_floating.Length, pinned: true);
        for (int t = 0; t < _targets.Length; t++)
        {
            SlotPlan plan = _floating[t].Plan;
            long chunks = (_floating[t].Count + ChunkElements - 1) / ChunkElements;
            _targets[t] = new Target
            {
                Buffer = plan.Next,
                IsDouble = plan.Type == ElementType.Float64,
                Elements = _floating[t].Count,
                FirstChunk = _chunks,
                Chunks = chunks,
            };
            _chunks += chunks;
        }
    }

    /// <summary>Lets the next values take the place of the present ones if all are finite. The caller holds the pool.</summary>
    /// <returns>The name of a state whose next value is not finite, or null if the run was committed.</returns>
    public string? TryCommit(WorkerPool pool, Workspace workspace)
    {
        string? culprit = FindNonFinite(pool, workspace);
        if (culprit is null)
        {
            foreach (Slot state in _swapped)
            {
                workspace.Swap(state.Plan.Buffer, state.Plan.Next);
            }
        }

        return culprit;
    }

    private string? FindNonFinite(WorkerPool pool, Workspace workspace)
    {
        if (_chunks == 0)
        {
            return null;
        }

        // The pinned array stands in for the variables of a kernel.
        var targets = (int*)Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(_targets));
        if (_chunks >= ParallelChunks)
        {
            pool.Run(&Scan, workspace.Buffers, workspace.Scratch, targets, _chunks);
        }
        else
        {
            Scan(workspace.Buffers, null, targets, 0, _chunks);
        }

        string? culprit = null;
        for (int t = _targets.Length - 1; t >= 0; t--)
        {
            if (_targets[t].Broken != 0)
            {
                _targets[t].Broken = 0;
                culprit = _floating[t].Plan.Name;
            }
        }

        return culprit;
    }

    /// <summary>A kernel whose items are the chunks of all targets, one target after the other.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Scan(byte** buffers, byte* scratch, int* targets, long begin, long end)
    {
        var target = (Target*)targets;
        for (long chunk = begin; chunk < end; chunk++)
        {
            while (chunk >= target->FirstChunk + target->Chunks)
            {
                target++;
            }

            long first = (chunk - target->FirstChunk) * ChunkElements;
            int count = (int)Math.Min(ChunkElements, target->Elements - first);
            byte* data = buffers[target->Buffer];
            bool finite = target->IsDouble
                ? IsFinite(new ReadOnlySpan<double>((double*)data + first, count))
                : IsFinite(new ReadOnlySpan<float>((float*)data + first, count));
            if (!finite)
            {
                target->Broken = 1;
            }
        }
    }

    /// <summary>x − x is 0 for every finite x and NaN for the others, and a sum that has met a NaN stays one.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static bool IsFinite<T>(ReadOnlySpan<T> values)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        ReadOnlySpan<Vector<T>> vectors = MemoryMarshal.Cast<T, Vector<T>>(values);
        Vector<T> even = Vector<T>.Zero;
        Vector<T> odd = Vector<T>.Zero;
        int v = 0;
        for (; v + 1 < vectors.Length; v += 2)
        {
            even += vectors[v] - vectors[v];
            odd += vectors[v + 1] - vectors[v + 1];
        }

        T sum = Vector.Sum(even + odd);
        for (int i = v * Vector<T>.Count; i < values.Length; i++)
        {
            sum += values[i] - values[i];
        }

        return T.IsFinite(sum);
    }

    /// <summary>The next value of one state.</summary>
    private struct Target
    {
        public int Buffer;
        public bool IsDouble;
        public int Broken;
        public long Elements;
        public long FirstChunk;
        public long Chunks;
    }
}
