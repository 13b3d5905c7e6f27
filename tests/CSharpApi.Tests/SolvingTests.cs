using Xunit;
using static Inference.Language;
using Compile = Inference.Compiler.Compile;

namespace Inference.CSharpApi.Tests;

/// <summary>Finite processes solved exactly, from C#.</summary>
public sealed class SolvingTests : IDisposable
{
    private readonly Engine _engine = new(new EngineOptions { Threads = 2, Precision = Precision.Double, Cache = false });

    public void Dispose() => _engine.Dispose();

    [Theory]
    [InlineData(PlanningSemantics.FixedDynamics, 1.0845, 0.5405)]
    [InlineData(PlanningSemantics.ExactPosterior, 2.1283, 0.8382)]
    [InlineData(PlanningSemantics.Boltzmann, 1.2849, 0.6140)]
    public void The_three_meanings_value_the_ferry_differently(PlanningSemantics semantics, double value, double ferry)
    {
        // At the market the choice is between 4 and 0, on the shore and after the bridge there is none.
        double market = Math.Log((Math.Exp(4) + 1) / 2);
        double q = semantics switch
        {
            PlanningSemantics.FixedDynamics => (market - 1) / 2,
            PlanningSemantics.ExactPosterior => Math.Log((Math.Exp(market) + Math.Exp(-1)) / 2),
            _ => ((4 / (1 + Math.Exp(-4))) - 1) / 2,
        };
        double expected = semantics == PlanningSemantics.Boltzmann
            ? (Math.E + (q * Math.Exp(q))) / (Math.E + Math.Exp(q))
            : Math.Log((Math.E + Math.Exp(q)) / 2);

        using FiniteSolution solution = Crossing.Model.Optimal(1, semantics).Solve(_engine, new ValueIteration());
        Assert.Equal(expected, solution.Value([0]), 1e-9);
        Assert.Equal(q, solution.Q([0])[1], 1e-9);
        Assert.Equal(Math.Exp(q) / (Math.E + Math.Exp(q)), solution.Probabilities([0])[1], 1e-9);

        // What the document says.
        Assert.Equal(value, solution.Value([0]), 5e-5);
        Assert.Equal(ferry, solution.Probabilities([0])[1], 5e-5);
        Assert.Equal([1f], solution.Act([0]).ToArray());
    }

    [Fact]
    public void Both_languages_specify_one_process()
    {
        TableProgram ours = FiniteTables.derive<Spot, Way, Microsoft.FSharp.Core.Unit>(null, Crossing.Model.Process);
        TableProgram theirs = FiniteTables.derive<Twins.Crossing.Spot, Twins.Crossing.Way, Microsoft.FSharp.Core.Unit>(null, Twins.Crossing.crossing);
        Assert.Equal(TextOf(theirs.Steps), TextOf(ours.Steps));
        Assert.Equal(TextOf(theirs.Start.Value), TextOf(ours.Start.Value));
    }

    [Fact]
    public void What_a_solution_tells_of_episodes()
    {
        var crossing = Crossing.Model;
        Engine engine = _engine;
        using FiniteSolution exact = crossing.Optimal(temperature: 1).Solve(engine, new ValueIteration());
        double value = exact.Value([0]);
        double[] ways = exact.Probabilities([0]);
        ReadOnlySpan<float> action = exact.Act([0]);
        double earned = exact.ExpectedReturn();
        double[][] where = exact.Occupancies(steps: 2);

        // The policy earns what it is worth and what leaving the prior costs.
        double cost = ways.Sum(p => p * Math.Log(2 * p)) + (where[1][2] * exact.Probabilities([2]).Sum(p => p * Math.Log(2 * p)));
        Assert.Equal(value, earned - cost, 1e-9);
        Assert.Equal(ways[1] / 2, where[1][2], 1e-12);
        Assert.Equal(1f, action[0]);
        Assert.Contains("value iteration, asked for", exact.Explain());
        using ExactSolution picked = crossing.Optimal(1).Solve(engine);
        Assert.Equal(value, picked.Value([0]));
        Assert.Contains("value iteration, chosen because the process is finite and every state can come to an end", picked.Explain());
    }

    [Fact]
    public void A_horizon_a_method_and_a_prior_are_options()
    {
        var crossing = Crossing.Model;
        Engine engine = _engine;
        using FiniteSolution dated = crossing.Optimal(1).Solve(engine, new BackwardInduction { Steps = 10 });
        using FiniteSolution policies = crossing.Optimal(1).Solve(engine, new PolicyIteration());
        using FiniteSolution hard = crossing.Optimal(1).Solve(engine, new ValueIteration { Hard = true });
        using FiniteSolution wary = crossing.Optimal(1).Solve(engine, new ValueIteration(), prior: (s, a) => Select(Equal(a.Number, 1), -3, Zeros()));

        Assert.Equal(dated.Value([0], time: 0), policies.Value([0]), 1e-6);
        Assert.Equal(0, dated.Value([0], time: 10), 1e-12);
        Assert.Equal(1.5, hard.Value([0]), 1e-9);
        Assert.InRange(wary.Probabilities([0])[1], 0.01, 0.1);
    }

    [Fact]
    public void Tables_are_processes_too()
    {
        double[,,] transition = { { { 0, 1 }, { 1, 0 } }, { { 0, 1 }, { 0.5, 0.5 } } };
        double[,] reward = { { 0, 1 }, { 2, 0 } };
        FiniteMdp process = FiniteMdpModule.ofTransition("two rooms", transition, reward, 0.9);
        using FiniteSolution solution = process.Optimal(0.5).Solve(_engine);
        Assert.Equal(solution.Value([1]), solution.Values()[1]);
        double[] q = solution.Q([0]);
        Assert.Equal(0.9 * solution.Value([1]), q[0], 1e-6);
        Assert.Equal(1 + (0.9 * solution.Value([0])), q[1], 1e-6);
        Assert.Equal(0.5 * Math.Log((Math.Exp(q[0] / 0.5) + Math.Exp(q[1] / 0.5)) / 2), solution.Value([0]), 1e-6);
    }

    [Fact]
    public void A_reward_is_told_by_demonstrations()
    {
        var crossing = Crossing.Model;
        Engine engine = _engine;
        using FiniteSolution expert = crossing.Optimal(2).Solve(engine, new BackwardInduction { Steps = 3 });
        Demonstrations shown = expert.Demonstrate(episodes: 40_000, steps: 3, seed: 1);
        double[] features = crossing.Features(engine, (s, a) => Pack(
            Select(And(Equal(s.Number, 2), Equal(a.Number, 0)), Ones(), Zeros()),
            Select(Equal(s.Number, 3), Ones(), Zeros())));
        RewardFit fit = crossing.Tabulate(engine).FitReward(features, shown, new MaximumEntropyReward { Temperature = 2 }, engine);

        Assert.True(fit.Converged, fit.Explain());

        // The market was worth 4; its share among those who come there, and their luck on the way, leave a standard error of 0.25. The bridge was worth 1, which no feature says: half of the shore's weight makes up for it, −1 − 2·1.
        Assert.InRange(fit.Weights[0], 3, 5);
        Assert.InRange(fit.Weights[1], -4, -2);
    }

    [Fact]
    public void A_process_that_is_not_finite_is_refused_at_the_callers_line()
    {
        var e = Assert.Throws<ModelException>(() => Pendulum.Optimal.Solve(_engine, new ValueIteration()));
        Assert.Equal("The field \"Angle\" of the state Pose is not finite: an exact solution visits every value.", e.Problem);
        Assert.EndsWith("SolvingTests.cs", e.Location.File, StringComparison.Ordinal);
    }

    private static string TextOf(Program program) => Compile.close(new Inference.Compiler.CompileOptions(), program).Text;
}
