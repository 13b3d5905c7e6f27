namespace Inference;

/// <content>Forward messages: where acting so leads.</content>
public sealed partial class FiniteSolution
{
    private const double Negligible = 1e-12;
    private const int MaximumSteps = 1_000_000;

    private TableExecutable? _forward;
    private TableExecutable? _inferred;

    /// <summary>
    /// Where episodes that follow the policy are: [time][state], the probability that the episode still goes on at that time, or ends there
    /// just then, and is in that state. A discount is the probability of going on. The dynamics are the process's own.
    /// </summary>
    /// <param name="steps">Steps followed; for a finite horizon at most its own.</param>
    /// <exception cref="InvalidOperationException">The process has no start.</exception>
    public double[][] Occupancies(int steps) => Follow(Forward, steps);

    /// <summary>
    /// The same given that all goes well, p(s at that time | O = 1): under the exact posterior the dynamics are inferred too. Under the others these
    /// are the <see cref="Occupancies"/>.
    /// </summary>
    /// <inheritdoc cref="Occupancies"/>
    public double[][] Posterior(int steps) => Follow(Inferred, steps);

    /// <summary>
    /// How often each state is visited by an episode, discounted: Σ γᵗ·p(sₜ = s), until less than 1e-12 of the episodes goes on; for a finite
    /// horizon over its steps. Ends are counted once.
    /// </summary>
    /// <exception cref="InvalidOperationException">The process has no start, or episodes do not end.</exception>
    public double[] Visits()
    {
        double[] visits = (double[])RequireStart().Clone();
        Walk(Forward, Process.EndsAt, (mass, _) =>
        {
            for (int state = 0; state < visits.Length; state++)
            {
                visits[state] += mass[state];
            }
        });
        return visits;
    }

    /// <summary>The return, discounted, that an episode under the policy is expected to have in the process's own dynamics, rewards alone.</summary>
    /// <exception cref="InvalidOperationException">The process has no start, or episodes never stop earning.</exception>
    public double ExpectedReturn()
    {
        double total = 0;
        double[] last = RequireStart();
        bool[] resting = Horizon is null ? Reachability.resting(Process) : [];
        Walk(Forward, state => resting[state], (mass, reward) =>
        {
            total += reward;
            last = mass;
        });
        if (Horizon is not null)
        {
            total += last.Zip(_messages.Values[^1], (p, value) => p * value).Sum();
        }

        return total;
    }

    /// <summary>Draws episodes that follow the policy.</summary>
    /// <param name="episodes">How many.</param>
    /// <param name="steps">Of each; for a finite horizon at most its own. A discount cuts none of them short.</param>
    /// <param name="seed">Decides every draw.</param>
    /// <exception cref="InvalidOperationException">The process has no start, or reads the time.</exception>
    public Demonstrations Demonstrate(int episodes, int steps, long seed = 0)
    {
        if (episodes < 1 || steps < 1 || steps > (Horizon ?? int.MaxValue))
        {
            throw new ArgumentOutOfRangeException(
                nameof(steps), $"{episodes} episodes of {steps} steps were asked for; expected at least 1, and no more steps than the horizon.");
        }

        if (IsDated)
        {
            throw new InvalidOperationException(
                $"Episodes of \"{Process.Name}\", which reads the time, are not drawn from its tables. Make the time a [Discrete(n)] field of the state.");
        }

        double[] start = RequireStart();
        using var draw = new TableExecutable(
            _engine, Demonstration.derive(TableShape.Of(Process), episodes, steps, Horizon is not null), Process);
        draw.Set("start", start);
        draw.Set("policy", Horizon is null ? _messages.Policies[0] : [.. _messages.Policies.Take(steps).SelectMany(policy => policy)]);
        draw.SetSeed(seed);
        draw.Run();
        return new Demonstrations(Rows(draw.Output("states", new double[episodes * (steps + 1)]), episodes), Rows(draw.Output("actions", new double[episodes * steps]), episodes));
    }

    private static int[][] Rows(double[] numbers, int rows) =>
        [.. numbers.Chunk(numbers.Length / rows).Select(row => Array.ConvertAll(row, number => (int)number))];

    private TableExecutable Forward =>
        _forward ??= _solver.Load(MessagePrograms.forward(
            new Backup(PlanningSemantics.FixedDynamics, _solver.Backup.Temperature, Process.Discount), TableShape.Of(Process)));

    private TableExecutable Inferred => _inferred ??= _solver.Load(MessagePrograms.forward(_solver.Backup, TableShape.Of(Process)));

    private double[] RequireStart() =>
        Process.Start ?? throw new InvalidOperationException(
            $"\"{Process.Name}\" has no start, and where its episodes are is not known. Define it: .Start(…).");

    private double[][] Follow(TableExecutable forward, int steps)
    {
        if (steps < 0 || steps > (Horizon ?? int.MaxValue))
        {
            throw new ArgumentOutOfRangeException(nameof(steps), steps, $"Follow 0 … {Horizon ?? int.MaxValue} steps.");
        }

        double[][] masses = new double[steps + 1][];
        masses[0] = [.. RequireStart()];
        forward.SetState("mass", masses[0]);
        for (int time = 0; time < steps; time++)
        {
            Step(forward, time);
            masses[time + 1] = forward.State("mass", new double[Process.States]);
        }

        return masses;
    }

    /// <summary>Steps until the horizon, or until hardly any episode is in a state that is not over.</summary>
    private void Walk(TableExecutable forward, Func<int, bool> isOver, Action<double[], double> after)
    {
        forward.SetState("mass", RequireStart());
        double[] mass = new double[Process.States];
        for (int time = 0; time < (Horizon ?? MaximumSteps); time++)
        {
            Step(forward, time);
            after(forward.State("mass", mass), forward.Output("reward"));
            if (Horizon is null && mass.Where((_, state) => !isOver(state)).Sum() < Negligible)
            {
                return;
            }
        }

        if (Horizon is null)
        {
            throw new InvalidOperationException(
                $"Of the episodes of \"{Process.Name}\", {mass.Sum():G3} still go on after {MaximumSteps} steps. "
                    + "Give a discount, a termination that is reached, or a horizon.");
        }
    }

    private void Step(TableExecutable forward, int time)
    {
        if (time == 0 || Horizon is not null)
        {
            forward.SetTable("policy", _messages.Policies[Horizon is null ? 0 : time]);
            forward.Set("value", _messages.Values[Horizon is null ? 0 : time + 1]);
        }

        if (IsDated)
        {
            forward.SetStep(_times[time]);
        }

        forward.Run();
    }
}
