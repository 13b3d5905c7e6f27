using Xunit;
using static Inference.Language;

namespace Inference.CSharpApi.Tests;

public sealed record Slide(Tensor Position, Tensor Speed);

public sealed record Thrust(Tensor Force);

/// <summary>What docs/linear-quadratic.md shows.</summary>
public sealed class LinearQuadraticTests : IDisposable
{
    private readonly Engine engine = new(new EngineOptions { Threads = 2, Cache = false });

    public void Dispose() => engine.Dispose();

    [Fact]
    public void Solve_finds_that_a_process_is_linear_quadratic()
    {
        MdpModel<Slide, Thrust> slide = DefineSlide();
        using ExactSolution picked = slide.Optimal(temperature: 1).Solve(engine);
        var exact = (LinearQuadraticSolution)picked;
        double[,] gain = exact.Gain();                   // K = [0.4221, 1.2439]: the mean force is −K·s
        double[,] cost = exact.Cost();                   // P: V(s) = −½·sᵀPs
        double[,] covariance = exact.Covariance();       // 0.1782
        ReadOnlySpan<float> force = exact.Act([1, 0]);   // −0.4221
        double each = exact.AverageReward;               // what a step earns in the long run

        Assert.Equal(0.422082, gain[0, 0], 1e-6);
        Assert.Equal(1.243929, gain[0, 1], 1e-6);
        Assert.Equal(0.178154, covariance[0, 0], 1e-6);
        Assert.Equal(-0.422082f, force[0], 1e-6f);

        // The entropy bonus, less what gusts of the speed cost.
        Assert.Equal((0.5 * Math.Log(2 * Math.PI * 0.178154)) - (0.5 * 0.01 * cost[1, 1]), each, 1e-5);
        Assert.Contains("Riccati recursion, chosen because the process is linear-quadratic", exact.Explain());
        Assert.Contains("Force = 0 − 0.422082·Position − 1.24393·Speed", exact.Explain());
    }

    [Fact]
    public void A_horizon_has_gains_for_each_time()
    {
        MdpModel<Slide, Thrust> slide = DefineSlide();
        using LinearQuadraticSolution dated = slide.Optimal(1).Solve(engine, new Riccati { Horizon = 10 });
        double early = dated.Gain(time: 0)[0, 0], late = dated.Gain(time: 8)[0, 0];
        double q = dated.Q([1, 0], [-0.5f], time: 3);
        Assert.Equal(0.422082, early, 1e-4);
        Assert.Equal(0, late, 1e-9);
        Assert.InRange(q, -5, dated.Value([1, 0], time: 3) + 1);
        Assert.Throws<ArgumentOutOfRangeException>(() => dated.Gain(time: 10));
        Assert.Throws<ArgumentException>(() => dated.Value([1, 0, 0]));
    }

    [Fact]
    public void What_is_not_seen_is_filtered()
    {
        MdpModel<Slide, Thrust> slide = DefineSlide();
        var watched = slide.Observe(s => Normal(s.Position, 0.5));
        using LinearQuadraticSolution hidden = watched.Optimal(1).Solve(engine, new Riccati());
        double[,] filter = hidden.KalmanGain(), belief = hidden.BeliefCovariance();
        using GaussianController controller = hidden.Controller();
        ReadOnlySpan<float> first = controller.Act([0.8f]);

        using LinearQuadraticSolution lucky = watched.Optimal(1, PlanningSemantics.ExactPosterior).Solve(engine, new Riccati());
        using GaussianController hopeful = lucky.Controller();

        // Luck that rewards make likely does some of the work.
        Assert.InRange(hopeful.Act([0.8f])[0], first[0], 0);
        Assert.Contains("after an observation the state is known with deviations of Position 0.", hidden.Explain());

        // The gain is the belief's covariance with what is observed, over the noise of the observation.
        Assert.Equal(belief[0, 0] / 0.25, filter[0, 0], 1e-9);
        Assert.Equal(belief[1, 0] / 0.25, filter[1, 0], 1e-9);
        Assert.Equal((-0.422082 * filter[0, 0] * 0.8) - (1.243929 * filter[1, 0] * 0.8), first[0], 1e-5);
    }

    [Fact]
    public void What_is_not_linear_is_linearised_at_a_point_or_along_a_trajectory()
    {
        MdpModel<Pose, Torque> pendulum = Pendulum.Model;
        using LinearQuadraticSolution top = pendulum.LinearisedAt([0, 0], [0]).Optimal(0.1).Solve(engine, new Riccati());
        double[] rocking = [.. Enumerable.Range(0, 100).Select(step => 2 * Math.Sin(0.3 * step))];
        using TrajectorySolution swing = pendulum.Optimal(0.1).Solve(
            engine, new IterativeLqr { Horizon = 100, From = [Math.PI, 0], Actions = rocking });
        ReadOnlySpan<float> torque = swing.Act([3, 0], time: 0);

        Assert.InRange(torque[0], -2, 2);
        Assert.Equal(0, swing.State(100)[0], 0.1);

        // Upright, with many steps to go, the trajectory's gains are those at the top.
        Assert.True(top.Gain()[0, 0] > 5, top.Explain());
    }

    [Fact]
    public void A_process_that_no_exact_method_fits_is_refused_at_the_callers_line()
    {
        var e = Assert.Throws<ModelException>(() => Pendulum.Optimal.Solve(engine));
        Assert.StartsWith(
            "\"pendulum\" has no exact solution. It is not finite: the field \"Angle\" is not [Discrete]. It is not linear-quadratic: The action \"Value\" of \"pendulum\" is held to -2 … 2;",
            e.Problem);
        Assert.Contains("new IterativeLqr { Horizon = … }", e.Mend);
        Assert.EndsWith("LinearQuadraticTests.cs", e.Location.File, StringComparison.Ordinal);
    }

    [Fact]
    public void Both_languages_specify_one_process()
    {
        LinearQuadraticProgram ours = LinearQuadratic.derive(0, DefineSlide().Optimal(1));
        LinearQuadraticProgram theirs = LinearQuadratic.derive(0, MdpModule.optimal(1, Twins.Slide.slide));
        Assert.Equal(TextOf(theirs.Coefficients), TextOf(ours.Coefficients));
        using LinearQuadraticSolution solved = Twins.Slide.solved(engine);
        Assert.Equal(10, solved.Horizon);
    }

    private static string TextOf(Program program) => Compiler.Compile.close(new Compiler.CompileOptions(), program).Text;

    private static MdpModel<Slide, Thrust> DefineSlide()
    {
        var slide = Mdp.Define<Slide, Thrust>("slide")
            .Start(from at in Sample("at", Normal(0, 1))
                   select new Slide(at, Zeros()))
            .Step((s, a) =>
                from gust in Sample("gust", Normal(0, 0.1))
                select new Slide(s.Position + s.Speed, s.Speed + a.Force + gust))
            .Reward((s, a) => -0.5 * (Square(s.Position) + Square(s.Speed) + Square(a.Force)));
        return slide;
    }
}
