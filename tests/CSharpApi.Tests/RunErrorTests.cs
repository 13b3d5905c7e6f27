using System.Runtime.CompilerServices;
using Xunit;
using static Inference.Language;

namespace Inference.CSharpApi.Tests;

/// <summary>What is wrong with a planner's options, a derivation, or a call.</summary>
public sealed class RunErrorTests : IDisposable
{
    private readonly Engine _engine = new(new EngineOptions { Threads = 1, Cache = false });

    private static Mppi Small => new() { Samples = 8, Horizon = 3, ElboSamples = 4 };

    public void Dispose() => _engine.Dispose();

    [Fact]
    public void Options_out_of_range_are_named()
    {
        int line = Line();
        var failure = Assert.Throws<ModelException>(() => Pendulum.Optimal.Plan(Small with { Samples = 0 }, _engine));
        AssertSays(failure, line + 1, "pendulum", "Mppi.Samples is 0.", "Draw at least 1");

        line = Line();
        failure = Assert.Throws<ModelException>(() => Pendulum.Optimal.Plan(Small with { Horizon = -2 }, _engine));
        AssertSays(failure, line + 1, "pendulum", "Mppi.Horizon is -2.", "Plan at least 1 step.");

        Assert.Contains("Mppi.Rollouts is 0.", MessageOf(Small with { Rollouts = 0 }), StringComparison.Ordinal);
        Assert.Contains("Mppi.ElboSamples is 0.", MessageOf(Small with { ElboSamples = 0 }), StringComparison.Ordinal);
        Assert.Contains(
            "The noise has 2 numbers; the action has 1 and the horizon 3 steps.",
            MessageOf(Small with { Noise = new[] { 1.0, 2 } }),
            StringComparison.Ordinal);

        line = Line();
        failure = Assert.Throws<ModelException>(() => Small with { Noise = 0 });
        AssertSays(failure, line + 1, "", "A noise is a standard deviation above 0; 0 came.", "Choose it in the action's own units.");
    }

    [Fact]
    public void Semantics_that_a_planner_does_not_have_are_refused()
    {
        var optimal = Pendulum.Model.Optimal(0.1, PlanningSemantics.Boltzmann);
        int line = Line();
        var failure = Assert.Throws<ModelException>(() => optimal.Plan(Small, _engine));
        AssertSays(
            failure, line + 1, "pendulum",
            "Mppi plans open-loop, under fixed dynamics or the exact posterior; Boltzmann came.", "Name one of them");
    }

    [Fact]
    public void A_part_that_is_missing_is_named()
    {
        var unrewarded = Mdp.Define<Point, Move>("unrewarded").Step((s, u) => s).Optimal(1);
        int line = Line();
        var failure = Assert.Throws<ModelException>(() => unrewarded.Plan(Small, _engine));
        AssertSays(failure, line + 1, "unrewarded", "\"unrewarded\" has no Reward.", "Define it before it is used: .Reward(…).");
    }

    [Fact]
    public void An_index_that_escapes_is_named()
    {
        int line = Line();
        var failure = Assert.Throws<ModelException>(() => Pendulum.Optimal.Plan(
            "first",
            3,
            p => from rollouts in Plate("rollout", 8, p.SampleActions("actions", p.Mean, 1))
                 select Plan.Of(rollouts.Value),
            _engine));
        Assert.Equal("RunErrorTests.cs", Path.GetFileName(failure.Location.File));
        Assert.InRange(failure.Location.Line, line + 1, line + 6);
        Assert.StartsWith("The output \"action\" of program \"first\" still varies over \"rollout\".", failure.Message, StringComparison.Ordinal);
        Assert.Contains("expectation over \"rollout\"", failure.Mend, StringComparison.Ordinal);
    }

    [Fact]
    public void A_computed_parameter_out_of_range_is_named_when_the_engine_is_checked()
    {
        using var engine = new Engine(new EngineOptions { Threads = 1, Cache = false, Checked = true });
        int line = Line();
        var model = Mdp.Define<Point, Move>("shaky")
            .Step((s, u) =>
                from next in Sample("next", Normal(s.X, s.X - 1))
                select new Point(next))
            .Reward((s, u) => s.X);
        using Planner planner = model.Optimal(1).Plan(Small with { Horizon = 1 }, engine);
        planner.Act([2]);
        var failure = Assert.Throws<CheckFailedException>(() => planner.Act([0.5f]));
        Assert.Contains("next\" needs Normal with a standard deviation > 0", failure.Message, StringComparison.Ordinal);
        Assert.Contains($"(at RunErrorTests.cs:{line + 3})", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_wrong_count_of_numbers_is_named()
    {
        using Planner planner = Pendulum.Optimal.Plan(Small, _engine);
        string message = Assert.Throws<ArgumentException>(() => planner.Act([1]).Length).Message;
        Assert.Contains("The planner \"mppi\" needs 2 numbers for the state (Angle, Velocity); 1 came.", message, StringComparison.Ordinal);

        using var pair = _engine.Compile("pair", (Pair x) => x.Scale * Sum(x.Left));
        message = Assert.Throws<ArgumentException>(() => pair.Run([1, 2]).Length).Message;
        Assert.Equal("The function \"pair\" needs 4 numbers for x.Left[3], x.Scale; 2 came.", message);
    }

    [Fact]
    public void Use_after_disposal_is_refused()
    {
        Planner planner = Pendulum.Optimal.Plan(Small, _engine);
        planner.Dispose();
        Assert.Throws<ObjectDisposedException>(() => planner.Act([0, 0]).Length);

        var square = _engine.Compile("square", (Tensor x) => Square(x));
        square.Dispose();
        Assert.Throws<ObjectDisposedException>(() => square.Run([2]).Length);
    }

    [Fact]
    public async Task Use_from_two_threads_at_once_is_refused()
    {
        using var engine = new Engine(new EngineOptions { Threads = 1, Cache = false });
        using Planner planner = Pendulum.Optimal.Plan(
            "probing", 2, p => from outcome in p.Follow(p.Mean) select Plan.Of(p.Mean, ("return", Probe("return", outcome.Return))), engine);
        using var acting = new SemaphoreSlim(0);
        using var refused = new SemaphoreSlim(0);
        planner.Executable.Probed += (_, _) =>
        {
            acting.Release();
            refused.Wait();
        };
        Task<float> first = Task.Run(() => planner.Act([0, 0])[0]);
        await acting.WaitAsync();
        var failure = Assert.Throws<InvalidOperationException>(() => planner.Act([0, 0]).Length);
        refused.Release();
        await first;
        Assert.Equal(
            "The planner \"probing\" is in use by another thread. It is for one thread at a time: make one for each thread.", failure.Message);
    }

    [Fact]
    public void A_state_that_changes_its_shape_is_named()
    {
        int line = Line();
        var failure = Assert.Throws<ModelException>(() =>
            _engine.Compile("growing", Zeros(2), (Tensor s, Tensor x) => (Concat(0, s, s), x)));
        AssertSays(failure, line + 2, "growing", "The state \"s\" is F32[2]; its next value is F32[4].", "A state keeps its shape and type.");
    }

    private static int Line([CallerLineNumber] int line = 0) => line;

    private static void AssertSays(ModelException failure, int line, string model, string problem, string mend)
    {
        Assert.Equal("RunErrorTests.cs", Path.GetFileName(failure.Location.File));
        Assert.Equal(line, failure.Location.Line);
        Assert.Equal(model, failure.Model);
        Assert.StartsWith(problem, failure.Message, StringComparison.Ordinal);
        Assert.StartsWith(mend, failure.Mend, StringComparison.Ordinal);
    }

    private string MessageOf(Mppi options) => Assert.Throws<ModelException>(() => Pendulum.Optimal.Plan(options, _engine)).Message;
}
