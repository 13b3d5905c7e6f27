module Inference.Dsl.Tests.ShapesTests

open System
open FsCheck
open FsCheck.FSharp
open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

let private matrix = tensor [ 2; 3 ] [ 1.0; 2.0; 3.0; 4.0; 5.0; 6.0 ]
let private at (value: int) = Build.scalar DType.I32 (double value)

/// Some tensor of three axes for FsCheck's numbers.
let private some (a: int) (b: int) (c: int) =
    let n (k: int) = abs k % 4 + 1
    let shape = [ n a; n b; n c ]
    tensor shape (List.init (List.reduce (*) shape) double)

[<Fact>]
let ``Reshape keeps the elements in order and their number`` () =
    let x = L.Reshape(matrix, 3, 2)
    Assert.Equal<int[]>([| 3; 2 |], x.Shape)
    close [ 1.0; 2.0; 3.0; 4.0; 5.0; 6.0 ] (numbers x)
    refuses "Reshape to [4] needs 4 elements; [2, 3] has 6." (fun () -> L.Reshape(matrix, 4))
    refuses "Reshape to [] (a scalar) needs 1 elements; [2, 3] has 6." (fun () -> L.Reshape matrix)

[<Fact>]
let ``Transpose moves axes`` () =
    let x = L.Transpose matrix
    Assert.Equal<int[]>([| 3; 2 |], x.Shape)
    close [ 1.0; 4.0; 2.0; 5.0; 3.0; 6.0 ] (numbers x)
    refuses "Transpose of shape [2, 3] needs a permutation of its 2 axes." (fun () -> L.Transpose(matrix, 0, 0))

[<Fact>]
let ``A transpose and its inverse leave a value as it was`` () =
    Check.QuickThrowOnFailure(fun a b c ->
        let x = some a b c
        let moved = L.Transpose(x, 1, 2, 0)
        let back = L.Transpose(moved, 2, 0, 1)

        moved.Shape = [| x.Shape[1]; x.Shape[2]; x.Shape[0] |]
        && back.Shape = x.Shape
        && numbers back = numbers x)

[<Fact>]
let ``A value is what its parts are together, along any axis`` () =
    Check.QuickThrowOnFailure(fun a b c (axis: int) (cut: int) ->
        let x = some a b c
        let axis = abs axis % 3
        let cut = abs cut % (x.Shape[axis] + 1)
        let together = L.Concat(axis, L.Slice(x, axis, 0, cut), L.Slice(x, axis, cut, x.Shape[axis]))
        together.Shape = x.Shape && numbers together = numbers x)

[<Fact>]
let ``A value reversed twice is as it was`` () =
    close [ 6.0; 5.0; 4.0; 3.0; 2.0; 1.0 ] (numbers (L.Reverse(matrix, 0, 1)))
    close [ 3.0; 2.0; 1.0; 6.0; 5.0; 4.0 ] (numbers (L.Reverse(matrix, -1)))

    Check.QuickThrowOnFailure(fun a b c ->
        let x = some a b c
        numbers (L.Reverse(L.Reverse(x, 2, 0), 0, 2)) = numbers x)

    refuses "Reverse has no axis 2 in shape [2, 3]." (fun () -> L.Reverse(matrix, 2))

[<Fact>]
let ``A slice takes every so many elements between its ends`` () =
    let x = Shapes.slice [| 0; 0 |] [| 2; 3 |] [| 1; 2 |] matrix
    Assert.Equal<int[]>([| 2; 2 |], x.Shape)
    close [ 1.0; 3.0; 4.0; 6.0 ] (numbers x)
    close [ 4.0; 5.0; 6.0 ] (numbers (L.Element(matrix, 1)))
    close [ 2.0; 3.0; 5.0; 6.0 ] (numbers (L.Slice(matrix, -1, 1, 3)))
    refuses "Slice 1..4 by 1 is outside axis 1 of shape [2, 3]." (fun () -> L.Slice(matrix, 1, 1, 4))
    refuses "Slice 2..1 by 1 is outside axis 0 of shape [2, 3]." (fun () -> L.Slice(matrix, 0, 2, 1))
    refuses "Slice 2..3 by 1 is outside axis 0 of shape [2, 3]." (fun () -> L.Element(matrix, 2))
    refuses "Slice has no axis 2 in shape [2, 3]." (fun () -> L.Slice(matrix, 2, 0, 1))
    refuses "Slice of shape [2, 3] needs a start, stop and step for each axis." (fun () -> Shapes.slice [| 0 |] [| 1 |] [| 1 |] matrix)
    refuses "Element has no axis 0 in shape [] (a scalar)." (fun () -> L.Element(scalar 1.0, 0))

[<Fact>]
let ``Padding surrounds a value with a scalar of its type`` () =
    let x = L.Pad(vector [ 1.0; 2.0 ], [| 1 |], [| 2 |], scalar 9.0)
    close [ 9.0; 1.0; 2.0; 9.0; 9.0 ] (numbers x)
    close [ 0.0; 1.0 ] (numbers (L.Pad(whole [ 1 ], [| 1 |], [| 0 |], 0.0)))
    Assert.Equal(DType.I32, L.Pad(whole [ 1 ], [| 1 |], [| 0 |], 0.0).DType)
    refuses "Pad of shape [2, 3] needs a low and a high count ≥ 0 for each axis." (fun () -> L.Pad(matrix, [| 1 |], [| 1 |], 0.0))
    refuses "Pad of shape [2, 3] needs a low and a high count ≥ 0 for each axis." (fun () -> L.Pad(matrix, [| 0; -1 |], [| 0; 0 |], 0.0))
    refuses "Pad needs a scalar of type F32 that fills; F32[2] came." (fun () -> L.Pad(matrix, [| 0; 1 |], [| 0; 0 |], vector [ 1.0; 2.0 ]))

    refuses "Pad needs a scalar of type I32 that fills; F32[] (a scalar) came." (fun () ->
        L.Pad(whole [ 1; 2 ], [| 1 |], [| 0 |], scalar 1.0))

[<Fact>]
let ``Parts set side by side are alike but for one axis`` () =
    close [ 1.0; 2.0; 3.0; 7.0; 4.0; 5.0; 6.0; 8.0 ] (numbers (L.Concat(1, matrix, tensor [ 2; 1 ] [ 7.0; 8.0 ])))
    close [ 1.0; 2.0; 3.0; 4.0; 5.0; 6.0; 0.0; 0.0; 0.0 ] (numbers (L.Concat(0, matrix, L.Zeros(1, 3))))
    let packed = L.Pack(scalar 1.0, scalar 2.0)
    Assert.Equal<int[]>([| 2 |], packed.Shape)
    close [ 1.0; 2.0 ] (numbers packed)

    refuses "Concat along axis 0 needs parts alike but for that axis; F32[2, 3] and F32[2, 2] came." (fun () ->
        L.Concat(0, matrix, L.Zeros(2, 2)))

    refuses "Concat along axis 0 needs parts alike but for that axis; F32[1] and I32[1] came." (fun () ->
        L.Concat(0, vector [ 1.0 ], whole [ 1 ]))

    refuses "Concat has no axis 2 in shape [2, 3]." (fun () -> L.Concat(2, matrix, matrix))
    refuses "Concat needs at least one tensor." (fun () -> L.Concat 0)

[<Fact>]
let ``Gather reads rows of a table, those at its ends beyond it`` () =
    let x = L.Gather(matrix, whole [ 1; 0; -3; 8 ])
    Assert.Equal<int[]>([| 4; 3 |], x.Shape)
    close [ 4.0; 5.0; 6.0; 1.0; 2.0; 3.0; 1.0; 2.0; 3.0; 4.0; 5.0; 6.0 ] (numbers x)
    refuses "Gather needs a table with an axis; a scalar came." (fun () -> L.Gather(scalar 1.0, whole [ 0 ]))
    refuses "Gather needs whole-number positions; F32 came." (fun () -> L.Gather(matrix, vector [ 0.0 ]))

[<Fact>]
let ``ScatterAdd adds rows at their positions and drops those outside`` () =
    let updates = tensor [ 4; 1 ] [ 10.0; 20.0; 30.0; 40.0 ]
    close [ 1.0; 32.0 ] (numbers (L.ScatterAdd(tensor [ 2; 1 ] [ 1.0; 2.0 ], whole [ 1; 1; -1; 2 ], updates)))

    refuses "ScatterAdd needs updates of shape [2, 3] and type F32; F32[2, 2] came." (fun () ->
        L.ScatterAdd(matrix, whole [ 0; 1 ], L.Zeros(2, 2)))

    refuses "ScatterAdd needs a target with an axis; a scalar came." (fun () -> L.ScatterAdd(scalar 1.0, whole [ 0 ], vector [ 1.0 ]))

[<Fact>]
let ``Slices and updates at computed places are held inside`` () =
    close [ 2.0; 3.0; 5.0; 6.0 ] (numbers (L.DynamicSlice(matrix, [| 2; 2 |], at 7, at 1)))
    close [ 1.0; 2.0 ] (numbers (L.DynamicSlice(matrix, [| 1; 2 |], at -4, at 0)))
    close [ 1.0; 2.0; 3.0; 4.0; 0.0; 0.0 ] (numbers (L.DynamicUpdate(matrix, L.Zeros(1, 2), at 9, at 9)))
    refuses "DynamicSlice of sizes [3, 1] does not fit shape [2, 3]." (fun () -> L.DynamicSlice(matrix, [| 3; 1 |], at 0, at 0))
    refuses "DynamicSlice of shape [2, 3] needs a scalar start for each axis." (fun () -> L.DynamicSlice(matrix, [| 1; 1 |], at 0))
    refuses "DynamicSlice needs whole-number positions; F32 came." (fun () -> L.DynamicSlice(matrix, [| 1; 1 |], scalar 0.0, at 0))
    refuses "DynamicUpdate of F32[2, 3] cannot take F32[3, 1]." (fun () -> L.DynamicUpdate(matrix, L.Zeros(3, 1), at 0, at 0))

[<Fact>]
let ``ArgMax is the first position of the largest`` () =
    let x = L.ArgMax(tensor [ 2; 3 ] [ 1.0; 5.0; 5.0; 9.0; 0.0; 9.0 ], 1)
    Assert.Equal(DType.I32, x.DType)
    close [ 1.0; 0.0 ] (numbers x)
    refuses "ArgMax has no axis 2 in shape [2, 3]." (fun () -> L.ArgMax(matrix, 2))

[<Fact>]
let ``CumSum adds up along its axis`` () =
    close [ 1.0; 3.0; 6.0; 4.0; 9.0; 15.0 ] (numbers (L.CumSum(matrix, 1)))
    close [ 1.0; 2.0; 3.0; 5.0; 7.0; 9.0 ] (numbers (L.CumSum(matrix, 0)))

[<Fact>]
let ``The k largest come largest first, equal ones in order, NaN last`` () =
    let x = vector [ 3.0; nan; 7.0; 3.0; 7.0 ]
    close [ 2.0; 4.0; 0.0; 3.0; 1.0 ] (numbers (L.TopK(x, 5)))
    Assert.Equal(7.0, number (L.KthLargest(x, 2)))
    Assert.Equal(3.0, number (L.KthLargest(x, 4)))
    Assert.Equal(-infinity, number (L.KthLargest(x, 5)))
    refuses "TopK of 6 needs a vector of at least 6 elements; [5] came." (fun () -> L.TopK(x, 6))
    refuses "KthLargest of 0: ranks count from 1." (fun () -> L.KthLargest(x, 0))
    refuses "TopK of -1: ranks count from 1." (fun () -> L.TopK(x, -1))
