module internal Inference.Examples.Skill.Program

open Inference
open Inference.Examples.Skill

open type Inference.Language

[<EntryPoint>]
let main arguments =
    SkillTerminal.Run(
        arguments,
        SkillTwin(
            Rate = (fun matches players options -> ApproximatePosterior.propagate options (Skill.tournament matches players)),
            Graph = fun matches players -> ModelGraph.ofProgram "skill" (Skill.tournament (Zeros(matches, 3)) players)
        )
    )
