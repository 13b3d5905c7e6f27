/// This assembly as a process of its own, for tests of what a process without some instructions does.
module Inference.Compiler.Tests.Program

open System
open System.Text.Json
open Inference.Compiler.Tests

[<EntryPoint>]
let main _ =
    Console.WriteLine(JsonSerializer.Serialize(InstructionSetProbe.report (Nullable())))
    0
