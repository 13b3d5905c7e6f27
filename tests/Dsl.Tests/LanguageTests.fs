module Inference.Dsl.Tests.LanguageTests

open System
open FsCheck
open FsCheck.FSharp
open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

[<Fact>]
let ``A clipped value is the nearest within the limits, and NaN stays NaN`` () =
    close [ -1.0; 0.5; 2.0; nan ] (numbers (L.Clip(vector [ -7.0; 0.5; 3.0; nan ], -1.0, 2.0)))

[<Fact>]
let ``Limits that are reversed are an error, whichever element they are of`` () =
    refuses "Clip has limits 1 … -1, which are reversed." (fun () -> L.Clip(scalar 0.0, 1.0, -1.0))
    refuses "Clip has limits 5 … 1, which are reversed." (fun () -> L.Clip(vector [ 0.0; 0.0 ], L.Constant [| 0.0; 5.0 |], 1.0))

[<Fact>]
let ``A wrapped angle lies in a turn around zero and differs by whole turns`` () =
    Assert.Equal(-Math.PI, number (L.WrapAngle(scalar Math.PI)))
    Assert.Equal(-Math.PI, number (L.WrapAngle(scalar -Math.PI)))

    Check.QuickThrowOnFailure(fun (k: int16) ->
        let angle = double k * 0.37
        let wrapped = number (L.WrapAngle(scalar angle))
        let turns = (angle - wrapped) / (2.0 * Math.PI)
        wrapped >= -Math.PI && wrapped < Math.PI && abs (turns - round turns) < 1e-9)

[<Fact>]
let ``Numbers that are finite are told from those that are not`` () =
    let condition = L.IsFinite(vector [ 0.0; -3.0; nan; infinity; -infinity ])
    close [ 1.0; 1.0; 0.0; 0.0; 0.0 ] (numbers condition)

[<Fact>]
let ``Softplus and Sigmoid do not overflow`` () =
    close [ 0.0; log 2.0; 1000.0 ] (numbers (L.Softplus(vector [ -1000.0; 0.0; 1000.0 ])))
    close [ 0.0; 0.5; 1.0 ] (numbers (L.Sigmoid(vector [ -1000.0; 0.0; 1000.0 ])))
    close [ 1.0 / (1.0 + exp -0.7) ] (numbers (L.Sigmoid(vector [ 0.7 ])))

[<Fact>]
let ``A choice between records chooses each of their tensors`` () =
    let chosen =
        L.Cond(L.Less(scalar 1.0, 0.0), {| A = scalar 1.0; B = vector [ 2.0; 3.0 ] |}, {| A = scalar 4.0; B = vector [ 5.0; 6.0 ] |})

    Assert.Equal(4.0, number chosen.A)
    close [ 5.0; 6.0 ] (numbers chosen.B)

[<Fact>]
let ``An expectation is the sum of weights times values, for each tensor of a record`` () =
    let i = L.PlateIndex("i", 3)
    let w = L.Unstack(vector [ 0.2; 0.3; 0.5 ], i)
    let x = L.Unstack(tensor [ 3; 2 ] [ 1.0; 2.0; 3.0; 4.0; 5.0; 6.0 ], i)
    let expected = L.Expectation(i, w, {| X = x; One = scalar 1.0 |})
    close [ 3.6; 4.6 ] (numbers expected.X)
    Assert.Equal(1.0, number expected.One, 1e-12)
    close [ 3.6; 4.6 ] (numbers (L.Expectation(i, w, x)))

[<Fact>]
let ``A value at a position of an index is that row, the last beyond it`` () =
    let i = L.PlateIndex("i", 3)
    let x = L.Unstack(vector [ 10.0; 20.0; 30.0 ], i)
    Assert.Equal(20.0, number (L.At(x, i, Build.scalar DType.I32 1.0)))
    Assert.Equal(30.0, number (L.At(x, i, Build.scalar DType.I32 9.0)))

[<Fact>]
let ``The best of an index are ranked by value, and only those that are present`` () =
    let i = L.PlateIndex("i", Extent.UpTo("n", 4))
    let x = L.Unstack(vector [ 3.0; 9.0; 5.0; 100.0 ], i)
    close [ 1.0; 2.0 ] (numbersWith [ "n", 3 ] (L.TopKOver(i, 2, x)))
    close [ 3.0; 1.0 ] (numbersWith [ "n", 4 ] (L.TopKOver(i, 2, x)))
    close [ 5.0 ] (numbersWith [ "n", 3 ] (L.KthLargestOver(i, 2, x)))

[<Fact>]
let ``A loop of records is the recurrence that its step says`` () =
    let t = L.TimeIndex("t", 6)

    let struct (final, each) =
        L.Scan(t, {| Now = scalar 1.0; Before = scalar 0.0 |}, fun c -> struct ({| Now = c.Now + c.Before; Before = c.Now |}, c.Now))

    Assert.Equal(13.0, number final.Now)
    close [ 1.0; 1.0; 2.0; 3.0; 5.0; 8.0 ] (numbers (L.Stack(each, t)))

[<Fact>]
let ``An index repeats at least once`` () =
    refuses "The plate \"i\" has 0 repetitions." (fun () -> L.PlateIndex("i", 0))
    refuses "The chain \"t\" has -1 steps." (fun () -> L.TimeIndex("t", -1))

[<Fact>]
let ``Bernoulli takes one of its two parameters`` () =
    refuses "Bernoulli takes logits or a probability; neither came." (fun () -> L.Bernoulli())
    refuses "Bernoulli takes logits or a probability; both came." (fun () -> L.Bernoulli(scalar 0.0, scalar 0.5))

[<Fact>]
let ``Indices have at least one value`` () =
    refuses "The plate \"i\" has 0 repetitions." (fun () -> L.PlateIndex("i", 0))
    refuses "The chain \"t\" has -1 steps." (fun () -> L.TimeIndex("t", -1))
    refuses "The variable \"k\" has 0 values." (fun () -> L.EnumeratedIndex("k", 0))
    refuses "The extent \"n\" has a capacity of 0." (fun () -> L.PlateIndex("i", Extent.UpTo("n", 0)))

[<Fact>]
let ``A position is clamped to the capacity, and above a run-time extent there is 0`` () =
    let i = L.PlateIndex("i", Extent.UpTo("n", 4))
    let x = L.Convert(L.Position i, DType.F32) + 1.0
    let at (k: int) = (numbersWith [ "n", 2 ] (L.At(x, i, whole [ k ]))).[0]
    Assert.Equal<double list>([ 1.0; 1.0; 2.0; 0.0; 0.0 ], [ for k in [ -5; 0; 1; 2; 9 ] -> at k ])
