module Inference.Dsl.Tests.ProgramTests

open System
open System.Collections.Generic
open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

[<Fact>]
let ``An index that escapes is an error that names the plate, the output and the program`` () =
    let i = L.PlateIndex("rollout", 5)

    refuses "The output \"best\" of program \"planning\" still varies over \"rollout\"." (fun () ->
        build "planning" (fun b -> b.Output("best", L.Convert(L.Position i, DType.F32))))

    refuses "The state \"mean\" of program \"planning\" still varies over \"rollout\"." (fun () ->
        build "planning" (fun b ->
            let mean = b.State("mean", [||], DType.F32, [| 0.0 |])
            b.Next(mean, mean + L.Convert(L.Position i, DType.F32))))

    let mend = (failure (fun () -> build "planning" (fun b -> b.Output("best", L.Position i)))).Mend
    Assert.Contains("\"rollout\"", mend)

[<Fact>]
let ``Names are unique among inputs, among states and among outputs`` () =
    let twice (add: ProgramBuilder -> unit) () =
        build "p" (fun b ->
            add b
            add b)

    refuses "The program \"p\" has two inputs named \"x\"." (twice (fun b -> b.Input("x", [||], DType.F32) |> ignore))
    refuses "The program \"p\" has two states named \"x\"." (twice (fun b -> b.State("x", [||], DType.F32, [| 0.0 |]) |> ignore))
    refuses "The program \"p\" has two outputs named \"x\"." (twice (fun b -> b.Output("x", scalar 0.0)))

    let program =
        build "p" (fun b ->
            let x = b.Input("x", [||], DType.F32)
            let s = b.State("x", [||], DType.F32, [| 1.0 |])
            b.Output("x", x + s))

    Assert.Single program.Inputs |> ignore
    Assert.Single program.States |> ignore
    Assert.Single program.Outputs |> ignore

[<Fact>]
let ``A state starts as it says, becomes its next value, and keeps shape and type`` () =
    let program =
        build "counter" (fun b ->
            let count = b.State("count", [| 2 |], DType.F32, [| 3.0 |])
            let kept = b.State("kept", [| 2 |], DType.F32, [| 5.0; 6.0 |])
            b.Next(count, count + kept))

    let after = interpret [] [] program
    close [ 8.0; 9.0 ] after["count"]
    close [ 5.0; 6.0 ] after["kept"]
    close [ 15.0; 16.0 ] (interpret [] [ "count", [| 10.0; 10.0 |] ] program).["count"]

    let next (value: Tensor) () =
        build "counter" (fun b -> b.Next(b.State("count", [| 2 |], DType.F32, [| 0.0 |]), value))

    refuses "The state \"count\" is F32[2]; its next value is F32[3]." (next (L.Zeros 3))
    refuses "The state \"count\" is F32[2]; its next value is I32[2]." (next (L.Iota 2))
    refuses "Next was called with a value that is no state of this program." (fun () -> build "p" (fun b -> b.Next(scalar 0.0, scalar 1.0)))

[<Fact>]
let ``A state starts with a number for each element, or one for all`` () =
    let state (initial: double[]) () = build "p" (fun b -> b.State("x", [| 3 |], DType.F32, initial) |> ignore)
    refuses "The state \"x\" of shape [3] needs 3 numbers, or one, to start from; 2 came." (state [| 1.0; 2.0 |])
    refuses "The state \"x\" of shape [3] needs 3 numbers, or one, to start from; 0 came." (state [||])

[<Fact>]
let ``A traversal has every tensor once, operands first`` () =
    let x = scalar 1.0
    let mutable y = x

    // two to the sixtieth paths
    for _ in 1..60 do
        y <- y + y

    let order = Traverse.postOrder [ y; x; y ]
    Assert.Equal(order.Length, HashSet<Tensor>(order, HashIdentity.Reference).Count)
    let place = Dictionary<Tensor, int>(HashIdentity.Reference)
    order |> Array.iteri (fun k n -> place[n] <- k)
    Assert.All(order, fun n -> Assert.All(n.Inputs, fun operand -> Assert.True(place[operand] < place[n])))

    Assert.Equal(
        60,
        order
        |> Array.filter (fun n ->
            match n.Op with
            | Op.Binary _ -> true
            | _ -> false)
        |> Array.length
    )

[<Fact>]
let ``A traversal reaches what a loop does from any of its values`` () =
    let t = L.TimeIndex("t", 3)
    let start, drive = scalar 1.0, scalar 2.0
    let finals, each = Structure.scan t [| start |] (fun c -> [| c[0] * drive |], c[0])

    for root in [ finals[0]; each ] do
        let order = Traverse.postOrder [ root ]
        Assert.Contains(start, order)
        Assert.Contains(drive, order)

[<Fact>]
let ``A graph a hundred thousand nodes deep is traversed`` () =
    let mutable x = scalar 0.0

    for _ in 1..100_000 do
        x <- -x

    let order = Traverse.postOrder [ x ]
    Assert.Equal(100_000, order |> Array.filter (fun n -> n.Op.IsUnary) |> Array.length)
    Assert.Same(x, Array.last order)

[<Fact>]
let ``Loops one after another, a hundred thousand nodes deep, are traversed`` () =
    let mutable x = scalar 0.0

    for _ in 1..25_000 do
        let finals, _ = Structure.scan (L.TimeIndex("t", 1)) [| x |] (fun c -> [| c[0] + 1.0 |], ())
        x <- finals[0]

    let loops = Traverse.postOrder [ x ] |> Array.filter (fun n -> n.Op.IsFinal)
    Assert.Equal(25_000, loops.Length)
