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
    public void An_output_that_lies_where_a_state_does_is_refused()
    {
        using Engine engine = ExecutableTests.NewEngine();
        SlotPlan position = SamplePrograms.Integrator().States[0];
        foreach (int buffer in new[] { position.Buffer, position.Next })
        {
            CompiledProgram plan = SamplePrograms.Integrator();
            plan.Outputs = [new OutputPlan { Slot = new SlotPlan { Name = "seen", Shape = [2], Buffer = buffer, Next = buffer }, Message = "" }];
            var error = Assert.Throws<GeneratedSourceException>(() => ExecutableTests.Load(engine, plan));
            Assert.Contains("output \"seen\" lies where a state does", error.Message);
        }
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
