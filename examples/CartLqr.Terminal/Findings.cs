namespace Inference.Examples.CartLqr;

/// <summary>Episodes that one controller has balanced.</summary>
/// <param name="Name">The controller.</param>
/// <param name="First">The first of them.</param>
/// <param name="MeanReturn">Over all.</param>
/// <param name="Upright">How many end upright.</param>
internal sealed record Balanced(string Name, Run First, double MeanReturn, int Upright);

/// <summary>How the pole was swung up.</summary>
/// <param name="Planned">The pole's angle from upright in the plan, at each time.</param>
/// <param name="Values">V of each state of the plan.</param>
/// <param name="Returns">Of the first trajectory, and after each iteration.</param>
/// <param name="Converged">Whether the search did.</param>
/// <param name="Run">The plan followed among gusts, its gains beside it, until LQR takes over.</param>
/// <param name="Deviations">The policy's standard deviation at each step; 0 where the force is at its limit.</param>
internal sealed record Swing(double[] Planned, double[] Values, double[] Returns, bool Converged, Run Run, double[] Deviations);

/// <summary>What the example finds.</summary>
/// <param name="Gain">K of LQR over an infinite horizon.</param>
/// <param name="Deviation">The standard deviation of its policy.</param>
/// <param name="Earned">What each step earns in the long run.</param>
/// <param name="EarnedBlind">The same where position and angle are seen in noise.</param>
/// <param name="Gains">K at each time of a finite horizon, a row a step.</param>
/// <param name="Balanced">By LQR and by LQG.</param>
/// <param name="Swing">From hanging.</param>
internal sealed record Findings(
    double[] Gain, double Deviation, double Earned, double EarnedBlind, double[][] Gains, Balanced[] Balanced, Swing Swing)
{
    private const int BalancedSteps = 60;

    /// <summary>Solves and runs what the page shows.</summary>
    public static Findings Of(CartLqrOptions options, CartLqrTwin twin, Engine engine, CancellationToken cancellation)
    {
        using LinearQuadraticSolution seen = twin.Balance(new Riccati(), engine);
        using LinearQuadraticSolution watched = twin.Observe(new Riccati(), engine);
        using LinearQuadraticSolution dated = twin.Balance(new Riccati { Horizon = options.Horizon }, engine);
        using MdpEnvironment environment = twin.Environment(engine);
        using GaussianController controller = watched.Controller();
        Balanced lqr = Balance("LQR, the state is seen", options, environment, cancellation, () => { }, () => seen.Act(environment.State)[0]);
        Balanced lqg = Balance(
            "LQG, position and angle are seen in noise",
            options,
            environment,
            cancellation,
            controller.Reset,
            () => controller.Act(environment.Observation)[0]);
        return new Findings(
            RowOf(seen.Gain()),
            Math.Sqrt(seen.Covariance()[0, 0]),
            seen.AverageReward,
            watched.AverageReward,
            [.. Enumerable.Range(0, options.Horizon).Select(time => RowOf(dated.Gain(time)))],
            [lqr, lqg],
            SwingUp(options, twin, engine, environment, seen));
    }

    private static double[] RowOf(double[,] gain) => [.. gain.Cast<double>()];

    private static Balanced Balance(
        string name, CartLqrOptions options, MdpEnvironment environment, CancellationToken cancellation, Action begin, Func<float> act)
    {
        var runs = new List<Run>();
        for (int episode = 0; episode < options.Episodes; episode++)
        {
            cancellation.ThrowIfCancellationRequested();
            environment.Reset(options.Seed, episode);
            begin();
            runs.Add(Run.Of(environment, BalancedSteps, _ => act()));
        }

        return new Balanced(name, runs[0], runs.Average(run => run.Return), runs.Count(run => run.IsUpright));
    }

    /// <summary>Hanging still is as good to the left as to the right, and no small change is better: the search begins with a push that rocks.</summary>
    private static Swing SwingUp(
        CartLqrOptions options, CartLqrTwin twin, Engine engine, MdpEnvironment environment, LinearQuadraticSolution balance)
    {
        var method = new IterativeLqr
        {
            Horizon = options.Horizon,
            From = [0, 0, 0, 0],
            Actions = [.. Enumerable.Range(0, options.Horizon).Select(step => 2 * Math.Sin(0.45 * step))],
        };
        using TrajectorySolution plan = twin.SwingUp(method, engine);
        environment.Reset([0, 0, 0, 0], options.Seed);
        Run run = Run.Of(
            environment,
            options.Horizon + BalancedSteps,
            step => step < options.Horizon ? plan.Act(environment.State, step)[0] : balance.Act(NearUpright(environment.State))[0]);
        return new Swing(
            [.. Enumerable.Range(0, options.Horizon + 1).Select(time => plan.State(time)[3] - Math.PI)],
            [.. Enumerable.Range(0, options.Horizon + 1).Select(time => plan.Value(Single(plan.State(time)), time))],
            [.. plan.Returns],
            plan.Converged,
            run,
            [.. Enumerable.Range(0, options.Horizon).Select(time => Math.Sqrt(plan.Covariance(time)[0, 0]))]);
    }

    private static float[] Single(ReadOnlySpan<double> state) => Array.ConvertAll(state.ToArray(), number => (float)number);

    /// <summary>The same state with its angle counted from the nearest upright.</summary>
    private static float[] NearUpright(ReadOnlySpan<float> state) =>
        [state[0], state[1], state[2], (float)(Math.PI + Math.IEEERemainder(state[3] - Math.PI, 2 * Math.PI))];
}
