/// Every primitive has derivatives that agree with differences, of first and second order, or is constant to derivatives.
module Inference.Dsl.Tests.PrimitivesTests

open System
open FSharp.Reflection
open Inference
open Inference.Dsl.Tests.Differences
open Inference.Dsl.Tests.Evaluation
open Xunit

let private square (v: Tensor) = v * v
let private position k = L.Element(whole [ k ], 0)
let private matrices = [ signed 1 [ 3; 4 ]; signed 2 [ 2; 4 ] ]
let private matrix = [ signed 1 [ 3; 4 ] ]
let private factors = [ signed 1 [ 3; 4 ]; signed 2 [ 4; 2 ] ]
let private plate = L.PlateIndex("plate", 5)
let private time = L.TimeIndex("time", 4)

/// Functions of arguments, which together use every primitive that has derivatives.
let private table: (string * Argument list * (Tensor[] -> Tensor)) list =
    [
        for op in
            [
                UnaryOp.Neg
                UnaryOp.Abs
                UnaryOp.Exp
                UnaryOp.Log
                UnaryOp.Expm1
                UnaryOp.Log1p
                UnaryOp.Sin
                UnaryOp.Cos
                UnaryOp.Tanh
                UnaryOp.Sqrt
                UnaryOp.Erf
            ] do
            $"{op}", [ positive 1 [ 5 ] ], (fun x -> Build.unary op x[0])

        "Abs of both signs", [ signed 2 [ 5 ] ], (fun x -> L.Abs x[0] * x[0])

        for op in [ BinaryOp.Add; BinaryOp.Sub; BinaryOp.Mul; BinaryOp.Div; BinaryOp.Pow; BinaryOp.Min; BinaryOp.Max ] do
            $"{op}", [ positive 1 [ 4 ]; positive 2 [ 4 ] ], (fun x -> Build.binary op x[0] x[1])
            $"{op} with a scalar", [ positive 3 []; positive 4 [ 3 ] ], (fun x -> Build.binary op x[0] x[1] * x[0])

        "Pow of numbers of both signs", [ vectorOf [ -0.7; 0.0; 0.4 ] ], (fun x -> L.Pow(x[0], 2.0) + L.Pow(x[0], 3.0))
        "Select", matrix, (fun x -> L.Select(L.Less(x[0], 0.0), square x[0], x[0] * x[0] * x[0]))
        "Convert", matrix, (fun x -> L.Convert(square (L.Convert(x[0], DType.F64)), DType.F32))
        "Reshape", matrix, (fun x -> square (L.Reshape(x[0], 4, 3)))
        "Transpose", matrix, (fun x -> square (L.Transpose(x[0], 1, 0)))
        "Broadcast", matrix, (fun x -> square (Build.broadcast [| 1; -1; 0 |] [| 4; 2; 3 |] x[0]))
        "Slice by steps", matrix, (fun x -> square (Shapes.slice [| 0; 1 |] [| 3; 4 |] [| 2; 2 |] x[0]))
        "Slice", matrix, (fun x -> square (Shapes.slice [| 1; 0 |] [| 2; 4 |] [| 1; 3 |] x[0]))
        "Pad", [ signed 1 [ 3; 2 ]; scalarOf 0.7 ], (fun x -> square (L.Pad(x[0], [| 1; 0 |], [| 2; 1 |], x[1])))
        "Concat", matrices, (fun x -> square (L.Concat(0, x[0], x[1])))
        "Reverse", matrix, (fun x -> square (L.Reverse(x[0], 1)))
        "CumSum", matrix, (fun x -> square (L.CumSum(x[0], 0)) + L.CumSum(square x[0], 1))

        // rows that are read twice, and one that is not there
        "Gather", [ signed 1 [ 3; 2 ] ], (fun x -> square (L.Gather(x[0], whole [ 2; 0; 2; 9 ])))
        "ScatterAdd", [ signed 1 [ 3; 2 ]; signed 2 [ 4; 2 ] ], (fun x -> square (L.ScatterAdd(x[0], whole [ 2; 0; 2; 9 ], x[1])))
        "DynamicSlice", matrix, (fun x -> square (L.DynamicSlice(x[0], [| 2; 2 |], [| position 1; position 2 |])))
        "DynamicUpdate",
        [ signed 1 [ 3; 4 ]; signed 2 [ 2; 2 ] ],
        (fun x -> square (L.DynamicUpdate(x[0], x[1], [| position 1; position 2 |])))

        "Stack", [ signed 1 [ 5; 2 ] ], (fun x -> square (L.Stack(square (L.Unstack(x[0], plate)), plate)))
        "Stack of what does not vary", [ signed 1 [ 2 ] ], (fun x -> square (L.Stack(x[0], plate)))

        for op in [ ReduceOp.Sum; ReduceOp.Product; ReduceOp.Max; ReduceOp.Min ] do
            $"{op} over an axis", matrix, (fun x -> Structure.reduce op [| 0 |] [] (square x[0]))
            $"{op} over all", matrix, (fun x -> Structure.reduce op [| 0; 1 |] [] x[0])

            $"{op} over a plate and an axis",
            [ signed 1 [ 5; 2 ] ],
            (fun x -> Structure.reduce op [| 0 |] [ plate ] (square (L.Unstack(x[0], plate))))

        for zeros in [ [ 0.0; 2.0; 3.0 ]; [ 0.0; 2.0; 0.0 ]; [ 0.0; 0.0; 0.0 ] ] do
            "Product with zeros", [ vectorOf zeros ], (fun x -> Structure.reduce ReduceOp.Product [| 0 |] [] x[0])

        "LogSumExp", matrix, (fun x -> L.LogSumExp(x[0], 0))
        "Softmax", matrix, (fun x -> L.Softmax(x[0], 1))
        "KthLargest", [ positive 3 [ 6 ] ], (fun x -> square (L.KthLargest(x[0], 3)))

        for semiring in [ Semiring.SumProduct; Semiring.MaxPlus; Semiring.LogSumExpPlus ] do
            $"{semiring}", factors, (fun x -> Structure.dot semiring [| 1 |] [| 0 |] [] x[0] x[1])

            $"{semiring} over two axes",
            [ signed 3 [ 2; 3; 4 ]; signed 4 [ 4; 5; 2 ] ],
            (fun x -> Structure.dot semiring [| 2; 0 |] [| 0; 2 |] [] x[0] x[1])

            $"{semiring} over a plate",
            [ signed 5 [ 5; 2 ]; signed 6 [ 2; 3 ] ],
            (fun x -> Structure.dot semiring [| 0 |] [| 0 |] [ plate ] (L.Unstack(x[0], plate)) x[1])

        "Outer product", factors, (fun x -> Structure.dot Semiring.SumProduct [||] [||] [] x[0] x[1])
        "Product with itself", matrix, (fun x -> Structure.dot Semiring.SumProduct [| 0 |] [| 0 |] [] x[0] x[0])
        "Convolution forward", [ signed 1 [ 2; 4; 5 ]; signed 2 [ 2; 2; 2; 3 ] ], (fun x -> square (L.Convolve(x[0], x[1], 2)))
        "Convolution of data",
        [ signed 3 [ 2; 2; 2 ]; signed 2 [ 2; 2; 2; 3 ] ],
        (fun x -> square (L.ConvolveTransposed(x[0], x[1], 2, 4, 5)))
        "Convolution of weights",
        [ signed 1 [ 2; 4; 5 ]; signed 3 [ 2; 2; 2 ] ],
        (fun x -> square (Convolutions.weights 2 [| 2; 3 |] [] x[0] x[1]))

        "Scan",
        [ signed 1 [ 4; 2 ]; signed 2 [ 2 ] ],
        (fun x ->
            let each = L.Unstack(x[0], time)

            let finals, h =
                Structure.scan time [| x[1] |] (fun c -> let h = L.Sin(c[0] * each) + c[0] in [| h |], h)

            finals[0] + L.SumOver(time, square h))

        "Probe", matrix, (fun x -> square (L.Probe("seen", x[0])))
        "Check",
        [ scalarOf 0.7 ],
        (fun x ->
            let spec = { Site = "x"; Requirement = "x > 0"; Location = Location.unknown }
            square (Build.node (Op.Check spec) [| x[0]; L.Less(0.0, x[0]) |] [||] DType.F32))
        "Derivative",
        [ scalarOf 0.7 ],
        (fun x ->
            let cube = { Name = "cube"; Tangent = fun _ xs ts -> 3.0 * xs[0] * xs[0] * ts[0] }
            Calculus.withDerivative cube [| x[0] |] (x[0] * x[0] * x[0]))
    ]

/// Values that move in jumps, or not at all: constant to derivatives.
let private constants: (Tensor -> Tensor) list =
    let number (x: Tensor) = L.Convert(x, DType.F32)
    let bits (x: Tensor) = L.Convert(x * 8.0, DType.I32)
    let key = [| Build.scalar DType.U32 1.0; Build.scalar DType.U32 2.0 |]

    [
        L.Floor
        fun x -> number (L.Not(L.Less(x, 0.5)))
        fun x -> number (Build.binary BinaryOp.LessEqual x (number (L.Iota x.Shape[0])))
        fun x -> number (L.Equal(x, x))
        fun x -> number (L.And(L.Less(x, 0.9), L.Or(L.Less(x, 0.1), L.Less(0.2, x))))
        fun x -> number (Build.binary BinaryOp.Xor (bits x) (Build.fill x.Shape (Build.scalar DType.I32 3.0)))
        fun x -> number (Build.binary BinaryOp.ShiftLeft (bits x) (Build.fill x.Shape (Build.scalar DType.I32 1.0)))
        fun x -> number (Build.binary BinaryOp.ShiftRight (bits x) (Build.fill x.Shape (Build.scalar DType.I32 1.0)))
        fun x -> number (L.ArgMax(x, 0))
        fun x -> number (L.TopK(x, 2))
        fun x -> Structure.random RandomKind.Normal [] [] 0 key x.Shape
        fun x ->
            number (L.Convert(Structure.philox 0 [| key[0]; key[1]; key[0]; key[1] |] key, DType.F32))
            * L.Floor x
        fun x -> L.SumOver(plate, L.Floor x + number (L.Position plate) + Structure.extent plate)
    ]

/// The cases of a union.
let private cases<'T> =
    FSharpType.GetUnionCases typeof<'T> |> Array.map (fun c -> c.Name) |> Set.ofArray

let private caseOf (value: 'T) = (fst (FSharpValue.GetUnionFields(value, typeof<'T>))).Name

/// The names of a primitive and of the cases that it is made of.
let private namesOf (op: Op) =
    [
        caseOf op
        match op with
        | Op.Unary o -> $"Unary {caseOf o}"
        | Op.Binary o -> $"Binary {caseOf o}"
        | Op.Reduce(o, _, _) -> $"Reduce {caseOf o}"
        | Op.Dot(o, _, _, _) -> $"Dot {caseOf o}"
        | Op.Convolution(o, _, _) -> $"Convolution {caseOf o}"
        | _ -> ()
    ]

[<Fact>]
let ``First and second derivatives agree with differences`` () =
    for name, arguments, f in table do
        try
            agrees arguments f
        with failure ->
            failwith $"{name}: {failure.Message}"

[<Fact>]
let ``What moves in jumps is constant`` () =
    for f in constants do
        let x = vector [ 0.3; 0.8; -0.4; 1.6 ]
        let y = L.Sum(f x)
        Assert.True(Double.IsFinite(number y))
        close [ 0.0; 0.0; 0.0; 0.0 ] (numbers (Calculus.gradient (y * 1.0) [| x |]).[0])

[<Fact>]
let ``No primitive is left out`` () =
    let vectors =
        table |> List.map (fun (_, arguments, f) -> f [| for a in arguments -> tensor a.Shape a.Values |])

    let jumps = constants |> List.map (fun f -> f (vector [ 0.3; 0.8; -0.4; 1.6 ]))
    let met = Traverse.postOrder (vectors @ jumps) |> Seq.collect (fun x -> namesOf x.Op) |> Set.ofSeq

    let all =
        Set.unionMany
            [
                cases<Op>
                cases<UnaryOp> |> Set.map (sprintf "Unary %s")
                cases<BinaryOp> |> Set.map (sprintf "Binary %s")
                cases<ReduceOp> |> Set.map (sprintf "Reduce %s")
                cases<Semiring> |> Set.map (sprintf "Dot %s")
                cases<ConvolutionKind> |> Set.map (sprintf "Convolution %s")
            ]

    // inputs and run-time counts come from outside; windows are made by compilers, after derivatives are taken
    Assert.Equal<Set<string>>(set [ "ExtentOf"; "Input"; "Window" ], all - met)

[<Theory>]
[<InlineData(0.0, 0.0, 0.0)>]
[<InlineData(1.0, 1.0, 0.0)>]
[<InlineData(2.0, 0.0, 2.0)>]
[<InlineData(3.0, 0.0, 0.0)>]
let ``Powers of zero have the derivatives of polynomials`` (exponent: double) (slope: double) (curvature: double) =
    for p in [ Build.scalar DType.F32 exponent; scalar exponent ] do
        let x = scalar 0.0
        let y = Build.binary BinaryOp.Pow x p
        Assert.Equal(slope, number (Calculus.gradient y [| x |]).[0])
        Assert.Equal(curvature, number (Calculus.hessianVector y [| x |] [| Build.scalar DType.F32 1.0 |]).[0])
