namespace Inference.Examples.Pendulum;

/// <summary>What a twin brings: the same pendulum, specified in its own language.</summary>
public sealed record PendulumTwin
{
    /// <summary>The planner for the options, on an engine.</summary>
    public required Func<PendulumOptions, Engine, Planner> Plan { get; init; }

    /// <summary>The pendulum as an environment, on an engine.</summary>
    public required Func<Engine, IEnvironment> Simulate { get; init; }

    /// <summary>The pendulum's graph over so many steps.</summary>
    public required Func<int, ModelGraph> Graph { get; init; }
}
