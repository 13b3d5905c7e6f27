module internal Inference.Examples.Skill.Program

open Inference
open Inference.Examples.Skill

[<EntryPoint>]
let main arguments =
    SkillTerminal.Run(
        arguments,
        SkillTwin(Rate = fun matches players options -> ApproximatePosterior.propagate options (Skill.tournament matches players))
    )
