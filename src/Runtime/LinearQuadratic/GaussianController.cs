namespace Inference;

/// <summary>
/// Control of a linear-Gaussian process that is seen through observations: a Kalman filter and the optimal gains. For one thread at a time.
/// </summary>
public sealed class GaussianController : IDisposable
{
    private readonly LinearQuadraticNumbers _process;
    private readonly QuadraticMessages _messages;
    private readonly Beliefs _beliefs;
    private readonly NamedExecutable _program;
    private readonly double[] _mean;
    private readonly double[] _best;
    private readonly float[] _action;

    internal GaussianController(LinearQuadraticNumbers process, QuadraticMessages messages, Beliefs beliefs, Engine engine)
    {
        (_process, _messages, _beliefs) = (process, messages, beliefs);
        _program = new NamedExecutable(engine, Filtering.controller(process.Process.Semantics, process.Shape));
        _program.Set("observation", process.Observation);
        if (beliefs.Earned.Length > 0)
        {
            _program.Set("temperature", process.Process.Temperature);
        }

        _mean = new double[process.Shape.States];
        _best = new double[process.Shape.Actions];
        _action = new float[process.Shape.Actions];
        Reset();
    }

    /// <summary>Steps taken since the start.</summary>
    public int Time { get; private set; }

    /// <summary>The mean of what is believed of the state, after the last observation; before the first, the start's.</summary>
    public ReadOnlySpan<double> Mean => _mean;

    /// <summary>The covariance [n, n] of what is believed after the observation at a time, whatever is observed; over an infinite horizon in the long run.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The horizon has no such time.</exception>
    public ReadOnlySpan<double> CovarianceAt(int time) => _beliefs.Covariances[RowOf(time)];

    /// <summary>Takes in an observation and gives the mean action, which it then believes to be taken.</summary>
    /// <param name="observation">Its numbers.</param>
    /// <returns>A span that holds until the next call.</returns>
    /// <exception cref="ArgumentException">The count of numbers is wrong.</exception>
    /// <exception cref="InvalidOperationException">The horizon is at its end.</exception>
    public ReadOnlySpan<float> Act(ReadOnlySpan<float> observation)
    {
        LinearQuadraticShape shape = _process.Shape;
        if (observation.Length != shape.Observations)
        {
            throw new ArgumentException(
                $"An observation of \"{_process.Process.Name}\" has {shape.Observations} numbers; {observation.Length} came.", nameof(observation));
        }

        if (shape.Horizon > 0 && Time >= shape.Horizon)
        {
            throw new InvalidOperationException(
                $"The horizon of \"{_process.Process.Name}\" is {shape.Horizon} steps, and these have been taken. Begin again with Reset(), or solve for a longer one.");
        }

        double[] sight = new double[observation.Length];
        for (int k = 0; k < sight.Length; k++)
        {
            sight[k] = observation[k];
        }

        int row = RowOf(Time);
        _program.Set("sight", sight);
        _program.Set("filter", _beliefs.Gains[row]);
        _program.Set("policy", _messages.Gains[row]);
        _program.Set("dynamics", RowOf(_process.Dynamics, row));
        if (_beliefs.Earned.Length > 0)
        {
            _program.Set("earned", _beliefs.Earned[row]);
            _program.Set("reward", RowOf(_process.Reward, row));
        }

        _program.Run();
        _program.Output("mean", _mean);
        _program.Output("action", _best);
        Time++;
        for (int k = 0; k < _best.Length; k++)
        {
            _action[k] = (float)_best[k];
        }

        return _action;
    }

    /// <summary>Forgets what was observed: what is believed is the start again.</summary>
    public void Reset()
    {
        Time = 0;
        _process.Start.CopyTo(_mean, 0);
        _program.SetState("predicted", _process.Start);
    }

    /// <summary>Frees what is compiled.</summary>
    public void Dispose() => _program.Dispose();

    private ReadOnlySpan<double> RowOf(double[] stacked, int row)
    {
        int size = stacked.Length / Math.Max(1, _process.Shape.Horizon);
        return stacked.AsSpan(row * size, size);
    }

    private int RowOf(int time) =>
        _process.Shape.Horizon == 0 ? 0
        : (uint)time < (uint)_process.Shape.Horizon ? time
        : throw new ArgumentOutOfRangeException(nameof(time), time, $"The horizon has the times 0 … {_process.Shape.Horizon - 1}.");
}
