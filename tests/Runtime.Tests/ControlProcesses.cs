using static Inference.Language;

namespace Inference.Runtime.Tests;

internal sealed record Pose(Tensor Angle, Tensor Velocity);

internal sealed record Torque([Within(-2, 2)] Tensor Value);

internal sealed record Place(Tensor Position);

internal sealed record Nothing;

internal sealed record Push(Tensor Force);

internal sealed record Flow([Within(2, 5)] Tensor Value);

internal sealed record Goal([Size(2)] Tensor Target);

internal sealed record Drone([Size(2)] Tensor Position, Tensor Battery);

internal sealed record Rotors([Size(2), Within(-1, 1)] Tensor Thrust);

/// <summary>Small processes that tests act upon.</summary>
internal static class ControlProcesses
{
    public static MdpModel<Pose, Torque> Pendulum { get; } = Mdp.Define<Pose, Torque>("pendulum")
        .Start(from angle in Sample("angle", Uniform(-PI, PI))
               from velocity in Sample("velocity", Uniform(-1, 1))
               select new Pose(angle, velocity))
        .Step((s, u) =>
        {
            var velocity = Clip(s.Velocity + (15 * Sin(s.Angle) + 3 * u.Value) * 0.05, -8, 8);
            return new Pose(s.Angle + velocity * 0.05, velocity);
        })
        .Reward((s, u) => -(Square(WrapAngle(s.Angle)) + 0.1 * Square(s.Velocity) + 0.001 * Square(u.Value)));

    /// <summary>The position plus the force; it ends at 3. The reward is the position left.</summary>
    public static MdpModel<Place, Push> Walk { get; } = Mdp.Define<Place, Push>("walk")
        .Step((s, u) => new Place(s.Position + u.Force))
        .Reward((s, u) => s.Position)
        .Terminate(s => LessEqual(3, s.Position));

    /// <summary>One up at each step; from position 2 on the reward is NaN.</summary>
    public static MdpModel<Place, Push> Cliff { get; } = Mdp.Define<Place, Push>("cliff")
        .Step((s, u) => new Place(s.Position + 1))
        .Reward((s, u) => Sqrt(1 - s.Position) - 0.1 * Square(u.Force - 1));

    /// <summary>Without a state: every step is worth most at a force of 1.</summary>
    public static MdpModel<Nothing, Push> Lever { get; } = Mdp.Define<Nothing, Push>("lever")
        .Step((s, u) => s)
        .Reward((s, u) => -Square(u.Force - 1));

    /// <summary>A random walk that is seen with noise.</summary>
    public static MdpModel<Place, Push> Drift { get; } = Mdp.Define<Place, Push>("drift")
        .Start(from position in Sample("position", Normal(0, 1)) select new Place(position))
        .Step((s, u) => from wind in Sample("wind", Normal(0, 1)) select new Place(s.Position + u.Force + wind))
        .Reward((s, u) => -Square(s.Position))
        .Observe(s => Normal(s.Position, 0.5));

    /// <summary>To a target that is given at each call.</summary>
    public static MdpModel<Drone, Rotors, Goal> Flight { get; } = Mdp.Define<Drone, Rotors, Goal>("flight")
        .Step((s, u, goal) => new Drone(s.Position + 0.5 * u.Thrust, s.Battery - 1))
        .Reward((s, u, goal) => -Sum(Square(s.Position - goal.Target)));
}
