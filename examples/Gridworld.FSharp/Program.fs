module internal Inference.Examples.Gridworld.Program

open Inference
open Inference.Examples.Gridworld

[<EntryPoint>]
let main arguments =
    GridworldTerminal.Run(
        arguments,
        GridworldTwin(
            Tabulate = (fun slip engine -> (Gridworld.grid slip).Tabulate engine),
            Graph = (fun slip horizon -> ModelGraph.ofMdp horizon (Gridworld.grid slip)),
            Features = (fun engine -> (Gridworld.grid 0.0).Features(engine, Gridworld.features)),
            Solve =
                fun slip temperature semantics method engine ->
                    (Mdp.optimalIn semantics temperature (Gridworld.grid slip)).Solve(engine, method)
        )
    )
