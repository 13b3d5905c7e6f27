/// Gradients of models of the shapes that training has.
module Inference.Compiler.Tests.GradientTests

open Inference
open Inference.Compiler.Tests.ProgramTests
open Xunit

let private matrix (w: Tensor) (x: Tensor) = Structure.dot Semiring.SumProduct [| w.Shape.Length - 1 |] [| 0 |] [] w x

let private mean (index: FreeIndex) (x: Tensor) = L.MeanOver(index, x)

/// A step of gradient descent on parameters that are states.
let private descend (b: ProgramBuilder) (parameters: Tensor[]) (loss: Tensor) =
    Array.iter2 (fun p g -> b.Next(p, p - 0.1 * g)) parameters (Calculus.gradient loss parameters)
    b.Output("loss", loss)

let private state (b: ProgramBuilder) name (shape: int[]) seed =
    b.State(name, shape, DType.F32, numbers seed (Array.fold (*) 1 shape) |> Array.map (fun v -> 0.3 * v))

let private network (extent: Extent) =
    build "network" (fun b ->
        let data = L.PlateIndex("data", extent)
        let x = L.Unstack(b.Input("x", [| 70; 17 |], DType.F32), data)
        let y = L.Unstack(b.Input("y", [| 70; 6 |], DType.F32), data)

        let parameters =
            [|
                state b "0.weight" [| 40; 17 |] 1
                state b "0.bias" [| 40 |] 2
                state b "1.weight" [| 33; 40 |] 3
                state b "1.bias" [| 33 |] 4
                state b "2.weight" [| 6; 33 |] 5
                state b "2.bias" [| 6 |] 6
            |]

        let h = L.Relu(matrix parameters[0] x + parameters[1])
        let h = L.Relu(matrix parameters[2] h + parameters[3])
        let error = matrix parameters[4] h + parameters[5] - y
        descend b parameters (mean data (L.Sum(error * error))))

let private networkInputs = [ "x", numbers 7 (70 * 17); "y", numbers 8 (70 * 6) ]

[<Fact>]
let ``A network of three layers`` () = Oracle.agrees (network (Extent.Fixed 70)) networkInputs

[<Fact>]
let ``A network whose batch has a run-time size`` () =
    Oracle.agreesWith 0.0 [ "batch", 37 ] (network (Extent.UpTo("batch", 70))) networkInputs

/// A gated recurrent unit (Cho et al., 2014) over sequences, with an encoder that does not depend on what it carries.
let private recurrent backward =
    build "recurrent" (fun b ->
        let data, time = L.PlateIndex("data", 19), L.TimeIndex("time", 7)
        let x = L.Unstack(L.Unstack(b.Input("x", [| 19; 7; 5 |], DType.F32), data), time)
        let n = 12

        let parameters =
            [|
                state b "encoder" [| 9; 5 |] 1
                state b "input" [| 3 * n; 9 |] 2
                state b "hidden" [| 3 * n; n |] 3
                state b "bias" [| 3 * n |] 4
                state b "start" [| n |] 5
            |]

        let e = L.Tanh(matrix parameters[0] x)
        let u = matrix parameters[1] e + parameters[3]

        let finals, each =
            Structure.scanIn backward time [| parameters[4] |] (fun c ->
                let v = matrix parameters[2] c[0]
                let part (x: Tensor) k = L.Slice(x, 0, k * n, (k + 1) * n)
                let r, z = L.Sigmoid(part u 0 + part v 0), L.Sigmoid(part u 1 + part v 1)
                let candidate = L.Tanh(part u 2 + r * part v 2)
                let h = (1.0 - z) * candidate + z * c[0]
                [| h |], h)

        let all = L.SumOver(time, L.Sum(each * each)) + L.Sum(finals[0])
        descend b parameters (mean data all))

[<Fact>]
let ``A recurrent unit over sequences`` () = Oracle.agrees (recurrent false) [ "x", numbers 9 (19 * 7 * 5) ]

[<Fact>]
let ``A recurrent unit that reads sequences from the end`` () = Oracle.agrees (recurrent true) [ "x", numbers 9 (19 * 7 * 5) ]

[<Fact>]
let ``A loop around kernels, backward`` () =
    let program =
        build "sweeps" (fun b ->
            let data, sweep = L.PlateIndex("data", 100), L.TimeIndex("sweep", 4)
            let x = L.Unstack(b.Input("x", [| 100 |], DType.F32), data)
            let start = b.Input("start", [||], DType.F32)

            // every sweep averages over the plate: the loop stands around kernels
            let finals, each =
                Structure.scan sweep [| start |] (fun c ->
                    let next = L.MeanOver(data, L.Tanh(x * c[0] + 0.5))
                    [| next |], next * c[0])

            let loss = finals[0] * 3.0 + L.SumOver(sweep, each)
            let gradient = Calculus.gradient loss [| x; start |]
            b.Output("x", L.Stack(gradient[0], data))
            b.Output("start", gradient[1]))

    Oracle.agrees program [ "x", numbers 1 100; "start", [| 0.7 |] ]

[<Fact>]
let ``A Hessian times a direction through a loop`` () =
    let program =
        build "curvature" (fun b ->
            let data, time = L.PlateIndex("data", 20), L.TimeIndex("time", 5)
            let x = L.Unstack(b.Input("x", [| 20; 3 |], DType.F32), data)
            let w, v = b.Input("w", [| 3; 3 |], DType.F32), b.Input("v", [| 3; 3 |], DType.F32)
            let finals, _ = Structure.scan time [| x |] (fun c -> [| L.Tanh(matrix w c[0]) |], ())
            let loss = L.SumOver(data, L.Sum(finals[0] * finals[0]))
            b.Output("product", (Calculus.hessianVector loss [| w |] [| v |]).[0]))

    Oracle.agrees program [ "x", numbers 1 60; "w", numbers 2 9; "v", numbers 3 9 ]
