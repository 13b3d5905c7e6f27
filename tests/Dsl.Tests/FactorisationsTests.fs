module Inference.Dsl.Tests.FactorisationsTests

open System
open Inference
open Inference.Dsl.Tests.Differences
open Inference.Dsl.Tests.Evaluation
open Xunit

/// A·Aᵀ + 2·I: positive definite, whatever A.
let private definite n (a: Tensor) =
    let identity =
        L.Constant(Array2D.init n n (fun i j -> if i = j then 2.0 else 0.0) |> Seq.cast<double> |> Array.ofSeq)

    L.Dot(a, L.Transpose(a, 1, 0)) + L.Reshape(identity, n, n)

let private product (a: Tensor) (b: Tensor) = L.Dot(a, b)

[<Theory>]
[<InlineData(1)>]
[<InlineData(2)>]
[<InlineData(5)>]
[<InlineData(9)>]
let ``A factor times its transpose is the matrix, and the factor is lower triangular`` (n: int) =
    let a = definite n (tensor [ n; n ] (signed n [ n; n ]).Values)
    let l = L.Cholesky a
    close (List.ofArray (numbers a)) (numbers (product l (L.Transpose(l, 1, 0))))

    numbers l
    |> Array.iteri (fun k v ->
        if k % n > k / n then
            Assert.Equal(0.0, v)
        elif k % n = k / n then
            Assert.True(v > 0.0))

[<Fact>]
let ``A known factor`` () =
    // Wikipedia, Cholesky decomposition: [[4, 12, −16], [12, 37, −43], [−16, −43, 98]] has the factor [[2], [6, 1], [−8, 5, 3]]
    let a = tensor [ 3; 3 ] [ 4.0; 12.0; -16.0; 12.0; 37.0; -43.0; -16.0; -43.0; 98.0 ]
    close [ 2.0; 0.0; 0.0; 6.0; 1.0; 0.0; -8.0; 5.0; 3.0 ] (numbers (L.Cholesky a))

[<Fact>]
let ``A matrix that is not positive definite has no factor`` () =
    Assert.Contains(nan, numbers (L.Cholesky(tensor [ 2; 2 ] [ 1.0; 2.0; 2.0; 1.0 ])))

[<Theory>]
[<InlineData(false)>]
[<InlineData(true)>]
let ``Solutions solve, for a vector and for a matrix`` (transpose: bool) =
    let n = 5
    let l = L.Cholesky(definite n (tensor [ n; n ] (signed 3 [ n; n ]).Values))
    // what lies above the diagonal is not read
    let above = Array.init (n * n) (fun k -> if k % n > k / n then 100.0 else 0.0)
    let given = l + L.Reshape(L.Constant above, n, n)
    let matrix = if transpose then L.Transpose(l, 1, 0) else l

    for shape in [ [ n ]; [ n; 3 ] ] do
        let b = (signed 4 shape).Values
        close b (numbers (product matrix (L.TriangularSolve(given, tensor shape b, transpose))))

[<Fact>]
let ``Derivatives agree with differences`` () =
    agrees [ signed 1 [ 3; 3 ] ] (fun x -> L.Cholesky(definite 3 x[0]))
    // by a matrix itself: its symmetric part
    agrees [ argument [ 2; 2 ] [ 3.0; 0.4; 0.7; 2.0 ] ] (fun x -> L.Cholesky x[0])

    for transpose in [ false; true ] do
        agrees [ positive 2 [ 3; 3 ]; signed 5 [ 3 ] ] (fun x -> L.TriangularSolve(x[0], x[1], transpose))
        agrees [ positive 2 [ 3; 3 ]; signed 6 [ 3; 2 ] ] (fun x -> L.TriangularSolve(x[0], x[1], transpose))

[<Fact>]
let ``Each value of a plate has a factor of its own, compiled as interpreted`` () =
    let n, count = 4, 20
    use engine = new Engine(EngineOptions(Cache = false, Precision = Precision.Double))

    let program =
        build "factors" (fun b ->
            let i = L.PlateIndex("i", count)
            let a = L.Unstack(b.Input("a", [| count; n; n |], DType.F32), i)
            let y = L.Unstack(b.Input("y", [| count; n |], DType.F32), i)
            let l = L.Cholesky(definite n a)
            let loss = L.SumOver(i, L.Sum(L.Square(L.TriangularSolve(l, y))))
            b.Output("l", L.Stack(l, i))
            b.Output("gradient", L.Stack(L.Gradient(loss, a), i)))

    let inputs =
        [
            "a", Array.ofList (signed 8 [ count; n; n ]).Values
            "y", Array.ofList (signed 9 [ count; n ]).Values
        ]

    let expected, actual = interpret [] inputs program, execute engine inputs program

    for name in [ "l"; "gradient" ] do
        close (List.ofArray expected[name]) actual[name]

[<Fact>]
let ``What cannot be factored or solved is refused`` () =
    refuses "Cholesky needs a square matrix of floating-point numbers; F32[2, 3] came." (fun () -> L.Cholesky(L.Zeros(2, 3)))

    refuses "TriangularSolve with a matrix F32[2, 2] cannot solve for F32[3]." (fun () -> L.TriangularSolve(L.Zeros(2, 2), L.Zeros 3))
