using Xunit;
using static Inference.Language;

namespace Inference.CSharpApi.Tests;

/// <summary>Finite processes that cannot be solved: what the errors of docs/errors.md say, and where.</summary>
public sealed class FiniteErrorTests : IDisposable
{
    private readonly Engine _engine = new(new EngineOptions { Threads = 2, Precision = Precision.Double, Cache = false });

    public void Dispose() => _engine.Dispose();

    [Fact]
    public void Tables_that_are_no_process()
    {
        double[,] reward = { { 0 }, { 0 } };
        Refuses("The probabilities of \"maze\" from state 1 by action 0 sum to 0.9.", () =>
            FiniteMdpModule.ofTransition("maze", new double[,,] { { { 0.5, 0.5 } }, { { 0.4, 0.5 } } }, reward, 0.9));
        Refuses("\"maze\" leads from state 0 by action 0 to state 2, which is missing: there are states 0 … 1.", () =>
            FiniteMdpModule.ofSuccessors("maze", new[, ,] { { { 2 } }, { { 0 } } }, new double[,,] { { { 1 } }, { { 1 } } }, reward, 0.9));
        Refuses("The reward of \"maze\" is [2, 1]; it has 1 states and 1 actions.", () =>
            FiniteMdpModule.ofTransition("maze", new double[,,] { { { 1 } } }, reward, 0.9));
    }

    [Fact]
    public void Specifications_without_a_solution()
    {
        Refuses("The step of \"climb\" from Level 4 by Up 1: the field \"Level\" becomes 5; its values are 0 … 4.", () =>
            Climb().Step((s, a) => new Stair(s.Level + a.Up)).Discount(0.9).Optimal(1).Solve(_engine));
        ModelException endless = Refuses("The value of \"climb\" is infinite: without a discount, no end is ever reached from the states (Level 0), (Level 1)", () =>
            Climb().Optimal(1).Solve(_engine));
        Assert.Contains("a termination that can be reached, or a horizon", endless.Mend, StringComparison.Ordinal);
        Refuses("The prior policy of \"climb\" forbids every action in Level 2.", () => Climb()
            .Discount(0.9)
            .Optimal(1)
            .Solve(_engine, new ValueIteration(), prior: (s, a) => Select(Equal(s.Level, 2), double.NegativeInfinity, Zeros())));
    }

    [Fact]
    public void States_that_no_episode_comes_to_are_listed()
    {
        using FiniteSolution solution = Climb().Start(new Stair(3)).Discount(0.9).Optimal(1).Solve(_engine, new ValueIteration());
        Assert.Equal(["No episode of \"climb\" comes to 3 of its 5 states: (Level 0), (Level 1), (Level 2)."], solution.Warnings);
    }

    [Fact]
    public void Settings_that_are_missing_are_those_of_the_process()
    {
        var aimed = Mdp.Define<Stair, Leg, Aim>("aimed")
            .Step((s, a) => new Stair(Clip(s.Level + a.Up, 0, 4)))
            .Reward((s, a, g) => -Abs(Convert(s.Level, DType.F32) - g.Level))
            .Discount(0.9);
        ArgumentException missing = Assert.Throws<ArgumentException>(() => aimed.Tabulate(_engine));
        Assert.StartsWith("The process \"aimed\" needs 1 number for the settings (Level); 0 came.", missing.Message, StringComparison.Ordinal);
        Assert.Equal(-1.5, aimed.Tabulate(_engine, settings: [1.5]).Reward[0]);
        Assert.Equal([0, 1, 2, 3, 4, 1, 2, 3, 4, 5], aimed.Features(_engine, (s, a) => Reshape(Convert(s.Level + a.Up, DType.F32), 1)));
    }

    private static MdpModel<Stair, Leg> Climb() => Mdp.Define<Stair, Leg>("climb")
        .Step((s, a) => new Stair(Clip(s.Level + a.Up, 0, 4)))
        .Reward((s, a) => Ones());

    private static ModelException Refuses(string problem, Action action)
    {
        ModelException e = Assert.Throws<ModelException>(action);
        Assert.Contains(problem, e.Problem, StringComparison.Ordinal);
        Assert.EndsWith("FiniteErrorTests.cs", e.Location.File, StringComparison.Ordinal);
        return e;
    }

    private sealed record Stair([property: Discrete(5)] Tensor Level);

    private sealed record Leg([property: Discrete(2)] Tensor Up);

    private sealed record Aim(Tensor Level);
}
