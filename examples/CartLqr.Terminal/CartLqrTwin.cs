namespace Inference.Examples.CartLqr;

/// <summary>A cart on a track with a pole that hangs from it.</summary>
/// <param name="Position">Of the cart, in metres.</param>
/// <param name="Velocity">Of the cart, in metres a second.</param>
/// <param name="Spin">The pole's angular velocity, in radians a second.</param>
/// <param name="Angle">Of the pole, in radians: 0 hanging, π upright.</param>
public sealed record Cart(Tensor Position, Tensor Velocity, Tensor Spin, Tensor Angle);

/// <summary>What is done to the cart.</summary>
/// <param name="Force">In newtons, held over a step.</param>
public sealed record Push([property: Within(-10, 10)] Tensor Force);

/// <summary>What a twin brings: the same cart, specified in its own language.</summary>
public sealed record CartLqrTwin
{
    /// <summary>LQR about the pole upright, of a state that is seen.</summary>
    public required Func<Riccati, Engine, LinearQuadraticSolution> Balance { get; init; }

    /// <summary>LQG about the pole upright: position and angle are seen, in noise.</summary>
    public required Func<Riccati, Engine, LinearQuadraticSolution> Observe { get; init; }

    /// <summary>A trajectory of the cart itself, which is not linear.</summary>
    public required Func<IterativeLqr, Engine, TrajectorySolution> SwingUp { get; init; }

    /// <summary>The cart's graph over a horizon.</summary>
    public required Func<int, ModelGraph> Graph { get; init; }

    /// <summary>The cart itself, of which position and angle are seen in noise.</summary>
    public required Func<Engine, MdpEnvironment> Environment { get; init; }
}
