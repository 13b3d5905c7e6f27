/// The C99 print computes what the C# print does: the loops know nothing of their target.
module Inference.Compiler.Tests.C99Tests

open System
open System.Collections.Generic
open Inference
open Inference.Compiler
open Inference.Compiler.Tests.NativeKernels
open Inference.Compiler.Tests.ProgramTests
open Xunit

let private agreesWith extents (program: Program) (inputs: (string * double[]) list) =
    for precision, tolerance in [ Precision.Double, 1e-12; Precision.Single, 1e-5 ] do
        use engine = new Engine(EngineOptions(Threads = 2, Cache = false, Precision = precision))

        let native =
            run (Compile.program engine.CompileOptions program) (Map.ofList inputs) (Map.ofList extents)

        let given = dict inputs |> Dictionary :> IReadOnlyDictionary<_, _>
        let counts = dict extents |> Dictionary :> IReadOnlyDictionary<_, _>

        Oracle.run engine program given counts (fun executable ->
            let compare name (actual: double[]) =
                let expected = native[name]
                Assert.Equal(expected.Length, actual.Length)

                for k in 0 .. actual.Length - 1 do
                    let close = abs (expected[k] - actual[k]) <= tolerance * (1.0 + abs expected[k])

                    if not (close || Double.IsNaN expected[k] && Double.IsNaN actual[k] || expected[k] = actual[k]) then
                        failwith $"{program.Name}, {precision}: {name}[{k}] is {actual[k]}; C has {expected[k]}.\n{executable.Schedule}"

            for k in 0 .. executable.Outputs.Count - 1 do
                let values = Array.zeroCreate<double>(Build.size executable.Outputs[k].Slot.Shape)
                executable.CopyOutput(k, Span<double> values)
                compare executable.Outputs[k].Slot.Name values

            for k in 0 .. executable.States.Count - 1 do
                let values = Array.zeroCreate<double>(Build.size executable.States[k].Shape)
                executable.CopyState(k, Span<double> values)
                compare (executable.States[k].Name + "'") values)

let private agrees program inputs = agreesWith [] program inputs

[<FactIfCc>]
let ``Rollouts with noise and a softmax`` () =
    let program =
        build "rollouts" (fun b ->
            let k = key b
            let rollout, t = L.PlateIndex("rollout", 200), L.TimeIndex("t", 11)
            let mean = b.State("mean", [| 11 |], DType.F32, [| 0.1 |])
            let u = L.Clip(L.Unstack(mean, t) + random RandomKind.Normal [ rollout ] [ t ] [||] k, -2.0, 2.0)

            let finals, _ =
                Structure.scan t [| L.Fill(3.0); L.Fill(0.0); L.Fill(0.0) |] (fun c ->
                    let reward = -(L.Square(L.WrapAngle c[0]) + 0.1 * L.Square c[1] + 0.001 * L.Square u)
                    let v = L.Clip(c[1] + (15.0 * L.Sin c[0] + 3.0 * u) * 0.05, -8.0, 8.0)
                    [| c[0] + v * 0.05; v; c[2] + reward |], ())

            let w = L.SoftmaxOver(rollout, finals[2] * 0.02)
            b.Output("ess", 1.0 / L.SumOver(rollout, w * w))
            b.Next(mean, L.Stack(L.Expectation(rollout, w, u), t)))

    agrees program [ "key", [| 17.0; 4000000000.0 |] ]

[<FactIfCc>]
let ``A dense ensemble`` () =
    let program =
        build "ensemble" (fun b ->
            let member', particle, t = L.PlateIndex("member", 5), L.PlateIndex("particle", 33), L.TimeIndex("t", 6)
            let weights name shape = L.Unstack(b.Input(name, Array.append [| 5 |] shape, DType.F32), member')
            let w1, b1, w2 = weights "w1" [| 20; 4 |], weights "b1" [| 20 |], weights "w2" [| 4; 20 |]
            let start = random RandomKind.Normal [ particle ] [] [| 4 |] (key b)

            let finals, _ =
                Structure.scan t [| start; L.Zeros() |] (fun c ->
                    let next = c[0] + 0.1 * L.Dot(w2, L.Tanh(L.Dot(w1, c[0]) + b1))
                    [| next; c[1] - 0.1 * L.Sum(L.Square next) |], ())

            b.Output("mean", L.MeanOver(member', L.MeanOver(particle, finals[0])))
            b.Output("return", L.Stack(L.MeanOver(particle, finals[1]), member')))

    agrees program [ "key", [| 1.0; 2.0 |]; "w1", numbers 1 400; "b1", numbers 2 100; "w2", numbers 3 400 ]

[<FactIfCc>]
let ``Enumerated values along a chain, and a loop around kernels`` () =
    let program =
        build "chain" (fun b ->
            let z, next, t = L.EnumeratedIndex("z", 6), L.EnumeratedIndex("next", 6), L.TimeIndex("t", 9)
            let a = L.Unstack(L.Unstack(b.Input("transition", [| 6; 6 |], DType.F32), z), next)
            let seen = L.Unstack(L.Unstack(b.Input("evidence", [| 9; 6 |], DType.F32), t), next)

            let step semiring (c: Tensor) =
                L.Stack(Structure.dot semiring [||] [||] [ z ] (L.Unstack(c, z)) a + seen, next)

            let sums, _ = Structure.scan t [| L.Zeros 6 |] (fun c -> [| step Semiring.LogSumExpPlus c[0] |], ())
            let best, _ = Structure.scan t [| L.Zeros 6 |] (fun c -> [| step Semiring.MaxPlus c[0] |], ())
            b.Output("forward", sums[0])
            b.Output("best", best[0]))

    agrees program [ "transition", numbers 1 36; "evidence", numbers 2 54 ]

[<FactIfCc>]
let ``Order statistics and moves`` () =
    let program =
        build "ranks" (fun b ->
            let i = L.PlateIndex("i", 21)
            let x = L.Unstack(b.Input("x", [| 21; 12 |], DType.F32), i)
            let v = b.Input("v", [| 40 |], DType.F32)
            b.Output("kth", L.Stack(L.KthLargest(x, 3), i))
            b.Output("top", L.Stack(L.TopK(x, 4), i))
            b.Output("argmax", L.Stack(L.ArgMax(x, 0), i))
            b.Output("cumsum", L.Stack(L.CumSum(x, 0), i))
            b.Output("scatter", L.Stack(L.ScatterAdd(x, L.TopK(x, 2), L.Ones 2), i))
            b.Output("over plate", L.TopKOver(i, 5, L.Sum x))
            b.Output("gather", L.Gather(v, L.Integers([| 5; 0; 39; 77; -3 |])))
            b.Output("window", L.DynamicSlice(v, [| 7 |], L.Element(L.Convert(L.Abs v * 30.0, DType.I32), 0)))
            b.Output("padded", L.Pad(L.Reverse(v, 0), [| 3 |], [| 2 |], L.Fill(7.0))))

    agrees program [ "x", numbers 1 252; "v", numbers 2 40 ]

[<FactIfCc>]
let ``Convolutions`` () =
    let program =
        build "convolutions" (fun b ->
            let i = L.PlateIndex("i", 21)
            let x = L.Unstack(b.Input("x", [| 21; 3; 8; 7 |], DType.F32), i)
            let w = b.Input("w", [| 17; 3; 3; 4 |], DType.F32)
            let y = L.Tanh(L.Convolve(x, w, 2))
            b.Output("data", L.Stack(L.ConvolveTransposed(y, w, 2, 8, 7), i))
            b.Output("weights", Convolutions.weights 2 [| 3; 4 |] [ i ] x y))

    agrees program [ "x", numbers 1 (21 * 168); "w", numbers 2 612 ]

[<FactIfCc>]
let ``Words, shifts and a run-time extent`` () =
    let program =
        build "bits" (fun b ->
            let i = L.PlateIndex("i", Extent.UpTo("batch", 100))
            let w = random RandomKind.Word [ i ] [] [| 5 |] (key b)
            let even = L.Equal(Build.binary BinaryOp.And w (Build.scalar DType.U32 1.0), Build.scalar DType.U32 0.0)
            b.Output("words", L.Stack(w, i))
            b.Output("shifted", L.Stack(Build.binary BinaryOp.ShiftRight w (Build.scalar DType.U32 7.0), i))
            b.Output("mixed", L.Stack(L.Convert(w, DType.I32) * Build.scalar DType.I32 1103515245.0, i))
            b.Output("even", L.Stack(even, i))
            b.Output("count", L.SumOver(i, L.Sum(L.Select(L.Not even, L.Ones(), L.Zeros())))))

    agreesWith [ "batch", 70 ] program [ "key", [| 12.0; 4294967295.0 |] ]

[<FactIfCc>]
let ``Random programs`` () =
    let shapes =
        FsCheck.FSharp.Gen.listOfLength 1 (FsCheck.FSharp.Gen.listOfLength 25 (RandomProgramTests.instruction 0))

    for choices in FsCheck.FSharp.Gen.sampleWithSeed (FsCheck.Rnd(7UL, 1UL)) 50 6 shapes do
        let program, inputs, extents = RandomPrograms.make choices
        agreesWith extents program inputs
