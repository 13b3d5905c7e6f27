namespace Inference.Examples.Gridworld;

/// <summary>One solution of the grid, as tables and pages show it.</summary>
/// <param name="Name">What it is.</param>
/// <param name="Values">V of each cell, row by row.</param>
/// <param name="Policy">π: for each cell the probabilities of up, down, left and right.</param>
/// <param name="Return">What the policy is expected to earn from a cell drawn at random.</param>
/// <param name="Residual">max |V′ − V| of the last sweep.</param>
/// <param name="ErrorBound">The proved distance to the solution, or null.</param>
/// <param name="Sweeps">Sweeps over all cells.</param>
internal sealed record Map(
    string Name, double[] Values, double[][] Policy, double Return, double Residual, double? ErrorBound, int Sweeps)
{
    public static Map Of(string name, FiniteSolution solution) => new(
        name,
        solution.Values().ToArray(),
        [.. Enumerable.Range(0, solution.Process.States).Select(cell => solution.Probabilities(cell))],
        solution.ExpectedReturn(),
        solution.Residual,
        solution.ErrorBound,
        solution.Sweeps);
}

/// <summary>A reward that was found from demonstrations, beside the one that they followed.</summary>
/// <param name="True">The reward of each cell, moves off the grid apart.</param>
/// <param name="Found">The same of the reward that was found, shifted to the same mean.</param>
/// <param name="TrueOff">What a move off the grid costs.</param>
/// <param name="FoundOff">What it costs by the reward that was found.</param>
/// <param name="Correlation">Of both rewards over cells.</param>
/// <param name="Share">The return of the policy by the reward that was found, over that of the one that was demonstrated.</param>
/// <param name="Gap">The largest difference of features between demonstrations and model.</param>
/// <param name="Steps">Steps of the search.</param>
internal sealed record Inverse(
    double[] True, double[] Found, double TrueOff, double FoundOff, double Correlation, double Share, double Gap, int Steps);

/// <summary>What the example finds.</summary>
/// <param name="Temperatures">The grid without wind, over an infinite horizon.</param>
/// <param name="Semantics">The grid in the wind, over a finite horizon.</param>
/// <param name="Inverse">What demonstrations say of the reward.</param>
internal sealed record Findings(Map[] Temperatures, Map[] Semantics, Inverse Inverse)
{
    private const int Cells = 25;

    /// <summary>Solves what the page shows.</summary>
    public static Findings Of(GridworldOptions options, GridworldTwin twin, Engine engine, CancellationToken cancellation) => new(
        [.. AtTemperatures(twin, engine)],
        [.. InSenses(options, twin, engine)],
        Demonstrated(options, twin, engine, cancellation));

    private static IEnumerable<Map> AtTemperatures(GridworldTwin twin, Engine engine)
    {
        foreach ((string name, double temperature, bool hard) in new[]
            {
                ("α → 0", 1.0, true), ("α = 0.1", 0.1, false), ("α = 1", 1, false), ("α = 10", 10, false), ("α = 1000", 1000, false),
            })
        {
            using FiniteSolution solution = twin.Solve(
                0, temperature, PlanningSemantics.FixedDynamics, new ValueIteration { Hard = hard }, engine);
            yield return Map.Of(name, solution);
        }
    }

    private static IEnumerable<Map> InSenses(GridworldOptions options, GridworldTwin twin, Engine engine)
    {
        foreach ((string name, PlanningSemantics semantics) in new[]
            {
                ("fixed dynamics", PlanningSemantics.FixedDynamics),
                ("exact posterior", PlanningSemantics.ExactPosterior),
                ("Boltzmann", PlanningSemantics.Boltzmann),
            })
        {
            using FiniteSolution solution = twin.Solve(options.Slip, 1, semantics, new BackwardInduction { Steps = options.Horizon }, engine);
            yield return Map.Of(name, solution);
        }
    }

    private static Inverse Demonstrated(GridworldOptions options, GridworldTwin twin, Engine engine, CancellationToken cancellation)
    {
        var horizon = new BackwardInduction { Steps = options.Horizon };
        FiniteMdp process = twin.Tabulate(options.Slip, engine);
        using FiniteSolution expert = twin.Solve(options.Slip, 1, PlanningSemantics.FixedDynamics, horizon, engine);
        Demonstrations shown = expert.Demonstrate(options.Episodes, options.Horizon, options.Seed);
        RewardFit fit = process.FitReward(
            twin.Features(engine),
            shown,
            new MaximumEntropyReward { Precision = 0.001, MaximumSteps = 1000, Tolerance = 1e-3 },
            engine,
            cancellation: cancellation);

        // What the found policy earns by the true reward.
        using FiniteSolution found = fit.Rewarded().Optimal(1).Solve(engine, horizon);
        double earned = Earned(found, process, options.Horizon);
        double[] truth = [.. Enumerable.Range(0, Cells).Select(cell => Enumerable.Range(0, process.Actions).Max(a => process.Reward[(a * Cells) + cell]))];
        double[] cells = fit.Weights[..Cells];
        double shift = truth.Average() - cells.Average();
        return new Inverse(
            truth,
            [.. cells.Select(weight => weight + shift)],
            -1,
            fit.Weights[Cells],
            CorrelationOf(truth, cells),
            earned / expert.ExpectedReturn(),
            fit.Gap.Max(Math.Abs),
            fit.Steps);
    }

    private static double Earned(FiniteSolution solution, FiniteMdp process, int horizon)
    {
        double[][] masses = solution.Occupancies(horizon);
        double sum = 0;
        for (int time = 0; time < horizon; time++)
        {
            for (int cell = 0; cell < Cells; cell++)
            {
                double[] policy = solution.Probabilities(cell, time);
                for (int action = 0; action < policy.Length; action++)
                {
                    sum += masses[time][cell] * policy[action] * process.Reward[(action * Cells) + cell];
                }
            }
        }

        return sum;
    }

    private static double CorrelationOf(double[] x, double[] y)
    {
        double meanOfX = x.Average(), meanOfY = y.Average();
        double Sum(Func<double, double, double> term) => x.Zip(y, (a, b) => term(a - meanOfX, b - meanOfY)).Sum();
        return Sum((a, b) => a * b) / Math.Sqrt(Sum((a, _) => a * a) * Sum((_, b) => b * b));
    }
}
