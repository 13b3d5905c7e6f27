module Inference.Dsl.Tests.TensorTests

open System
open FsCheck
open FsCheck.FSharp
open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

[<Fact>]
let ``Values over different indices combine to the union of them, in order of first use`` () =
    let i, j, t = L.PlateIndex("i", 2), L.PlateIndex("j", 3), L.TimeIndex("t", 4)
    let position (k: FreeIndex) = L.Convert(L.Position k, DType.F32)
    Assert.Equal<string list>([ "i"; "t"; "j" ], names (position i * position t + position j * position i))
    Assert.Equal<string list>([ "j"; "i" ], names (L.Select(L.Less(position j, position i), scalar 1.0, scalar 2.0)))
    Assert.Empty((scalar 1.0).Indices)

[<Fact>]
let ``Two indices of one name are two indices`` () =
    let first, second = L.PlateIndex("i", 2), L.PlateIndex("i", 3)
    let both = L.Position first + L.Position second
    Assert.Equal<FreeIndex[]>([| first; second |], both.Indices)
    Assert.Equal(9.0, number (L.SumOver(first, L.SumOver(second, both))))

[<Fact>]
let ``The union of indices is that of the sets, whatever combines`` () =
    let all = Array.init 5 (fun k -> L.PlateIndex($"p{k}", 2))

    let over picks =
        picks
        |> List.fold (fun (x: Tensor) (k: int) -> x + L.Convert(L.Position all[abs k % 5], DType.F32)) (scalar 0.0)

    Check.QuickThrowOnFailure(fun (a: int list) (b: int list) ->
        let expected = List.append a b |> List.map (fun k -> all[abs k % 5].Name) |> set
        let x, y = over a, over b

        [ x + y; L.Min(x, y); L.Pow(x, y); L.Select(L.Less(x, y), x, y); L.Pack(x, y) ]
        |> List.forall (fun c -> set (names c) = expected && c.Indices.Length = expected.Count))

[<Fact>]
let ``A scalar combines with any element shape`` () =
    let x = tensor [ 2; 2 ] [ 1.0; 2.0; 3.0; 4.0 ]
    let s = scalar 10.0
    Assert.Equal<int[]>([| 2; 2 |], (x + s).Shape)
    close [ 11.0; 12.0; 13.0; 14.0 ] (numbers (x + s))
    close [ 9.0; 8.0; 7.0; 6.0 ] (numbers (s - x))
    close [ 2.0; 4.0; 6.0; 8.0 ] (numbers (2.0 * x))
    close [ 1.0; 2.0; 10.0; 10.0 ] (numbers (L.Select(L.LessEqual(x, scalar 2.0), x, s)))
    close [ 1.0; 0.0; 1.0 ] (numbers (L.Select(L.Less(vector [ 1.0; 2.0; 1.0 ], scalar 2.0), scalar 1.0, scalar 0.0)))

[<Fact>]
let ``Element shapes that differ are an error that names both`` () =
    let a, b = vector [ 1.0; 2.0 ], vector [ 1.0; 2.0; 3.0 ]
    refuses "Add needs two values of one shape; [2] and [3] came." (fun () -> a + b)
    refuses "Less needs two values of one shape; [3] and [2] came." (fun () -> L.Less(b, a))
    refuses "Mul needs two values of one shape; [2] and [2, 1] came." (fun () -> a * L.Reshape(a, 2, 1))
    refuses "Select needs two values of one shape; [2] and [3] came." (fun () -> L.Select(L.Less(a, 0.0), a, b))
    refuses "Select needs a condition of shape [3]; [2] came." (fun () -> L.Select(L.Less(a, 0.0), b, b))

[<Fact>]
let ``A literal takes the type of the other operand`` () =
    Assert.Equal(DType.I32, (L.Iota 3 + 1.0).DType)
    Assert.Equal(DType.U32, (2.0 * L.Convert(whole [ 1 ], DType.U32)).DType)
    Assert.Equal(DType.F64, (L.Convert(scalar 1.0, DType.F64) + 0.5).DType)
    close [ 1.0; 2.0; 3.0 ] (numbers (L.Iota 3 + 1.0))

[<Fact>]
let ``A literal with a fraction does not combine with whole numbers`` () =
    refuses "Mul needs two values of one type; I32 and 0.1 came." (fun () -> L.Iota 3 * 0.1)
    refuses "Less needs two values of one type; 2.5 and I32 came." (fun () -> L.Less(2.5, L.Iota 3))
    refuses "Add needs two values of one type; U32 and -1 came." (fun () -> L.Convert(whole [ 1 ], DType.U32) + -1.0)

[<Fact>]
let ``Types that differ are an error that names both`` () =
    refuses "Add needs two values of one type; F32 and I32 came." (fun () -> vector [ 1.0 ] + whole [ 1 ])

    refuses "Select needs two values of one type; I32 and F32 came." (fun () ->
        L.Select(L.Less(scalar 0.0, 1.0), whole [ 1 ], vector [ 1.0 ]))

[<Fact>]
let ``A comparison is a Bool, and what is done with numbers keeps their type`` () =
    let x, k = scalar 1.0, whole [ 1 ]

    Assert.All(
        [
            L.Less(x, x)
            L.LessEqual(k, k)
            L.Equal(x, x)
            L.Not(L.Less(x, x))
            L.And(L.Less(x, x), L.Less(x, x))
        ],
        fun c -> Assert.Equal(DType.Bool, c.DType)
    )

    Assert.All(
        [
            k + k
            k * k
            L.Min(k, k)
            -k
            L.Abs k
            Build.binary BinaryOp.Xor k k
            Build.binary BinaryOp.ShiftLeft k k
        ],
        fun c -> Assert.Equal(DType.I32, c.DType)
    )

[<Fact>]
let ``An operation on a type that it is not for is an error that names the type`` () =
    let x, k, c = scalar 1.0, whole [ 1 ], L.Less(scalar 0.0, 1.0)
    refuses "Exp needs a floating-point number; I32 came." (fun () -> L.Exp k)
    refuses "Sqrt needs a floating-point number; Bool came." (fun () -> L.Sqrt c)
    refuses "Neg needs a signed number; Bool came." (fun () -> -c)
    refuses "Abs needs a signed number; U32 came." (fun () -> L.Abs(L.Convert(k, DType.U32)))
    refuses "Not needs a Bool; F32 came." (fun () -> L.Not x)
    refuses "Add needs numbers; Bool came." (fun () -> c + c)
    refuses "Less needs numbers; Bool came." (fun () -> L.Less(c, c))
    refuses "Div needs floating-point numbers; I32 came." (fun () -> k / k)
    refuses "Pow needs floating-point numbers; I32 came." (fun () -> L.Pow(k, k))
    refuses "And needs Bool or whole numbers; F32 came." (fun () -> L.And(x, x))
    refuses "ShiftRight needs whole numbers; F32 came." (fun () -> Build.binary BinaryOp.ShiftRight x x)
    refuses "Select needs a Bool condition; F32 came." (fun () -> L.Select(x, x, x))

[<Fact>]
let ``A constant has a number for each element, or one for all`` () =
    close [ 7.0; 7.0; 7.0; 7.0; 7.0; 7.0 ] (numbers (Build.constantOf DType.F32 [| 2; 3 |] [| 7.0 |]))
    refuses "A constant of shape [2, 3] needs 6 numbers; 5 came." (fun () -> L.Constant([| 1.0; 2.0; 3.0; 4.0; 5.0 |], 2, 3))

[<Fact>]
let ``A repeated value is a scalar`` () =
    close [ 4.0; 4.0 ] (numbers (L.Fill(scalar 4.0, 2)))
    refuses "Fill of shape [3] needs a scalar, or a value of that shape; [2] came." (fun () -> L.Fill(vector [ 1.0; 2.0 ], 3))

[<Fact>]
let ``A constant is converted as a computed value is`` () =
    let values = [ 2.7; -2.7; 0.0; 7.0 ]

    for dtype in [ DType.F32; DType.F64; DType.I32; DType.U32; DType.Bool ] do
        let known, computed = L.Constant(Array.ofList values), vector values
        close (List.ofArray (numbers (L.Convert(computed, dtype)))) (numbers (L.Convert(known, dtype)))

    close [ 2.0; -2.0; 0.0; 7.0 ] (numbers (L.Convert(vector values, DType.I32)))

[<Fact>]
let ``The operators are those of arithmetic`` () =
    let truth c = if c then 1.0 else 0.0

    Check.QuickThrowOnFailure(fun (NormalFloat a) (NormalFloat b) ->
        let x, y = scalar a, scalar b

        let expected, values =
            List.unzip
                [
                    a + b, x + y
                    a - b, x - y
                    a * b, x * y
                    a / b, x / y
                    -a, -x
                    a + b, x + b
                    a - b, a - y
                    a * b, a * y
                    a / b, x / b
                    a ** b, L.Pow(x, y)
                    truth (a < b), L.Less(x, y)
                    truth (a <= b), L.LessEqual(x, y)
                    truth (a > b), Tensor.op_GreaterThan (x, y)
                    truth (a >= b), Tensor.op_GreaterThanOrEqual (x, y)
                    truth (a = b), L.Equal(x, y)
                    sin a, sin x
                    cos a, cos x
                    abs a, abs x
                    tanh a, tanh x
                    floor a, floor x
                    min a b, L.Min(x, y)
                    max a b, L.Max(x, y)
                ]

        close expected (numbers (L.Pack [| for v in values -> L.Convert(v, DType.F32) |])))

[<Fact>]
let ``Min and Max return the second operand where either is NaN`` () =
    for f in [ (fun (a, b) -> L.Min(a, b)); (fun (a, b) -> L.Max(a, b)) ] do
        Assert.Equal(1.0, number (f (scalar nan, scalar 1.0)))
        Assert.True(Double.IsNaN(number (f (scalar 1.0, scalar nan))))
