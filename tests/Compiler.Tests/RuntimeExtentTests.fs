/// Plates whose number of repetitions is given at run time.
module Inference.Compiler.Tests.RuntimeExtentTests

open System
open Inference
open Inference.Compiler.Tests.ProgramTests
open Xunit

let private capacity = 200

let private program =
    build "batch" (fun b ->
        let i, t = L.PlateIndex("i", Extent.UpTo("batch", capacity)), L.TimeIndex("t", 4)
        let x = L.Unstack(b.Input("x", [| capacity |], DType.F32), i)
        let finals, each = Structure.scan t [| x |] (fun c -> [| c[0] * 0.5 - 1.0 |], c[0])
        // every rank is below zero, so that absent rows must not count as zeros
        b.Output("rows", L.Stack(finals[0], i))
        b.Output("steps", L.Stack(L.Stack(each, i), t))
        b.Output("kth", L.KthLargestOver(i, 2, finals[0]))
        b.Output("top", L.TopKOver(i, 3, finals[0]))
        b.Output("mean", L.MeanOver(i, finals[0]))
        b.Output("largest", L.MaxOver(i, finals[0]))
        b.Output("weights", L.Stack(L.SoftmaxOver(i, finals[0]), i))
        b.Output("constant", L.Stack(L.Ones(), i)))

[<Theory>]
[<InlineData(3)>]
[<InlineData(64)>]
[<InlineData(70)>]
[<InlineData(200)>]
let ``Rows above the extent are absent`` (count: int) = Oracle.agreesWith 0.0 [ "batch", count ] program [ "x", numbers 1 capacity ]

[<Fact>]
let ``A shorter run leaves nothing of a longer one before it`` () =
    use engine = new Engine(EngineOptions(Threads = 2, Cache = false))
    use executable = engine.Compile program
    executable.SetInput(0, ReadOnlySpan<double>(numbers 1 capacity))
    executable.Run()
    executable.SetExtent("batch", 5)
    executable.Run()

    for name, width in [ "rows", 1; "weights", 1; "constant", 1 ] do
        let values = executable.Output<float32>(executable.IndexOfOutput name).ToArray()
        Assert.All(Array.skip (5 * width) values, fun v -> Assert.Equal(0.0f, v))

[<Theory>]
[<InlineData(3)>]
[<InlineData(150)>]
let ``Absent rows come after every whole number`` (count: int) =
    let program =
        build "whole" (fun b ->
            let i = L.PlateIndex("i", Extent.UpTo("batch", capacity))
            let x = L.Unstack(b.Input("x", [| capacity |], DType.I32), i)
            b.Output("kth", L.KthLargestOver(i, 3, x))
            b.Output("top", L.TopKOver(i, 3, x)))

    let below = Array.init capacity (fun k -> double (-1000 - 7 * k % 31))
    Oracle.agreesWith 0.0 [ "batch", count ] program [ "x", below ]

[<Fact>]
let ``One run-time count has one capacity`` () =
    let program =
        build "two" (fun b ->
            let i, j = L.PlateIndex("i", Extent.UpTo("n", 10)), L.PlateIndex("j", Extent.UpTo("n", 20))
            let x = b.Input("x", [| 20 |], DType.F32)
            let y = b.Input("y", [| 10 |], DType.F32)
            b.Output("sum", L.SumOver(j, L.Unstack(x, j)) + L.SumOver(i, L.Unstack(y, i))))

    use engine = new Engine(EngineOptions(Cache = false))
    let error = Assert.Throws<ModelException>(fun () -> (engine.Compile program).Dispose())
    Assert.Contains("\"n\"", error.Message)
    Assert.Contains("10", error.Message)
    Assert.Contains("20", error.Message)
