using Inference.Compiler;
using Xunit;

namespace Inference.Runtime.Tests;

public sealed class StateTests
{
    // The second size is examined by several threads.
    [Theory]
    [InlineData(4)]
    [InlineData(300_001)]
    public void States_are_replaced_by_finite_values_only(int many)
    {
        using Engine engine = ExecutableTests.NewEngine();
        using Executable integrator = ExecutableTests.Load(engine, SamplePrograms.Integrator(many));
        int position = integrator.IndexOfState("position");
        Assert.Equal([10, 20], integrator.State(position).ToArray());
        integrator.SetInput(0, [7f]);
        integrator.Run();
        Assert.True(integrator.LastRunCommitted);
        Assert.Equal([11, 22], integrator.State(position).ToArray());
        Assert.Equal(7, integrator.State(1)[many - 1]);

        foreach (float broken in new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity })
        {
            integrator.SetInput(0, [broken]);
            integrator.Run();
            Assert.False(integrator.LastRunCommitted);
            Assert.Equal("memory", integrator.NonFiniteState);
            Assert.Equal([11, 22], integrator.State(position).ToArray());
            Assert.Equal(7, integrator.State(1)[many - 1]);
        }

        integrator.SetInput(0, [float.MaxValue]);
        integrator.Run();
        Assert.True(integrator.LastRunCommitted);
        Assert.Null(integrator.NonFiniteState);
        Assert.Equal([12, 24], integrator.State(position).ToArray());
    }

    [Fact]
    public void States_can_be_set_copied_and_reset()
    {
        using Engine engine = ExecutableTests.NewEngine();
        using Executable integrator = ExecutableTests.Load(engine, SamplePrograms.Integrator());
        for (int runs = 0; runs < 4; runs++)
        {
            integrator.ResetStates();
            Assert.Equal([10, 20], integrator.State(0).ToArray());
            for (int run = 0; run < runs; run++)
            {
                integrator.Run();
            }

            Assert.Equal([10 + runs, 20 + 2 * runs], integrator.State(0).ToArray());
        }

        integrator.SetState(0, [100.0, 200.0]);
        integrator.Run();
        var values = new double[2];
        integrator.CopyState(0, values);
        Assert.Equal([101, 202], values);
    }

    [Fact]
    public void An_output_may_lie_where_a_state_does()
    {
        CompiledProgram plan = SamplePrograms.Integrator();
        SlotPlan position = plan.States[0];
        plan.Outputs = [OutputIn(position.Buffer), OutputIn(position.Next)];
        using Engine engine = ExecutableTests.NewEngine();
        using Executable integrator = ExecutableTests.Load(engine, plan);
        for (int run = 0; run < 3; run++)
        {
            integrator.Run();
            Assert.Equal([10 + run, 20 + 2 * run], integrator.Output(0).ToArray());
            Assert.Equal([11 + run, 22 + 2 * run], integrator.Output(1).ToArray());
        }

        integrator.SetInput(0, [float.NaN]);
        integrator.Run();
        Assert.Equal([13, 26], integrator.Output(0).ToArray());
        Assert.Equal([14, 28], integrator.Output(1).ToArray());
        Assert.Equal([13, 26], integrator.State(0).ToArray());

        static OutputPlan OutputIn(int buffer) =>
            new() { Slot = new SlotPlan { Name = $"buffer {buffer}", Shape = [2], Buffer = buffer, Next = buffer }, Message = "" };
    }

    [Fact]
    public void A_failed_check_keeps_the_states_and_says_what_failed()
    {
        using Engine engine = ExecutableTests.NewEngine();
        using Executable program = ExecutableTests.Load(engine, SamplePrograms.Checked());
        program.SetInput(0, [0f]);
        program.Run();
        Assert.Equal(1, program.State(0)[0]);

        foreach (float violations in new[] { 3, float.NaN })
        {
            program.SetInput(0, [violations]);
            var error = Assert.Throws<CheckFailedException>(program.Run);
            Assert.StartsWith("The site \"z\" needs a positive scale.", Assert.Single(error.Messages));
            Assert.Equal(1, program.State(0)[0]);
            Assert.False(program.LastRunCommitted);
        }
    }

    [Fact]
    public void Probes_are_shown_after_each_run()
    {
        using Engine engine = ExecutableTests.NewEngine();
        using Executable program = ExecutableTests.Load(engine, SamplePrograms.Checked());
        var seen = new List<(string Name, double[] Values)>();
        program.Run();
        program.Probed += (name, values) => seen.Add((name, values));
        program.SetInput(0, [-4f]);
        program.Run();
        (string name, double[] values) = Assert.Single(seen);
        Assert.Equal("twice", name);
        Assert.Equal([-8, -12], values);
    }
}
