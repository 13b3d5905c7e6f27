using Microsoft.Extensions.Logging;

namespace Inference;

/// <summary>
/// What is optimal in a finite process: the value V, the quality Q and the policy π of every state, solved exactly; and what comes of
/// acting so.
/// </summary>
/// <remarks>
/// States and actions are counted as <see cref="FiniteSpace"/> does, the last field's values varying fastest. All numbers are in units of
/// reward. Times matter for a finite horizon alone: it has a policy for each time, and others one for all. For one thread at a time.
/// </remarks>
public sealed partial class FiniteSolution : ExactSolution
{
    private readonly Engine _engine;
    private readonly FiniteSolver _solver;
    private readonly IReadOnlyList<FiniteMdp> _times;
    private readonly FiniteMessages _messages;
    private readonly string _why;
    private readonly float[] _action;

    /// <summary>Solves a process.</summary>
    /// <param name="optimal">The process and what optimal means.</param>
    /// <param name="method">How its messages are passed; null: chosen by the process, see <see cref="Explain"/>.</param>
    /// <param name="engine">The machine that sweeps run on. It outlives the solution.</param>
    /// <exception cref="ModelException">A value would be infinite, or an option is out of its range.</exception>
    /// <exception cref="InvalidOperationException">Sweeps do not converge.</exception>
    public FiniteSolution(FiniteOptimal optimal, FiniteMethod? method, Engine engine)
        : this(optimal ?? throw new ArgumentNullException(nameof(optimal)), [optimal.Mdp], method, engine, warns: true)
    {
    }

    /// <summary>Solves a process that reads the time, over a finite horizon.</summary>
    /// <param name="optimal">The process at time 0 and what optimal means.</param>
    /// <param name="times">The process at each time, all of one shape.</param>
    /// <param name="method">The horizon: as many steps as there are times.</param>
    /// <param name="engine">The machine that sweeps run on. It outlives the solution.</param>
    /// <param name="warns">Whether states that no episode comes to may be a slip of who wrote the process.</param>
    /// <exception cref="ModelException">An option is out of its range.</exception>
    internal FiniteSolution(FiniteOptimal optimal, IReadOnlyList<FiniteMdp> times, FiniteMethod? method, Engine engine, bool warns)
    {
        ArgumentNullException.ThrowIfNull(engine);
        RequireSeen(optimal.Mdp);
        (Process, _times, _engine) = (optimal.Mdp, times, engine);
        Method = method ?? new ValueIteration();
        _why = method is null ? Reason(optimal.Mdp) : "asked for";
        Validate(Method);
        RequireRoom(Method, Process);
        if (Method is not BackwardInduction)
        {
            RequireFiniteValue(Process);
        }

        Warnings = warns && !IsDated ? WarningsOf(Process) : [];
        foreach (string warning in Warnings)
        {
            engine.Logger.LogWarning("{Warning}", warning);
        }

        _action = new float[Process.ActionSpace.Count];
        _solver = new FiniteSolver(engine, times, new Backup(optimal.Semantics, Method.Hard ? 0 : optimal.Temperature, Process.Discount));
        try
        {
            _messages = Pass();
            ErrorBound = Bound();
        }
        catch
        {
            _solver.Dispose();
            throw;
        }
    }

    /// <summary>The process as numbers; at time 0, where it reads the time.</summary>
    public FiniteMdp Process { get; }

    /// <summary>Whether the process reads the time, and has tables for each.</summary>
    private bool IsDated => _times.Count > 1;

    /// <summary>How it was solved.</summary>
    public FiniteMethod Method { get; }

    /// <summary>The steps of a finite horizon, or null.</summary>
    public override int? Horizon => _messages.Steps;

    /// <summary>Sweeps over all states.</summary>
    public int Sweeps => _solver.Sweeps;

    /// <summary>Policies that were evaluated; 0 unless by policy iteration.</summary>
    public int Improvements { get; private set; }

    /// <summary>max |V′ − V| over states in the last sweep; 0 for a finite horizon.</summary>
    public double Residual => _messages.Residual;

    /// <summary>
    /// How far any value may be from the solution, rounding included; null where no bound is claimed: Boltzmann over an infinite horizon, and
    /// where neither a discount nor further sweeps prove one. For a finite horizon it is what rounding may have added up to.
    /// </summary>
    public override double? ErrorBound { get; }

    /// <summary>What may be a slip: states that no episode comes to.</summary>
    public IReadOnlyList<string> Warnings { get; }

    /// <summary>V of all states at a time.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The horizon has no such time.</exception>
    public ReadOnlySpan<double> Values(int time = 0) => _messages.Values[TimeOf(time, _messages.Values.Length)];

    /// <summary>V of a state: its numbers, field after field.</summary>
    /// <exception cref="ArgumentException">The state is none of the process.</exception>
    public override double Value(ReadOnlySpan<float> state, int time = 0) => Values(time)[StateOf(state)];

    /// <summary>Q of every action in a state.</summary>
    /// <inheritdoc cref="Value"/>
    public double[] Q(ReadOnlySpan<float> state, int time = 0) => Row(_messages.Qualities, StateOf(state), time);

    /// <summary>π: the probability of every action in a state.</summary>
    /// <inheritdoc cref="Value"/>
    public double[] Probabilities(ReadOnlySpan<float> state, int time = 0) => Row(_messages.Policies, StateOf(state), time);

    /// <summary>Q of every action in a state by its count.</summary>
    public double[] Q(int state, int time = 0) => Row(_messages.Qualities, state, time);

    /// <summary>π: the probability of every action in a state by its count.</summary>
    public double[] Probabilities(int state, int time = 0) => Row(_messages.Policies, state, time);

    /// <summary>The most probable action in a state, the first of equal ones: its numbers, field after field.</summary>
    /// <returns>A span that holds until the next call.</returns>
    /// <inheritdoc cref="Value"/>
    public override ReadOnlySpan<float> Act(ReadOnlySpan<float> state, int time = 0)
    {
        int[] numbers = FiniteSpace.valuesAt(Process.ActionSpace, Best(Row(_messages.Policies, StateOf(state), time)));
        for (int k = 0; k < numbers.Length; k++)
        {
            _action[k] = numbers[k];
        }

        return _action;
    }

    /// <summary>Frees what is compiled. The engine stays.</summary>
    public override void Dispose()
    {
        _solver.Dispose();
        _forward?.Dispose();
        _inferred?.Dispose();
    }

    private static int Best(double[] probabilities) => Array.IndexOf(probabilities, probabilities.Max());

    private static void Validate(FiniteMethod method)
    {
        (string option, double value, bool holds, string mend) = method switch
        {
            BackwardInduction m => ("BackwardInduction.Steps", m.Steps, m.Steps >= 1, "Go back from at least 1 step."),
            ValueIteration m when m.MaximumSweeps < 1 => ("ValueIteration.MaximumSweeps", m.MaximumSweeps, false, "Allow at least 1 sweep."),
            ValueIteration m => ("ValueIteration.Tolerance", m.Tolerance, m.Tolerance > 0, "Choose it above 0."),
            PolicyIteration m when m.MaximumSweeps < 1 => ("PolicyIteration.MaximumSweeps", m.MaximumSweeps, false, "Allow at least 1 sweep."),
            PolicyIteration m => ("PolicyIteration.Tolerance", m.Tolerance, m.Tolerance > 0, "Choose it above 0."),
            _ => throw new ArgumentException($"{method.Name} is no method for finite processes.", nameof(method)),
        };
        if (!holds)
        {
            throw new ModelException($"{option} is {value}.", LocationModule.ofUser(), "", mend);
        }
    }

    private static void RequireRoom(FiniteMethod method, FiniteMdp process)
    {
        const double most = 1L << 28;
        if (method is BackwardInduction { Steps: var steps } && (double)steps * process.States * ((2 * process.Actions) + 1) is var numbers and > most)
        {
            throw new ModelException(
                $"Backward induction of \"{process.Name}\" keeps V, Q and π at {steps} steps: {numbers:G3} numbers; at most {most:G3} are kept.",
                LocationModule.ofUser(),
                process.Name,
                "Go back from fewer steps; over an infinite horizon, by ValueIteration or PolicyIteration, one policy is kept for all times.");
        }
    }

    private static void RequireSeen(FiniteMdp process)
    {
        if (process.Observation is not null)
        {
            throw new ModelException(
                $"The states of \"{process.Name}\" are hidden behind its observations; this solution would act on the state itself.",
                LocationModule.ofUser(),
                process.Name,
                "Solve it over beliefs: Solve(engine, new BeliefTree { Horizon = … }); or, to act on states that are seen, leave Observe out: FiniteMdpModule.seen of its tables.");
        }
    }

    private static void RequireFiniteValue(FiniteMdp process)
    {
        if (process.Discount < 1)
        {
            return;
        }

        int[] endless = Reachability.endless(process);
        if (endless.Length > 0)
        {
            throw new ModelException(
                $"The value of \"{process.Name}\" is infinite: without a discount, no end is ever reached from the states "
                    + $"{Reachability.describe(process, endless)}.",
                LocationModule.ofUser(),
                process.Name,
                "Give it a discount below 1, a termination that can be reached, or a horizon: new BackwardInduction { Steps = … }.");
        }
    }

    private static List<string> WarningsOf(FiniteMdp process)
    {
        int[] unreachable = Reachability.unreachable(process);
        return unreachable.Length == 0
            ? []
            : [$"No episode of \"{process.Name}\" comes to {unreachable.Length} of its {process.States} states: {Reachability.describe(process, unreachable)}."];
    }

    private FiniteMessages Pass()
    {
        switch (Method)
        {
            case BackwardInduction induction:
                return _solver.Induct(induction.Steps);
            case PolicyIteration policies:
                FiniteMessages messages = _solver.Improve(policies, out int improvements);
                Improvements = improvements;
                return messages;
            case ValueIteration iteration:
                return _solver.Iterate(iteration);
            default:
                throw new ArgumentException($"{Method.Name} is no method for finite processes.");
        }
    }

    private double? Bound() =>
        Method is BackwardInduction { Steps: var steps } ? _solver.Rounding() * steps
        : _solver.Backup is { Semantics: PlanningSemantics.Boltzmann, Temperature: > 0 } ? null
        : _solver.Contracts ? _solver.DistanceOf(Residual)
        : Enclosure.Of(_solver, _messages);

    private int TimeOf(int time, int times) =>
        Horizon is null ? 0
        : (uint)time < (uint)times ? time
        : throw new ArgumentOutOfRangeException(nameof(time), time, $"The horizon has the times 0 … {times - 1}.");

    private double[] Row(double[][] tables, int state, int time)
    {
        if ((uint)state >= (uint)Process.States)
        {
            throw new ArgumentOutOfRangeException(nameof(state), state, $"\"{Process.Name}\" has the states 0 … {Process.States - 1}.");
        }

        double[] table = tables[TimeOf(time, tables.Length)];
        return [.. Enumerable.Range(0, Process.Actions).Select(action => table[(action * Process.States) + state])];
    }

    private int StateOf(ReadOnlySpan<float> state) => FiniteSpace.countOf(Process.StateSpace, state);
}
