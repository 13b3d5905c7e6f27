using Inference.Compiler;

namespace Inference.Runtime.Tests;

/// <summary>Puts together by hand what the compiler would: a source, buffers one behind the other, slots and steps.</summary>
internal sealed class PlanBuilder(string name, string body)
{
    private readonly List<BufferPlan> _buffers = [];
    private readonly List<SlotPlan> _inputs = [];
    private readonly List<SlotPlan> _states = [];
    private readonly List<OutputPlan> _outputs = [];
    private readonly List<ExtentPlan> _extents = [];
    private readonly List<StepPlan> _steps = [];
    private long _bytes;
    private int _kernels;
    private int _variables;

    public PlanBuilder Input(string input, ElementType type, params int[] shape)
    {
        _inputs.Add(NewSlot(input, BufferKind.Input, type, shape));
        return this;
    }

    /// <summary>A state whose next value is in the buffer after its own.</summary>
    public PlanBuilder State(string state, float[] initial)
    {
        byte[] bytes = [.. initial.SelectMany(BitConverter.GetBytes)];
        SlotPlan slot = NewSlot(state, BufferKind.State, ElementType.Float32, [initial.Length], bytes);
        slot.Next = NewBuffer(state + "'", BufferKind.Temporary, ElementType.Float32, slot.Shape, null);
        _states.Add(slot);
        return this;
    }

    public PlanBuilder Output(string output, ElementType type, params int[] shape) => Output(output, OutputKind.Value, "", type, shape);

    public PlanBuilder Output(string output, OutputKind kind, string message, ElementType type, params int[] shape)
    {
        _outputs.Add(new OutputPlan { Slot = NewSlot(output, BufferKind.Output, type, shape), Kind = kind, Message = message });
        return this;
    }

    public PlanBuilder Extent(string extent, int capacity)
    {
        _extents.Add(new ExtentPlan { Name = extent, Capacity = capacity });
        _variables++;
        return this;
    }

    public PlanBuilder Kernel(long count, bool parallel = true, int extent = -1, int tile = 1)
    {
        _steps.Add(
            new StepPlan { Kind = StepKind.Kernel, Kernel = _kernels++, Count = count, Extent = extent, Tile = tile, Parallel = parallel });
        return this;
    }

    public PlanBuilder Loop(long count, Action<PlanBuilder> inside, int extent = -1, int tile = 1)
    {
        int variable = _variables++;
        _steps.Add(new StepPlan { Kind = StepKind.BeginLoop, Count = count, Extent = extent, Tile = tile, Variable = variable });
        inside(this);
        _steps.Add(new StepPlan { Kind = StepKind.EndLoop, Extent = -1, Variable = variable });
        return this;
    }

    public CompiledProgram Build() => new()
    {
        Name = name,
        Source = $$"""
            namespace Inference.Generated;
            public static unsafe class Kernels
            {
            {{body}}
            }
            """,
        Graph = "the graph",
        Schedule = "the schedule",
        Loops = "the loops",
        KernelCount = _kernels,
        Steps = [.. _steps],
        Buffers = [.. _buffers],
        WorkspaceBytes = _bytes,
        ScratchBytes = 256,
        VariableCount = _variables,
        Extents = [.. _extents],
        Inputs = [.. _inputs],
        States = [.. _states],
        Outputs = [.. _outputs],
    };

    private SlotPlan NewSlot(string slot, BufferKind kind, ElementType type, int[] shape, byte[]? initial = null)
    {
        int buffer = NewBuffer(slot, kind, type, shape, initial);
        return new SlotPlan { Name = slot, Shape = shape, Type = type, Buffer = buffer, Next = buffer };
    }

    private int NewBuffer(string buffer, BufferKind kind, ElementType type, int[] shape, byte[]? initial)
    {
        long elements = shape.Aggregate(1L, (product, extent) => product * extent);
        long bytes = (elements * (type == ElementType.Float64 ? 8 : 4) + 63) / 64 * 64;
        _buffers.Add(new BufferPlan { Name = buffer, Kind = kind, Type = type, Bytes = bytes, Offset = _bytes, Initial = initial });
        _bytes += bytes;
        return _buffers.Count - 1;
    }
}
