module Inference.Dsl.Tests.CyclesTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

let private close (x: Tensor) =
    let b = ProgramBuilder "circle"
    b.Output("x", x)
    b.Build()

let private mend = "take the steps together after the loop"

let private isRefused (loop: string) (x: unit -> Tensor) =
    let e = Assert.Throws<ModelException>(fun () -> close (x ()) |> ignore)
    Assert.StartsWith($"A step of the loop over \"{loop}\" needs ", e.Problem)
    Assert.Contains(mend, e.Message)

[<Fact>]
let ``A step that needs a sum over its own loop is refused`` () =
    isRefused "t" (fun () ->
        let t = L.TimeIndex("t", 4)

        let struct (last, _) =
            L.Scan(t, L.Zeros(), (fun c -> let x = L.Sin(c + 1.0) in struct (x + L.SumOver(t, x), x)))

        last)

[<Fact>]
let ``A chain whose site reads all steps of another site of it is refused by the site's name and line`` () =
    let day = L.TimeIndex("day", 4)

    let chain =
        prob {
            let! days =
                L.Markov(
                    day,
                    L.Zeros(),
                    fun s ->
                        prob {
                            let! x = L.Sample("x", L.Normal(s, 1.0))
                            let! y = L.Sample("y", L.Normal(L.SumOver(day, x), 1.0))
                            return y
                        }
                )

            return days.Final
        }

    let e = failure (fun () -> Prob.draw (seed 0.0 0.0) (seed 0.0 0.0) [] [] (Prob.named "year" chain))

    Assert.StartsWith("The site \"year/day/y\" depends on itself: a step of the loop over \"day\" needs ", e.Problem)
    Assert.Contains(mend, e.Mend)
    Assert.Equal("CyclesTests.fs", IO.Path.GetFileName e.Location.File)

[<Fact>]
let ``A chain that carries what all its steps add up to is refused by its name`` () =
    let day = L.TimeIndex("day", 4)

    let chain =
        L.Markov(day, L.Zeros(), (fun s -> L.Sample("x", L.Normal(s, 1.0)) |> Prob.map (fun x -> L.SumOver(day, x))))

    let e = failure (fun () -> Prob.draw (seed 0.0 0.0) (seed 0.0 0.0) [] [] chain)
    Assert.StartsWith("What the chain \"day\" carries depends on itself: a step of the loop over \"day\" needs ", e.Problem)

[<Fact>]
let ``Two loops whose steps need all steps of one another are refused`` () =
    isRefused "t" (fun () ->
        let t = L.TimeIndex("t", 4)
        let struct (_, first) = L.Scan(t, L.Zeros(), (fun c -> let x = L.Sin(c + 1.0) in struct (x, x)))
        let all = L.Stack(first, t)

        let struct (last, _) =
            L.Scan(t, L.Zeros(), (fun c -> let x = L.Cos(c + L.Sum all) in struct (x + L.MaxOver(t, x * first), x)))

        last)

[<Fact>]
let ``What takes a loop together after it, and in the steps of another, is no circle`` () =
    let t = L.TimeIndex("t", 4)
    let struct (_, first) = L.Scan(t, L.Zeros(), (fun c -> let x = c + 1.0 in struct (x, x)))

    let struct (last, _) =
        L.Scan(t, L.Zeros(), (fun c -> let x = c + first * L.SumOver(t, first) in struct (x, x)))

    close last |> ignore
    // Σ first = 10, and 10·(1 + 2 + 3 + 4)
    Assert.Equal(100.0, number last)

[<Fact>]
let ``A long chain of loops is no circle`` () =
    let t = L.TimeIndex("t", 3)

    let next (x: Tensor) =
        let struct (_, y) = L.Scan(t, L.Zeros(), (fun c -> let z = L.Sin(c + x) in struct (z, z)))
        y + L.SumOver(t, y)

    let x = Seq.fold (fun x _ -> next x) (L.Zeros()) (seq { 1..1500 })
    close (L.SumOver(t, x)) |> ignore
