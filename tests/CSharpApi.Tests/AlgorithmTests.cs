using Xunit;
using static Inference.Language;

namespace Inference.CSharpApi.Tests;

/// <summary>Algorithms of one's own: the built-in one written again, and one that weighs otherwise.</summary>
public sealed class AlgorithmTests : IDisposable
{
    private readonly Engine _engine = new(new EngineOptions { Threads = 2, Cache = false });

    public void Dispose() => _engine.Dispose();

    [Fact]
    public void Path_integral_control_written_again_gives_the_bits_of_the_built_in_one()
    {
        const int samples = 256;
        var optimal = Pendulum.Optimal;
        Engine engine = _engine;
        using Planner ours = optimal.Plan(
            "mppi again",
            horizon: 30,
            p => from rollouts in Plate(
                     "rollout",
                     samples,
                     from actions in p.SampleActions("actions", p.Mean, noise: 1)
                     from outcome in p.Follow(actions)
                     select (Actions: actions, outcome.Return))
                 let weights = p.Weigh(rollouts.Value.Return / p.Optimal.Temperature, rollouts.Index)
                 select Plan.Of(
                     p.WeightedMean(weights, rollouts.Value.Actions, rollouts.Index),
                     ("effective sample size", weights.EffectiveSamples),
                     ("free energy", -p.Optimal.Temperature * weights.LogMean)),
            engine,
            seed: 3);
        using var theirs = new Planner(Inference.Twins.Algorithms.pathIntegral(samples, 30, 1, Pendulum.Optimal), _engine, seed: 3);
        using Planner builtIn = Pendulum.Optimal.Plan(new Mppi { Samples = samples, Horizon = 30 }, _engine, seed: 3);
        for (int step = 0; step < 10; step++)
        {
            float[] state = [MathF.PI - 0.2f * step, 0.1f * step];
            Assert.Equal(builtIn.Act(state).ToArray(), ours.Act(state).ToArray());
            Assert.Equal(builtIn.Plan.ToArray(), ours.Plan.ToArray());
            Assert.Equal(builtIn.Plan[0], theirs.Act(state)[0]);
            Assert.Equal(builtIn.EffectiveSampleSize, ours.EffectiveSampleSize);
            Assert.Equal(builtIn.FreeEnergy, ours.FreeEnergy);
        }
    }

    [Fact]
    public void The_mean_of_the_best_tenth_swings_the_pendulum_up()
    {
        using Planner planner = TopTenth(Pendulum.Optimal, samples: 500, horizon: 30, noise: 1);
        Episode episode = Pendulum.Model.Simulate(planner, steps: 120, start: [MathF.PI, 0]);
        Assert.Equal(50f, planner.EffectiveSampleSize);
        Assert.InRange(MathF.Cos(episode.State(120)[0]), 0.99f, 1f);
    }

    [Fact]
    public void The_best_tenth_is_the_same_program_in_both_languages()
    {
        PlannerProgram theirs = Inference.Twins.Algorithms.topTenth(500, 30, 1, Pendulum.Optimal);
        using var other = new Planner(theirs, _engine);
        using Planner ours = TopTenth(Pendulum.Optimal, samples: 500, horizon: 30, noise: 1);
        Assert.Equal(other.Executable.Graph, ours.Executable.Graph);
        Assert.Equal(other.Act([3, 0]).ToArray(), ours.Act([3, 0]).ToArray());
    }

    [Fact]
    public void Actions_of_many_numbers_are_averaged_number_by_number()
    {
        using Planner mppi = Carts.Model.Optimal(0.1).Plan(new Mppi { Samples = 512, Horizon = 10, Noise = new[] { 0.5, 0.25 } }, _engine);
        mppi.Act([0, 0, 0, 0], [1, -1, 1]);
        Assert.Equal(20, mppi.Plan.Length);
        Assert.InRange(mppi.Plan[0], 0.05f, 1f);
        Assert.InRange(mppi.Plan[1], -1f, -0.02f);
    }

    [Fact]
    public void Under_a_prior_of_its_own_a_plan_is_the_same_in_both_languages_and_stays_near_it()
    {
        Optimal<Pose, Torque, Microsoft.FSharp.Core.Unit> optimal = Pendulum.Model.Optimal(1e6);
        Engine engine = _engine;
        using Planner anchored = optimal.Plan(new Mppi { Samples = 4096, Horizon = 2, Prior = new NormalPrior([0.5], 0.5) }, engine);
        using var theirs = new Planner(Inference.Twins.Algorithms.anchored(4096, 2, new NormalPrior([0.5], 0.5), optimal), engine);

        // So warm that rewards hardly count: plans are the prior's, wherever the last plan was; its deviation and the effective samples give the error.
        for (int step = 0; step < 5; step++)
        {
            float torque = anchored.Act([3, 0])[0];
            Assert.InRange(Math.Abs(torque - 0.5), 0, 6 * 0.5 / Math.Sqrt(anchored.EffectiveSampleSize));
            Assert.InRange(anchored.EffectiveSampleSize, 400, 4096);
            Assert.Equal(torque, theirs.Act([3, 0])[0]);
        }
    }

    /// <summary>Keep the mean of the best tenth of the samples, all of them weighing the same.</summary>
    private Planner TopTenth<S, A, G>(Optimal<S, A, G> optimal, int samples, int horizon, Noise noise) =>
        optimal.Plan(
            "top tenth",
            horizon,
            p => from rollouts in Plate(
                     "rollout",
                     samples,
                     from actions in p.SampleActions("actions", p.Mean, noise)
                     from outcome in p.Follow(actions)
                     select (Actions: actions, outcome.Return))
                 let best = KthLargestOver(rollouts.Index, samples / 10, rollouts.Value.Return)
                 let chosen = Select(best <= rollouts.Value.Return, Ones(), Zeros())
                 let weights = chosen / SumOver(rollouts.Index, chosen)
                 select Plan.Of(
                     Expectation(rollouts.Index, weights, rollouts.Value.Actions),
                     ("effective sample size", SumOver(rollouts.Index, chosen))),
            _engine);
}
