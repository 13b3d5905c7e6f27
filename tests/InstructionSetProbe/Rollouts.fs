/// Runs rollouts with the widest vectors that this process may use, and prints what it used and what came out. Tests start it
/// with wider instructions switched off.
module Inference.InstructionSetProbe.Rollouts

open System
open System.Globalization
open Inference

type L = Language

/// Rollouts of 50 steps driven by noise, and the raw words behind other draws.
let program (samples: int) (steps: int) =
    let b = ProgramBuilder "probe"
    let key = b.Input("key", [| 2 |], DType.U32)
    let key = [| L.Element(key, 0); L.Element(key, 1) |]
    let rollout, t = L.PlateIndex("rollout", samples), L.TimeIndex("t", steps)
    let noise = Structure.random RandomKind.Normal [ rollout ] [ t ] 0 key [||]
    let words = Structure.random RandomKind.Word [ rollout ] [] 1 key [| 3 |]
    let start: Tensor[] = [| L.Fill(Math.PI, [||]); L.Zeros(); L.Zeros() |]

    let finals, _ =
        Structure.scan t start (fun c ->
            let angle, velocity, total = c[0], c[1], c[2]
            let u = L.Clip(noise, -2.0, 2.0)
            let cost = L.Square(L.WrapAngle angle) + 0.1 * L.Square velocity + 0.001 * L.Square u
            let next = L.Clip(velocity + (15.0 * L.Sin angle + 3.0 * u) * 0.05, -8.0, 8.0)
            [| angle + next * 0.05; next; total - cost |], ())

    b.Output("returns", L.Stack(finals[2], rollout))
    b.Output("weights", L.Stack(L.SoftmaxOver(rollout, finals[2]), rollout))
    b.Output("words", L.Stack(words, rollout))
    b.Build()

[<EntryPoint>]
let main _ =
    use engine = new Engine(EngineOptions(Threads = 1, Cache = false))
    use executable = engine.Compile(program 96 50)
    let key = executable.Input<uint32> 0
    key[0] <- 123u
    key[1] <- 456u
    executable.Run()
    let text (v: double) = v.ToString("R", CultureInfo.InvariantCulture)

    let numbers k =
        let values = Array.zeroCreate<double>(Array.fold (*) 1 executable.Outputs[k].Slot.Shape)
        executable.CopyOutput(k, Span<double> values)
        values |> Array.map text |> String.concat ","

    let widths = [ "Vector512"; "Vector256"; "Vector128" ] |> List.filter executable.Source.Contains
    printfn "set %O" engine.InstructionSet
    printfn "vectors %s" (String.concat "," widths)
    printfn "returns %s" (numbers 0)
    printfn "words %s" (numbers 2)
    0
