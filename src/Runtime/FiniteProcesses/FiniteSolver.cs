namespace Inference;

/// <summary>Passes messages over a finite process until they are known: drives the programs of <see cref="MessagePrograms"/>.</summary>
internal sealed class FiniteSolver : IDisposable
{
    private const int SweepsBetweenLooks = 64;
    private const int RatiosRemembered = 8;
    private const double SmallestShare = 1.0 / 64;

    private readonly Engine _engine;
    private readonly FiniteMdp _process;
    private readonly IReadOnlyList<FiniteMdp> _times;
    private readonly TableShape _shape;
    private readonly double[] _values;

    /// <param name="engine">The machine.</param>
    /// <param name="times">The process at each time of a finite horizon, or once for all.</param>
    /// <param name="backup">The equations.</param>
    public FiniteSolver(Engine engine, IReadOnlyList<FiniteMdp> times, Backup backup)
    {
        (_engine, _times, _process, Backup) = (engine, times, times[0], backup);
        _shape = TableShape.Of(_process);
        _values = new double[_process.States];
        Decide = Load(MessagePrograms.decide(backup, _shape));
    }

    public Backup Backup { get; }

    /// <summary>One sweep that also shows Q and the policy.</summary>
    public TableExecutable Decide { get; }

    public int Sweeps { get; private set; }

    /// <summary>Whether a sweep brings any two values nearer by the discount. Under the exact posterior it need not; see docs/planning.md.</summary>
    public bool Contracts => Backup.Discount < 1 && Backup.Semantics != PlanningSemantics.ExactPosterior;

    /// <summary>The share of the way to T V that a sweep goes: of a Boltzmann policy it is halved while residuals do not fall.</summary>
    public double Share { get; private set; } = 1;

    /// <summary>How often all values were shifted at once; see <see cref="Shift"/>.</summary>
    public int Shifts { get; private set; }

    /// <summary>The spacing of numbers near 1.</summary>
    private double Epsilon => _engine.Options.Precision == Precision.Double ? Math.BitIncrement(1.0) - 1.0 : MathF.BitIncrement(1f) - 1f;

    public TableExecutable Load(Program program) => new(_engine, program, _process);

    /// <summary>A program over the process whose episodes end where nothing is earned any more.</summary>
    public TableExecutable LoadUntilRest(Func<TableShape, Program> program)
    {
        FiniteMdp process = FiniteMdpModule.terminating(Reachability.resting(_process), _process);
        return new TableExecutable(_engine, program(TableShape.Of(process)), process);
    }

    /// <summary>Steps from the last to the first.</summary>
    public FiniteMessages Induct(int steps)
    {
        var messages = new FiniteMessages(_process, steps);
        double[] last = messages.Values[steps];
        for (int state = 0; state < _process.States; state++)
        {
            last[state] = _process.TerminalValue is null || _process.EndsAt(state) ? 0 : _process.TerminalValue[state];
        }

        Decide.SetState("value", last);
        for (int time = steps - 1; time >= 0; time--)
        {
            if (_times.Count > 1)
            {
                Decide.SetStep(_times[time]);
            }

            RunOrThrow(Decide);
            Read(messages, time);
        }

        return messages;
    }

    /// <summary>Sweeps from a value of 0.</summary>
    public FiniteMessages Iterate(ValueIteration options)
    {
        using TableExecutable sweep = Load(MessagePrograms.sweep(Backup, _shape));
        sweep.Set("share", Share);
        Converge(sweep, options.Tolerance, options.MaximumSweeps, damped: Backup.Semantics == PlanningSemantics.Boltzmann);
        return Decided(sweep.State("value", _values));
    }

    /// <summary>Evaluates and improves policies.</summary>
    public FiniteMessages Improve(PolicyIteration options, out int improvements)
    {
        using TableExecutable evaluation = Load(MessagePrograms.evaluate(Backup, _shape));
        FiniteMessages messages = Decided(_values);
        double[] cost = new double[messages.Policies[0].Length];
        for (improvements = 1; ; improvements++)
        {
            evaluation.SetTable("policy", messages.Policies[0]);
            evaluation.SetTable("cost", Decide.Output("cost", cost));
            evaluation.SetState("value", messages.Values[0]);
            Converge(evaluation, options.Tolerance / 2, options.MaximumSweeps - Sweeps, damped: false);
            double[] before = messages.Policies[0];
            messages = Decided(evaluation.State("value", _values));
            double change = before.Zip(messages.Policies[0], (p, q) => Math.Abs(p - q)).Max();
            bool near = Contracts && DistanceOf(messages.Residual) <= options.Tolerance;
            if (near || messages.Residual <= Floor() || change <= 4 * Epsilon)
            {
                return messages;
            }
        }
    }

    /// <summary>
    /// How far a value may be from the solution where T brings values nearer by γ: ‖V′ − V*‖ ≤ (γ·‖V′ − V‖ + δ)/(1 − γ), δ what rounding may do to
    /// one sweep.
    /// </summary>
    public double DistanceOf(double residual) => ((Backup.Discount * residual) + Rounding()) / (1 - Backup.Discount);

    /// <summary>A bound on what rounding does to one sweep: each number of it is a sum of so many terms, none larger than these.</summary>
    public double Rounding()
    {
        double size = _values.Max(Math.Abs) + _times.Max(process => process.Reward.Max(Math.Abs));

        // A logarithm times α is no larger than thrice what it is taken of where α is large: see SoftBellman.softMean.
        return Epsilon * (_process.Successors + _process.Actions + 8) * (size + Math.Min(Backup.Temperature, 3 * size));
    }

    public void Dispose() => Decide.Dispose();

    private FiniteMessages Decided(double[] values)
    {
        var messages = new FiniteMessages(_process, steps: null);
        Decide.SetState("value", values);
        RunOrThrow(Decide);
        Read(messages, 0);
        messages.Residual = Decide.Output("residual");
        messages.Values[0].CopyTo(_values, 0);
        return messages;
    }

    private void Read(FiniteMessages messages, int time)
    {
        Decide.State("value", messages.Values[time]);
        Decide.Output("q", messages.Qualities[time]);
        Decide.Output("policy", messages.Policies[time]);
    }

    /// <summary>What two sweeps may differ by though nothing changes any more.</summary>
    private double Floor() => 4 * Epsilon * Math.Max(_values.Max(Math.Abs), double.Epsilon);

    /// <param name="sweep">One run, one sweep.</param>
    /// <param name="tolerance">The distance to the solution that is asked for.</param>
    /// <param name="most">The most sweeps.</param>
    /// <param name="damped">Whether sweeps may run in circles, and go shorter ways where residuals do not fall.</param>
    private void Converge(TableExecutable sweep, double tolerance, int most, bool damped)
    {
        double[] ratios = new double[RatiosRemembered];
        Array.Fill(ratios, 1);
        double before = double.PositiveInfinity, atLastLook = double.PositiveInfinity;
        for (int k = 1; ; k++)
        {
            RunOrThrow(sweep);
            double residual = sweep.Output("residual");

            // Where nothing else is known, the worst ratio of the last residuals tells how fast sweeps come nearer.
            ratios[k % RatiosRemembered] = double.IsInfinity(before) ? 1 : residual / before;
            double modulus = Contracts ? Backup.Discount : Math.Min(ratios.Max(), 1);
            bool looks = k % SweepsBetweenLooks == 0;
            if (looks)
            {
                sweep.State("value", _values);
            }

            if (residual <= Floor() || (modulus < 1 && modulus * residual <= tolerance * (1 - modulus) / 2))
            {
                sweep.State("value", _values);
                return;
            }

            if (k >= most)
            {
                throw new InvalidOperationException(NotConverged(sweep, residual, modulus, tolerance));
            }

            if (looks && damped)
            {
                if (Share > SmallestShare && residual > atLastLook / 2)
                {
                    Share /= 2;
                    sweep.Set("share", Share);
                }

                atLastLook = residual;
            }
            else if (looks && Contracts && _process.Ends is null)
            {
                Shift(sweep);
            }

            before = residual;
        }
    }

    /// <summary>
    /// Sweeps once and adds what all states have in common of what is still to come, where that is most of it. T(V + c) = T V + γ·c, so that V* − T V lies between γ/(1 − γ) times the
    /// smallest and the largest change of a sweep (MacQueen, "A modified dynamic programming method for Markovian decision problems", 1966); the middle
    /// of the two is added, which at least halves the bound of the distance.
    /// </summary>
    private void Shift(TableExecutable sweep)
    {
        double[] before = (double[])_values.Clone();
        RunOrThrow(sweep);
        double[] changes = [.. sweep.State("value", _values).Zip(before, (after, value) => after - value)];
        double least = changes.Min(), most = changes.Max(), middle = (least + most) / 2;

        // Where states have less in common, as where some are not come to yet, those that are as they should be stay so.
        if (most - least <= Math.Abs(middle))
        {
            double common = Backup.Discount / (1 - Backup.Discount) * middle;
            sweep.SetState("value", Array.ConvertAll(_values, value => value + common));
            Shifts++;
        }
    }

    private string NotConverged(TableExecutable sweep, double residual, double modulus, double tolerance)
    {
        double[] before = (double[])sweep.State("value", _values).Clone();
        int swept = Sweeps;
        RunOrThrow(sweep);
        double[] after = sweep.State("value", _values);
        int[] growing = [.. Enumerable.Range(0, before.Length).Where(s => Math.Abs(after[s] - before[s]) >= residual / 2)];
        string why = Backup.Semantics switch
        {
            PlanningSemantics.Boltzmann when Backup.Temperature > 0 =>
                "Sweeps need not find the fixed point of a Boltzmann policy: give a horizon, new BackwardInduction { Steps = … }.",
            PlanningSemantics.ExactPosterior when Backup.Temperature == 0 =>
                "In the limit of low temperatures the luckiest episode counts alone, and a discount makes it no shorter: give a termination, a horizon, or "
                    + "fixed dynamics.",
            PlanningSemantics.ExactPosterior =>
                "E[exp(R/α)] may be infinite though rewards are bounded, since a discount only makes long episodes rare: give a higher temperature, "
                    + "a horizon, or fixed dynamics.",
            _ when Contracts =>
                $"At a discount of {Backup.Discount} each sweep leaves up to that share of the distance: allow MaximumSweeps of "
                    + $"{swept + Math.Log(tolerance * (1 - modulus) / (2 * modulus * residual)) / Math.Log(modulus):F0}, or a larger Tolerance.",
            _ => "Their value may be infinite: give a discount below 1, a termination, a horizon, or more MaximumSweeps.",
        };
        return $"The value of \"{_process.Name}\" still changes by {residual:G4} after {swept} sweeps, most in the states "
            + $"{Reachability.describe(_process, growing)}. {why}";
    }

    private void RunOrThrow(TableExecutable program)
    {
        Sweeps++;
        if (!program.Run())
        {
            throw new InvalidOperationException(
                $"The value of \"{_process.Name}\" is no longer finite after {Sweeps} sweeps: rewards outgrow the discount or the precision. "
                    + "Give a discount below 1, a termination, a horizon, or a higher temperature.");
        }
    }
}
