module internal Inference.Examples.Pendulum.Program

[<EntryPoint>]
let main _ = 0
