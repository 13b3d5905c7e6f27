using Inference.Twins;
using Microsoft.FSharp.Core;
using Xunit;
using Compile = Inference.Compiler.Compile;

namespace Inference.CSharpApi.Tests;

/// <summary>What C# says and what F# says is the same program, and computes the same bits.</summary>
public sealed class TwinTests : IDisposable
{
    private readonly Engine _engine = new(new EngineOptions { Threads = 2, Cache = false });

    public void Dispose() => _engine.Dispose();

    [Fact]
    public void The_pendulum_of_both_languages_is_one_program()
    {
        var options = new MppiSettings(256, 30, 1, 1, 64, null);
        PlannerProgram ours = MppiModule.plan(options, Pendulum.Optimal);
        Assert.Equal(TextOf(Inference.Twins.Pendulum.mppi.Program), TextOf(ours.Program));
        AssertSame(
            EnvironmentProgramsModule.derive(Inference.Twins.Pendulum.pendulum), EnvironmentProgramsModule.derive(Pendulum.Model.Process));
    }

    [Fact]
    public void The_cart_with_every_part_is_one_program()
    {
        var options = new MppiSettings(64, 10, 0.5, 4, 16, null);
        PlannerProgram theirs = MppiModule.plan(options, MdpModule.optimal(1.0, Inference.Twins.Cart.cart));
        PlannerProgram ours = MppiModule.plan(options, Carts.Model.Optimal(1.0));
        Assert.Equal(TextOf(theirs.Program), TextOf(ours.Program));
        AssertSame(EnvironmentProgramsModule.derive(Inference.Twins.Cart.cart), EnvironmentProgramsModule.derive(Carts.Model.Process));
    }

    [Fact]
    public void Planners_of_both_languages_give_equal_bits()
    {
        using Planner ours = Pendulum.Optimal.Plan(new Mppi { Samples = 256, Horizon = 30 }, _engine, seed: 7);
        using var theirs = new Planner(Inference.Twins.Pendulum.mppi, _engine, seed: 7);
        for (int step = 0; step < 5; step++)
        {
            float[] state = [MathF.PI - 0.1f * step, 0.2f * step];
            Assert.Equal(theirs.Act(state).ToArray(), ours.Act(state).ToArray());
            Assert.Equal(theirs.Plan.ToArray(), ours.Plan.ToArray());
        }

        Assert.NotEqual(0f, ours.Plan[0]);
    }

    [Fact]
    public void FSharp_acts_and_simulates_as_CSharp_does()
    {
        using Planner ours = Pendulum.Optimal.Plan(new Mppi { Samples = 1024, Horizon = 50, Noise = 1 }, _engine);
        float[] hanging = [MathF.PI, 0];
        (float torque, float[] plan, Episode episode) = Inference.Twins.Pendulum.swingUp(_engine);
        Assert.Equal(ours.Act(hanging)[0], torque);
        Assert.Equal(ours.Plan.ToArray(), plan);
        Assert.Equal(Pendulum.Model.Simulate(ours, steps: 200, start: hanging).ActionsSha256(), episode.ActionsSha256());
        Assert.InRange(episode.Return, -450, -200);
    }

    [Fact]
    public void Graphs_of_both_languages_answer_and_draw_alike()
    {
        Tensor effects = Language.Constant([28, 8, -3, 7, -1, 1, 18, 12]), errors = Language.Constant([15, 10, 16, 11, 9, 11, 10, 18]);
        (IReadOnlyList<string> parents, bool isIndependent, string svg) = Inference.Twins.Graphs.answers(effects, errors);
        Assert.Equal(["mu", "tau", "school/z"], parents);
        Assert.False(isIndependent);
        Assert.Equal(File.ReadAllText(SolutionFolder.PathOf("docs/schools.svg")), svg);
    }

    private static void AssertSame(EnvironmentPrograms theirs, EnvironmentPrograms ours)
    {
        Assert.Equal(TextOf(theirs.Step), TextOf(ours.Step));
        Assert.Equal(TextOf(theirs.Reset.Value), TextOf(ours.Reset.Value));
        Assert.Equal(theirs.Observe is null, ours.Observe is null);
        Assert.Equal(theirs.ObservationCount, ours.ObservationCount);
    }

    private static string TextOf(Program program) => Compile.close(new Inference.Compiler.CompileOptions(), program).Text;
}
