using Xunit;

namespace Inference.Runtime.Tests;

public sealed class ControlEnvironmentTests
{
    [Theory]
    [InlineData(Precision.Single, 2e-4)]
    [InlineData(Precision.Double, 2e-6)]
    public void Steps_are_those_of_Gymnasium(Precision precision, double tolerance)
    {
        using var engine = new Engine(new EngineOptions { Threads = 1, Cache = false, Precision = precision });
        using MdpEnvironment pendulum = ControlProcesses.Pendulum.Environment(engine);
        double angle = 3, velocity = -0.5;
        var random = new Random(1);
        pendulum.Reset([(float)angle, (float)velocity]);
        for (int step = 0; step < 40; step++)
        {
            float torque = (random.NextSingle() * 6) - 3;
            StepResult result = pendulum.Step([torque]);

            // Gymnasium, pendulum.py: the cost is that of the state before the step.
            double u = Math.Clamp(torque, -2, 2);
            double wrapped = Math.IEEERemainder(angle, 2 * Math.PI);
            double cost = (wrapped * wrapped) + (0.1 * velocity * velocity) + (0.001 * u * u);
            velocity = Math.Clamp(velocity + (((15 * Math.Sin(angle)) + (3 * u)) * 0.05), -8, 8);
            angle += velocity * 0.05;
            Assert.Equal(-cost, result.Reward, tolerance * Math.Max(1, cost));
            Assert.Equal(angle, pendulum.State[0], tolerance * 4);
            Assert.Equal(velocity, pendulum.State[1], tolerance * 8);
            Assert.Equal(pendulum.State.ToArray(), pendulum.Observation.ToArray());
            Assert.False(result.IsLast);
        }
    }

    [Fact]
    public void The_terminating_step_is_rewarded_and_is_the_last()
    {
        using Engine engine = ExecutableTests.NewEngine();
        using MdpEnvironment walk = ControlProcesses.Walk.Environment(engine, stepLimit: 3);
        walk.Reset([0.5f]);
        Assert.Equal(new StepResult(0.5f, false, false), walk.Step([1]));
        Assert.Equal(new StepResult(1.5f, true, false), walk.Step([2]));
        Assert.Equal(3.5f, walk.State[0]);
        var error = Assert.Throws<InvalidOperationException>(() => walk.Step([0]));
        Assert.Contains("\"walk\" is over", error.Message);
        walk.Reset([0f]);
        Assert.Equal(0, walk.Step([1]).Reward);
    }

    [Fact]
    public void The_step_limit_truncates_and_a_termination_at_the_limit_is_one()
    {
        using Engine engine = ExecutableTests.NewEngine();
        using MdpEnvironment walk = ControlProcesses.Walk.Environment(engine, stepLimit: 2);
        walk.Reset([0f]);
        Assert.False(walk.Step([1]).IsLast);
        Assert.Equal(new StepResult(1, false, true), walk.Step([1]));
        Assert.Throws<InvalidOperationException>(() => walk.Step([1]));
        walk.Reset([0f]);
        walk.Step([1]);
        Assert.Equal(new StepResult(1, true, false), walk.Step([2]));
        Assert.Throws<ArgumentOutOfRangeException>(() => ControlProcesses.Walk.Environment(engine, stepLimit: 0));
    }

    [Fact]
    public void A_start_is_drawn_from_seed_and_episode()
    {
        using Engine engine = ExecutableTests.NewEngine();
        using MdpEnvironment pendulum = ControlProcesses.Pendulum.Environment(engine);
        var starts = new Dictionary<(long, int), float[]>();
        foreach ((long seed, int episode) in new[] { (0L, 0), (0L, 1), (1L, 0), (-1L, 0), (1L << 32, 0) })
        {
            pendulum.Reset(seed, episode);
            float[] start = pendulum.State.ToArray();
            Assert.InRange(start[0], -MathF.PI, MathF.PI);
            Assert.InRange(start[1], -1, 1);
            Assert.DoesNotContain(starts.Values, other => other[0] == start[0] || other[1] == start[1]);
            starts.Add((seed, episode), start);
        }

        pendulum.Reset(1);
        Assert.Equal(starts[(1, 0)], pendulum.State.ToArray());
    }

    [Fact]
    public void Noise_and_observations_follow_the_seed()
    {
        using Engine engine = ExecutableTests.NewEngine();
        using MdpEnvironment drift = ControlProcesses.Drift.Environment(engine);
        float[] Walk(long seed, int episode)
        {
            drift.Reset([0f], seed, episode);
            var seen = new List<float> { drift.Observation[0] };
            for (int step = 0; step < 200; step++)
            {
                drift.Step([0f]);
                seen.AddRange([drift.State[0], drift.Observation[0]]);
            }

            return [.. seen];
        }

        float[] walk = Walk(3, 1);
        Assert.Equal(walk, Walk(3, 1));
        Assert.NotEqual(walk, Walk(3, 2));
        Assert.NotEqual(walk, Walk(4, 1));

        // 400 draws of N(0, 1): the variance lies within four standard errors of 1, √(2/200) each.
        var steps = Enumerable.Range(0, 200).Select(t => (double)(walk[1 + (2 * t)] - (t == 0 ? 0 : walk[(2 * t) - 1])));
        var noise = Enumerable.Range(0, 200).Select(t => (walk[2 + (2 * t)] - walk[1 + (2 * t)]) / 0.5);
        Assert.InRange(steps.Average(x => x * x), 0.6, 1.4);
        Assert.InRange(noise.Average(x => x * x), 0.6, 1.4);
        Assert.NotEqual(0, walk[0]);
    }

    [Fact]
    public void A_process_without_a_state_is_reset_and_stepped()
    {
        using Engine engine = ExecutableTests.NewEngine();
        MdpModel<Nothing, Push> lever = ControlProcesses.Lever;
        foreach (MdpModel<Nothing, Push> process in new[] { lever, lever.Start(new Nothing()) })
        {
            using MdpEnvironment environment = process.Environment(engine);
            environment.Reset(seed: 3);
            Assert.Equal((0, 0), (environment.State.Length, environment.Observation.Length));
            Assert.Equal(new StepResult(-4, false, false), environment.Step([3]));
            environment.Reset([], seed: 3);
            Assert.Equal(new StepResult(-1, false, false), environment.Step([0]));
        }

        using MdpEnvironment seen = lever.Observe(_ => Language.Dirac(7)).Environment(engine);
        seen.Reset(seed: 3);
        Assert.Equal([7], seen.Observation.ToArray());
        seen.Step([0]);
        Assert.Equal([7], seen.Observation.ToArray());
    }

    [Fact]
    public void A_state_that_would_not_be_finite_is_not_taken()
    {
        using Engine engine = ExecutableTests.NewEngine();
        using MdpEnvironment walk = ControlProcesses.Walk.Environment(engine);
        walk.Reset([1f]);
        Assert.Equal(new StepResult(1, false, false, NonFinite: true), walk.Step([float.NaN]));
        Assert.Equal(1, walk.State[0]);
        Assert.Throws<InvalidOperationException>(() => walk.Step([1]));
    }

    [Fact]
    public void A_reward_that_is_not_finite_ends_the_episode()
    {
        using Engine engine = ExecutableTests.NewEngine();
        using MdpEnvironment cliff = ControlProcesses.Cliff.Environment(engine);
        cliff.Reset([1f]);
        Assert.Equal(new StepResult(0, false, false), cliff.Step([1f]));
        StepResult result = cliff.Step([1f]);
        Assert.True(result.NonFinite && !result.Terminated && !result.Truncated);
    }

    [Fact]
    public void Wrong_counts_are_refused_with_the_fields_named()
    {
        using Engine engine = ExecutableTests.NewEngine();
        using MdpEnvironment flight = ControlProcesses.Flight.Environment(engine);
        string state = Assert.Throws<ArgumentException>(() => flight.Reset([1f, 2f])).Message;
        Assert.Contains("The environment \"flight\" needs 3 numbers for the state (Position[2], Battery); 2 came.", state);
        flight.Reset([0f, 0f, 9f]);
        string action = Assert.Throws<ArgumentException>(() => flight.Step([1f])).Message;
        Assert.Contains("needs 2 numbers for the action (Thrust[2]); 1 came.", action);
        string settings = Assert.Throws<ArgumentException>(() => flight.Configure([1f])).Message;
        Assert.Contains("needs 2 numbers for the settings (Target[2]); 1 came.", settings);
    }

    [Fact]
    public void Settings_hold_from_the_next_step_on()
    {
        using Engine engine = ExecutableTests.NewEngine();
        using MdpEnvironment flight = ControlProcesses.Flight.Environment(engine);
        flight.Reset([0f, 0f, 9f]);
        Assert.Equal(0, flight.Step([0f, 0f]).Reward);
        flight.Configure([3f, 4f]);
        Assert.Equal(-25, flight.Step([0f, 0f]).Reward);
        Assert.Equal([0, 0, 7], flight.State.ToArray());
    }

    [Fact]
    public void Use_out_of_order_is_refused()
    {
        using Engine engine = ExecutableTests.NewEngine();
        MdpEnvironment walk = ControlProcesses.Walk.Environment(engine);
        Assert.Contains("has not been reset", Assert.Throws<InvalidOperationException>(() => walk.Step([1f])).Message);
        Assert.Contains("does not say how it starts", Assert.Throws<InvalidOperationException>(() => walk.Reset(seed: 0)).Message);
        walk.Dispose();
        walk.Dispose();
        Assert.Throws<ObjectDisposedException>(() => walk.Reset([0f]));
        Assert.Throws<ObjectDisposedException>(() => walk.Step([0f]));
    }

    [Fact]
    public void Steps_allocate_nothing()
    {
        using Engine engine = ExecutableTests.NewEngine();
        using MdpEnvironment pendulum = ControlProcesses.Pendulum.Environment(engine);
        pendulum.Reset([1f, 0f]);
        float[] action = [1];
        void Run(int steps)
        {
            for (int step = 0; step < steps; step++)
            {
                pendulum.Step(action);
            }
        }

        Run(100);
        long before = GC.GetAllocatedBytesForCurrentThread();
        Run(1000);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}
