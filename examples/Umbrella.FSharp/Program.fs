module internal Inference.Examples.Umbrella.Program

open Inference.Examples.Umbrella

[<EntryPoint>]
let main arguments = UmbrellaTerminal.Run(arguments, UmbrellaTwin(World = Umbrella.world))
