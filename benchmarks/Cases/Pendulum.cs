using Microsoft.FSharp.Core;
using static Inference.Language;

namespace Inference.Benchmarks.Cases;

internal sealed record Pose(Tensor Angle, Tensor Velocity);

internal sealed record Torque([Within(-2, 2)] Tensor Value);

/// <summary>Gymnasium's Pendulum-v1, to be optimal at temperature 1.</summary>
internal static class Pendulum
{
    public static readonly float[] HangingStill = [MathF.PI, 0];

    public static Optimal<Pose, Torque, Unit> Optimal { get; } = Mdp.Define<Pose, Torque>("pendulum")
        .Step((s, u) =>
        {
            var velocity = Clip(s.Velocity + (15 * Sin(s.Angle) + 3 * u.Value) * 0.05, -8, 8);
            return new Pose(s.Angle + velocity * 0.05, velocity);
        })
        .Reward((s, u) => -(Square(WrapAngle(s.Angle)) + 0.1 * Square(s.Velocity) + 0.001 * Square(u.Value)))
        .Optimal(temperature: 1);
}
