/// A mass on a track, pushed about by gusts: linear-quadratic.
module Inference.Twins.Slide

open Inference

open type Inference.Language

type Slide = { Position: Tensor; Speed: Tensor }
type Thrust = { Force: Tensor }

let slide: Mdp<Slide, Thrust, NoSettings> =
    Mdp.define "slide"
    |> Mdp.start (
        prob {
            let! at = Sample("at", Normal(0.0, 1.0))
            return { Position = at; Speed = Zeros() }
        }
    )
    |> Mdp.transition (fun s a ->
        prob {
            let! gust = Sample("gust", Normal(0.0, 0.1))
            return { Position = s.Position + s.Speed; Speed = s.Speed + a.Force + gust }
        })
    |> Mdp.reward (fun s a -> -0.5 * (Square s.Position + Square s.Speed + Square a.Force))

let solved (engine: Engine) = (Mdp.optimal 1.0 slide).Solve(engine, Riccati(Horizon = 10))
