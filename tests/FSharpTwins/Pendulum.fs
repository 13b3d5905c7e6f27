module Inference.Twins.Pendulum

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

let optimal = pendulum |> Mdp.optimal 0.1

let mppi = optimal |> Mppi.plan { MppiSettings.Default with Samples = 256; Horizon = 30 }

/// Acts once, and for an episode. A span can be indexed, not kept in a closure or a value of a module: `ToArray` copies it.
let swingUp (engine: Engine) =
    use mppi =
        new Planner(Mppi.plan { MppiSettings.Default with Samples = 1024; Horizon = 50 } optimal, engine)

    let hanging = [| float32 PI; 0f |]
    let torque = mppi.Act(hanging)[0]
    let plan = mppi.Plan.ToArray()
    let episode = pendulum.Simulate(mppi, steps = 200, start = hanging)
    torque, plan, episode

/// The options of C# are there for F# as well.
let plan (engine: Engine) = optimal.Plan(Mppi(Samples = 256, Horizon = 30), engine)
