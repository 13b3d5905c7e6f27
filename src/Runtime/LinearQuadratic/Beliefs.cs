namespace Inference;

/// <summary>What is believed of a linear-Gaussian process at each step, as far as no observation changes it; one row for an infinite horizon.</summary>
internal sealed class Beliefs
{
    // A covariance that has grown this much since the first steps has no limit.
    private const double Divergence = 1e15;

    private Beliefs(double[][] gains, double[][] covariances, double[][] earned)
    {
        (Gains, Covariances, Earned) = (gains, covariances, earned);
    }

    /// <summary>The Kalman gains [n, p].</summary>
    public double[][] Gains { get; }

    /// <summary>Covariances [n, n] after the observation.</summary>
    public double[][] Covariances { get; }

    /// <summary>Covariances [n, n] once a step's reward is known to have been earned, under the exact posterior; else none.</summary>
    public double[][] Earned { get; }

    /// <summary>What not knowing the state adds to the value at each time; null under the exact posterior, where that depends on what is believed.</summary>
    public double[]? Costs { get; private init; }

    /// <summary>What not knowing the state adds to what a step earns in the long run, without a discount.</summary>
    public double AverageReward { get; private init; }

    /// <summary>Filters, and makes of the messages of states that are seen those of beliefs.</summary>
    public static (Beliefs Beliefs, QuadraticMessages Messages) Of(
        LinearQuadraticNumbers process, Riccati options, Engine engine, QuadraticMessages messages)
    {
        PlanningSemantics semantics = process.Process.Semantics;
        bool tilted = semantics == PlanningSemantics.ExactPosterior;
        using NamedExecutable filter = process.Load(engine, Filtering.derive(semantics, process.Shape));
        filter.SetState("predicted", process.StartCovariance);
        int rows = Filter(filter, process.Process, options);

        // Over an infinite horizon the last row stands for all.
        double[][] Read(string output) => QuadraticMessages.Rows(filter.Numbers(output), rows)[(options.Horizon is null ? rows - 1 : 0)..];
        var beliefs = new Beliefs(Read("gains"), Read("covariances"), tilted ? Read("earned") : []);
        return tilted ? (beliefs, Tilt(process, engine, messages, beliefs)) : (WithCosts(beliefs, process, engine, messages, filter, rows), messages);
    }

    /// <summary>What not knowing the state adds to the value at a time; not above 0 where rewards are costs.</summary>
    public double CostAt(int time) => Costs?[time] ?? 0;

    private static QuadraticMessages Tilt(LinearQuadraticNumbers process, Engine engine, QuadraticMessages messages, Beliefs beliefs)
    {
        int rows = messages.Gains.Length;
        using var program = new NamedExecutable(engine, Filtering.tilted(process.Shape));
        program.Set("values", Joined(messages.Values.Take(rows)));
        program.Set("gains", Joined(messages.Gains));
        program.Set("covariances", Joined(messages.Covariances));
        program.Set("beliefs", Joined(beliefs.Covariances));
        program.Set("temperature", process.Process.Temperature);
        program.Run();
        RequireIntegral(program.Numbers("pivots"), process.Process, "exp(V/α)", 0);
        return messages with
        {
            // After the last step there is the last state, and no belief.
            Values = [.. QuadraticMessages.Rows(program.Numbers("values"), rows), .. messages.Values.Skip(rows)],
            Gains = QuadraticMessages.Rows(program.Numbers("gains"), rows),
            Covariances = QuadraticMessages.Rows(program.Numbers("covariances"), rows),
            Curvatures = QuadraticMessages.Rows(program.Numbers("curvatures"), rows),
            Peaks = program.Numbers("peaks"),
            ErrorBound = null,
        };
    }

    private static Beliefs WithCosts(
        Beliefs beliefs, LinearQuadraticNumbers process, Engine engine, QuadraticMessages messages, NamedExecutable filter, int rows)
    {
        bool endless = process.Shape.Horizon == 0;

        // The last row but one of an infinite horizon: the last one's next step has not been taken.
        double[] Last(string output) => endless ? QuadraticMessages.Rows(filter.Numbers(output), rows)[^2] : filter.Numbers(output);
        using NamedExecutable cost = process.Load(engine, Filtering.cost(process.Shape));
        cost.Set("values", endless ? messages.Values[0] : Joined(messages.Values.Skip(1)));
        cost.Set("covariances", Last("covariances"));
        cost.Set("spreads", Last("spreads"));
        cost.Run();
        if (!endless)
        {
            return new Beliefs(beliefs.Gains, beliefs.Covariances, []) { Costs = [.. cost.Numbers("costs"), 0] };
        }

        double each = cost.Output("each"), discount = process.Process.Discount;
        return new Beliefs(beliefs.Gains, beliefs.Covariances, [])
        {
            Costs = [discount < 1 ? each / (1 - discount) : 0],
            AverageReward = discount < 1 ? 0 : each,
        };
    }

    private static double[] Joined(IEnumerable<double[]> rows) => [.. rows.SelectMany(row => row)];

    /// <summary>Filters a horizon, or until the covariance no longer changes.</summary>
    /// <returns>The rows of the program's outputs.</returns>
    private static int Filter(NamedExecutable filter, LinearQuadraticProgram process, Riccati options)
    {
        double before = double.PositiveInfinity, first = 0;
        for (int steps = 0; ;)
        {
            filter.Run();
            double[] pivots = filter.Numbers("pivots");
            int rows = pivots.Length / process.Shape.Observations;
            if (process.Semantics == PlanningSemantics.ExactPosterior)
            {
                // A step is observed before it earns, so only the steps before a covariance that is none are to blame for what they earn.
                int observed = Array.FindIndex(pivots, p => !double.IsFinite(p)) is var bad and >= 0 ? bad / process.Shape.Observations : rows;
                RequireIntegral(filter.Numbers("earnedPivots")[..(observed * process.Shape.States)], process, "exp(r/α)", steps);
            }

            if (options.Horizon is not null)
            {
                RequirePositive(pivots, process, 0);
                return rows;
            }

            double residual = filter.Output("residual"), largest = filter.Output("largest");
            first = steps == 0 ? largest : first;
            steps += rows;
            if (largest > Divergence * first || steps >= options.MaximumSteps)
            {
                throw new ModelException(
                    $"What is believed of \"{process.Name}\" does not settle: after {steps} observations its covariance still changes by {residual:G3}.",
                    LocationModule.ofUser(),
                    process.Name,
                    "Observe what grows, or give a horizon: new Riccati { Horizon = … }.");
            }

            RequirePositive(pivots, process, steps - rows);
            if (residual <= options.Tolerance * largest || (residual <= 1e-9 * largest && residual >= before))
            {
                return rows;
            }

            before = residual;
        }
    }

    private static void RequirePositive(double[] pivots, LinearQuadraticProgram process, int taken)
    {
        int bad = Array.FindIndex(pivots, p => !double.IsFinite(p));
        if (bad >= 0)
        {
            int count = process.Shape.Observations;
            throw new ModelException(
                $"The covariance of the observation of \"{process.Name}\" is not positive definite at its number {bad % count}, step {taken + (bad / count)}: "
                    + "it is known beforehand, or a sum of others.",
                LocationModule.ofUser(),
                process.Name,
                "Give each number of the observation some noise of its own.");
        }
    }

    /// <summary>Refuses a reward that is worth more than a belief makes it improbable.</summary>
    private static void RequireIntegral(double[] pivots, LinearQuadraticProgram process, string what, int taken)
    {
        int bad = Array.FindIndex(pivots, p => !double.IsFinite(p));
        if (bad >= 0)
        {
            throw new ModelException(
                $"E[{what}] of \"{process.Name}\" is infinite for what is believed at time {taken + (bad / process.Shape.States)}: "
                    + "luck is worth more than it is improbable, so the exact posterior has no value.",
                LocationModule.ofUser(),
                process.Name,
                "Give a higher temperature, less noise in start, step and observation, or fixed dynamics.");
        }
    }
}
