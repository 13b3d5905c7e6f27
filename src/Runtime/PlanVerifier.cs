using Inference.Compiler;

namespace Inference;

/// <summary>
/// Tests that a plan names only what it has, because a run follows it through bare pointers: a wrong plan must be an error here,
/// not a crash later.
/// </summary>
internal static class PlanVerifier
{
    /// <exception cref="GeneratedSourceException">The plan contradicts itself.</exception>
    public static void Verify(CompiledProgram program)
    {
        Require(program, program.WorkspaceBytes >= 0 && program.ScratchBytes >= 0, "negative sizes");
        Require(
            program,
            program.VariableCount >= program.Extents.Length,
            $"{program.VariableCount} variables for {program.Extents.Length} extents");
        foreach (BufferPlan buffer in program.Buffers)
        {
            Require(
                program,
                buffer.Bytes >= 0 && buffer.Offset >= 0 && buffer.Offset % Workspace.Alignment == 0
                    && buffer.Bytes <= program.WorkspaceBytes - buffer.Offset && (buffer.Initial?.Length ?? 0) <= buffer.Bytes,
                $"buffer \"{buffer.Name}\" of {buffer.Bytes} bytes at {buffer.Offset} with {buffer.Initial?.Length ?? 0} initial bytes, "
                    + $"in a workspace of {program.WorkspaceBytes}");
        }

        foreach (ExtentPlan extent in program.Extents)
        {
            Require(program, extent.Capacity >= 0, $"extent \"{extent.Name}\" with capacity {extent.Capacity}");
        }

        foreach (SlotPlan slot in program.Inputs.Concat(program.States).Concat(program.Outputs.Select(output => output.Slot)))
        {
            VerifySlot(program, slot);
        }

        // A commit would take such an output away.
        var states = program.States.SelectMany(state => new[] { state.Buffer, state.Next }).ToHashSet();
        foreach (OutputPlan output in program.Outputs)
        {
            Require(program, !states.Contains(output.Slot.Buffer), $"output \"{output.Slot.Name}\" lies where a state does");
            Require(
                program,
                output.Kind != OutputKind.Check || output.Slot.Shape.All(extent => extent == 1),
                $"check \"{output.Slot.Name}\" of shape [{string.Join(", ", output.Slot.Shape)}]");
        }

        VerifySteps(program);
    }

    private static void VerifySlot(CompiledProgram program, SlotPlan slot)
    {
        int buffers = program.Buffers.Length;
        bool known = slot.Buffer >= 0 && slot.Buffer < buffers && slot.Next >= 0 && slot.Next < buffers;
        Require(program, known, $"slot \"{slot.Name}\" in buffers {slot.Buffer} and {slot.Next} of {buffers}");

        // In floating point, which cannot overflow.
        double count = slot.Shape.Aggregate(1.0, (product, extent) => product * extent);
        double bytes = count * Slot.BytesOf(slot.Type);
        long room = Math.Min(program.Buffers[slot.Buffer].Bytes, program.Buffers[slot.Next].Bytes);
        bool fits = slot.Shape.All(extent => extent >= 0) && bytes <= room;
        Require(program, fits, $"slot \"{slot.Name}\" of {bytes} bytes in a buffer of {room}");
        Require(program, count <= int.MaxValue, $"slot \"{slot.Name}\" of {count} elements, more than a span can hold");
    }

    private static void VerifySteps(CompiledProgram program)
    {
        int depth = 0;
        foreach (StepPlan step in program.Steps)
        {
            string what = $"step {step.Kind} with kernel {step.Kernel}, count {step.Count}, extent {step.Extent}, tile {step.Tile}, "
                + $"variable {step.Variable}";
            Require(program, step.Count >= 0 && step.Extent < program.Extents.Length && (step.Extent < 0 || step.Tile > 0), what);
            switch (step.Kind)
            {
                case StepKind.Kernel:
                    Require(program, step.Kernel >= 0 && step.Kernel < program.KernelCount, what);
                    break;
                case StepKind.BeginLoop:
                    depth++;
                    Require(program, step.Variable >= program.Extents.Length && step.Variable < program.VariableCount, what);
                    break;
                case StepKind.EndLoop:
                    depth--;
                    Require(program, depth >= 0, "an end of a loop that has no beginning");
                    break;
                default:
                    Require(program, false, what);
                    break;
            }
        }

        Require(program, depth == 0, "a loop without an end");
    }

    private static void Require(CompiledProgram program, bool holds, string found)
    {
        if (!holds)
        {
            throw new GeneratedSourceException($"The plan of the program \"{program.Name}\" contradicts itself: {found}.", program.Source);
        }
    }
}
