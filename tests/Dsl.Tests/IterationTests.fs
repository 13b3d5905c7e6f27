module Inference.Dsl.Tests.IterationTests

open System
open Inference
open Inference.Dsl.Tests.Differences
open Inference.Dsl.Tests.Evaluation
open Xunit

let private collatz (start: Tensor) =
    let one, three = Build.scalar DType.I32 1.0, Build.scalar DType.I32 3.0

    let next (n: Tensor) =
        let even = L.Equal(Build.binary BinaryOp.And n one, Build.scalar DType.I32 0.0)
        L.Select(even, Build.binary BinaryOp.ShiftRight n one, three * n + one)

    L.While(200, start, (fun n -> L.Less(one, n)), (fun n -> next n))

[<Fact>]
let ``A loop stops where its condition fails, each value of a plate for itself`` () =
    let i = L.PlateIndex("i", 6)
    let struct (last, taken) = collatz (L.Unstack(whole [ 1; 2; 3; 6; 7; 27 ], i))
    close [ 1.0; 1.0; 1.0; 1.0; 1.0; 1.0 ] (numbers (L.Stack(last, i)))
    close [ 0.0; 1.0; 7.0; 8.0; 16.0; 111.0 ] (numbers (L.Stack(taken, i)))

[<Fact>]
let ``A loop ends at its limit`` () =
    let struct (last, taken) = L.While(5, scalar 1.0, (fun x -> L.Less(x, L.Fill 1e9)), (fun x -> 2.0 * x))
    Assert.Equal(32.0, number last)
    Assert.Equal(5.0, number taken)

/// Newton's iterations for a square root.
let private root (a: Tensor) =
    let struct (x, _) =
        L.While(60, L.Fill 1.0, (fun (x: Tensor) -> L.Less(L.Fill 1e-13, L.Abs(x * x - a))), (fun x -> 0.5 * (x + a / x)))

    x

[<Fact>]
let ``The derivative of a loop is that of the steps taken`` () =
    close [ sqrt 3.0 ] (numbers (root (scalar 3.0)))
    agrees [ positive 1 [] ] (fun x -> root x[0])

/// Kepler's equation E = M + e·sin E.
let private kepler (tolerance: double) (m: Tensor) (e: Tensor) =
    L.FixedPoint(200, tolerance, m, struct (m, e), (fun anomaly struct (m, e) -> m + e * L.Sin anomaly))

[<Fact>]
let ``A fixed point and its implicit derivatives`` () =
    let e = number (kepler 1e-15 (scalar 1.0) (scalar 0.3))
    Assert.Equal(1.0, e - 0.3 * sin e, 1e-13)
    agrees [ scalarOf 1.0; scalarOf 0.3 ] (fun x -> kepler 1e-15 x[0] x[1])
    agrees [ positive 1 [ 3 ]; scalarOf 0.4 ] (fun x -> kepler 1e-15 x[0] (L.Fill(x[1], 3)))

[<Fact>]
let ``A condition is one Bool and a step returns what it carries`` () =
    refuses "A loop's condition is one Bool; Bool[2] over while came." (fun () ->
        L.While(3, L.Zeros 2, (fun x -> L.Less(x, L.Zeros 2)), (fun x -> x)))

    refuses "A loop has a limit of 0 steps." (fun () -> L.While(0, L.Zeros(), (fun x -> L.Less(x, L.Ones())), (fun x -> x)))
