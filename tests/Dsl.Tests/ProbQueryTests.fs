/// Programs as queries write them, and the laws by which they are composed.
module Inference.Dsl.Tests.ProbQueryTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

/// What a program of two sites draws, its sites, and the log-density of its trace.
let private meaning (p: Prob<Tensor>) =
    let value, trace = draw 9.0 0.0 p
    number value, paths trace, number (Prob.logJoint trace)

let private x = L.Sample("x", L.Normal(0.0, 1.0))
let private y (mean: Tensor) = L.Sample("y", L.Normal(mean, 1.0))

[<Fact>]
let ``The members of queries mean what the computation expression means`` () =
    let expected =
        meaning (
            prob {
                let! x = x
                let! y = y x
                return x + 2.0 * y
            }
        )

    Assert.Equal(
        expected,
        meaning (x.SelectMany(Func<Tensor, Prob<Tensor>>(fun x -> y x), Func<Tensor, Tensor, Tensor>(fun x y -> x + 2.0 * y)))
    )

    Assert.Equal(expected, meaning (x |> Prob.bind (fun x -> Prob.map (fun y -> x + 2.0 * y) (y x))))

    // a query whose last selection is a program runs it
    Assert.Equal(
        expected,
        meaning (x.Select<Tensor>(Func<Tensor, Prob<Tensor>>(fun x -> (y x).Select(Func<Tensor, Tensor>(fun y -> x + 2.0 * y)))))
    )

    Assert.Equal(
        expected,
        meaning (
            x.SelectMany<Tensor, Tensor>(
                Func<Tensor, Prob<Tensor>>(fun x -> y x),
                Func<Tensor, Tensor, Prob<Tensor>>(fun x y -> prob { return x + 2.0 * y })
            )
        )
    )

[<Fact>]
let ``Selection has the laws of a functor, and binding those of a monad`` () =
    let f (x: Tensor) = 3.0 * x
    Assert.Equal(meaning x, meaning (x.Select(Func<Tensor, Tensor>(id))))
    Assert.Equal(meaning (y (scalar 2.0)), meaning (Prob.bind y (Prob.result (scalar 2.0))))
    Assert.Equal(meaning x, meaning (Prob.bind Prob.result x))
    let g x = Prob.map f (y x)
    let h (x: Tensor) = L.Sample("z", L.Normal(x, 2.0))
    Assert.Equal(meaning (Prob.bind h (Prob.bind g x)), meaning (Prob.bind (fun v -> Prob.bind h (g v)) x))

[<Fact>]
let ``Observations and factors that follow a value weigh the run and pass it on`` () =
    let expected =
        meaning (
            prob {
                let! x = x
                do! L.Observe("seen", L.Normal(x, 0.5), 1.0)
                do! L.Factor(-x)
                return x
            }
        )

    let following =
        x
        |> Prob.bind (fun x -> L.Observed(x, "seen", L.Normal(x, 0.5), 1.0))
        |> Prob.bind (fun x -> L.Factored(x, -x))

    Assert.Equal(expected, meaning following)

[<Fact>]
let ``A program may choose its sites when it is built`` () =
    let program choice =
        prob {
            let! x = x

            if choice then
                do! L.Factor(x)

            return x
        }

    Assert.Single((snd (traced (program true))).Factors) |> ignore
    Assert.Empty((snd (traced (program false))).Factors)
