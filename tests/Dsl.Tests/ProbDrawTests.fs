/// What programs draw, and by which random numbers.
module Inference.Dsl.Tests.ProbDrawTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

/// The draws of sites in a plate of 5 and a chain of 7, at a seed and a step.
let private drawn low step =
    let (a, b), _ =
        draw
            low
            step
            (prob {
                let! a =
                    L.Plate(
                        "data",
                        5,
                        prob {
                            let! first = L.Sample("first", L.Normal(0.0, 1.0))
                            let! second = L.Sample("second", L.Normal(0.0, 1.0))
                            return first, second
                        }
                    )

                let! b =
                    L.Markov(
                        "t",
                        7,
                        scalar 0.0,
                        fun s ->
                            prob {
                                let! gust = L.Sample("gust", L.Normal(L.Zeros 2, 1.0))
                                return struct (s, gust)
                            }
                    )

                return a, b
            })

    Array.concat
        [
            numbers (L.Stack(fst a.Value, a.Index))
            numbers (L.Stack(snd a.Value, a.Index))
            numbers (L.Stack(b.Each, b.Index))
        ]

[<Fact>]
let ``Draws of sites, repetitions, steps, elements, runs and seeds are all different`` () =
    let all = Array.concat [ drawn 1.0 0.0; drawn 1.0 1.0; drawn 2.0 0.0 ]
    Assert.Equal(3 * 24, all.Length)
    Assert.Equal(all.Length, (Array.distinct all).Length)

[<Fact>]
let ``Draws are the same for the same seed and step`` () = Assert.Equal<double[]>(drawn 1.0 0.0, drawn 1.0 0.0)

[<Fact>]
let ``Both words of the seed and of the step count`` () =
    let x low high stepLow stepHigh =
        let v, _ = Prob.draw (seed low high) (seed stepLow stepHigh) [] [] (L.Sample("x", L.Normal(0.0, 1.0)))
        number v

    let all =
        [ x 0.0 0.0 0.0 0.0; x 1.0 0.0 0.0 0.0; x 0.0 1.0 0.0 0.0; x 0.0 0.0 1.0 0.0; x 0.0 0.0 0.0 1.0 ]

    Assert.Equal(5, List.length (List.distinct all))

[<Fact>]
let ``The key of a site is that of docs/random.md`` () =
    let v, _ =
        Prob.draw (seed 5.0 6.0) (seed 7.0 8.0) [] [] (Prob.named "start" (L.Sample("x", L.Uniform(0.0, 1.0))))

    let struct (low, high) = Philox.hashPath "start/x"
    let key = Philox.words low high 7u 8u 5u 6u
    let word = (Philox.words 0u 0u 0u 0u key[0] key[1]).[0]
    Assert.Equal((double (word >>> 9) + 0.5) * 2.0 ** -23.0, number v)

[<Fact>]
let ``A draw does not depend on the other sites of a program`` () =
    let x = L.Sample("x", L.Normal(0.0, 1.0))
    let alone, _ = draw 3.0 0.0 x

    let (_, second), _ =
        draw
            3.0
            0.0
            (prob {
                let! y = L.Sample("y", L.Normal(0.0, 1.0))
                let! x = x
                return y, x
            })

    Assert.Equal(number alone, number second)

[<Fact>]
let ``Repetitions of an independent program step by step draw anew at each step`` () =
    let t = L.TimeIndex("t", 6)
    let x, trace = draw 4.0 0.0 (Prob.steps t (L.Sample("x", L.Normal(0.0, 1.0))))
    Assert.Equal<string list>([ "t/x" ], paths trace)
    Assert.Equal(6, numbers (L.Stack(x, t)) |> Array.distinct |> Array.length)
