using Xunit;
using static Inference.Language;

namespace Inference.CSharpApi.Tests;

public record Arm(Pose Shoulder, Pose Elbow, [Size(3)] Tensor Load);

public record Scores(Tensor Best, Tensor Mean);

/// <summary>What docs/models.md and README.md show.</summary>
public sealed class DocumentedModels : IDisposable
{
    private readonly Engine engine = new(new EngineOptions { Threads = 1, Cache = false });

    public void Dispose() => engine.Dispose();

    [Fact]
    public void A_model_from_its_records_to_an_episode()
    {
        var pendulum = Mdp.Define<Pose, Torque>("pendulum")
            .Start(from angle in Sample("angle", Uniform(-PI, PI))
                   from velocity in Sample("velocity", Uniform(-1, 1))
                   select new Pose(angle, velocity))
            .Step((s, u) =>
            {
                var velocity = Clip(s.Velocity + (15 * Sin(s.Angle) + 3 * u.Value) * 0.05, -8, 8);
                return new Pose(s.Angle + velocity * 0.05, velocity);
            })
            .Reward((s, u) => -(Square(WrapAngle(s.Angle)) + 0.1 * Square(s.Velocity) + 0.001 * Square(u.Value)));

        using var mppi = pendulum.Optimal(temperature: 0.1).Plan(new Mppi { Samples = 256, Horizon = 30 }, engine);
        ReadOnlySpan<float> action = mppi.Act([MathF.PI, 0f]);
        var episode = pendulum.Simulate(mppi, steps: 20, seed: 0);

        Assert.Equal(1, action.Length);
        Assert.Equal(20, episode.Steps);
    }

    [Fact]
    public void The_first_page()
    {
        var pendulum = Pendulum.Model;

        using var engine = new Engine();
        using var mppi = pendulum.Optimal(temperature: 0.1).Plan(new Mppi { Samples = 1024, Horizon = 50, Noise = 1 }, engine);
        ReadOnlySpan<float> action = mppi.Act([MathF.PI, 0f]);
        Episode episode = pendulum.Simulate(mppi, steps: 200, start: [MathF.PI, 0f]);

        Assert.Equal(1, action.Length);
        Assert.InRange(episode.Return, -450, -200);
    }

    [Fact]
    public void Parts_of_every_kind()
    {
        var walk = Mdp.Define<Point, Move>("walk")
            .Start(from x in Sample("x", Normal(0, 0.1)) select new Point(x))
            .Step((s, u, time) =>
                from gust in Sample("gust", Normal(0, 0.1))
                select new Point(s.X + u.By + gust * Cos(time)))
            .Reward((s, u) => -Square(s.X) - 0.01 * Square(u.By))
            .TerminalValue(s => -10 * Square(s.X))
            .Terminate(s => Abs(s.X) > 5)
            .Observe(s => Normal(s.X, 0.2))
            .Discount(0.99);

        var chase = Mdp.Define<Point, Move, Prize>("chase")
            .Step((s, u) => new Point(s.X + u.By))
            .Reward((s, u, goal) => -Square(s.X - goal.Value));
        using var planner = chase.Optimal(0.1).Plan(new Mppi { Samples = 64, Horizon = 5 }, engine);
        planner.Act([0f], [2f]);    // state, settings

        Assert.Equal("walk", walk.Name);
        Assert.InRange(planner.Plan[0], 0.1f, 1f);
    }

    [Fact]
    public void An_environment_is_stepped_by_hand()
    {
        var walk = Mdp.Define<Point, Move>("walk")
            .Start(new Point(0))
            .Step((s, u) => new Point(s.X + u.By))
            .Reward((s, u) => s.X);
        using var environment = walk.Environment(engine, stepLimit: 100);
        environment.Reset(seed: 0);
        StepResult result = environment.Step([0.5f]);

        Assert.False(result.IsLast);
        Assert.Equal(0.5f, environment.State[0]);
    }

    [Fact]
    public void Programs_repeat()
    {
        double[] data = [1, 2, 3];
        var program =
            from mean in Sample("mean", Normal(0, 1))
            let each = PlateIndex("data", 3)
            from _ in Plate(each, Observe("x", Normal(mean, 1), Unstack(Constant(data), each)))
            select mean;

        var growth = Markov("year", 10, (Tensor)1.0, size =>
            from rate in Sample("rate", Normal(0.05, 0.01))
            select size * (1 + rate));

        Assert.NotNull(program);
        Assert.NotNull(growth);
    }

    [Fact]
    public void Functions_are_compiled_and_interpreted()
    {
        using var sums = engine.Compile("sums", Input("x", 3), x => (Sum(x), Probe("squares", Square(x))));
        ReadOnlySpan<float> result = sums.Run([1, 2, 3]);    // 6, 1, 4, 9; "squares: 1 4 9" on standard error
        double[] exact = sums.Evaluate(1, 2, 3);             // the same program in the interpreter
        string text = sums.Explain();

        Assert.Equal([6, 1, 4, 9], result.ToArray());
        Assert.Equal([6, 1, 4, 9], exact);
        Assert.NotEmpty(text);

        using var mean = engine.Compile(
            "running mean",
            new Counter(0, Zeros(2)),
            (Counter s, Point x) =>
            {
                var next = new Counter(s.Count + 1, s.Sum + x.X);
                return (next, next.Sum / next.Count);
            });
        Assert.Equal([4, 4], mean.Run([4]).ToArray());
    }

    [Fact]
    public void Numbers_of_a_nested_record_are_in_order()
    {
        using var order = engine.Compile("order", (Arm arm) => Sum(arm.Load) + 10 * arm.Elbow.Angle + 100 * arm.Shoulder.Velocity);
        Assert.Equal(
            "arm.Shoulder.Angle, arm.Shoulder.Velocity, arm.Elbow.Angle, arm.Elbow.Velocity, arm.Load",
            string.Join(", ", order.Input.Leaves.Select(leaf => leaf.Path)));
        Assert.Equal(200 + 30 + 18, order.Run([1, 2, 3, 4, 5, 6, 7])[0]);
    }
}
