using Inference.Compiler;

namespace Inference;

/// <content>Inputs, states, outputs and extents.</content>
public sealed partial class Executable
{
    private readonly Slot[] _inputs;
    private readonly Slot[] _states;
    private readonly Slot[] _outputs;
    private readonly int[] _checks;
    private readonly int[] _probes;

    /// <summary>What is written before a run.</summary>
    public IReadOnlyList<SlotPlan> Inputs => _program.Inputs;

    /// <summary>What is kept between runs.</summary>
    public IReadOnlyList<SlotPlan> States => _program.States;

    /// <summary>What is read after a run.</summary>
    public IReadOnlyList<OutputPlan> Outputs => _program.Outputs;

    /// <summary>The numbers of repetitions that are given at run time.</summary>
    public IReadOnlyList<ExtentPlan> Extents => _program.Extents;

    /// <summary>The number of the input with a name.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    public int IndexOfInput(string name) => IndexOf("input", name, _program.Inputs, input => input.Name);

    /// <summary>The number of the state with a name.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    public int IndexOfState(string name) => IndexOf("state", name, _program.States, state => state.Name);

    /// <summary>The number of the output with a name.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    public int IndexOfOutput(string name) => IndexOf("output", name, _program.Outputs, output => output.Slot.Name);

    /// <summary>The number of the extent with a name.</summary>
    /// <exception cref="ArgumentException">There is none.</exception>
    public int IndexOfExtent(string name) => IndexOf("extent", name, _program.Extents, extent => extent.Name);

    /// <summary>The elements of an input in single precision, to be written in place.</summary>
    public Span<float> Input(int slot) => Input<float>(slot);

    /// <summary>The elements of an input, to be written in place.</summary>
    /// <typeparam name="T">The input's own type: float, double, int or uint; int for booleans.</typeparam>
    public Span<T> Input<T>(int slot)
        where T : unmanaged => SlotAt("input", _inputs, slot).Elements<T>();

    /// <summary>Writes an input, converted to its type.</summary>
    /// <exception cref="ArgumentException">The number of values is not that of the input's elements.</exception>
    public void SetInput(int slot, ReadOnlySpan<float> values) => SlotAt("input", _inputs, slot).Write(values);

    /// <inheritdoc cref="SetInput(int, ReadOnlySpan{float})"/>
    public void SetInput(int slot, ReadOnlySpan<double> values) => SlotAt("input", _inputs, slot).Write(values);

    /// <summary>The elements of a state in single precision.</summary>
    public ReadOnlySpan<float> State(int slot) => State<float>(slot);

    /// <summary>The elements of a state.</summary>
    /// <typeparam name="T">The state's own type: float, double, int or uint; int for booleans.</typeparam>
    public ReadOnlySpan<T> State<T>(int slot)
        where T : unmanaged => SlotAt("state", _states, slot).Elements<T>();

    /// <summary>Replaces a state, converted to its type.</summary>
    /// <exception cref="ArgumentException">The number of values is not that of the state's elements.</exception>
    public void SetState(int slot, ReadOnlySpan<float> values) => SlotAt("state", _states, slot).Write(values);

    /// <inheritdoc cref="SetState(int, ReadOnlySpan{float})"/>
    public void SetState(int slot, ReadOnlySpan<double> values) => SlotAt("state", _states, slot).Write(values);

    /// <summary>Copies a state, converted.</summary>
    /// <exception cref="ArgumentException">The length of <paramref name="values"/> is not the number of the state's elements.</exception>
    public void CopyState(int slot, Span<float> values) => SlotAt("state", _states, slot).Read(values);

    /// <inheritdoc cref="CopyState(int, Span{float})"/>
    public void CopyState(int slot, Span<double> values) => SlotAt("state", _states, slot).Read(values);

    /// <summary>Gives all states the contents they had before the first run.</summary>
    public void ResetStates()
    {
        ThrowIfNotReady();
        for (int buffer = 0; buffer < _program.Buffers.Length; buffer++)
        {
            if (_program.Buffers[buffer].Kind == BufferKind.State || _program.States.Any(state => state.Next == buffer))
            {
                _workspace.Reset(buffer);
            }
        }
    }

    /// <summary>The elements of an output in single precision.</summary>
    public ReadOnlySpan<float> Output(int slot) => Output<float>(slot);

    /// <summary>The elements of an output.</summary>
    /// <typeparam name="T">The output's own type: float, double, int or uint; int for booleans.</typeparam>
    public ReadOnlySpan<T> Output<T>(int slot)
        where T : unmanaged => SlotAt("output", _outputs, slot).Elements<T>();

    /// <summary>Copies an output, converted.</summary>
    /// <exception cref="ArgumentException">The length of <paramref name="values"/> is not the number of the output's elements.</exception>
    public void CopyOutput(int slot, Span<float> values) => SlotAt("output", _outputs, slot).Read(values);

    /// <inheritdoc cref="CopyOutput(int, Span{float})"/>
    public void CopyOutput(int slot, Span<double> values) => SlotAt("output", _outputs, slot).Read(values);

    /// <summary>The count that an extent has now; at first its capacity.</summary>
    public int Extent(int extent)
    {
        ThrowIfNotReady();
        RequireNumber("extent", extent, _program.Extents.Length);
        return _workspace.Variable(extent);
    }

    /// <summary>Sets how often something is repeated in the runs to come.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The count is negative or above the extent's capacity.</exception>
    public void SetExtent(int extent, int count)
    {
        ThrowIfNotReady();
        RequireNumber("extent", extent, _program.Extents.Length);
        ExtentPlan plan = _program.Extents[extent];
        if (count < 0 || count > plan.Capacity)
        {
            throw new ArgumentOutOfRangeException(
                nameof(count),
                count,
                $"The extent \"{plan.Name}\" of the program \"{Name}\" was set to {count}; expected 0 to its capacity, {plan.Capacity}. "
                    + "The capacity is stated where the plate is made.");
        }

        _workspace.Variable(extent) = count;
    }

    /// <inheritdoc cref="SetExtent(int, int)"/>
    public void SetExtent(string name, int count) => SetExtent(IndexOfExtent(name), count);

    private Slot[] SlotsOf(string role, IEnumerable<SlotPlan> plans) => [.. plans.Select(plan => new Slot(role, plan, _workspace))];

    private Slot SlotAt(string role, Slot[] slots, int slot)
    {
        ThrowIfNotReady();
        RequireNumber(role, slot, slots.Length);
        return slots[slot];
    }

    private void RequireNumber(string role, int number, int count)
    {
        if ((uint)number >= (uint)count)
        {
            throw new ArgumentOutOfRangeException(
                role, number, $"The program \"{Name}\" has {count} {role}s, numbered from 0; number {number} was asked for.");
        }
    }

    private int IndexOf<T>(string role, string name, T[] plans, Func<T, string> nameOf)
    {
        for (int i = 0; i < plans.Length; i++)
        {
            if (nameOf(plans[i]) == name)
            {
                return i;
            }
        }

        string known = plans.Length == 0 ? "none" : string.Join(", ", plans.Select(plan => $"\"{nameOf(plan)}\""));
        throw new ArgumentException($"The program \"{Name}\" has no {role} \"{name}\". It has {known}.", nameof(name));
    }
}
