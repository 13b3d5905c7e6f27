/// Whole programs whose shapes are those of real work, compared with the interpreter.
module Inference.Compiler.Tests.ShapeTests

open System
open System.Collections.Generic
open Inference
open Inference.Compiler.Tests
open Inference.Compiler.Tests.ProgramTests
open Xunit

let private layer (w: Tensor) (b: Tensor) x = L.Dot(w, x) + b

[<Theory>]
[<InlineData(5, 64, 20)>]
[<InlineData(30, 16, 70)>]
[<InlineData(20, 3, 70)>]
let ``A dense ensemble whose weights depend on the outer plate`` (members: int) (particles: int) (hidden: int) =
    let program =
        build "ensemble" (fun b ->
            let k = key b

            let member', particle, t =
                L.PlateIndex("member", members), L.PlateIndex("particle", particles), L.TimeIndex("t", 10)

            let weights name shape = L.Unstack(b.Input(name, Array.append [| members |] shape, DType.F32), member')
            let w1, b1 = weights "w1" [| hidden; 4 |], weights "b1" [| hidden |]
            let w2, b2 = weights "w2" [| 4; hidden |], weights "b2" [| 4 |]
            let start = random RandomKind.Normal [ particle ] [] [| 4 |] k

            let finals, _ =
                Structure.scan t [| start; L.Zeros() |] (fun c ->
                    let h = L.Tanh(layer w1 b1 c[0])
                    let next = c[0] + 0.1 * layer w2 b2 h
                    [| next; c[1] - L.Sum(L.Square next) |], ())

            b.Output("mean", L.MeanOver(member', L.MeanOver(particle, finals[0])))
            b.Output("return", L.Stack(L.MeanOver(particle, finals[1]), member')))

    Oracle.agrees
        program
        [
            "key", [| 1.0; 2.0 |]
            "w1", numbers 1 (members * hidden * 4)
            "b1", numbers 2 (members * hidden)
            "w2", numbers 3 (members * 4 * hidden)
            "b2", numbers 4 (members * 4)
        ]

[<Fact>]
let ``A cross-entropy loop: iterations around a plate with the best k`` () =
    let program =
        build "cross-entropy" (fun b ->
            let k = key b
            let iteration, sample = L.TimeIndex("iteration", 6), L.PlateIndex("sample", 100)
            let target = b.Input("target", [| 3 |], DType.F32)

            let finals, best =
                Structure.scan iteration [| L.Zeros 3; L.Ones 3 |] (fun c ->
                    let x = c[0] + c[1] * random RandomKind.Normal [ sample ] [ iteration ] [| 3 |] k
                    let score = -(L.Sum(L.Square(x - target)))
                    let elite = L.TopKOver(sample, 10, score)
                    let chosen = L.Gather(L.Stack(x, sample), elite)
                    let mean = L.Sum(chosen, 0) / 10.0

                    let spread =
                        L.Sqrt(L.Sum(L.Square(chosen - Build.broadcast [| -1; 0 |] [| 10; 3 |] mean), 0) / 10.0) + 0.01

                    [| mean; spread |], L.MaxOver(sample, score))

            b.Output("mean", finals[0])
            b.Output("spread", finals[1])
            b.Output("best", L.Stack(best, iteration)))

    Oracle.agrees program [ "key", [| 7.0; 9.0 |]; "target", [| 1.0; -0.5; 0.3 |] ]

[<Fact>]
let ``A GRU over a plate of sequences with an encoder off the carry`` () =
    let program =
        build "gru" (fun b ->
            let sequence, t = L.PlateIndex("sequence", 20), L.TimeIndex("t", 7)
            let data = b.Input("data", [| 20; 7; 5 |], DType.F32)
            let x = L.Unstack(L.Unstack(data, sequence), t)
            let w name shape = b.Input(name, shape, DType.F32)
            let encoder, biases = w "encoder" [| 12; 5 |], w "biases" [| 12 |]
            let wz, wr, wh = w "wz" [| 12; 24 |], w "wr" [| 12; 24 |], w "wh" [| 12; 24 |]
            let encoded = L.Tanh(layer encoder biases x)

            let finals, states =
                Structure.scan t [| L.Zeros 12 |] (fun c ->
                    let both = L.Concat(0, encoded, c[0])
                    let z = L.Sigmoid(L.Dot(wz, both))
                    let r = L.Sigmoid(L.Dot(wr, both))
                    let h = L.Tanh(L.Dot(wh, L.Concat(0, encoded, r * c[0])))
                    [| (1.0 - z) * c[0] + z * h |], c[0])

            b.Output("final", L.Stack(finals[0], sequence))
            b.Output("energy", L.SumOver(sequence, L.SumOver(t, L.Sum(L.Square states)))))

    let n = numbers

    Oracle.agrees
        program
        [
            "data", n 1 700
            "encoder", n 2 60
            "biases", n 3 12
            "wz", n 4 288
            "wr", n 5 288
            "wh", n 6 288
        ]

[<Fact>]
let ``Value iteration by gathering over a plate of states`` () =
    let program =
        build "value-iteration" (fun b ->
            let states = 50
            let s, sweep = L.PlateIndex("state", states), L.TimeIndex("sweep", 30)
            let successors = b.Input("successors", [| states; 4; 3 |], DType.I32)
            let probabilities = b.Input("probabilities", [| states; 4; 3 |], DType.F32)
            let reward = b.Input("reward", [| states; 4 |], DType.F32)

            let finals, _ =
                Structure.scan sweep [| L.Zeros states |] (fun c ->
                    let v = L.Gather(c[0], L.Unstack(successors, s))
                    let q = L.Unstack(reward, s) + 0.9 * L.Sum(v * L.Unstack(probabilities, s), 1)
                    [| L.Stack(L.LogSumExp(q, 0) - log 4.0, s) |], ())

            b.Output("values", finals[0]))

    let random = Random 5
    let p = Array.init 200 (fun _ -> [| 0.5; 0.3; 0.2 |]) |> Array.concat

    Oracle.agrees
        program
        [
            "successors", Array.init 600 (fun _ -> double (random.Next 50))
            "probabilities", p
            "reward", numbers 3 200
        ]

[<Fact>]
let ``Value iteration over elements large enough for kernels of their own`` () =
    let program =
        build "sweeps" (fun b ->
            let n = 5000
            let left = b.Input("left", [| n |], DType.I32)
            let reward = b.Input("reward", [| n |], DType.F32)
            let sweep = L.TimeIndex("sweep", 5)

            let finals, _ =
                Structure.scan sweep [| L.Zeros n |] (fun c -> [| L.Max(L.Gather(c[0], left), c[0]) * 0.9 + reward |], ())

            b.Output("values", finals[0]))

    let random = Random 5
    Oracle.agrees program [ "left", Array.init 5000 (fun _ -> double (random.Next 5000)); "reward", numbers 3 5000 ]

[<Fact>]
let ``Enumerated values contracted along a chain`` () =
    let program =
        build "chain" (fun b ->
            let z, next, t = L.EnumeratedIndex("z", 6), L.EnumeratedIndex("next", 6), L.TimeIndex("t", 9)
            let transition = b.Input("transition", [| 6; 6 |], DType.F32)
            let evidence = b.Input("evidence", [| 9; 6 |], DType.F32)
            let a = L.Unstack(L.Unstack(transition, z), next)
            let seen = L.Unstack(L.Unstack(evidence, t), next)

            let step semiring (c: Tensor) =
                L.Stack(Structure.dot semiring [||] [||] [ z ] (L.Unstack(c, z)) a + seen, next)

            let sums, _ = Structure.scan t [| L.Zeros 6 |] (fun c -> [| step Semiring.LogSumExpPlus c[0] |], ())
            let best, _ = Structure.scan t [| L.Zeros 6 |] (fun c -> [| step Semiring.MaxPlus c[0] |], ())
            b.Output("evidence", L.LogSumExp(sums[0], 0))
            b.Output("forward", sums[0])
            b.Output("best", L.Maximum best[0]))

    Oracle.agrees program [ "transition", numbers 1 36; "evidence", numbers 2 54 ]

[<Fact>]
let ``Chains of enumerated values under a plate`` () =
    let program =
        build "chains" (fun b ->
            let datum = L.PlateIndex("datum", 33)
            let t = L.TimeIndex("t", 5)
            let transition = b.Input("transition", [| 4; 4 |], DType.F32)
            let evidence = L.Unstack(L.Unstack(b.Input("evidence", [| 33; 5; 4 |], DType.F32), datum), t)

            let sums, _ =
                Structure.scan t [| L.Zeros 4 |] (fun c -> [| L.Dot(Semiring.LogSumExpPlus, c[0], transition) + evidence |], ())

            b.Output("evidence", L.SumOver(datum, L.LogSumExp(sums[0], 0))))

    Oracle.agrees program [ "transition", numbers 1 16; "evidence", numbers 2 660 ]

[<Fact>]
let ``A ring buffer appended in place and sampled`` () =
    let program =
        build "replay" (fun b ->
            let k = key b
            let rows = 10000
            let memory = b.State("memory", [| rows; 6 |], DType.F32, [| 0.0 |])
            let at = b.State("at", [||], DType.I32, [| 9999.0 |])
            let row = b.Input("row", [| 6 |], DType.F32)
            let updated = L.DynamicUpdate(memory, L.Reshape(row, 1, 6), at, Build.scalar DType.I32 0.0)
            let draw = L.PlateIndex("draw", 40)
            let u = random RandomKind.Uniform [ draw ] [] [||] k
            let picked = L.Gather(updated, L.Convert(u * double rows, DType.I32))
            b.Output("sample", L.MeanOver(draw, picked))
            b.Next(memory, updated)

            b.Next(
                at,
                L.Select(
                    L.Equal(at, Build.scalar DType.I32 (double (rows - 1))),
                    Build.scalar DType.I32 0.0,
                    at + Build.scalar DType.I32 1.0
                )
            ))

    Oracle.agrees program [ "key", [| 3.0; 4.0 |]; "row", numbers 1 6; "memory", numbers 2 60000 ]

[<Fact>]
let ``A network of three layers on one state, without a plate`` () =
    let program =
        build "policy" (fun b ->
            let w name rows columns =
                b.Input(name, [| rows; columns |], DType.F32), b.Input(name + "b", [| rows |], DType.F32)

            let x = b.Input("x", [| 17 |], DType.F32)
            let (w1, b1), (w2, b2), (w3, b3) = w "w1" 64 17, w "w2" 40 64, w "w3" 6 40
            let h = L.Relu(layer w2 b2 (L.Relu(layer w1 b1 x)))
            b.Output("action", L.Tanh(layer w3 b3 h)))

    let n = numbers

    Oracle.agrees
        program
        [
            "x", n 0 17
            "w1", n 1 1088
            "w1b", n 2 64
            "w2", n 3 2560
            "w2b", n 4 40
            "w3", n 5 240
            "w3b", n 6 6
        ]

[<Theory>]
[<InlineData(1)>]
[<InlineData(15)>]
[<InlineData(64)>]
[<InlineData(129)>]
let ``Plates with remainders`` (count: int) =
    let program =
        build "remainder" (fun b ->
            let i = L.PlateIndex("i", count)
            let x = L.Unstack(b.Input("x", [| count; 3 |], DType.F32), i)
            let y = L.Exp x * L.Sum x
            b.Output("sum", L.SumOver(i, y))
            b.Output("largest", L.MaxOver(i, L.Sum y))
            b.Output("rows", L.Stack(L.SoftmaxOver(i, y), i)))

    Oracle.agrees program [ "x", numbers count (count * 3) ]

[<Theory>]
[<InlineData(0)>]
[<InlineData(1)>]
[<InlineData(31)>]
[<InlineData(100)>]
let ``Plates whose extent is given at run time`` (count: int) =
    let program =
        build "batch" (fun b ->
            let i = L.PlateIndex("i", Extent.UpTo("batch", 100))
            let t = L.TimeIndex("t", 4)
            let x = L.Unstack(b.Input("x", [| 100; 3 |], DType.F32), i)
            let finals, _ = Structure.scan t [| x |] (fun c -> [| L.Sin(c[0] + 0.3) |], ())
            b.Output("sum", L.SumOver(i, finals[0]))
            b.Output("rows", L.Stack(finals[0], i))
            b.Output("count", L.SumOver(i, L.Ones())))

    Oracle.agreesWith 0.0 [ "batch", count ] program [ "x", numbers 3 300 ]

[<Fact>]
let ``Element operations that move, sort and accumulate`` () =
    let program =
        build "moves" (fun b ->
            let x = b.Input("x", [| 6; 5 |], DType.F32)
            let v = b.Input("v", [| 40 |], DType.F32)
            b.Output("transposed", L.Transpose x)
            b.Output("reshaped", L.Reshape(L.Exp x, 3, 10))
            b.Output("padded", L.Pad(x, [| 1; 0 |], [| 2; 3 |], L.Fill(7.0)))
            b.Output("concat", L.Concat(1, x, 2.0 * x))
            b.Output("reversed", L.Reverse(x, 0, 1))
            b.Output("slice", Shapes.slice [| 1; 0 |] [| 6; 5 |] [| 2; 3 |] x)
            b.Output("gather", L.Gather(x, L.Integers([| 5; 0; 9; 2 |])))
            b.Output("scatter", L.ScatterAdd(x, L.Integers([| 1; 1; 4 |]), L.Slice(x, 0, 0, 3)))
            b.Output("window", L.DynamicSlice(v, [| 7 |], L.Element(L.Convert(L.Abs v * 30.0, DType.I32), 0)))
            b.Output("argmax", L.ArgMax(x, 1))
            b.Output("cumsum", L.CumSum(x, 0))
            b.Output("top", L.TopK(v, 9))
            b.Output("kth", L.KthLargest(v, 9))
            b.Output("matrix", L.Dot(x, L.Transpose x)))

    Oracle.agrees program [ "x", numbers 1 30; "v", numbers 2 40 ]

[<Fact>]
let ``Order statistics under a plate`` () =
    let program =
        build "ranks" (fun b ->
            let i = L.PlateIndex("i", 21)
            let x = L.Unstack(b.Input("x", [| 21; 12 |], DType.F32), i)
            b.Output("kth", L.Stack(L.KthLargest(x, 3), i))
            b.Output("top", L.Stack(L.Convert(L.TopK(x, 4), DType.F32), i))
            b.Output("argmax", L.Stack(L.Convert(L.ArgMax(x, 0), DType.F32), i))
            b.Output("cumsum", L.Stack(L.CumSum(x, 0), i))
            b.Output("scatter", L.Stack(L.ScatterAdd(x, L.TopK(x, 2), L.Ones 2), i)))

    Oracle.agrees program [ "x", numbers 1 252 ]

[<Fact>]
let ``Shifts, words and truth values`` () =
    let program =
        build "bits" (fun b ->
            let k = key b
            let i = L.PlateIndex("i", 10)
            let w = random RandomKind.Word [ i ] [] [| 5 |] k
            let even = L.Equal(Build.binary BinaryOp.And w (Build.scalar DType.U32 1.0), Build.scalar DType.U32 0.0)
            b.Output("words", L.Stack(w, i))
            b.Output("shifted", L.Stack(Build.binary BinaryOp.ShiftRight w (Build.scalar DType.U32 7.0), i))
            b.Output("even", L.Stack(even, i))
            b.Output("count", L.SumOver(i, L.Sum(L.Select(L.Not even, L.Ones(), L.Zeros())))))

    Oracle.agrees program [ "key", [| 12.0; 4294967295.0 |] ]

[<Theory>]
[<InlineData(true)>]
[<InlineData(false)>]
let ``Numbers outside a whole type become its nearest`` (signed: bool) =
    let dtype = if signed then DType.I32 else DType.U32

    let values =
        [|
            3e9
            -3e9
            1e20
            -1e20
            infinity
            -infinity
            nan
            2147483648.0
            -2147483648.0
            4294967040.0
            2.75
            -2.75
            -0.5
        |]

    let program =
        build $"whole {dtype}" (fun b ->
            let i = L.PlateIndex("i", values.Length)
            let x = L.Unstack(b.Input("x", [| values.Length |], DType.F32), i)
            // a plate of lanes, and one value at a time
            b.Output("lanes", L.Stack(L.Convert(x, dtype), i))
            let y = b.Input("y", [| values.Length |], DType.F32)

            for k in 0 .. values.Length - 1 do
                b.Output($"one{k}", L.Convert(L.Element(y, k), dtype)))

    Oracle.agrees program [ "x", values; "y", values ]

[<Fact>]
let ``A log of a sum of exponentials is right at its ends`` () =
    let program =
        build "ends" (fun b ->
            let x = b.Input("x", [| 3 |], DType.F32)
            let i = L.PlateIndex("i", 3)
            b.Output("axis", L.LogSumExp(x, 0))
            b.Output("plate", L.LogSumExpOver(i, L.Unstack(x, i)))
            b.Output("product", L.Dot(Semiring.LogSumExpPlus, L.Reshape(x, 1, 3), L.Zeros 3)))

    let value (x: double[]) =
        let struct (outputs, _) =
            Inference.Compiler.Interpreter.Run(program, dict [ "x", x ] |> Dictionary, Dictionary(), true)

        outputs["axis"].[0]

    for x, expected in
        [
            [| infinity; 1.0; -infinity |], infinity
            [| -2e30; -2e30; -3e30 |], -2e30
            Array.create 3 -infinity, -infinity
            [| 2e30; 1.0; 0.0 |], 2e30
        ] do
        Oracle.agrees program [ "x", x ]
        Assert.Equal(expected, value x, 1e-12)

[<Fact>]
let ``Lanes beyond a plate that a reshape splits stay inside`` () =
    let rows = 1 <<< 18

    let program =
        build "split" (fun b ->
            let i = L.PlateIndex("i", 4)
            let x = b.Input("x", [| rows |], DType.F32)
            let grid = L.Concat(0, L.Reshape(x, 1, 1, rows), L.Reshape(-x, 1, 1, rows))
            let wide = L.Concat(1, grid, 2.0 * grid)
            b.Output("max", L.Stack(L.Maximum(L.Unstack(L.Reshape(wide, 4, rows), i)), i)))

    use engine = new Engine(EngineOptions(Threads = 1, Cache = false, Verify = true))
    let x = Array.init rows (fun k -> double (k % 7) - 2.0)
    Assert.Equal<double[]>([| 4.0; 8.0; 2.0; 4.0 |], (Oracle.outputs engine program [ "x", x ])["max"])
