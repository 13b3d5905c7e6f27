using System.Globalization;
using System.Text;

namespace Inference;

/// <summary>
/// A locally optimal trajectory and what to do beside it: a(s) = ā + K·(s − s̄) at each time, held to the actions' limits. No exact solution: V is a
/// quadratic form around the trajectory, and another trajectory may be better.
/// </summary>
/// <remarks>All values are in units of reward. For one thread at a time.</remarks>
public sealed class TrajectorySolution : IDisposable
{
    // Damping above this proposes changes too small to see.
    private const double MostDamping = 1e12;

    private readonly NamedExecutable _iteration;
    private readonly NamedExecutable _decision;
    private readonly List<double> _returns = [];
    private readonly float[] _action;
    private readonly double[] _best;
    private double[][] _states = [];
    private double[][] _actions = [];
    private double[][] _gains = [];
    private double[][] _covariances = [];
    private double[][] _values = [];

    /// <summary>Looks for a trajectory.</summary>
    /// <param name="process">The process.</param>
    /// <param name="method">How it is looked for.</param>
    /// <param name="engine">The machine that it runs on. It outlives the solution.</param>
    /// <param name="settings">The numbers of the settings; empty where the process has none.</param>
    /// <exception cref="ModelException">An option is out of its range, or the first trajectory is not finite.</exception>
    public TrajectorySolution(TrajectoryProgram process, IterativeLqr method, Engine engine, double[] settings)
    {
        ArgumentNullException.ThrowIfNull(process);
        ArgumentNullException.ThrowIfNull(method);
        ArgumentNullException.ThrowIfNull(engine);
        ArgumentNullException.ThrowIfNull(settings);
        (Process, Method) = (process, method);
        Validate();
        SpaceText.Require(Title, "settings", process.SettingsSpace, settings.Length);
        double[] start = StartOf(engine);
        _action = new float[process.ActionSpace.Count];
        _best = new double[process.ActionSpace.Count];
        _iteration = new NamedExecutable(engine, process.Iteration);
        _decision = new NamedExecutable(engine, process.Decision);
        try
        {
            _iteration.Set("start", start);
            if (settings.Length > 0)
            {
                _iteration.Set("settings", settings);
            }

            _iteration.SetState("actions", method.Actions ?? Rest());
            Improve();
            Read();
            RequireFiniteGains();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The process.</summary>
    public TrajectoryProgram Process { get; }

    /// <summary>How the trajectory was looked for.</summary>
    public IterativeLqr Method { get; }

    /// <summary>The steps planned.</summary>
    public int Horizon => Process.Horizon;

    /// <summary>Iterations that changed the trajectory.</summary>
    public int Iterations => _returns.Count - 1;

    /// <summary>Whether another iteration promises no more than was asked for.</summary>
    public bool Converged { get; private set; }

    /// <summary>What another iteration promises to gain, at first order.</summary>
    public double Promise { get; private set; }

    /// <summary>
    /// Σ γᵗ·r of the trajectory with noise at its mean, first of that which the search began with, then after each iteration. It never falls. Under the exact
    /// posterior noise is that of the most likely trajectory, and each standard normal ε of it costs ½·α·ε².
    /// </summary>
    public IReadOnlyList<double> Returns => _returns;

    /// <summary>s̄ at a time; there is one more than actions.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The horizon has no such time.</exception>
    public ReadOnlySpan<double> State(int time) => _states[TimeOf(time, _states.Length)];

    /// <summary>ā at a time.</summary>
    /// <inheritdoc cref="State"/>
    public ReadOnlySpan<double> Action(int time) => _actions[TimeOf(time, _actions.Length)];

    /// <summary>The gain [m, n] at a time: the action is ā − gain·(s − s̄). The row of an action at its limit is 0.</summary>
    /// <inheritdoc cref="State"/>
    public double[,] Gain(int time = 0)
    {
        double[] numbers = _gains[TimeOf(time, _gains.Length)];
        int states = Process.StateSpace.Count;
        double[,] gain = new double[_action.Length, states];
        for (int row = 0; row < _action.Length; row++)
        {
            for (int column = 0; column < states; column++)
            {
                gain[row, column] = 0.0 - numbers[(row * (states + 1)) + column]; // no −0
            }
        }

        return gain;
    }

    /// <summary>The policy's covariance [m, m] beside the trajectory, α·Λ⁻¹, with the last iteration's damping in Λ; 0 for an action at its limit.</summary>
    /// <inheritdoc cref="State"/>
    public double[,] Covariance(int time = 0)
    {
        double[] numbers = _covariances[TimeOf(time, _covariances.Length)];
        double[,] covariance = new double[_action.Length, _action.Length];
        Buffer.BlockCopy(numbers, 0, covariance, 0, sizeof(double) * numbers.Length);
        return covariance;
    }

    /// <summary>V near the trajectory, to second order. There is one more time than actions.</summary>
    /// <exception cref="ArgumentException">The count of the state's numbers is wrong.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The horizon has no such time.</exception>
    public double Value(ReadOnlySpan<float> state, int time = 0)
    {
        Look(state, TimeOf(time, _values.Length));
        return _decision.Output("valueOf");
    }

    /// <summary>The action beside the trajectory, within its limits.</summary>
    /// <returns>A span that holds until the next call.</returns>
    /// <inheritdoc cref="Value"/>
    public ReadOnlySpan<float> Act(ReadOnlySpan<float> state, int time = 0)
    {
        Look(state, TimeOf(time, _actions.Length));
        _decision.Output("best", _best);
        for (int k = 0; k < _action.Length; k++)
        {
            _action[k] = (float)_best[k];
        }

        return _action;
    }

    /// <summary>The equations, and how the search went; then the compiled iteration.</summary>
    public string Explain()
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"== Trajectory of \"{Process.Name}\", {Process.Horizon} steps");
        text.AppendLine("== Equations");
        text.AppendLine("  M = R + γ·Fᵀ·V′·F,  F the step's derivative and R the reward's second at (s̄, ā),  Λ = −M_aa + μ·I");
        text.AppendLine("  a = ā + β·k + K·(s − s̄),  K = Λ⁻¹·M_as,  k = Λ⁻¹·M_a;  V = M_ss + KᵀM_as + M_saK + KᵀM_aaK, and so for its linear part");
        text.AppendLine("  actions with limits: k is best within them (projected Newton), and K = 0 for an action at its limit");
        text.AppendLine("  β is the first of 1, ½, …, 2⁻⁹ that keeps 1e-4 of what it promises; where none does, the damping μ grows tenfold");
        text.AppendLine().AppendLine("== Method");
        text.AppendLine(
            CultureInfo.InvariantCulture,
            $"iterative LQR, asked for: {Iterations} iterations, return {_returns[0]:G6} → {_returns[^1]:G6}; another promises {Promise:G3} ({(Converged ? "converged" : "not converged")})");
        text.AppendLine(Process.Semantics == PlanningSemantics.ExactPosterior
            ? "locally optimal where it converged: no bound is claimed; noise is inferred beside the actions, at a cost of ½·α·ε², which returns count"
            : "locally optimal where it converged: no bound is claimed; noise is held at its mean along the trajectory and counts in V alone");
        return text.AppendLine().AppendLine("== Iteration").Append(_iteration.Explain()).ToString();
    }

    /// <summary>Frees what is compiled. The engine stays.</summary>
    public void Dispose()
    {
        _iteration.Dispose();
        _decision.Dispose();
    }

    private string Title => $"The process \"{Process.Name}\"";

    private void Validate()
    {
        int states = Process.StateSpace.Count, actions = Process.ActionSpace.Count * Process.Horizon;
        (string option, string value, bool holds, string mend) = Method switch
        {
            { MaximumIterations: < 1 } => ("MaximumIterations", $"{Method.MaximumIterations}", false, "Allow at least 1 iteration."),
            { From: { } from } when from.Length != states => ("From", $"{from.Length} numbers", false, $"Give the {states} of a state."),
            { Actions: { } given } when given.Length != actions =>
                ("Actions", $"{given.Length} numbers", false, $"Give {actions}: a row of {Process.ActionSpace.Count} for each step."),
            _ => ("Tolerance", string.Create(CultureInfo.InvariantCulture, $"{Method.Tolerance}"), Method.Tolerance > 0, "Choose it above 0."),
        };
        if (!holds)
        {
            throw new ModelException($"IterativeLqr.{option} is {value}.", LocationModule.ofUser(), Process.Name, mend);
        }
    }

    private double[] StartOf(Engine engine)
    {
        if (Method.From is { } from)
        {
            return from;
        }

        if (Process.Start is not { } start)
        {
            throw new ModelException(
                $"\"{Process.Name}\" has no start, and IterativeLqr.From is not given: a trajectory begins somewhere.",
                LocationModule.ofUser(),
                Process.Name,
                "Give the process a start, .Start(…), or the method a state: From = [ … ].");
        }

        using var program = new NamedExecutable(engine, start.Value);
        program.Run();
        return program.Numbers("start");
    }

    /// <summary>The actions nearest to 0 within their limits.</summary>
    private double[] Rest() =>
        [.. Enumerable.Repeat(Process.ActionSpace.Leaves.SelectMany(leaf => Enumerable.Repeat(Math.Clamp(0, leaf.Low, leaf.High), leaf.Count)), Process.Horizon)
            .SelectMany(row => row)];

    private void Improve()
    {
        double[] damping = new double[1];
        for (int runs = 0; ; runs++)
        {
            _iteration.Run();
            double before = _iteration.Output("return"), size = _iteration.Output("size");
            if (runs == 0)
            {
                RequireFinite(before);
                _returns.Add(before);
            }

            Promise = _iteration.Output("promise");
            Converged = Promise <= Method.Tolerance * (1 + Math.Abs(before));
            if (Converged || Iterations == Method.MaximumIterations || _iteration.State("damping", damping)[0] > MostDamping)
            {
                return;
            }

            if (size > 0)
            {
                _returns.Add(_iteration.Output("improved"));
            }
        }
    }

    private void RequireFinite(double earned)
    {
        if (!double.IsFinite(earned))
        {
            throw new ModelException(
                $"The return of the first trajectory of \"{Process.Name}\" is {earned}.",
                LocationModule.ofUser(),
                Process.Name,
                "Begin with actions under which states and rewards stay finite, Actions = [ … ], or with a shorter horizon.");
        }
    }

    /// <summary>A return that rises without end has taken the numbers of the last iteration beyond what is finite.</summary>
    private void RequireFiniteGains()
    {
        IEnumerable<double> numbers = _gains.Concat(_covariances).Concat(_values).SelectMany(row => row);
        if (!numbers.All(double.IsFinite))
        {
            throw new ModelException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"The return of \"{Process.Name}\" grows from {_returns[0]:G3} to {_returns[^1]:G3} in {Iterations} iterations, where its gains are no longer finite."),
                LocationModule.ofUser(),
                Process.Name,
                "Let the reward cost what is large, − 0.5 * Square(a), hold actions [Within] limits, or begin with other actions, Actions = [ … ].");
        }
    }

    /// <summary>The last run's trajectory, with the gains that are around it.</summary>
    private void Read()
    {
        int steps = Process.Horizon;
        _states = [.. QuadraticMessages.Rows(_iteration.Numbers("states"), steps), _iteration.Numbers("last")];
        _actions = QuadraticMessages.Rows(_iteration.Numbers("actions"), steps);
        _gains = QuadraticMessages.Rows(_iteration.Numbers("gains"), steps);
        _covariances = QuadraticMessages.Rows(_iteration.Numbers("covariances"), steps);
        _values = QuadraticMessages.Rows(_iteration.Numbers("values"), steps + 1);
    }

    private int TimeOf(int time, int times) =>
        (uint)time < (uint)times
            ? time
            : throw new ArgumentOutOfRangeException(nameof(time), time, $"The horizon has the times 0 … {times - 1}.");

    private void Look(ReadOnlySpan<float> state, int time)
    {
        SpaceText.Require(Title, "state", Process.StateSpace, state.Length);
        double[] numbers = new double[state.Length];
        for (int k = 0; k < state.Length; k++)
        {
            numbers[k] = state[k];
        }

        int acting = Math.Min(time, Process.Horizon - 1);
        _decision.Set("state", numbers);
        _decision.Set("nominal", _states[time]);
        _decision.Set("planned", _actions[acting]);
        _decision.Set("gain", _gains[acting]);
        _decision.Set("value", _values[time]);
        _decision.Run();
    }
}
