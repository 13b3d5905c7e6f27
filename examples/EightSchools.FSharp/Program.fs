module internal Inference.Examples.EightSchools.Program

open Inference.Examples.EightSchools

[<EntryPoint>]
let main arguments =
    EightSchoolsTerminal.Run(
        arguments,
        EightSchoolsTwin(Learner = EightSchools.learner, Prior = EightSchools.prior, Guide = EightSchools.guide)
    )
