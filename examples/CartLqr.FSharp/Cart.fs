/// The cart and pole of Deisenroth and Rasmussen, "PILCO", ICML 2011: a pole of 0.5 m and 0.5 kg on a cart of 0.5 kg, with friction. Gusts disturb the
/// force.
module internal Inference.Examples.CartLqr.CartPole

open System
open Inference

open type Inference.Language

/// With g = 9.82 m/s² and friction of 0.1 N a m/s.
let private rates (s: Cart) (force: Tensor) =
    let sin, cos = Sin s.Angle, Cos s.Angle
    let push, swing = force - 0.1 * s.Velocity, Square s.Spin * sin
    let inertia = 4.0 - 1.5 * Square cos

    Cart(
        s.Velocity,
        (0.5 * swing + 1.5 * 9.82 * sin * cos + 4.0 * push) / inertia,
        (-0.75 * swing * cos - 6.0 * 9.82 * sin - 6.0 * push * cos) / (0.5 * inertia),
        s.Spin
    )

let private after (s: Cart) (rate: Cart) (time: double) =
    Cart(s.Position + time * rate.Position, s.Velocity + time * rate.Velocity, s.Spin + time * rate.Spin, s.Angle + time * rate.Angle)

/// Half a step, 0.05 s, by the fourth-order Runge-Kutta rule.
let private follow force s =
    let a = rates s force
    let b = rates (after s a 0.025) force
    let c = rates (after s b 0.025) force
    let d = rates (after s c 0.05) force
    after (after (after (after s a (0.05 / 6.0)) b (0.05 / 3.0)) c (0.05 / 3.0)) d (0.05 / 6.0)

let cart: Mdp<Cart, Push, NoSettings> =
    Mdp.define "cart with a pole"
    |> Mdp.start (
        prob {
            let! lean = Sample("lean", Normal(Zeros(4), 0.1))
            return Cart(Element(lean, 0), Element(lean, 1), Element(lean, 2), Math.PI + Element(lean, 3))
        }
    )
    |> Mdp.transition (fun s (a: Push) ->
        prob {
            let! gust = Sample("gust", Normal(0.0, 0.2))
            let force = a.Force + gust
            return s |> follow force |> follow force
        })
    |> Mdp.reward (fun s a ->
        -(Square s.Position
          + 5.0 * (1.0 + Cos s.Angle)
          + 0.05 * (Square s.Velocity + Square s.Spin)
          + 0.01 * Square a.Force))

let watched = cart |> Mdp.observe (fun (s: Cart) -> Normal(Pack(s.Position, s.Angle), Fill(0.01, 2)))

/// The process about the pole upright.
let upright mdp = Linearisation.about [| 0.0; 0.0; 0.0; Math.PI |] [| 0.0 |] mdp
