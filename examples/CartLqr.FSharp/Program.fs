module internal Inference.Examples.CartLqr.Program

open Inference
open Inference.Examples.CartLqr

[<EntryPoint>]
let main arguments =
    CartLqrTerminal.Run(
        arguments,
        CartLqrTwin(
            Balance = (fun method engine -> (Mdp.optimal 0.1 (CartPole.upright CartPole.cart)).Solve(engine, method)),
            Observe = (fun method engine -> (Mdp.optimal 0.1 (CartPole.upright CartPole.watched)).Solve(engine, method)),
            SwingUp = (fun method engine -> (Mdp.optimal 0.1 CartPole.cart).Solve(engine, method)),
            Graph = (fun horizon -> ModelGraph.ofMdp horizon CartPole.watched),
            Environment = fun engine -> CartPole.watched.Environment(engine)
        )
    )
