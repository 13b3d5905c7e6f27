/// Compares compiled programs with the interpreter.
module Inference.Compiler.Tests.Oracle

open System
open System.Collections.Generic
open Inference
open Inference.Compiler
open Xunit

let private difference (expected: double) (actual: double) =
    if Double.IsNaN expected && Double.IsNaN actual || expected = actual then
        0.0
    else
        abs (expected - actual) / (1.0 + abs expected)

let private compare (program: Program) kind (name: string) tolerance (expected: double[]) (actual: double[]) explain =
    Assert.Equal(expected.Length, actual.Length)

    for k in 0 .. expected.Length - 1 do
        let d = difference expected[k] actual[k]

        if not (d <= tolerance) then
            failwith
                $"{program.Name}: {kind} {name}[{k}] is {actual[k]}; the interpreter has {expected[k]} (tolerance {tolerance}).\n{explain ()}"

/// Runs a program once in an engine; outputs and states by name.
let run
    (engine: Engine)
    (program: Program)
    (inputs: IReadOnlyDictionary<string, double[]>)
    (extents: IReadOnlyDictionary<string, int>)
    check
    =
    use executable = engine.Compile program

    for k in 0 .. executable.Inputs.Count - 1 do
        executable.SetInput(k, ReadOnlySpan<double>(inputs[executable.Inputs[k].Name]))

    for k in 0 .. executable.States.Count - 1 do
        match inputs.TryGetValue executable.States[k].Name with
        | true, v -> executable.SetState(k, ReadOnlySpan<double> v)
        | _ -> ()

    for KeyValue(name, count) in extents do
        executable.SetExtent(executable.IndexOfExtent name, count)

    executable.Run() |> ignore
    check executable

let options = [ Precision.Single, 2e-4; Precision.Double, 1e-9 ]

/// Compiles, runs and compares all outputs and next states with the interpreter, in both precisions.
let agreesWith tolerance extents (program: Program) (inputs: (string * double[]) list) =
    let inputs = dict inputs |> Dictionary :> IReadOnlyDictionary<_, _>
    let extents = dict extents |> Dictionary :> IReadOnlyDictionary<_, _>

    for precision, bound in options do
        use engine = new Engine(EngineOptions(Threads = 2, Cache = false, Precision = precision, Verify = true))
        let bound = max bound (if precision = Precision.Single then tolerance else 0.0)
        let struct (outputs, states) = Interpreter.Run(program, inputs, extents, (precision = Precision.Double))

        run engine program inputs extents (fun executable ->
            let explain () = executable.Schedule

            for k in 0 .. executable.Outputs.Count - 1 do
                let slot = executable.Outputs[k].Slot

                if outputs.ContainsKey slot.Name then
                    let actual = Array.zeroCreate<double> outputs[slot.Name].Length
                    executable.CopyOutput(k, Span<double> actual)
                    compare program $"{precision} output" slot.Name bound outputs[slot.Name] actual explain

            for k in 0 .. executable.States.Count - 1 do
                let name = executable.States[k].Name
                let actual = Array.zeroCreate<double> states[name].Length
                executable.CopyState(k, Span<double> actual)
                compare program $"{precision} state" name bound states[name] actual explain)

let agrees program inputs = agreesWith 0.0 [] program inputs

/// Runs a program once; its outputs by name.
let outputs (engine: Engine) (program: Program) (inputs: (string * double[]) list) : Map<string, double[]> =
    let inputs = dict inputs |> Dictionary :> IReadOnlyDictionary<_, _>

    run engine program inputs (Dictionary()) (fun executable ->
        Map.ofList
            [
                for k in 0 .. executable.Outputs.Count - 1 do
                    let slot = executable.Outputs[k].Slot
                    let values = Array.zeroCreate<double>(Build.size slot.Shape)
                    executable.CopyOutput(k, Span<double> values)
                    slot.Name, values
            ])
