module Inference.Twins.Cart

open Inference
open type Inference.Language

type Cart =
    {
        [<Size(2)>]
        Position: Tensor
        [<Size(2)>]
        Velocity: Tensor
    }

type Push =
    {
        [<Size(2); Within(-1.0, 1.0)>]
        Force: Tensor
    }

type Goal =
    {
        [<Size(2)>]
        Position: Tensor
        Load: Tensor
    }

/// Every part that a process may have.
let cart: Mdp<Cart, Push, Goal> =
    Mdp.define "cart"
    |> Mdp.start (
        prob {
            let! position = Sample("position", Normal(Zeros 2, 0.5))
            return { Position = position; Velocity = Zeros 2 }
        }
    )
    |> Mdp.transitionWith (fun s u goal time ->
        prob {
            let! gust = Sample("gust", Normal(Zeros 2, 0.1))
            let velocity = s.Velocity + 0.1 * (u.Force + gust * Cos(0.2 * time)) / goal.Load

            return { Position = s.Position + 0.1 * velocity; Velocity = velocity }
        })
    |> Mdp.rewardWith (fun s u goal _ -> -(Sum(Square(s.Position - goal.Position)) + 0.01 * Sum(Square u.Force)))
    |> Mdp.terminalValue (fun s goal -> -10.0 * Sum(Square(s.Position - goal.Position)))
    |> Mdp.termination (fun s _ -> Less(9.0, Sum(Square s.Position)))
    |> Mdp.observe (fun s -> Normal(s.Position, 0.05))
    |> Mdp.discount 0.98
