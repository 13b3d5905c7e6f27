/// Loops whose carried values differ in what they vary over.
module Inference.Compiler.Tests.ScanTests

open System.Collections.Generic
open Inference
open Inference.Compiler
open Inference.Compiler.Tests.ProgramTests
open Xunit

let private carried name (plates: FreeIndex -> FreeIndex -> Tensor -> Tensor -> Tensor -> Tensor[]) step =
    let program =
        build name (fun b ->
            let i, j, t = L.PlateIndex("i", 70), L.PlateIndex("j", 3), L.TimeIndex("t", 5)

            let x, y =
                L.Unstack(b.Input("x", [| 70 |], DType.F32), i), L.Unstack(b.Input("y", [| 3 |], DType.F32), j)

            let finals, each = Structure.scan t (plates i j x y (L.Fill(0.5))) step
            let close (v: Tensor) = v.Indices |> Array.fold (fun (v: Tensor) index -> L.Stack(v, index)) v
            finals |> Array.iteri (fun k v -> b.Output($"final{k}", close v))
            each |> Array.iteri (fun k v -> b.Output($"each{k}", close v)))

    Oracle.agrees program [ "x", numbers 1 70; "y", numbers 2 3 ]

[<Fact>]
let ``A scalar carried before a value of a plate that reads it`` () =
    carried "scalar first" (fun _ _ x _ s -> [| s; x |]) (fun c -> [| c[0] * 0.9; c[1] + c[0] |], [| c[1] |])

[<Fact>]
let ``A scalar carried after a value of a plate that reads it`` () =
    carried "scalar last" (fun _ _ x _ s -> [| x; s |]) (fun c -> [| c[0] + c[1]; c[1] * 0.9 |], [| c[0]; c[1] |])

[<Fact>]
let ``Values of different plates carried side by side`` () =
    carried "apart" (fun _ _ x y _ -> [| x; y |]) (fun c -> [| L.Sin c[0]; L.Cos c[1] |], [| c[0]; c[1] |])

[<Fact>]
let ``A value of two plates that reads carried values of one each`` () =
    carried "joined" (fun _ _ x y s -> [| x; y; s |]) (fun c -> [| L.Sin c[0]; L.Cos c[1]; c[2] * 0.5 + c[0] * c[1] |], [| c[2] |])

[<Fact>]
let ``Carried values that no step reads`` () =
    carried "unread" (fun _ _ x y s -> [| x; y; s |]) (fun c -> [| c[0] * 0.5; L.Fill(0.25); L.Fill(0.75) |], [||])

[<Fact>]
let ``A part between two others of the same plate`` () =
    carried "between" (fun i _ x _ s -> [| x; s; x * 2.0 |]) (fun c -> [| L.Sin c[0]; c[1] * 0.5; c[2] * 0.5 + c[0] * c[1] |], [| c[2] |])

[<Fact>]
let ``A loop that carries steps of another loop's index`` () =
    let program =
        build "steps" (fun b ->
            let i, t, u = L.PlateIndex("i", 20), L.TimeIndex("t", 7), L.TimeIndex("u", 4)

            let x, y =
                L.Unstack(b.Input("x", [| 20 |], DType.F32), i), L.Unstack(b.Input("y", [| 7 |], DType.F32), t)

            let finals, _ = Structure.scan u [| y; x |] (fun c -> [| c[0] * 0.5 + c[1]; c[1] * 0.5 |], ())
            let others, _ = Structure.scan t [| x |] (fun c -> [| c[0] * 0.3 |], ())
            b.Output("a", L.Stack(L.MeanOver(t, finals[0]), i))
            b.Output("b", L.Stack(finals[1], i))
            b.Output("c", L.Stack(others[0], i)))

    Oracle.agrees program [ "x", numbers 1 20; "y", numbers 2 7 ]

[<Fact>]
let ``A loop that crosses a plate starts from values off the plate`` () =
    let program =
        build "crossing" (fun b ->
            let i, u = L.PlateIndex("i", 100), L.TimeIndex("u", 4)
            let x = L.Unstack(b.Input("x", [| 100; 3 |], DType.F32), i)
            let y = b.Input("y", [| 2; 3 |], DType.F32)

            let finals, _ =
                Structure.scan u [| y; x |] (fun c ->
                    [| c[0] * 0.5 + 0.1 * Build.fill [| 2; 3 |] (L.Sum c[1]); c[1] * 0.5 + L.MaxOver(i, c[1]) |], ())

            b.Output("a", L.Stack(finals[0], i)))

    Oracle.agrees program [ "x", numbers 1 300; "y", numbers 2 6 ]

[<Fact>]
let ``Loops in a loop, over a plate and off it`` () =
    let program =
        build "nested" (fun b ->
            let j, t, u = L.PlateIndex("j", 7), L.TimeIndex("t", 5), L.TimeIndex("u", 3)
            let x = L.Unstack(b.Input("x", [| 7; 4 |], DType.F32), j)
            let z = b.Input("z", [| 2; 3 |], DType.F32)

            let finals, steps =
                Structure.scan t [| x; z |] (fun c ->
                    let inner, each = Structure.scan u [| c[1] |] (fun d -> [| d[0] * 0.5 + L.Mean d[0] |], d[0])
                    [| c[0] * 0.5 + 0.1; c[1] * 0.5 + L.Tanh inner[0] |], each + Build.fill [| 2; 3 |] (L.Mean c[0]))

            b.Output("final0", L.Stack(finals[0], j))
            b.Output("final1", finals[1])
            b.Output("steps", L.Stack(L.Stack(L.MaxOver(j, steps), t), u)))

    Oracle.agrees program [ "x", numbers 1 28; "z", numbers 2 6 ]

[<Fact>]
let ``A sum over a loop around kernels`` () =
    let program =
        build "sum of steps" (fun b ->
            let i, t = L.PlateIndex("i", 33), L.TimeIndex("t", 8)
            let x = L.Unstack(b.Input("x", [| 33; 3 |], DType.F32), i)
            let _, each = Structure.scan t [| x |] (fun c -> [| c[0] * 0.5 + L.SoftmaxOver(i, c[0]) |], c[0])
            b.Output("mean", L.Stack(L.MeanOver(t, L.Sin each), i)))

    Oracle.agrees program [ "x", numbers 1 99 ]

[<Fact>]
let ``Loops that would stand in one another are an error that says so`` () =
    let program =
        build "crosswise" (fun b ->
            let t, u = L.TimeIndex("t", 3), L.TimeIndex("u", 4)

            let x, y =
                L.Unstack(b.Input("x", [| 3 |], DType.F32), t), L.Unstack(b.Input("y", [| 4 |], DType.F32), u)

            let inner, _ = Structure.scan u [| x |] (fun c -> [| L.Sin c[0] |], ())
            let outer, _ = Structure.scan t [| y |] (fun c -> [| L.Cos c[0] |], ())
            b.Output("inner", L.Stack(inner[0], t))
            b.Output("outer", L.Stack(outer[0], u)))

    let options =
        {
            InstructionSet = InstructionSet.Scalar
            Double = false
            Checked = false
            Verify = true
        }

    let error = Assert.Throws<ModelException>(fun () -> Compile.program options program |> ignore)
    Assert.Contains("the other way round", error.Message)

[<Fact>]
let ``A loop in each step that crosses a plate which the loop around it holds`` () =
    let program =
        build "inner crossing" (fun b ->
            let j, t, u = L.PlateIndex("j", 20), L.TimeIndex("t", 4), L.TimeIndex("u", 3)
            let x = L.Unstack(b.Input("x", [| 20 |], DType.F32), j)

            let finals, solved =
                Structure.scan t [| x |] (fun c ->
                    // what it gives leaves the step, and is not carried on
                    let inner, _ = Structure.scan u [| c[0] |] (fun d -> [| d[0] * 0.5 + L.SoftmaxOver(j, d[0]) |], ())
                    [| L.Sin c[0] * 0.9 |], inner[0])

            b.Output("final", L.Stack(finals[0], j))
            b.Output("solved", L.Stack(L.Stack(solved, t), j)))

    Oracle.agrees program [ "x", numbers 1 20 ]

[<Fact>]
let ``A loop that carries what a loop beside it computes, in either direction`` () =
    for length in [ 1; 3; 12 ] do
        for backward in [ false; true ] do
            for carriesNext in [ true; false ] do
                for shows in [ "both"; "first"; "second" ] do
                    let program =
                        build $"beside {length} {backward} {carriesNext} {shows}" (fun b ->
                            let i, t = L.PlateIndex("i", 20), L.TimeIndex("t", 6)
                            let x = L.Unstack(L.Unstack(b.Input("x", [| 20; 6; length |], DType.F32), i), t)
                            let start = L.Zeros length

                            let finals, (carry, next) =
                                Structure.scan t [| start |] (fun c -> let n = 0.5 * c[0] + x in [| n |], (c[0], n))

                            let followed, followers =
                                Structure.scanIn backward t [| start + 1.0 |] (fun c -> [| (if carriesNext then next else carry) |], c[0])

                            let close (v: Tensor) = v.Indices |> Array.fold (fun (v: Tensor) index -> L.Stack(v, index)) v

                            if shows <> "second" then
                                b.Output("next", close next)
                                b.Output("final", close finals[0])

                            if shows <> "first" then
                                b.Output("follower", close followers)
                                b.Output("followed", close followed[0]))

                    Oracle.agrees program [ "x", numbers 1 (20 * 6 * length) ]

/// A chain under a plate whose step has some layers of 64.
let private layers count =
    build $"layers {count}" (fun b ->
        let i, t = L.PlateIndex("i", 20), L.TimeIndex("t", 4)
        let x = L.Unstack(b.Input("x", [| 20; 64 |], DType.F32), i)
        let w = b.Input("w", [| 64; 64 |], DType.F32)

        let finals, each =
            Structure.scan t [| x |] (fun c ->
                let step (h: Tensor) k = L.Tanh(L.Dot(w, h) * 0.2 + 0.1 * double k)
                let next = List.fold step c[0] [ 1..count ]
                [| next |], L.Sum next)

        b.Output("last", L.Stack(finals[0], i))
        b.Output("each", L.Stack(L.Stack(each, t), i)))

[<Theory>]
[<InlineData(3, false)>]
[<InlineData(4, true)>]
let ``A step of many large contractions stands around kernels`` (count: int) (around: bool) =
    let program = layers count
    use engine = new Engine(EngineOptions(Cache = false, Threads = 1))
    use executable = engine.Compile program
    Assert.Equal(around, executable.Schedule.Contains "repeat 4 times")
    Oracle.agrees program [ "x", numbers 1 1280; "w", numbers 2 4096 ]

[<Fact>]
let ``What no step changes is not carried`` () =
    let program =
        build "constant" (fun b ->
            let t = L.TimeIndex("t", 5)
            let x, y = b.Input("x", [| 3 |], DType.F32), b.Input("y", [| 3 |], DType.F32)
            let finals, _ = Structure.scan t [| x; y |] (fun c -> [| L.Sin(c[0] + c[1]); c[1] |], ())
            b.Output("moved", finals[0])
            b.Output("held", finals[1]))

    use engine = new Engine(EngineOptions(Cache = false, Threads = 1))
    let graph = (Compile.close engine.CompileOptions program).Graph
    Assert.Equal(1, (Assert.Single graph.Scans).Inits.Length)
    Oracle.agrees program [ "x", numbers 1 3; "y", numbers 2 3 ]

[<Fact>]
let ``Exponentials less one, far out`` () =
    let program = build "expm1" (fun b -> b.Output("y", L.Expm1(b.Input("x", [| 6 |], DType.F32))))
    let x = [| -2000.0; -90.0; -1.5; -1e-6; 1.5; 80.0 |]
    Oracle.agrees program [ "x", x ]
    let struct (outputs, _) = Interpreter.Run(program, Dictionary(dict [ "x", x ]), Dictionary(), true)
    Assert.Equal(-1.0, outputs["y"].[0])

[<Fact>]
let ``The end of a loop inside one loop that only another loop reads`` () =
    let program =
        build "ends" (fun b ->
            let i, t, u = L.PlateIndex("i", 20), L.TimeIndex("t", 5), L.TimeIndex("u", 3)
            let x = L.Unstack(b.Input("x", [| 20 |], DType.F32), i)
            let mutable ends = Unchecked.defaultof<Tensor>

            let total, _ =
                Structure.scan t [| b.Input("s", [||], DType.F32) |] (fun c ->
                    let inner, each = Structure.scan u [| x * c[0] |] (fun d -> [| L.Sin d[0] |], d[0])
                    ends <- inner[0]
                    [| c[0] * 0.5 + L.MeanOver(i, L.SumOver(u, each)) |], ())

            let others, _ = Structure.scan t [| x |] (fun c -> [| c[0] * 0.5 + ends |], ())
            b.Output("total", total[0])
            b.Output("others", L.Stack(others[0], i)))

    Oracle.agrees program [ "x", numbers 1 20; "s", [| 0.7 |] ]
