module Inference.Dsl.Tests.StructureTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

[<Fact>]
let ``An axis that becomes an index becomes the same axis again`` () =
    let i = L.PlateIndex("i", 2)
    let x = tensor [ 2; 3 ] [ 1.0; 2.0; 3.0; 4.0; 5.0; 6.0 ]
    let free = L.Unstack(x, i)
    Assert.Equal<int[]>([| 3 |], free.Shape)
    Assert.Equal<string list>([ "i" ], names free)
    let back = L.Stack(free, i)
    Assert.Empty back.Indices
    Assert.Equal<int[]>([| 2; 3 |], back.Shape)
    close [ 1.0; 2.0; 3.0; 4.0; 5.0; 6.0 ] (numbers back)

[<Fact>]
let ``A value that does not vary over an index is repeated when stacked`` () =
    let i = L.PlateIndex("i", 3)
    let x = L.Stack(vector [ 1.0; 2.0 ], i)
    Assert.Equal<int[]>([| 3; 2 |], x.Shape)
    close [ 1.0; 2.0; 1.0; 2.0; 1.0; 2.0 ] (numbers x)

[<Fact>]
let ``An axis that does not fit its index is an error that names the plate`` () =
    let i = L.PlateIndex("particle", 3)
    refuses "Plate \"particle\" has 3 values; the leading axis of shape [2] does not fit it." (fun () -> L.Unstack(vector [ 1.0; 2.0 ], i))
    refuses "Plate \"particle\" has 3 values; the leading axis of shape [] (a scalar) does not fit it." (fun () -> L.Unstack(scalar 1.0, i))
    let free = L.Unstack(L.Probe("x", L.Zeros(3, 3)), i)
    refuses "The value varies over \"particle\" already." (fun () -> L.Unstack(free, i))

[<Fact>]
let ``A reduction over an index that the value lacks counts the repetitions`` () =
    let i = L.PlateIndex("i", 3)
    let x = vector [ 2.0; 5.0 ]
    close [ 6.0; 15.0 ] (numbers (L.SumOver(i, x)))
    close [ 8.0; 125.0 ] (numbers (Structure.reduce ReduceOp.Product [||] [ i ] x))
    close [ 2.0; 5.0 ] (numbers (L.MaxOver(i, x)))
    close [ 2.0; 5.0 ] (numbers (L.MinOver(i, x)))
    close [ 2.0; 5.0 ] (numbers (L.MeanOver(i, x)))
    close [ 2.0 + log 3.0; 5.0 + log 3.0 ] (numbers (L.LogSumExpOver(i, x)))
    close [ 1.0 / 3.0; 1.0 / 3.0 ] (numbers (L.SoftmaxOver(i, x)))
    close [ 12.0 ] (numbers (L.SumOver(i, whole [ 4 ])))

[<Fact>]
let ``A contraction over an index that both values lack counts the repetitions`` () =
    let i = L.PlateIndex("i", 3)
    let a, b = vector [ 1.0; 2.0 ], vector [ 10.0; 20.0 ]
    let dot semiring = number (Structure.dot semiring [| 0 |] [| 0 |] [ i ] a b)
    Assert.Equal(150.0, dot Semiring.SumProduct)
    Assert.Equal(22.0, dot Semiring.MaxPlus)
    Assert.Equal(log (3.0 * (exp 11.0 + exp 22.0)), dot Semiring.LogSumExpPlus, 1e-9)

[<Fact>]
let ``A contraction over an index that one value has adds its terms`` () =
    let i = L.PlateIndex("i", 3)
    let w = L.Unstack(vector [ 1.0; 2.0; 3.0 ], i)
    Assert.Equal(60.0, number (Structure.dot Semiring.SumProduct [||] [||] [ i ] w (scalar 10.0)))

[<Fact>]
let ``What is held and what is lacking are reduced together`` () =
    let i, j = L.PlateIndex("i", 3), L.PlateIndex("j", 2)
    let x = L.Unstack(vector [ 1.0; 2.0; 4.0 ], i)
    Assert.Equal(14.0, number (Structure.sum [||] [ j; i ] x))
    // an index named twice is one index
    Assert.Equal(7.0, number (Structure.sum [||] [ i; i ] x))

[<Fact>]
let ``Axes and indices are reduced at once`` () =
    let i = L.PlateIndex("i", 2)
    let x = L.Unstack(tensor [ 2; 2; 3 ] (List.init 12 double), i)
    close [ 0.0 + 1.0 + 2.0 + 6.0 + 7.0 + 8.0; 3.0 + 4.0 + 5.0 + 9.0 + 10.0 + 11.0 ] (numbers (Structure.sum [| -1 |] [ i ] x))
    close [ 66.0 ] (numbers (Structure.sum [| 0; 1 |] [ i ] x))

[<Fact>]
let ``A reduction that does not fit is an error`` () =
    let x = tensor [ 2; 3 ] (List.init 6 double)
    refuses "Sum over axes [2] does not fit shape [2, 3]." (fun () -> L.Sum(x, 2))
    refuses "Sum over axes [1, 1] does not fit shape [2, 3]." (fun () -> L.Sum(x, 1, -1))
    refuses "Max needs numbers; Bool came." (fun () -> L.Maximum(L.Less(x, 0.0)))

[<Fact>]
let ``Contracted axes come in pairs of one length and one type`` () =
    let a, b = tensor [ 2; 3 ] (List.init 6 double), vector [ 1.0; 1.0; 2.0 ]
    close [ 5.0; 17.0 ] (numbers (L.Dot(a, b)))
    close [ 4.0; 7.0 ] (numbers (L.Dot(Semiring.MaxPlus, a, b)))
    refuses "Dot cannot contract axes [0] of [3] with axes [0] of [2, 3]." (fun () -> L.Dot(b, a))
    refuses "Dot needs two values of one floating type; I32 and I32 came." (fun () -> L.Dot(whole [ 1 ], whole [ 1 ]))
    refuses "Dot cannot contract axes [-1] of [] (a scalar) with axes [0] of [3]." (fun () -> L.Dot(scalar 1.0, b))

[<Fact>]
let ``The log of a sum of exponentials is shifted, and is minus infinity if every term is`` () =
    let value xs = number (L.LogSumExp(vector xs, 0))
    Assert.Equal(1000.0 + log 2.0, value [ 1000.0; 1000.0 ], 1e-9)
    Assert.Equal(-1000.0 + log (1.0 + exp -1.0), value [ -1000.0; -1001.0 ], 1e-9)
    Assert.Equal(2.0, value [ 2.0; -infinity ])
    Assert.Equal(-infinity, value [ -infinity; -infinity ])
    close [ 1.0 / (1.0 + exp -1.0); exp -1.0 / (1.0 + exp -1.0) ] (numbers (L.Softmax(vector [ 1000.0; 999.0 ], -1)))

[<Fact>]
let ``A count given at run time bounds every reduction`` () =
    let i = L.PlateIndex("data", Extent.UpTo("n", 4))
    let x = L.Unstack(vector [ 1.0; 2.0; 4.0; 100.0 ], i)

    for n, sum, largest in [ 1, 1.0, 1.0; 3, 7.0, 4.0; 4, 107.0, 100.0 ] do
        let number x = numbersWith [ "n", n ] x |> Array.exactlyOne
        Assert.Equal(sum, number (L.SumOver(i, x)))
        Assert.Equal(largest, number (L.MaxOver(i, x)))
        Assert.Equal(sum / double n, number (L.MeanOver(i, x)))
        Assert.Equal(sum, number (L.Expectation(i, x, scalar 1.0)))
        Assert.Equal(double n, number (Structure.extent i))
        // what does not vary over the plate counts its present repetitions
        Assert.Equal(2.0 * double n, number (L.SumOver(i, scalar 2.0)))
        Assert.Equal(2.0 + log (double n), number (L.LogSumExpOver(i, scalar 2.0)), 1e-12)

[<Fact>]
let ``Rows above a count given at run time are zero when stacked`` () =
    let i = L.PlateIndex("data", Extent.UpTo("n", 4))
    close [ 1.0; 2.0; 0.0; 0.0 ] (numbersWith [ "n", 2 ] (L.Stack(L.Unstack(vector [ 1.0; 2.0; 4.0; 100.0 ], i), i)))
    close [ 5.0; 5.0; 5.0; 0.0 ] (numbersWith [ "n", 3 ] (L.Stack(scalar 5.0, i)))

[<Fact>]
let ``A loop is the recurrence that its step says, and every step can be read outside`` () =
    let t = L.TimeIndex("t", 4)
    let drive = L.Unstack(vector [ 1.0; 2.0; 3.0; 4.0 ], t)
    let finals, before = Structure.scan t [| scalar 10.0 |] (fun c -> [| 0.5 * c[0] + drive |], c[0])
    Assert.Equal(6.75, number finals[0], 1e-12)
    Assert.Empty finals[0].Indices
    close [ 10.0; 6.0; 5.0; 5.5 ] (numbers (L.Stack(before, t)))
    Assert.Equal(26.5, number (L.SumOver(t, before)), 1e-12)

[<Fact>]
let ``A loop carries the indices that its step brings in, through every carried value`` () =
    let t, i, j = L.TimeIndex("t", 3), L.PlateIndex("i", 2), L.PlateIndex("j", 2)
    let x = L.Unstack(vector [ 1.0; 2.0 ], i)
    let y = L.Unstack(vector [ 10.0; 20.0 ], j)
    let mutable traces = 0

    // i reaches the first value only through the second, and j only through the third
    let finals, _ =
        Structure.scan t [| scalar 0.0; scalar 0.0; y |] (fun c ->
            traces <- traces + 1
            [| c[1]; c[1] + x + 0.0 * c[2]; c[2] |], ())

    Assert.Equal<Set<string>[]>([| set [ "i"; "j" ]; set [ "i"; "j" ]; set [ "j" ] |], finals |> Array.map (names >> set))
    Assert.Equal(3, traces)
    close [ 2.0; 4.0 ] (numbers (L.Stack(L.MaxOver(j, finals[0]), i)))
    close [ 3.0; 6.0 ] (numbers (L.Stack(L.MaxOver(j, finals[1]), i)))

[<Fact>]
let ``A loop over steps that bring no index is traced once`` () =
    let mutable traces = 0

    Structure.scan (L.TimeIndex("t", 3)) [| scalar 0.0 |] (fun c ->
        traces <- traces + 1
        [| c[0] + 1.0 |], ())
    |> ignore

    Assert.Equal(1, traces)

[<Fact>]
let ``Loops within loops`` () =
    let outer, inner = L.TimeIndex("outer", 3), L.TimeIndex("inner", 2)

    let finals, _ =
        Structure.scan outer [| scalar 1.0 |] (fun c ->
            let within, _ = Structure.scan inner c (fun d -> [| 2.0 * d[0] + c[0] |], ())
            within, ())

    // d → 2d + c twice from d = c: 7c
    Assert.Equal(343.0, number finals[0])

[<Fact>]
let ``A loop whose count is given at run time stops there`` () =
    let t = FreeIndex("t", Extent.UpTo("n", 5), IndexKind.Time)
    let finals, _ = Structure.scan t [| scalar 1.0 |] (fun c -> [| 2.0 * c[0] |], ())

    for n in 0..5 do
        close [ 2.0 ** double n ] (numbersWith [ "n", n ] finals[0])

[<Fact>]
let ``A carried value keeps its shape, its type and its company`` () =
    let t = L.TimeIndex("t", 3)
    let scan start step () = Structure.scan t start (fun c -> step c, ())

    refuses
        "The loop over \"t\" starts its value 1 as F32[2]; its step returned F32[] (a scalar)."
        (scan [| scalar 0.0; vector [ 1.0; 2.0 ] |] (fun c -> [| c[0]; L.Sum c[1] |]))

    refuses
        "The loop over \"t\" starts its value 0 as F32[] (a scalar); its step returned I32[] (a scalar)."
        (scan [| scalar 0.0 |] (fun c -> [| L.Convert(c[0], DType.I32) |]))

    refuses "The loop over \"t\" carries 1 values; its step returned 2." (scan [| scalar 0.0 |] (fun c -> [| c[0]; c[0] |]))

    refuses "The loop over \"t\" starts from a value that varies over \"t\"." (scan [| L.Convert(L.Position t, DType.F32) |] id)

[<Fact>]
let ``A value that left a step which was traced again is an error`` () =
    let t, i = L.TimeIndex("t", 3), L.PlateIndex("i", 2)
    let mutable stolen = []

    let _ =
        Structure.scan t [| scalar 0.0 |] (fun c ->
            stolen <- c[0] :: stolen
            [| c[0] + L.Convert(L.Position i, DType.F32) |], ())

    refuses "A value carried by the loop over \"t\" has left a step that was traced again." (fun () ->
        Traverse.postOrder [ List.last stolen ])

    // the value of the last trace is a value like any other
    Assert.Equal(0.0 + 0.0 + 1.0 + 0.0 + 2.0 + 0.0, number (L.SumOver(t, L.SumOver(i, List.head stolen))))

[<Fact>]
let ``Draws vary over their plates and times and over what their key varies over`` () =
    let i, j, t = L.PlateIndex("i", 2), L.PlateIndex("j", 2), L.TimeIndex("t", 2)
    let key = [| L.Convert(L.Position j, DType.U32); Build.scalar DType.U32 0.0 |]
    let x = Structure.random RandomKind.Normal [ i ] [ t ] 0 key [| 3 |]
    Assert.Equal<string list>([ "j"; "i"; "t" ], names x)
    Assert.Equal<int[]>([| 3 |], x.Shape)
    Assert.Equal(DType.F32, x.DType)
    Assert.Equal(DType.U32, (Structure.random RandomKind.Word [ i ] [] 0 key [||]).DType)

[<Fact>]
let ``A loop whose step makes an index anew and carries it is refused`` () =
    refuses "The loop over \"t\" carries a value 0 that varies over \"k\", an index that each step makes anew." (fun () ->
        Structure.scan (L.TimeIndex("t", 3)) [| scalar 0.0 |] (fun c ->
            [| c[0] + L.Convert(Structure.position (L.PlateIndex("k", 4)), DType.F32) |], ()))
