/// Convolutions compiled: as contractions with windows, by phases, over plates and without.
module Inference.Compiler.Tests.ConvolutionTests

open System
open Inference
open Inference.Compiler
open Inference.Compiler.Tests.ProgramTests
open Xunit

let private inputs data (x: int[]) (w: int[]) (y: int[]) =
    let size = Array.fold (*) 1
    [ "x", numbers 1 (data * size x); "w", numbers 2 (size w); "y", numbers 3 (data * size y) ]

/// The three kinds over a plate, the weights' summed over it.
let private overPlate (extent: Extent) stride (x: int[]) (w: int[]) (y: int[]) =
    build "convolutions" (fun b ->
        let data = L.PlateIndex("data", extent)

        let rows name shape =
            L.Unstack(b.Input(name, Array.append [| extent.Capacity |] shape, DType.F32), data)

        let xs, ys, ws = rows "x" x, rows "y" y, b.Input("w", w, DType.F32)
        b.Output("forward", L.Stack(L.Convolve(L.Tanh xs, ws, stride), data))
        b.Output("data", L.Stack(L.ConvolveTransposed(ys, ws, stride, x[1], x[2]), data))
        b.Output("weights", Convolutions.weights stride w[2..3] [ data ] xs (L.Tanh ys)))

let private shapes =
    [
        2, [| 3; 11; 10 |], [| 20; 3; 4; 4 |], [| 20; 4; 4 |]
        2, [| 4; 9; 9 |], [| 9; 4; 5; 5 |], [| 9; 3; 3 |]
        1, [| 17; 6; 5 |], [| 33; 17; 3; 2 |], [| 33; 4; 4 |]
        3, [| 2; 8; 9 |], [| 16; 2; 2; 4 |], [| 16; 3; 2 |]
    ]

[<Fact>]
let ``Convolutions over a plate`` () =
    for stride, x, w, y in shapes do
        for data in [ 5; 50 ] do
            Oracle.agrees (overPlate (Extent.Fixed data) stride x w y) (inputs data x w y)

[<Fact>]
let ``Convolutions over a plate of a run-time size`` () =
    let stride, x, w, y = shapes[0]
    Oracle.agreesWith 0.0 [ "batch", 21 ] (overPlate (Extent.UpTo("batch", 40)) stride x w y) (inputs 40 x w y)

[<Fact>]
let ``Convolutions without any plate`` () =
    for stride, x, w, y in shapes do
        let program =
            build "alone" (fun b ->
                let xs, ws, ys = b.Input("x", x, DType.F32), b.Input("w", w, DType.F32), b.Input("y", y, DType.F32)
                b.Output("forward", L.Convolve(xs, ws, stride))
                b.Output("data", L.ConvolveTransposed(ys, ws, stride, x[1], x[2]))
                b.Output("weights", Convolutions.weights stride w[2..3] [] xs ys))

        Oracle.agrees program (inputs 1 x w y)

[<Fact>]
let ``Convolutions of members with weights of their own, along a chain`` () =
    let program =
        build "members" (fun b ->
            let m, data, t = L.PlateIndex("m", 3), L.PlateIndex("data", 18), L.TimeIndex("t", 4)
            let w = b.State("w", [| 3; 2; 2; 3; 3 |], DType.F32, numbers 2 108 |> Array.map (fun v -> 0.2 * v))
            let x = L.Unstack(L.Unstack(b.Input("x", [| 18; 4; 2; 6; 6 |], DType.F32), data), t)

            let finals, each =
                Structure.scan t [| L.Unstack(L.Unstack(b.Input("start", [| 3; 18; 2; 6; 6 |], DType.F32), m), data) |] (fun c ->
                    let y = L.Convolve(L.Pad(c[0] + x, [| 0; 1; 1 |], [| 0; 1; 1 |], L.Fill(0.0)), L.Unstack(w, m))
                    [| L.Tanh y |], L.Sum(L.Square y))

            let loss = L.SumOver(m, L.MeanOver(data, L.SumOver(t, each) + L.Sum finals[0]))
            b.Next(w, w - 0.01 * (Calculus.gradient loss [| w |]).[0])
            b.Output("loss", loss))

    Oracle.agreesWith 1e-3 [] program [ "x", numbers 1 (18 * 4 * 72); "start", numbers 4 (3 * 18 * 72) ]

[<Fact>]
let ``Elements of short axes lie in one row, but for those that are moved`` () =
    let program =
        build "rows" (fun b ->
            let x, y, s =
                b.Input("x", [| 3; 3; 3 |], DType.F32), b.Input("y", [| 3; 3; 3 |], DType.F32), b.Input("s", [||], DType.F32)

            let v = b.Input("v", [| 3 |], DType.F32)
            b.Output("row", L.Tanh(x * s + 2.0 * y) - L.Exp y)
            b.Output("transposed", L.Tanh(x) * L.Exp(L.Transpose(y, 2, 0, 1)))
            b.Output("reversed", L.Tanh(x) + L.Reverse(y, 1))
            b.Output("repeated", L.Tanh(x) * Build.broadcast [| -1; 0; -1 |] [| 3; 3; 3 |] v))

    Oracle.agrees program [ "x", numbers 1 27; "y", numbers 2 27; "s", [| 0.3 |]; "v", numbers 3 3 ]

/// An encoder and a decoder with gradients of both, as image models have them.
let private autoencoder =
    build "autoencoder" (fun b ->
        let data = L.PlateIndex("data", 35)
        let x = L.Unstack(b.Input("x", [| 35; 3; 12; 12 |], DType.F32), data)

        let state name (shape: int[]) seed =
            b.State(name, shape, DType.F32, numbers seed (Build.size shape) |> Array.map (fun v -> 0.2 * v))

        let first, second = state "first" [| 16; 3; 4; 4 |] 1, state "second" [| 18; 16; 3; 3 |] 2
        let third, fourth = state "third" [| 18; 16; 5; 5 |] 3, state "fourth" [| 16; 3; 4; 4 |] 4
        let bias = state "bias" [| 16 |] 5
        let spread (v: Tensor) (like: Tensor) = Build.broadcast [| 0; -1; -1 |] like.Shape v
        let h = L.Convolve(x, first, 2)
        let h = L.Relu(h + spread bias h)
        let h = L.Tanh(L.Convolve(h, second, 2))
        let h = L.Relu(L.ConvolveTransposed(L.Slice(h, 1, 0, 1), third, 2, 5, 7))
        let error = L.ConvolveTransposed(h, fourth, 2, 12, 16) - L.Concat(2, x, L.Slice(x, 2, 0, 4))
        let loss = L.MeanOver(data, L.Sum(L.Square error))
        let parameters = [| first; second; third; fourth; bias |]
        Array.iter2 (fun p g -> b.Next(p, p - 0.001 * g)) parameters (Calculus.gradient loss parameters)
        b.Output("loss", loss))

let private images = [ "x", numbers 9 (35 * 3 * 144) ]

[<Fact>]
let ``Gradients of an autoencoder`` () = Oracle.agreesWith 1e-3 [] autoencoder images

[<Fact>]
let ``The bits do not depend on the number of threads`` () =
    let bits threads =
        use engine = new Engine(EngineOptions(Threads = threads, TakesOver = false, Cache = false))
        use executable = engine.Compile autoencoder
        executable.SetInput(0, ReadOnlySpan<double>(snd images.Head))
        executable.Run() |> ignore

        [|
            for k in 0 .. executable.States.Count - 1 do
                yield! executable.State<float32>(k).ToArray() |> Array.map BitConverter.SingleToInt32Bits
        |]

    let one = bits 1
    Assert.Equal<int[]>(one, bits 2)
    Assert.Equal<int[]>(one, bits 7)

[<Theory>]
[<InlineData(InstructionSet.Vector512)>]
[<InlineData(InstructionSet.Vector256)>]
[<InlineData(InstructionSet.Vector128)>]
[<InlineData(InstructionSet.Scalar)>]
let ``Vectors of every width compute the same`` (set: InstructionSet) =
    let loss set =
        use engine = new Engine(EngineOptions(Threads = 1, Cache = false, InstructionSet = Nullable set))
        (Oracle.outputs engine autoencoder images).["loss"].[0]

    let expected = loss InstructionSet.Vector512
    Assert.Equal(expected, loss set, 1e-4 * abs expected)
