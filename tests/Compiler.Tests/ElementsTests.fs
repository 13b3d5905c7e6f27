/// Loops over elements: which values share one, where they are parted, and what of the widths of tiles shows in results.
module Inference.Compiler.Tests.ElementsTests

open System.Collections.Generic
open Inference
open Inference.Compiler
open Inference.Compiler.Tests.ProgramTests
open Xunit

let private scheduleOf program =
    use engine = new Engine(EngineOptions(Cache = false, Threads = 1))
    use executable = engine.Compile program
    executable.Schedule

let private kernels (schedule: string) =
    schedule.Split('\n') |> Array.filter (fun line -> line.TrimStart().StartsWith 'K')

[<Fact>]
let ``The passes of an optimiser over one parameter are one kernel`` () =
    let program =
        build "adam" (fun b ->
            let w = Parameter.create "w" [| 40; 30 |] (Initializer.Uniform 40)
            let x = b.Input("x", [| 40; 30 |], DType.F32)
            Learning.step b (Adam 0.1) 0UL (L.Sum(L.Square(L.Sin w - x))) |> ignore)

    let passes = kernels (scheduleOf program) |> Array.filter (fun line -> line.Contains "elements")
    Assert.Single passes |> ignore
    Oracle.agrees program [ "x", numbers 1 1200 ]

[<Fact>]
let ``What is read at other elements is computed before`` () =
    let program =
        build "crossed" (fun b ->
            let x = b.Input("x", [| 40; 40 |], DType.F32)
            let sine = L.Sin x
            let turned = L.Cos(sine + L.Transpose(sine, 1, 0))
            b.Output("y", turned * x + L.Exp turned))

    Assert.Equal(2, (kernels (scheduleOf program)).Length)
    Oracle.agrees program [ "x", numbers 1 1600 ]

[<Theory>]
[<InlineData(20, 20, 24)>]
[<InlineData(9, 8, 30)>]
[<InlineData(3, 40, 5)>]
let ``Values put together along an axis are parted where they meet`` (a: int, b: int, c: int) =
    let pieces (x: Tensor) =
        let whole =
            L.Concat(0, L.Slice(x, 0, 0, a), L.Cos(L.Slice(x, 0, a, a + b)), L.Slice(x, 0, a + b, a + b + c))

        let zero = Build.scalar DType.F32 0.0

        let padded =
            Build.node (Op.Pad [| a |]) [| L.Sin(L.Slice(x, 0, 0, b)); zero |] [| a + b + c |] DType.F32

        L.Sin whole + padded * 2.0

    let program =
        build "parted" (fun builder ->
            let i = L.PlateIndex("i", 50)
            let n = a + b + c
            let x = builder.Input("x", [| n |], DType.F32)
            let each = L.Unstack(builder.Input("each", [| 50; n |], DType.F32), i)
            builder.Output("alone", pieces x)
            builder.Output("plate", L.Stack(pieces each, i)))

    Oracle.agrees program [ "x", numbers 1 (a + b + c); "each", numbers 2 (50 * (a + b + c)) ]

/// A weight's gradient over a plate and many steps, of sizes that no width divides.
let private longProduct =
    build "long product" (fun b ->
        let i, t = L.PlateIndex("i", 50), L.TimeIndex("t", 30)
        let perStep name size = L.Unstack(L.Unstack(b.Input(name, [| 50; 30; size |], DType.F32), i), t)
        let left, right = L.Sin(perStep "left" 44), L.Cos(perStep "right" 70)
        b.Output("y", Structure.dot Semiring.SumProduct [||] [||] [ i; t ] left right))

let private longInputs = [ "left", numbers 1 (50 * 30 * 44); "right", numbers 2 (50 * 30 * 70) ]

[<Fact>]
let ``Products of many terms are added up in chunks`` () =
    Assert.Contains("products over", scheduleOf longProduct)
    Oracle.agrees longProduct longInputs

[<Fact>]
let ``Products of many terms are the same for any number of threads`` () =
    let bits threads =
        use engine = new Engine(EngineOptions(Cache = false, Threads = threads))

        Oracle.run engine longProduct (Dictionary(dict longInputs)) (Dictionary()) (fun executable ->
            executable.Output(0).ToArray() |> Array.map System.BitConverter.SingleToInt32Bits)

    let one = bits 1
    Assert.Equal<int[]>(one, bits 2)
    Assert.Equal<int[]>(one, bits 7)

[<Fact>]
let ``Sums over tiles of lanes are calls of one function`` () =
    let program =
        build "layer" (fun b ->
            let i = L.PlateIndex("i", 64)
            let x = L.Unstack(b.Input("x", [| 64; 40 |], DType.F32), i)
            let w = b.Input("w", [| 30; 40 |], DType.F32)
            b.Output("y", L.Stack(L.Tanh(L.Dot(w, x)), i)))

    use engine = new Engine(EngineOptions(Cache = false, Threads = 1))
    use executable = engine.Compile program

    if engine.InstructionSet <> InstructionSet.Scalar && engine.InstructionSet <> InstructionSet.Vector128 then
        Assert.Matches(@"static void Tile8x\dF32", executable.Source)

    Oracle.agrees program [ "x", numbers 1 2560; "w", numbers 2 1200 ]

[<Fact>]
let ``A table of all pairs that is only summed is computed by each sum and never stored`` () =
    let program =
        build "pairs" (fun b ->
            let i = L.PlateIndex("i", 1200)
            let j = FreeIndex("j", Extent.Fixed 900, IndexKind.Enumerated)
            let x = L.Unstack(b.Input("x", [| 1200 |], DType.F32), i)
            let y = L.Unstack(b.Input("y", [| 900 |], DType.F32), j)
            let near = L.Exp(-(L.Square(x - y)))
            b.Output("rows", L.Stack(L.SumOver(j, near), i))
            b.Output("columns", L.Stack(L.SumOver(i, near * x), j)))

    use engine = new Engine(EngineOptions(Cache = false, Threads = 2))
    use executable = engine.Compile program
    Assert.True(executable.WorkspaceBytes < 100_000L, $"{executable.WorkspaceBytes} bytes")
    Oracle.agrees program [ "x", numbers 1 1200; "y", numbers 2 900 ]
