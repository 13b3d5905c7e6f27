using Inference;
using Inference.Examples.Pendulum;
using static Inference.Language;

// Gymnasium's Pendulum-v1 as a Markov decision process.
var pendulum = Mdp.Define<Pose, Torque>("pendulum")
    .Start(from angle in Sample("angle", Uniform(-PI, PI))
           from velocity in Sample("velocity", Uniform(-1, 1))
           select new Pose(angle, velocity))
    .Step((s, u) =>
    {
        var velocity = Clip(s.Velocity + (15 * Sin(s.Angle) + 3 * u.Value) * 0.05, -8, 8);
        return new Pose(s.Angle + velocity * 0.05, velocity);
    })
    .Reward((s, u) => -(Square(WrapAngle(s.Angle)) + 0.1 * Square(s.Velocity) + 0.001 * Square(u.Value)));

return PendulumTerminal.Run(args, new PendulumTwin
{
    Plan = (options, engine) => pendulum
        .Optimal(options.Temperature)
        .Plan(new Mppi { Samples = options.Samples, Horizon = options.Horizon, Noise = options.Noise }, engine),
    Simulate = engine => pendulum.Environment(engine),
    Graph = horizon => pendulum.Graph(horizon),
});

internal sealed record Pose(Tensor Angle, Tensor Velocity);

internal sealed record Torque([Within(-2, 2)] Tensor Value);
