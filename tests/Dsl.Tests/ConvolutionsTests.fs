/// Convolutions: their values by definition, their derivatives, and what does not fit.
module Inference.Dsl.Tests.ConvolutionsTests

open Inference
open Inference.Dsl.Tests.Differences
open Inference.Dsl.Tests.Evaluation
open Xunit

let private tensorOf (a: Argument) = tensor a.Shape a.Values

/// ⟨y, C(x, w)⟩ by nested sums over numbers, for the shapes x [c, h, v], w [o, c, i, j] and y [o, a, b].
let private form stride (xs: Argument) (ws: Argument) (ys: Argument) =
    let at (a: Argument) (position: int list) = a.Values[List.fold2 (fun flat n k -> flat * n + k) 0 a.Shape position]

    let to' n = [ 0 .. n - 1 ]

    List.sum
        [
            for o in to' ys.Shape[0] do
                for a in to' ys.Shape[1] do
                    for b in to' ys.Shape[2] do
                        for c in to' ws.Shape[1] do
                            for i in to' ws.Shape[2] do
                                for j in to' ws.Shape[3] do
                                    at ys [ o; a; b ] * at ws [ o; c; i; j ] * at xs [ c; stride * a + i; stride * b + j ]
        ]

/// Data, weights and values that fit, some with rows and columns that no kernel reaches.
let private cases =
    [
        1, [ 2; 5; 4 ], [ 3; 2; 2; 3 ], [ 3; 4; 2 ]
        2, [ 3; 7; 8 ], [ 2; 3; 3; 4 ], [ 2; 3; 3 ]
        2, [ 1; 6; 5 ], [ 2; 1; 3; 2 ], [ 2; 2; 2 ]
        3, [ 2; 7; 8 ], [ 1; 2; 2; 5 ], [ 1; 2; 2 ]
        3, [ 2; 2; 3 ], [ 2; 2; 1; 2 ], [ 2; 1; 1 ]
    ]

let private inner (a: Tensor) (b: Tensor) = L.Sum(a * b)

[<Fact>]
let ``Each kind is a derivative of one trilinear form`` () =
    for stride, x, w, y in cases do
        let xs, ws, ys = signed 1 x, signed 2 w, signed 3 y
        let expected = form stride xs ws ys
        let x, w, y = tensorOf xs, tensorOf ws, tensorOf ys
        let near (actual: Tensor) = Assert.Equal(expected, number actual, 1e-9)
        near (inner y (L.Convolve(x, w, stride)))
        near (inner x (L.ConvolveTransposed(y, w, stride, x.Shape[1], x.Shape[2])))
        near (inner w (Convolutions.weights stride w.Shape[2..3] [] x y))

[<Fact>]
let ``A convolution slides its kernel over the data`` () =
    let x = tensor [ 1; 3; 3 ] [ 1.0; 2.0; 3.0; 4.0; 5.0; 6.0; 7.0; 8.0; 9.0 ]
    let w = tensor [ 1; 1; 2; 2 ] [ 1.0; 10.0; 100.0; 1000.0 ]
    let y = L.Convolve(x, w)
    Assert.Equal<int[]>([| 1; 2; 2 |], y.Shape)
    close [ 5421.0; 6532.0; 8754.0; 9865.0 ] (numbers y)
    // every value puts a copy of the kernel down
    let back = L.ConvolveTransposed(tensor [ 1; 1; 2 ] [ 1.0; 2.0 ], w, 2)
    Assert.Equal<int[]>([| 1; 2; 4 |], back.Shape)
    close [ 1.0; 10.0; 2.0; 20.0; 100.0; 1000.0; 200.0; 2000.0 ] (numbers back)

[<Fact>]
let ``Derivatives of convolutions agree with differences`` () =
    let stride, x, w, y = 2, [ 2; 4; 5 ], [ 2; 2; 2; 3 ], [ 2; 2; 2 ]
    let square (v: Tensor) = v * v
    agrees [ signed 1 x; signed 2 w ] (fun v -> square (L.Convolve(v[0], v[1], stride)))
    agrees [ signed 3 y; signed 2 w ] (fun v -> square (L.ConvolveTransposed(v[0], v[1], stride, 4, 5)))
    agrees [ signed 1 x; signed 3 y ] (fun v -> square (Convolutions.weights stride [| 2; 3 |] [] v[0] v[1]))

[<Fact>]
let ``A weight's gradient is one contraction over plates`` () =
    let arguments = [ signed 1 [ 3; 2; 4; 4 ]; signed 2 [ 2; 2; 3; 3 ] ]

    let loss (v: Tensor[]) =
        let i = L.PlateIndex("i", 3)
        let y = L.Convolve(L.Unstack(v[0], i), v[1])
        L.SumOver(i, L.Sum(y * y * y))

    agrees arguments loss
    // every member of an ensemble has weights of its own
    let members (v: Tensor[]) =
        let m = L.PlateIndex("m", 2)
        let y = L.ConvolveTransposed(v[0], L.Unstack(v[1], m), 2)
        L.SumOver(m, L.Sum(y * y * y))

    agrees [ signed 1 [ 2; 2; 1 ]; signed 2 [ 2; 2; 1; 3; 2 ] ] members

    let i = L.PlateIndex("i", 3)
    let x, w = L.Unstack(L.Zeros(3, 2, 4, 4), i), L.Probe("w", L.Zeros(2, 2, 3, 3))
    let gradient = (Calculus.gradient (L.SumOver(i, L.Sum(L.Convolve(x, w)))) [| w |])[0]
    Assert.Equal<int[]>([| 2; 2; 3; 3 |], gradient.Shape)
    Assert.Empty gradient.Indices

    match gradient.Op with
    | Op.Convolution(ConvolutionKind.Weights, 1, [ held ]) -> Assert.Same(i, held)
    | op -> failwith $"The gradient is {op}."

[<Fact>]
let ``An index that no operand has counts its repetitions`` () =
    let i = L.PlateIndex("i", 3)
    let x, y = tensor [ 1; 1; 1 ] [ 2.0 ], tensor [ 1; 1; 1 ] [ 5.0 ]
    close [ 30.0 ] (numbers (Convolutions.weights 1 [| 1; 1 |] [ i ] x y))

[<Fact>]
let ``Shapes that do not fit are refused`` () =
    let zeros (shape: int list) = L.Zeros(Array.ofList shape)
    let x, w, y = zeros [ 2; 5; 6 ], zeros [ 3; 2; 3; 3 ], zeros [ 3; 3; 4 ]

    refuses
        "Convolve needs data [channels, height, width] and weights [outputs, channels, rows, columns]; [5, 6] and [3, 2, 3, 3] came."
        (fun () -> L.Convolve(zeros [ 5; 6 ], w))

    refuses "Convolve of 1 channels needs weights of as many; [3, 2, 3, 3] came." (fun () -> L.Convolve(zeros [ 1; 5; 6 ], w))
    refuses "Convolve cannot fit a kernel of 3 × 3 into 2 × 6." (fun () -> L.Convolve(zeros [ 2; 2; 6 ], w))
    refuses "Convolve has a stride of 0." (fun () -> L.Convolve(x, w, 0))

    refuses "Convolve needs two values of one floating type; F32 and I32 came." (fun () ->
        L.Convolve(x, L.Convert(L.Zeros(3, 2, 3, 3), DType.I32)))

    refuses "ConvolveTransposed of 2 channels needs weights of as many; [3, 2, 3, 3] came." (fun () ->
        L.ConvolveTransposed(zeros [ 2; 3; 4 ], w))

    refuses "ConvolveTransposed cannot make 8 × 6 of 3 × 4 by a kernel of 3 × 3 and a stride of 1." (fun () ->
        L.ConvolveTransposed(y, w, 1, 8, 6))

    refuses "ConvolveWeights cannot make a kernel of shape [2, 3] of [2, 5, 6] and [3, 3, 4]." (fun () ->
        Convolutions.weights 1 [| 2; 3 |] [] x y)
