module internal Inference.Examples.Digits.Program

open Inference.Examples.Digits

[<EntryPoint>]
let main arguments =
    DigitsTerminal.Run(arguments, DigitsTwin(Vae = Autoencoders.vae, ConditionalVae = Autoencoders.conditionalVae))
