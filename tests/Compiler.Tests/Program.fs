/// This assembly as a process of its own, for tests of what a process without some instructions does.
module Inference.Compiler.Tests.Program

open System
open System.Text.Json
open Inference.Compiler
open Inference.Compiler.Tests

[<EntryPoint>]
let main arguments =
    let asked =
        match arguments with
        | [| set |] -> Nullable(Enum.Parse<InstructionSet> set)
        | _ -> Nullable()

    Console.WriteLine(JsonSerializer.Serialize(InstructionSetProbe.report asked))
    0
