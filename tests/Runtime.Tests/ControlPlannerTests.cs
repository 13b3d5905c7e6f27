using Xunit;
using static Inference.Language;

namespace Inference.Runtime.Tests;

public sealed class ControlPlannerTests
{
    private static readonly Mppi Small = new() { Samples = 64, Horizon = 8 };

    [Fact]
    public void A_planner_says_what_it_takes_and_gives()
    {
        using Engine engine = ExecutableTests.NewEngine();
        using Planner planner = ControlProcesses.Flight.Optimal(50).Plan(new Mppi { Samples = 1024, Horizon = 8 }, engine, seed: 7);
        Assert.Equal(["Position[0]", "Position[1]", "Battery"], planner.StateFields);
        Assert.Equal(["Thrust[0]", "Thrust[1]"], planner.ActionFields);
        Assert.Equal((8, 7L, "mppi"), (planner.Horizon, planner.Seed, planner.Name));
        Assert.Equal(PlannerOutcome.Idle, planner.Status.Outcome);
        ReadOnlySpan<float> action = planner.Act([0f, 0f, 9f], [30f, -30f]);
        Assert.Equal(planner.Plan[..2].ToArray(), action.ToArray());
        Assert.Equal(16, planner.Plan.Length);
        Assert.All(planner.Plan.ToArray(), u => Assert.InRange(u, -1, 1));
        Assert.True(action[0] > 0 && action[1] < 0);
        Assert.True(planner.Status.IsSolved);
        Assert.Null(planner.Status.NonFiniteStep);
        Assert.Equal(0, planner.NonFiniteSamples);
        Assert.InRange(planner.EffectiveSampleSize, 1, 1024);
        Assert.Equal(planner.EffectiveSampleSize, planner.Diagnostic("effective sample size"));
        Assert.Equal(planner.FreeEnergy, planner.Diagnostic("free energy"));
        Assert.Equal(planner.Elbo, planner.Diagnostic("elbo"));
        Assert.Contains("mppi", planner.Explain());
        Assert.Contains("\"elbo\"", Assert.Throws<ArgumentException>(() => planner.Diagnostic("nonsense")).Message);
    }

    [Fact]
    public void Wrong_counts_are_refused_with_the_fields_named()
    {
        using Engine engine = ExecutableTests.NewEngine();
        using Planner flight = ControlProcesses.Flight.Optimal(1).Plan(Small, engine);
        using Planner walk = ControlProcesses.Walk.Optimal(1).Plan(Small, engine);
        string state = Assert.Throws<ArgumentException>(() => flight.Act([1f], [0f, 0f])).Message;
        Assert.Contains("The planner \"mppi\" needs 3 numbers for the state (Position[2], Battery); 1 came.", state);
        string settings = Assert.Throws<ArgumentException>(() => flight.Act([0f, 0f, 0f])).Message;
        Assert.Contains("needs 2 numbers for the settings (Target[2]); 0 came.", settings);
        string none = Assert.Throws<ArgumentException>(() => walk.Act([0f], [1f])).Message;
        Assert.Contains("needs 0 numbers for the settings; 1 came.", none);

        // A refusal leaves the planner as it was.
        Assert.Equal(2, flight.Act([0f, 0f, 0f], [0f, 0f]).Length);
    }

    [Fact]
    public void A_reset_goes_back_to_the_start_and_a_seed_decides()
    {
        using Engine engine = ExecutableTests.NewEngine();
        using Planner planner = ControlProcesses.Pendulum.Optimal(0.1).Plan(Small, engine);
        float[] first = ActMany(planner, 5);
        Assert.NotEqual(first, ActMany(planner, 5));
        planner.Reset();
        Assert.All(planner.Plan.ToArray(), u => Assert.Equal(0, u));
        Assert.Equal(PlannerOutcome.Idle, planner.Status.Outcome);
        Assert.Equal(first, ActMany(planner, 5));
        planner.Reset();
        planner.Seed = 1L << 32;
        Assert.NotEqual(first, ActMany(planner, 5));
    }

    [Fact]
    public void Actions_are_the_same_to_the_bit_on_any_number_of_threads()
    {
        float[][] actions = [.. new[] { 1, 2, 7 }.Select(threads =>
        {
            using Engine engine = ExecutableTests.NewEngine(threads);
            using Planner planner = ControlProcesses.Pendulum.Optimal(0.1).Plan(new Mppi { Samples = 1000, Horizon = 30 }, engine, seed: 5);
            return ActMany(planner, 20);
        })];
        Assert.Equal(actions[0], actions[1]);
        Assert.Equal(actions[0], actions[2]);
        Assert.True(actions[0].Distinct().Count() > 5);
    }

    [Fact]
    public void Double_precision_gives_about_the_same_first_plan()
    {
        // At a temperature that keeps all samples, so that the weights do not turn on the last bit of a return.
        float[][] plans = [.. new[] { Precision.Single, Precision.Double }.Select(precision =>
        {
            using var engine = new Engine(new EngineOptions { Threads = 1, Cache = false, Precision = precision });
            using Planner planner = ControlProcesses.Walk.Optimal(100).Plan(new Mppi { Samples = 4096, Horizon = 3 }, engine);
            planner.Act([0f]);
            Assert.InRange(planner.EffectiveSampleSize, 4000, 4096);
            return planner.Plan.ToArray();
        })];

        // The draws are those of the same words: only rounding differs.
        Assert.All(plans[0].Zip(plans[1]), pair => Assert.Equal(pair.First, pair.Second, 1e-5));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Acting_allocates_nothing(int threads)
    {
        using Engine engine = ExecutableTests.NewEngine(threads);
        using Planner planner = ControlProcesses.Pendulum.Optimal(0.1).Plan(Small, engine);
        float[] state = [3, 0];
        void Act(int times)
        {
            for (int time = 0; time < times; time++)
            {
                planner.Act(state);
            }
        }

        for (int round = 0; round < 30; round++)
        {
            // With pauses, so that workers have slept and woken.
            Act(10);
            Thread.Sleep(3);
        }

        long before = GC.GetAllocatedBytesForCurrentThread();
        Act(1000);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        // In the whole process the test host allocates as well, but not all the time.
        Assert.Contains(0, Enumerable.Range(0, 100).Select(_ =>
        {
            long start = GC.GetTotalAllocatedBytes(precise: true);
            Act(100);
            return GC.GetTotalAllocatedBytes(precise: true) - start;
        }));
    }

    [Fact]
    public void Samples_that_are_not_finite_count_for_nothing_and_are_counted()
    {
        using Engine engine = ExecutableTests.NewEngine();
        var half = Mdp.Define<Place, Push>("half").Step((s, u) => s).Reward((s, u) => Sqrt(u.Force));
        using Planner planner = half.Optimal(1).Plan(new Mppi { Samples = 4096, Horizon = 1 }, engine);
        float action = planner.Act([0f])[0];

        // P(u < 0) = ½ under N(0, 1); the standard error of the count is 32.
        Assert.InRange(planner.NonFiniteSamples, 2048 - 160, 2048 + 160);
        Assert.Equal(new PlannerStatus(PlannerOutcome.Solved, 0), planner.Status);
        Assert.InRange(planner.EffectiveSampleSize, 1, 4096 - planner.NonFiniteSamples);
        Assert.InRange(action, 0.8f, 1.2f);
        Assert.Contains("first at step 0", planner.Status.ToString());
    }

    [Fact]
    public void Without_a_finite_sample_the_shifted_previous_plan_is_kept_and_the_step_is_named()
    {
        using Engine engine = ExecutableTests.NewEngine();
        using Planner planner = ControlProcesses.Cliff.Optimal(0.1).Plan(new Mppi { Samples = 256, Horizon = 4 }, engine);
        planner.Act([-10f]);
        Assert.True(planner.Status.IsSolved);
        float[] plan = planner.Plan.ToArray();
        Assert.Equal(4, plan.Distinct().Count());

        // From 0 the third step of any plan is beyond the cliff.
        float action = planner.Act([0f])[0];
        Assert.Equal([plan[1], plan[2], plan[3], plan[3]], planner.Plan.ToArray());
        Assert.Equal(plan[1], action);
        Assert.Equal(new PlannerStatus(PlannerOutcome.AllNonFinite, 2), planner.Status);
        Assert.Equal(256, planner.NonFiniteSamples);
        Assert.Contains("step 2", planner.Status.ToString());

        // And again, now from a state that is no number itself.
        planner.Act([float.NaN]);
        Assert.Equal([plan[2], plan[3], plan[3], plan[3]], planner.Plan.ToArray());
        Assert.Equal(new PlannerStatus(PlannerOutcome.AllNonFinite, 0), planner.Status);

        planner.Act([-10f]);
        Assert.True(planner.Status.IsSolved);
    }

    [Fact]
    public void Without_any_plan_yet_the_action_is_within_its_limits()
    {
        using Engine engine = ExecutableTests.NewEngine();
        var process = Mdp.Define<Place, Flow>("valve").Step((s, u) => s).Reward((s, u) => Sqrt(s.Position));
        using Planner planner = process.Optimal(1).Plan(Small, engine);
        Assert.Equal(Enumerable.Repeat(2f, 8), planner.Plan.ToArray());
        Assert.Equal([2f], planner.Act([-1f]).ToArray());
        Assert.False(planner.Status.IsSolved);
        planner.Act([1f]);
        Assert.NotEqual(2, planner.Plan[0]);
        planner.Reset();
        Assert.Equal(Enumerable.Repeat(2f, 8), planner.Plan.ToArray());
    }

    [Fact]
    public void A_mean_beyond_the_limits_is_held_to_them()
    {
        using Engine engine = ExecutableTests.NewEngine();
        var process = Mdp.Define<Place, Flow>("valve").Step((s, u) => s).Reward((s, u) => s.Position);
        using Planner planner = process.Optimal(1).Plan(
            "open", 2, p => from unused in Sample("unused", Normal(0, 1)) select Plan.Of(new Flow(p.State.Position)), engine);
        Assert.Equal(5, planner.Act([100f])[0]);
        Assert.Equal(2, planner.Act([-100f])[0]);
        Assert.Equal(3, planner.Act([3f])[0]);
        Assert.Equal([3f, 3f], planner.Plan.ToArray());

        // What is no number leaves the last plan.
        Assert.Equal(3, planner.Act([float.NaN])[0]);
    }

    [Fact]
    public void A_derivation_without_a_way_out_keeps_the_shifted_previous_plan_too()
    {
        using Engine engine = ExecutableTests.NewEngine();
        using Planner planner = ControlProcesses.Walk.Optimal(1).Plan(
            "climb",
            3,
            p => from unused in Sample("unused", Normal(0, 1))
                 select Plan.Of(new Push(p.Mean.Force + Sqrt(p.State.Position) + Convert(Position(p.Time), DType.F32))),
            engine);
        planner.Act([1f]);
        Assert.Equal([1, 2, 3], planner.Plan.ToArray());
        Assert.Equal(2, planner.Act([-1f])[0]);
        Assert.Equal([2, 3, 3], planner.Plan.ToArray());
        Assert.Equal(new PlannerStatus(PlannerOutcome.AllNonFinite, null), planner.Status);
        Assert.Equal(2u, planner.Executable.State<uint>(planner.Executable.IndexOfState("step"))[0]);
        Assert.True(float.IsNaN(planner.EffectiveSampleSize));
        planner.Act([0f]);
        Assert.Equal([3, 4, 5], planner.Plan.ToArray());
        Assert.True(planner.Status.IsSolved);
    }

    [Fact]
    public void A_second_thread_is_refused()
    {
        using Engine engine = ExecutableTests.NewEngine();
        using Planner planner = ControlProcesses.Pendulum.Optimal(0.1).Plan(new Mppi { Samples = 100_000, Horizon = 50 }, engine);
        int refusals = 0;
        void Act()
        {
            for (int attempt = 0; attempt < 10_000 && Volatile.Read(ref refusals) == 0; attempt++)
            {
                try
                {
                    planner.Act([3f, 0f]);
                }
                catch (InvalidOperationException refusal)
                {
                    Assert.Contains("\"mppi\"", refusal.Message);
                    Interlocked.Increment(ref refusals);
                }
            }
        }

        var other = new Thread(Act);
        other.Start();
        Act();
        other.Join();
        Assert.NotEqual(0, refusals);
        Assert.Equal(1, planner.Act([3f, 0f]).Length);
    }

    [Fact]
    public void After_disposal_every_use_is_refused()
    {
        Engine engine = ExecutableTests.NewEngine();
        Planner planner = ControlProcesses.Walk.Optimal(1).Plan(Small, engine);
        using Planner left = ControlProcesses.Walk.Optimal(1).Plan(Small, engine);
        planner.Dispose();
        planner.Dispose();
        Assert.Throws<ObjectDisposedException>(() => planner.Act([0f]));
        Assert.Throws<ObjectDisposedException>(planner.Reset);
        Assert.Throws<ObjectDisposedException>(() => planner.Seed = 1);
        engine.Dispose();
        Assert.Throws<ObjectDisposedException>(() => left.Act([0f]));
    }

    private static float[] ActMany(Planner planner, int times)
    {
        float[] actions = new float[times];
        float[] state = new float[planner.StateSpace.Count];
        state[0] = 3;
        for (int time = 0; time < times; time++)
        {
            actions[time] = planner.Act(state)[0];
        }

        return actions;
    }
}
