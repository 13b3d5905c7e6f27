using static Inference.Language;

namespace Inference.CSharpApi.Tests;

public record Pose(Tensor Angle, Tensor Velocity);

public record Torque([Within(-2, 2)] Tensor Value);

/// <summary>The pendulum as users write it.</summary>
public static class Pendulum
{
    public static MdpModel<Pose, Torque> Model { get; } = Mdp.Define<Pose, Torque>("pendulum")
        .Start(from angle in Sample("angle", Uniform(-PI, PI))
               from velocity in Sample("velocity", Uniform(-1, 1))
               select new Pose(angle, velocity))
        .Step((s, u) =>
        {
            var velocity = Clip(s.Velocity + (15 * Sin(s.Angle) + 3 * u.Value) * 0.05, -8, 8);
            return new Pose(s.Angle + velocity * 0.05, velocity);
        })
        .Reward((s, u) => -(Square(WrapAngle(s.Angle)) + 0.1 * Square(s.Velocity) + 0.001 * Square(u.Value)));

    public static Optimal<Pose, Torque, Microsoft.FSharp.Core.Unit> Optimal { get; } = Model.Optimal(temperature: 0.1);
}
