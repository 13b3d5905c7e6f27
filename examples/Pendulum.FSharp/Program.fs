module internal Inference.Examples.Pendulum.Program

open Inference
open Inference.Examples.Pendulum

[<EntryPoint>]
let main arguments =
    PendulumTerminal.Run(
        arguments,
        PendulumTwin(
            Plan = (fun options engine -> new Planner(Pendulum.planner options, engine)),
            Simulate = (fun engine -> new MdpEnvironment(EnvironmentPrograms.derive Pendulum.pendulum, engine)),
            Graph = (fun horizon -> ModelGraph.ofMdp horizon Pendulum.pendulum)
        )
    )
