using System.Globalization;

namespace Inference;

/// <summary>Drives the programs of <see cref="RiccatiModule"/> until the value is known.</summary>
internal sealed class RiccatiSolver : IDisposable
{
    // A value this much larger than the rewards has no finite limit that double precision could tell.
    private const double Divergence = 1e15;

    // Where residuals no longer fall, rounding is all that is left of them.
    private const double Floor = 1e-9;

    private static readonly double Epsilon = Math.BitIncrement(1.0) - 1.0;

    private readonly LinearQuadraticNumbers _process;
    private readonly Engine _engine;
    private readonly Riccati _options;

    public RiccatiSolver(LinearQuadraticNumbers process, Riccati options, Engine engine)
    {
        (_process, _options, _engine) = (process, options, engine);
        Recursion = process.Load(engine, RiccatiModule.derive(process.Process.Semantics, process.Shape));
    }

    /// <summary>The backward recursion.</summary>
    public NamedExecutable Recursion { get; }

    private LinearQuadraticProgram Process => _process.Process;

    private int States => _process.Shape.States;

    public void Dispose() => Recursion.Dispose();

    public QuadraticMessages Solve() => _options.Horizon is { } horizon ? Induct(horizon) : Iterate();

    /// <summary>V's numbers by rows and columns.</summary>
    private double At(double[] value, int row, int column) => value[(row * (States + 1)) + column];

    private QuadraticMessages Induct(int steps)
    {
        double[] last = _process.Terminal ?? new double[(States + 1) * (States + 1)];
        Recursion.SetState("value", last);
        Recursion.Run();
        double[][] values = QuadraticMessages.Rows(Recursion.Numbers("values"), steps);
        RequirePositive(values, steps);
        return Read([.. values, last], steps);
    }

    private QuadraticMessages Iterate()
    {
        double scale = _process.Reward.Max(Math.Abs);
        double before = double.PositiveInfinity;
        for (int steps = 0; ;)
        {
            Recursion.Run();
            double[] stacked = Recursion.Numbers("values");
            int stride = stacked.Length / ((States + 1) * (States + 1));
            steps += stride;
            double[][] values = QuadraticMessages.Rows(stacked, stride);
            RequirePositive(values, stride);
            double residual = Recursion.Output("residual"), largest = Recursion.Output("largest");
            if (largest > Divergence * scale)
            {
                throw Diverges(values[0], values[1]);
            }

            if (residual <= _options.Tolerance * largest || (residual <= Floor * largest && residual >= before))
            {
                return Settled(stride, steps, residual);
            }

            if (steps >= _options.MaximumSteps)
            {
                throw NotSettled(values[0], values[1], residual, steps);
            }

            before = residual;
        }
    }

    /// <summary>The fixed point. Its constant is that of one step, which a discount sums up, and which is else what each step earns.</summary>
    private QuadraticMessages Settled(int stride, int steps, double residual)
    {
        QuadraticMessages all = Read(QuadraticMessages.Rows(Recursion.Numbers("values"), stride), stride);
        double[] value = all.Values[0];
        double step = value[^1] / 2;
        value[^1] = Process.Discount < 1 ? value[^1] / (1 - Process.Discount) : 0;
        return new QuadraticMessages
        {
            Values = [value],
            Gains = [all.Gains[0]],
            Covariances = [all.Covariances[0]],
            Curvatures = [all.Curvatures[0]],
            Peaks = [all.Peaks[0]],
            AverageReward = Process.Discount < 1 ? 0 : step,
            Residual = residual,
            ErrorBound = Bound(value, residual),
            Steps = steps,
        };
    }

    private QuadraticMessages Read(double[][] values, int rows) => new()
    {
        Values = values,
        Gains = QuadraticMessages.Rows(Recursion.Numbers("gains"), rows),
        Covariances = QuadraticMessages.Rows(Recursion.Numbers("covariances"), rows),
        Curvatures = QuadraticMessages.Rows(Recursion.Numbers("curvatures"), rows),
        Peaks = Recursion.Numbers("peaks"),
        Steps = rows,
    };

    /// <summary>
    /// The solution lies between the value of the policy that was found and the value of as many steps, which falls where rewards are costs: their
    /// difference, whose diagonal is its largest numbers, bounds both errors.
    /// </summary>
    private double? Bound(double[] value, double residual)
    {
        using NamedExecutable evaluation = _process.Load(_engine, RiccatiModule.policyValue(Process.Semantics, _process.Shape));
        evaluation.Set("response", Recursion.Numbers("response"));
        evaluation.Run();
        double[] ofPolicy = evaluation.Numbers("value");
        double[] gaps = [.. Enumerable.Range(0, States).Select(k => At(value, k, k) - At(ofPolicy, k, k))];
        double rounding = 64 * Epsilon * value.Max(Math.Abs) * States;
        return Array.TrueForAll(gaps, gap => double.IsFinite(gap) && gap >= -Math.Max(residual, rounding))
            ? Math.Max(gaps.Max(), Math.Max(residual, rounding))
            : null;
    }

    /// <summary>Refuses a step, the last in time that has one, whose −∂²Q is not positive definite.</summary>
    private void RequirePositive(double[][] values, int steps)
    {
        double[][] pivots = QuadraticMessages.Rows(Recursion.Numbers("pivots"), steps);
        int step = Array.FindLastIndex(pivots, row => !Array.TrueForAll(row, double.IsFinite));
        if (step < 0)
        {
            return;
        }

        if (step + 2 < steps && values[step + 1].Max(Math.Abs) > Divergence * _process.Reward.Max(Math.Abs))
        {
            throw Diverges(values[step + 1], values[step + 2]);
        }

        int pivot = Array.FindIndex(pivots[step], p => !double.IsFinite(p));
        string when = steps - step == 1 ? "with 1 step to go" : $"with {steps - step} steps to go";
        throw pivot < _process.Shape.Actions
            ? Refuse(
                $"−∂²Q/∂a² of \"{Process.Name}\" is not positive definite at the action \"{SpaceText.Components(Process.ActionSpace)[pivot]}\" {when}: "
                    + "ever larger actions would be worth ever more.",
                "Let the reward cost each action: − 0.5 * Square(a).")
            : Refuse(
                $"E[exp(V/α)] of \"{Process.Name}\" is infinite {when}: luck is worth more than it is improbable, so the exact posterior has no value.",
                "Give a higher temperature, less noise, or fixed dynamics.");
    }

    private ModelException Diverges(double[] after, double[] before)
    {
        int worst = Enumerable.Range(0, States).MaxBy(k => Math.Abs(At(after, k, k)));
        double rate = Math.Sqrt(Math.Abs(At(after, worst, worst) / At(before, worst, worst)) / Process.Discount);
        return Refuse(
            string.Create(
                CultureInfo.InvariantCulture,
                $"The value of \"{Process.Name}\" is infinite: what lies in the direction {Direction(after, worst)} grows by {rate:G4} a step, and no action holds it."),
            "Give actions that reach it, a discount below 1/rate², or a horizon: new Riccati { Horizon = … }.");
    }

    private ModelException NotSettled(double[] after, double[] before, double residual, int steps)
    {
        double Change(int row, int column) => Math.Abs(At(after, row, column) - At(before, row, column));
        int worst = Enumerable.Range(0, States).MaxBy(k => Change(k, k));

        // What a state is worth may go on to grow where its cost, the quadratic part, has settled.
        int slope = Enumerable.Range(0, States).MaxBy(k => Change(k, States));
        string where = Change(slope, States) > Change(worst, worst)
            ? $"what {SpaceText.Components(Process.StateSpace)[slope]} is worth at 0"
            : $"the direction {Direction(after, worst)}";
        return Refuse(
            string.Create(
                CultureInfo.InvariantCulture,
                $"The value of \"{Process.Name}\" still changes by {residual:G3} after {steps} steps, most in {where}."),
            "Give a discount below 1, actions that reach it, more MaximumSteps, or a horizon: new Riccati { Horizon = … }.");
    }

    /// <summary>The direction in which a value that one mode dominates is largest: a column of it, its largest number 1.</summary>
    private string Direction(double[] value, int column)
    {
        string[] fields = SpaceText.Components(Process.StateSpace);
        double largest = At(value, column, column);
        return string.Join(
            ", ",
            Enumerable.Range(0, States)
                .Select(k => (Field: fields[k], Share: At(value, k, column) / largest))
                .Where(part => Math.Abs(part.Share) > 1e-3)
                .Select(part => string.Create(CultureInfo.InvariantCulture, $"{part.Field} = {part.Share:G3}")));
    }

    private ModelException Refuse(string problem, string mend) => new(problem, LocationModule.ofUser(), Process.Name, mend);
}
