module internal Inference.Examples.LatentPendulum.Program

open System
open Inference.Examples.LatentPendulum

[<EntryPoint>]
let main arguments =
    let twin (sizes: StateSpaceSizes) =
        let space = StateSpace sizes
        LatentPendulumTwin(space.Guided.Elbo(), Func<_, _> space.Imagine)

    LatentPendulumTerminal.Run(arguments, Func<_, _> twin)
