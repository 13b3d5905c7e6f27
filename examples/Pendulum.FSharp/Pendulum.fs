/// Gymnasium's Pendulum-v1 as a Markov decision process, to be optimal.
module internal Inference.Examples.Pendulum.Pendulum

open Inference

open type Inference.Language

type Pose = { Angle: Tensor; Velocity: Tensor }

type Torque =
    {
        [<Within(-2.0, 2.0)>]
        Value: Tensor
    }

let pendulum: Mdp<Pose, Torque, NoSettings> =
    Mdp.define "pendulum"
    |> Mdp.start (
        prob {
            let! angle = Sample("angle", Uniform(-PI, PI))
            let! velocity = Sample("velocity", Uniform(-1.0, 1.0))
            return { Angle = angle; Velocity = velocity }
        }
    )
    |> Mdp.step (fun s u ->
        let velocity = Clip(s.Velocity + (15.0 * Sin s.Angle + 3.0 * u.Value) * 0.05, -8.0, 8.0)

        { Angle = s.Angle + velocity * 0.05; Velocity = velocity })
    |> Mdp.reward (fun s u -> -(Square(WrapAngle s.Angle) + 0.1 * Square s.Velocity + 0.001 * Square u.Value))

let planner (options: PendulumOptions) =
    pendulum
    |> Mdp.optimal options.Temperature
    |> Mppi.plan
        { MppiSettings.Default with
            Samples = options.Samples
            Horizon = options.Horizon
            Noise = options.Noise
        }
