namespace Inference;

/// <content>Processes that are seen through observations.</content>
public sealed partial class LinearQuadraticSolution
{
    /// <summary>Whether the state is seen through observations.</summary>
    public bool IsObserved => _beliefs is not null;

    /// <summary>The Kalman gain [n, p]: by how much a surprise moves the belief.</summary>
    /// <exception cref="InvalidOperationException">The state is seen.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The horizon has no such time.</exception>
    public double[,] KalmanGain(int time = 0) =>
        Matrix(Believed.Gains[TimeOf(time, Believed.Gains.Length)], Process.Shape.Observations, States, Process.Shape.Observations, 1);

    /// <summary>The covariance [n, n] of what is believed after an observation.</summary>
    /// <inheritdoc cref="KalmanGain"/>
    public double[,] BeliefCovariance(int time = 0) =>
        Matrix(Believed.Covariances[TimeOf(time, Believed.Covariances.Length)], States, States, States, 1);

    /// <summary>What not knowing the state adds to the value of a belief at a time; not above 0 where rewards are costs.</summary>
    /// <exception cref="InvalidOperationException">The state is seen; or under the exact posterior, where it depends on what is believed.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The horizon has no such time.</exception>
    public double EstimationCost(int time = 0) =>
        Believed.Costs is { } costs
            ? costs[TimeOf(time, costs.Length)]
            : throw new InvalidOperationException(
                $"Under the exact posterior what not knowing the state of \"{Process.Name}\" adds to its value depends on what is believed. Value counts it.");

    /// <summary>A controller that acts on observations. It keeps its own belief; make one for each episode that runs at a time.</summary>
    /// <returns>To be disposed.</returns>
    /// <exception cref="InvalidOperationException">The state is seen.</exception>
    public GaussianController Controller() => new(_process, _messages, Believed, _engine);

    private Beliefs Believed =>
        _beliefs ?? throw new InvalidOperationException(
            $"The state of \"{Process.Name}\" is seen, so nothing is filtered. Say how it is observed, .Observe(s => Normal(…)), before it is solved.");
}
