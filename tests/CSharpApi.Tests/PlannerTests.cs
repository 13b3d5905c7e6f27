using Xunit;
using static Inference.Language;

namespace Inference.CSharpApi.Tests;

/// <summary>Planners from C#, against the pendulum.</summary>
public sealed class PlannerTests : IDisposable
{
    private readonly Engine _engine = new(new EngineOptions { Threads = 2, Cache = false });

    public void Dispose() => _engine.Dispose();

    [Fact]
    public void Mppi_swings_the_pendulum_up()
    {
        using Planner mppi = Pendulum.Optimal.Plan(new Mppi { Samples = 256, Horizon = 30 }, _engine);
        Episode episode = Pendulum.Model.Simulate(mppi, steps: 120, seed: 0, start: [MathF.PI, 0f]);
        Assert.Equal(120, episode.Steps);
        Assert.InRange(MathF.Cos(episode.State(120)[0]), 0.99f, 1f);
    }
}
