module Inference.Dsl.Tests.CalculusTests

open Inference
open Inference.Dsl.Tests.Differences
open Inference.Dsl.Tests.Evaluation
open Xunit

[<Fact>]
let ``Corners`` () =
    let x = scalar 0.0
    let slope (y: Tensor) = Evaluation.number (Calculus.gradient y [| x |]).[0]
    Assert.Equal(0.0, slope (L.Relu x))
    Assert.Equal(1.0, slope (L.Max(x, L.Fill(0.0))))
    Assert.Equal(1.0, slope (L.Min(x, L.Fill(0.0))))
    Assert.Equal(0.0, slope (L.Abs x))
    // equal shares of a maximum that two elements reach
    let v = Evaluation.vector [ 2.0; 1.0; 2.0 ]
    close [ 0.5; 0.0; 0.5 ] (numbers (Calculus.gradient (L.Maximum v) [| v |]).[0])

[<Fact>]
let ``Values over plates`` () =
    let data = L.PlateIndex("data", 5)
    let members = L.PlateIndex("members", 3)

    // a layer: its weights are used by every datum
    let layer (x: Tensor[]) =
        let each = L.Unstack(x[0], data)
        L.Tanh(Structure.dot Semiring.SumProduct [| 1 |] [| 0 |] [] x[1] each + x[2])

    let arguments = [ signed 1 [ 5; 2 ]; signed 2 [ 3; 2 ]; signed 3 [ 3 ] ]
    agrees arguments (fun x -> L.SumOver(data, layer x))
    agrees arguments (fun x -> L.Stack(layer x, data))
    agrees arguments (fun x -> L.MaxOver(data, layer x))
    agrees arguments (fun x -> Structure.logSumExp [| 0 |] [ data ] (layer x))
    agrees arguments (fun x -> Structure.reduce ReduceOp.Product [||] [ data ] (layer x))

    // an ensemble: weights of each member, data of all
    agrees [ signed 1 [ 5; 2 ]; signed 2 [ 3; 4; 2 ] ] (fun x ->
        let weights, each = L.Unstack(x[1], members), L.Unstack(x[0], data)
        let y = L.Tanh(Structure.dot Semiring.SumProduct [| 1 |] [| 0 |] [] weights each)
        L.SumOver(data, L.SumOver(members, y * y)))

    // the contraction of an index that only one factor has, and of one that neither has
    agrees [ signed 1 [ 5; 2 ]; signed 2 [ 2; 3 ] ] (fun x ->
        Structure.dot Semiring.SumProduct [| 0 |] [| 0 |] [ data; members ] (L.Unstack(x[0], data)) x[1])

    // rows of a table that each datum chooses
    agrees [ signed 1 [ 4; 2 ] ] (fun x ->
        let row = L.Gather(x[0], L.Unstack(whole [ 1; 3; 3; 0; 1 ], data))
        L.SumOver(data, row * row * L.Convert(Structure.position data, DType.F32)))

[<Fact>]
let ``Loops`` () =
    let time = L.TimeIndex("time", 6)

    // the carried values, a value that each step reads, one that all share, and what leaves each step
    let recurrent backward (x: Tensor[]) =
        let inputs = L.Unstack(x[0], time)

        let finals, each =
            Structure.scanIn backward time [| x[1]; L.Sum x[1] |] (fun carried ->
                let h =
                    L.Tanh(Structure.dot Semiring.SumProduct [| 1 |] [| 0 |] [] x[2] carried[0] + inputs * carried[1])

                [| h; carried[1] * 0.5 + L.Sum(h * h) |], h * inputs)

        L.Concat(0, finals[0], L.Reshape(finals[1], 1), L.SumOver(time, each), L.SumOver(time, each * each))

    let arguments = [ signed 1 [ 6; 2 ]; signed 2 [ 2 ]; signed 3 [ 2; 2 ] ]
    agrees arguments (recurrent false)
    agrees arguments (recurrent true)

[<Fact>]
let ``Loops over plates`` () =
    let time, data = L.TimeIndex("time", 3), L.PlateIndex("data", 4)

    // a start that all share becomes a value of each datum; the tangent does so one step later
    agrees [ signed 1 [ 4; 3 ]; scalarOf 0.3 ] (fun x ->
        let each = L.Unstack(L.Unstack(x[0], data), time)
        let finals, h = Structure.scan time [| x[1] |] (fun c -> let h = L.Sin(c[0] + each) in [| h |], h)
        L.SumOver(data, finals[0] * L.SumOver(time, h * h)))

[<Fact>]
let ``A loop that starts from the end of another`` () =
    let first, second, data = L.TimeIndex("first", 3), L.TimeIndex("second", 2), L.PlateIndex("data", 4)

    // the first loop starts from what all data share and ends in a value of each; the second has tangents that vary only as its start does
    agrees [ signed 1 [ 4 ]; scalarOf 0.3 ] (fun x ->
        let each = L.Unstack(x[0], data)
        let middle, _ = Structure.scan first [| x[1] |] (fun c -> [| L.Sin(c[0] + each) |], ())
        let finals, _ = Structure.scan second [| middle[0] |] (fun c -> [| 0.5 * c[0] |], ())
        L.Stack(finals[0], data))

[<Fact>]
let ``Loops in loops`` () =
    let time, inner = L.TimeIndex("time", 3), L.TimeIndex("inner", 2)

    agrees [ signed 1 [ 2 ]; scalarOf 0.4 ] (fun x ->
        let finals, each =
            Structure.scan time [| x[0] |] (fun c ->
                let deep, _ = Structure.scan inner [| c[0] * x[1] |] (fun d -> [| L.Sin d[0] + c[0] |], ())
                [| deep[0] |], deep[0])

        finals[0] + L.SumOver(time, each))

[<Fact>]
let ``Values that a loop forgets, and that change places`` () =
    let time = L.TimeIndex("time", 3)

    agrees [ scalarOf 0.2; scalarOf 0.5; scalarOf 0.7 ] (fun x ->
        let finals, each =
            Structure.scan time [| x[0]; x[1]; x[2] |] (fun c -> [| c[1]; c[0]; c[0] * x[1] |], c[0] * c[2])

        finals[0] * finals[2] + finals[1] + L.SumOver(time, each))

[<Fact>]
let ``The gradient of a weight is one contraction over plate and time`` () =
    let time, data = L.TimeIndex("time", 3), L.PlateIndex("data", 4)
    let weights = L.Probe("weights", L.Constant([| 0.1; 0.2; 0.3; 0.4 |], 2, 2))
    let x = L.Unstack(L.Probe("x", L.Constant(Array.init 8 double, 4, 2)), data)

    let _, h =
        Structure.scan time [| x |] (fun c ->
            let h = L.Tanh(Structure.dot Semiring.SumProduct [| 1 |] [| 0 |] [] weights c[0])
            [| h |], h)

    let gradient = (Calculus.gradient (L.SumOver(data, L.SumOver(time, L.Sum h))) [| weights |])[0]

    match gradient.Op with
    | Op.Dot(Semiring.SumProduct, [||], [||], indices) ->
        Assert.Equal<Set<string>>(set [ "data"; "time" ], set [ for i in indices -> i.Name ])
    | _ -> Assert.Fail $"{gradient} is no contraction."

[<Fact>]
let ``A gradient by a value over a plate keeps the plate`` () =
    let data = L.PlateIndex("data", 3)
    let x = L.Unstack(Evaluation.vector [ 1.0; 2.0; 3.0 ], data)
    let gradient = (Calculus.gradient (x * x) [| x |])[0]
    close [ 2.0; 4.0; 6.0 ] (numbers (L.Stack(gradient, data)))

[<Fact>]
let ``Derivatives of one's own, and none`` () =
    let x = scalar 0.5
    let rule = { Name = "twice"; Tangent = fun y xs ts -> ts[0] * 2.0 * xs[0] * y }
    let y = Calculus.withDerivative rule [| x |] (L.Floor(x * 10.0))
    close [ 5.0; 5.0 ] (numbers (L.Pack(y, (Calculus.gradient y [| x |]).[0])))
    let gradients = Calculus.gradient (x * Calculus.stopGradient x) [| x |]
    close [ 0.5 ] (numbers gradients[0])

[<Fact>]
let ``What has no influence has a gradient of zero`` () =
    let x, y = scalar 2.0, Evaluation.vector [ 1.0; 2.0 ]
    let gradients = Calculus.gradient (x * x) [| x; y |]
    close [ 4.0 ] (numbers gradients[0])
    close [ 0.0; 0.0 ] (numbers gradients[1])

[<Fact>]
let ``What a derivative is taken by is named once`` () =
    let x, y = scalar 2.0, scalar 3.0
    refuses "Vjp is taken by one and the same F32[] (a scalar) 2 times." (fun () -> Calculus.gradient (x * y) [| x; y; x |])
    refuses "Jvp is taken by one and the same F32[] (a scalar) 2 times." (fun () -> Calculus.jvp [| x * y |] [| x; x |] [| x; y |])

[<Fact>]
let ``A loss that varies where a weight does not is refused`` () =
    let data = L.PlateIndex("data", 3)
    let w = scalar 2.0
    let x = L.Unstack(Evaluation.vector [ 1.0; 2.0; 3.0 ], data)

    refuses "The value whose gradient is taken varies over \"data\", which what it is taken by does not." (fun () ->
        Calculus.gradient (w * x) [| w |])

    refuses "A gradient needs a floating-point scalar; F32[2] came." (fun () -> Calculus.gradient (Evaluation.vector [ 1.0; 2.0 ]) [| w |])

[<Fact>]
let ``A loop that starts from what its step returns`` () =
    let time = L.TimeIndex("time", 3)

    agrees [ scalarOf 0.4 ] (fun x ->
        let a = L.Sin x[0]
        let finals, each = Structure.scan time [| a * a |] (fun c -> [| a |], c[0] * c[0])
        finals[0] + L.SumOver(time, each))

[<Fact>]
let ``Values that are computed alike pass their cotangents on together`` () =
    let x, w = L.Constant [| 0.3; -0.4; 0.9 |], L.Constant([| 0.1; 0.2; 0.3; -0.5; 0.4; 0.2 |], 2, 3)
    // two layers written twice are one layer to the derivative
    let layer () = L.Tanh(L.Dot(w, x))
    let loss = L.Sum(L.Square(layer ())) + L.Sum(L.Sin(layer ()))
    let gradient = Calculus.gradient loss [| x |]

    let contractions =
        Traverse.postOrder gradient
        |> Array.filter (fun n ->
            match n.Op with
            | Op.Dot(_, [| 0 |], _, _)
            | Op.Dot(_, _, [| 0 |], _) when n.Shape = [| 3 |] -> true
            | _ -> false)

    Assert.Single contractions |> ignore
