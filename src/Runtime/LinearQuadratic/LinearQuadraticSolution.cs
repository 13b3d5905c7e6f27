namespace Inference;

/// <summary>
/// What is optimal in a linear-quadratic process: V(s) = ½·sᵀ·(−P)·s + …, and the Gaussian policy π(a | s) = N(−K·s + k, Σ). Where the state is seen
/// through observations, s is the mean of what is believed, and <see cref="Controller"/> keeps that.
/// </summary>
/// <remarks>
/// Times matter for a finite horizon alone; it has a policy for each. Over an infinite horizon without a discount V is what a state is worth beside the
/// state 0, and each step earns <see cref="AverageReward"/>. Matrices are row-major, in the order of the fields.
/// </remarks>
public sealed partial class LinearQuadraticSolution : ExactSolution
{
    private readonly Engine _engine;
    private readonly LinearQuadraticNumbers _process;
    private readonly RiccatiSolver _solver;
    private readonly NamedExecutable _decide;
    private readonly QuadraticMessages _messages;
    private readonly Beliefs? _beliefs;
    private readonly string _why;
    private readonly double[] _mean;
    private readonly float[] _action;

    /// <summary>Solves a process.</summary>
    /// <param name="process">The process; its horizon is the method's.</param>
    /// <param name="method">How it is solved.</param>
    /// <param name="why">Why it is, for <see cref="Explain"/>.</param>
    /// <param name="engine">The machine that evaluates the process and solves it. It outlives the solution.</param>
    /// <param name="settings">The numbers of the settings; empty where the process has none.</param>
    /// <exception cref="ModelException">A value would be infinite, or an option is out of its range.</exception>
    public LinearQuadraticSolution(LinearQuadraticProgram process, Riccati method, string why, Engine engine, double[] settings)
    {
        ArgumentNullException.ThrowIfNull(process);
        ArgumentNullException.ThrowIfNull(method);
        ArgumentNullException.ThrowIfNull(engine);
        ArgumentNullException.ThrowIfNull(settings);
        Validate(method);
        (Process, Method, _engine, _why) = (process, method, engine, why);
        _process = new LinearQuadraticNumbers(process, engine, settings);
        _solver = new RiccatiSolver(_process, method, engine);
        try
        {
            _messages = _solver.Solve();
            if (process.Shape.Observations > 0)
            {
                (_beliefs, _messages) = Beliefs.Of(_process, method, engine, _messages);
            }

            _decide = new NamedExecutable(engine, RiccatiModule.decide(process.Shape));
        }
        catch
        {
            _solver.Dispose();
            throw;
        }

        _mean = new double[process.Shape.Actions];
        _action = new float[process.Shape.Actions];
    }

    /// <summary>The process.</summary>
    public LinearQuadraticProgram Process { get; }

    /// <summary>How it was solved.</summary>
    public Riccati Method { get; }

    /// <inheritdoc/>
    public override int? Horizon => Method.Horizon;

    /// <summary>Steps of the recursion.</summary>
    public int Steps => _messages.Steps;

    /// <summary>The largest change of V's numbers in the last step, its constant apart; 0 for a finite horizon.</summary>
    public double Residual => _messages.Residual;

    /// <summary>
    /// How far any number of P may be from the solution; null where no bound is claimed: for a finite horizon, which is exact but for rounding, where
    /// the closed loop is not stable, and for beliefs under the exact posterior.
    /// </summary>
    public override double? ErrorBound => _messages.ErrorBound;

    /// <summary>What a step earns in the long run, entropy bonus included, over an infinite horizon without a discount; otherwise 0.</summary>
    public double AverageReward => _messages.AverageReward + (_beliefs?.AverageReward ?? 0);

    /// <summary>K [m, n]: the mean action is −K·s + k.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The horizon has no such time.</exception>
    public double[,] Gain(int time = 0) => Matrix(_messages.Gains[TimeOf(time, _messages.Gains.Length)], States + 1, Actions, States, -1);

    /// <summary>k [m]: the mean action in the state 0.</summary>
    /// <inheritdoc cref="Gain"/>
    public double[] Offset(int time = 0)
    {
        double[] gain = _messages.Gains[TimeOf(time, _messages.Gains.Length)];
        return [.. Enumerable.Range(0, Actions).Select(a => gain[(a * (States + 1)) + States])];
    }

    /// <summary>Σ [m, m]: the policy's covariance, the same in every state.</summary>
    /// <inheritdoc cref="Gain"/>
    public double[,] Covariance(int time = 0) =>
        Matrix(_messages.Covariances[TimeOf(time, _messages.Covariances.Length)], Actions, Actions, Actions, 1);

    /// <summary>P [n, n] = −∂²V/∂s². A finite horizon has one more time, that of the last state.</summary>
    /// <inheritdoc cref="Gain"/>
    public double[,] Cost(int time = 0) =>
        Matrix(_messages.Values[TimeOf(time, _messages.Values.Length)], States + 1, States, States, -1);

    /// <summary>
    /// V(s). Where the state is seen through observations, the value of a belief with this mean and the covariance that the filter has at this time. A
    /// finite horizon has one more time, that of the last state.
    /// </summary>
    /// <inheritdoc/>
    public override double Value(ReadOnlySpan<float> state, int time = 0)
    {
        int at = TimeOf(time, _messages.Values.Length);
        Look(state, at);
        return _decide.Output("valueOf") + (_beliefs?.CostAt(at) ?? 0);
    }

    /// <summary>Q(s, a): what an action is worth and what comes after it, entropy bonus of later steps included.</summary>
    /// <exception cref="ArgumentException">State or action is none of the process.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The horizon has no such time.</exception>
    public double Q(ReadOnlySpan<float> state, ReadOnlySpan<float> action, int time = 0)
    {
        SpaceText.Require(Title, "action", Process.ActionSpace, action.Length);
        int at = TimeOf(time, _messages.Gains.Length);
        double[] numbers = new double[action.Length];
        for (int k = 0; k < action.Length; k++)
        {
            numbers[k] = action[k];
        }

        _decide.Set("action", numbers);
        Look(state, at);
        return _decide.Output("quality") + (_beliefs?.CostAt(at) ?? 0);
    }

    /// <summary>The mean action, which is the most probable: −K·s + k.</summary>
    /// <returns>A span that holds until the next call.</returns>
    /// <inheritdoc/>
    public override ReadOnlySpan<float> Act(ReadOnlySpan<float> state, int time = 0)
    {
        Look(state, TimeOf(time, _messages.Gains.Length));
        _decide.Output("best", _mean);
        for (int k = 0; k < _mean.Length; k++)
        {
            _action[k] = (float)_mean[k];
        }

        return _action;
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _solver.Dispose();
        _decide.Dispose();
    }

    private int States => Process.Shape.States;

    private int Actions => Process.Shape.Actions;

    private string Title => $"The process \"{Process.Name}\"";

    private static void Validate(Riccati method)
    {
        (string option, double value, bool holds, string mend) = method switch
        {
            { Horizon: < 1 } => ("Horizon", method.Horizon.Value, false, "Go back from at least 1 step; null is an infinite horizon."),
            { MaximumSteps: < 1 } => ("MaximumSteps", method.MaximumSteps, false, "Allow at least 1 step."),
            _ => ("Tolerance", method.Tolerance, method.Tolerance > 0, "Choose it above 0."),
        };
        if (!holds)
        {
            throw new ModelException($"Riccati.{option} is {value}.", LocationModule.ofUser(), "", mend);
        }
    }

    /// <summary>The upper left part of a matrix with so many columns in all, times a sign.</summary>
    private static double[,] Matrix(double[] numbers, int allColumns, int rows, int columns, int sign)
    {
        double[,] matrix = new double[rows, columns];
        for (int row = 0; row < rows; row++)
        {
            for (int column = 0; column < columns; column++)
            {
                matrix[row, column] = (sign * numbers[(row * allColumns) + column]) + 0.0; // no −0
            }
        }

        return matrix;
    }

    private int TimeOf(int time, int times) =>
        Horizon is null ? 0
        : (uint)time < (uint)times ? time
        : throw new ArgumentOutOfRangeException(nameof(time), time, $"The horizon has the times 0 … {times - 1}.");

    /// <summary>Runs the look-up at a state; a value at the last state's time has no action.</summary>
    private void Look(ReadOnlySpan<float> state, int time)
    {
        SpaceText.Require(Title, "state", Process.StateSpace, state.Length);
        double[] numbers = new double[state.Length];
        for (int k = 0; k < state.Length; k++)
        {
            numbers[k] = state[k];
        }

        int acting = Math.Min(time, _messages.Gains.Length - 1);
        _decide.Set("state", numbers);
        _decide.Set("value", _messages.Values[time]);
        _decide.Set("gain", _messages.Gains[acting]);
        _decide.Set("curvature", _messages.Curvatures[acting]);
        _decide.Set("peak", _messages.Peaks[acting]);
        _decide.Run();
    }
}
