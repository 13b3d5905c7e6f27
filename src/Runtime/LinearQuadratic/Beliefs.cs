namespace Inference;

/// <summary>What is believed of a linear-Gaussian process at each step, as far as no observation changes it; one row for an infinite horizon.</summary>
internal sealed class Beliefs
{
    private readonly double[] _costs;

    private Beliefs(double[][] gains, double[][] covariances, double[] costs, double averageReward)
    {
        (Gains, Covariances, _costs, AverageReward) = (gains, covariances, costs, averageReward);
    }

    /// <summary>The Kalman gains [n, p].</summary>
    public double[][] Gains { get; }

    /// <summary>Covariances [n, n] after the observation.</summary>
    public double[][] Covariances { get; }

    /// <summary>What not knowing the state adds to what a step earns in the long run, without a discount.</summary>
    public double AverageReward { get; }

    public static Beliefs Of(LinearQuadraticNumbers process, Riccati options, Engine engine, QuadraticMessages messages)
    {
        using NamedExecutable filter = process.Load(engine, Filtering.derive(process.Shape));
        filter.SetState("predicted", process.StartCovariance);
        int rows = Filter(filter, process.Process, options);
        double[][] gains = QuadraticMessages.Rows(filter.Numbers("gains"), rows);
        double[][] covariances = QuadraticMessages.Rows(filter.Numbers("covariances"), rows);
        double[] spreads = filter.Numbers("spreads");
        using NamedExecutable cost = process.Load(engine, Filtering.cost(process.Shape));
        if (options.Horizon is not null)
        {
            cost.Set("values", [.. messages.Values.Skip(1).SelectMany(value => value)]);
            cost.Set("covariances", filter.Numbers("covariances"));
            cost.Set("spreads", spreads);
            cost.Run();
            return new Beliefs(gains, covariances, [.. cost.Numbers("costs"), 0], 0);
        }

        // The last row but one: the last one's next step has not been taken.
        cost.Set("values", messages.Values[0]);
        cost.Set("covariances", covariances[^2]);
        cost.Set("spreads", QuadraticMessages.Rows(spreads, rows)[^2]);
        cost.Run();
        double each = cost.Output("each"), discount = process.Process.Discount;
        return new Beliefs([gains[^1]], [covariances[^1]], [discount < 1 ? each / (1 - discount) : 0], discount < 1 ? 0 : each);
    }

    /// <summary>What not knowing the state adds to the value at a time; not above 0 where rewards are costs.</summary>
    public double CostAt(int time) => _costs[time];

    /// <summary>Filters a horizon, or until the covariance no longer changes.</summary>
    /// <returns>The rows of the program's outputs.</returns>
    private static int Filter(NamedExecutable filter, LinearQuadraticProgram process, Riccati options)
    {
        double before = double.PositiveInfinity;
        for (int steps = 0; ;)
        {
            filter.Run();
            double[] pivots = filter.Numbers("pivots");
            int rows = pivots.Length / process.Shape.Observations;
            RequirePositive(pivots, process);
            if (options.Horizon is not null)
            {
                return rows;
            }

            steps += rows;
            double residual = filter.Output("residual"), largest = filter.Output("largest");
            if (residual <= options.Tolerance * largest || (residual <= 1e-9 * largest && residual >= before))
            {
                return rows;
            }

            if (steps >= options.MaximumSteps || !double.IsFinite(largest))
            {
                throw new ModelException(
                    $"What is believed of \"{process.Name}\" does not settle: after {steps} observations its covariance still changes by {residual:G3}.",
                    LocationModule.ofUser(),
                    process.Name,
                    "Observe what grows, or give a horizon: new Riccati { Horizon = … }.");
            }

            before = residual;
        }
    }

    private static void RequirePositive(double[] pivots, LinearQuadraticProgram process)
    {
        int bad = Array.FindIndex(pivots, p => !double.IsFinite(p));
        if (bad >= 0)
        {
            int count = process.Shape.Observations;
            throw new ModelException(
                $"The covariance of the observation of \"{process.Name}\" is not positive definite at its number {bad % count}, step {bad / count}: "
                    + "it is known beforehand, or a sum of others.",
                LocationModule.ofUser(),
                process.Name,
                "Give each number of the observation some noise of its own.");
        }
    }
}
