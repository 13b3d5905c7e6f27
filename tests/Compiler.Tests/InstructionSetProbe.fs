/// What a process computes with the vectors that it has: run by `InstructionSetTests` in processes of their own.
module Inference.Compiler.Tests.InstructionSetProbe

open System
open System.Collections.Generic
open System.Text.Json
open Inference
open Inference.Compiler
open Inference.Compiler.Tests.ProgramTests

let private words =
    build "words" (fun b ->
        let i, t = L.PlateIndex("i", 100), L.TimeIndex("t", 3)
        let w = random RandomKind.Word [ i ] [ t ] [| 3 |] (key b)
        b.Output("words", L.Stack(L.Stack(w, t), i)))

/// A rollout of 50 steps with noise, and a weighing of the samples.
let private rollout =
    build "rollout" (fun b ->
        let i, t = L.PlateIndex("i", 100), L.TimeIndex("t", 50)
        let u = L.Clip(0.3 * random RandomKind.Normal [ i ] [ t ] [||] (key b), -2.0, 2.0)

        let finals, _ =
            Structure.scan t [| L.Fill(0.5); L.Fill(0.0); L.Fill(0.0) |] (fun c ->
                let v = 0.9 * c[1] + (u - L.Sin c[0]) * 0.05

                [|
                    c[0] + v * 0.05
                    v
                    c[2] - L.Square c[0] - 0.1 * L.Square v + L.Log(1.0 + L.Exp(-(L.Square v)))
                |],
                ())

        b.Output("angles", L.Stack(finals[0], i))
        b.Output("returns", L.Stack(finals[2], i))
        b.Output("mean", L.Expectation(i, L.SoftmaxOver(i, finals[2]), finals[0])))

let private inputs = [ "key", [| 17.0; 4000000000.0 |] ]

[<CLIMutable>]
type Report =
    {
        InstructionSet: string
        /// The widths of the vectors that the printed source names, in bits.
        Widths: int[]
        Words: double[]
        Rollout: double[]
    }

/// What the engine of an instruction set, by default the machine's, prints and computes.
let report (set: Nullable<InstructionSet>) : Report =
    use engine = new Engine(EngineOptions(Threads = 1, Cache = false, InstructionSet = set))
    let source = (Compile.program engine.CompileOptions rollout).Source
    let outputs = Oracle.outputs engine rollout inputs

    {
        InstructionSet = string engine.InstructionSet
        Widths = [| 128; 256; 512 |] |> Array.filter (fun bits -> source.Contains $"Vector{bits}.Load(")
        Words = (Oracle.outputs engine words inputs)["words"]
        Rollout = Array.concat [ outputs["angles"]; outputs["returns"]; outputs["mean"] ]
    }
