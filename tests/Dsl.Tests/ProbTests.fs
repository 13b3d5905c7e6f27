module Inference.Dsl.Tests.ProbTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

let private normal mean deviation x =
    -0.5 * ((x - mean) / deviation) ** 2.0 - log deviation - 0.5 * log (2.0 * Math.PI)


/// Sites within a name, a plate, a chain and a plate of the chain.
let private nested =
    prob {
        let! x = Prob.named "prior" (L.Sample("x", L.Normal(0.0, 1.0)))
        let data = L.PlateIndex("data", 3)

        let! y =
            L.Plate(
                data,
                prob {
                    let! y = L.Sample("y", L.Normal(x, 1.0))
                    do! L.Observe("seen", L.Normal(y, 1.0), 0.5)
                    return y
                }
            )

        let! chain =
            L.Markov(
                "t",
                4,
                x,
                fun s ->
                    prob {
                        let! next = L.Sample("next", L.Normal(s, 1.0))
                        let! inner = L.Plate("member", 2, L.Sample("z", L.Normal(next, 1.0)))
                        return next + 0.0 * L.SumOver(inner.Index, inner.Value)
                    }
            )

        return y, chain
    }

[<Fact>]
let ``A path is the names of what a site stands in, joined by slashes`` () =
    let _, trace = traced nested
    Assert.Equal<string list>([ "prior/x"; "data/y"; "data/seen"; "t/next"; "t/member/z" ], paths trace)
    Assert.Equal<bool list>([ false; false; true; false; false ], [ for s in trace.Sites -> s.IsObserved ])

[<Fact>]
let ``A site knows the plates and times that it stands in`` () =
    let _, trace = traced nested
    let names = List.map (fun (i: FreeIndex) -> i.Name)

    Assert.Equal<(string list * string list) list>(
        [ [], []; [ "data" ], []; [ "data" ], []; [], [ "t" ]; [ "member" ], [ "t" ] ],
        [ for s in trace.Sites -> names s.Plates, names s.Times ]
    )

[<Fact>]
let ``A site is where the user wrote it`` () =
    let _, trace = traced (prob { return! L.Sample("x", L.Normal(0.0, 1.0)) })
    Assert.EndsWith("ProbTests.fs", trace.Sites[0].Location.File)
    Assert.True(trace.Sites[0].Location.Line > 40)

[<Fact>]
let ``A site that occurs twice is an error`` () =
    let x = L.Sample("x", L.Normal(0.0, 1.0))
    let twice path p = refuses $"The site \"{path}\" occurs twice." (fun () -> traced p)
    twice "x" (Prob.bind (fun _ -> x) x)
    twice "x" (Prob.bind (fun _ -> L.Observe("x", L.Normal(0.0, 1.0), 0.0)) x)
    twice "data/x" (L.Plate("data", 2, Prob.bind (fun _ -> x) x))
    twice "data/x" (Prob.bind (fun _ -> L.Plate("data", 3, x)) (L.Plate("data", 2, x)))
    twice "t/x" (Prob.bind (fun _ -> L.Markov("t", 2, scalar 0.0, fun _ -> x)) (Prob.named "t" x))
    twice "t/x" (L.Markov("t", 2, scalar 0.0, fun _ -> Prob.bind (fun _ -> x) x) |> Prob.map ignore)
    // apart, they are two sites
    let _, trace = traced (Prob.bind (fun _ -> Prob.named "b" x) (Prob.named "a" x))
    Assert.Equal<string list>([ "a/x"; "b/x" ], paths trace)

[<Fact>]
let ``Two paths of one hash are an error that names both`` () =
    // a known collision of 64-bit FNV-1a
    let first, second = "8yn0iYCKYHlIj4-BwPqk", "GReLUrM4wMqfg9yzV3KQ"
    Assert.Equal(Philox.hashPath first, Philox.hashPath second)
    let sample name = L.Sample(name, L.Normal(0.0, 1.0))

    refuses $"The sites \"{second}\" and \"{first}\" have one hash, and would draw the same numbers." (fun () ->
        draw 0.0 0.0 (Prob.bind (fun _ -> sample second) (sample first)))

[<Fact>]
let ``An observation of another shape is an error that names the site and both shapes`` () =
    refuses "The site \"image\" observes a value of shape [64] under Bernoulli of shape [65]." (fun () ->
        traced (L.Observe("image", L.Bernoulli(logits = L.Zeros 65), L.Zeros 64)))

    refuses "The site \"data/y\" observes a value of shape [] (a scalar) under Normal of shape [2]." (fun () ->
        traced (L.Plate("data", 3, L.Observe("y", L.Normal(L.Zeros 2, 1.0), 1.0))))

[<Fact>]
let ``An observation adds its log-density, over the plates and times that it stands in`` () =
    let data, t = L.PlateIndex("data", 3), L.TimeIndex("t", 2)
    let seen = L.Unstack(vector [ 0.5; 1.0; -2.0 ], data)
    let factor p = (snd (traced p)).Factors |> Seq.exactlyOne
    let inData = List.sumBy (normal 1.0 2.0) [ 0.5; 1.0; -2.0 ]
    Assert.Equal(inData, number (factor (L.Plate(data, L.Observe("y", L.Normal(1.0, 2.0), seen)))), 1e-12)
    // a value that is the same in all repetitions is seen in each
    Assert.Equal(3.0 * normal 1.0 2.0 0.5, number (factor (L.Plate(data, L.Observe("y", L.Normal(1.0, 2.0), 0.5)))), 1e-12)
    Assert.Equal(2.0 * inData, number (factor (L.Plate(data, Prob.steps t (L.Observe("y", L.Normal(1.0, 2.0), seen))))), 1e-12)

[<Fact>]
let ``A factor counts once for each repetition and each step`` () =
    let data, t = L.PlateIndex("data", 3), L.TimeIndex("t", 2)
    let factor p = number ((snd (traced p)).Factors |> Seq.exactlyOne)
    Assert.Equal(0.5, factor (L.Factor(0.5)))
    Assert.Equal(1.5, factor (L.Plate(data, L.Factor(0.5))))

    let chain steps (weight: Tensor -> Tensor) =
        L.Markov(
            "t",
            steps,
            scalar 0.0,
            fun s ->
                prob {
                    do! L.Factor(weight s)
                    return 2.0 * s + 1.0
                }
        )

    Assert.Equal(1.0, factor (chain 2 (fun _ -> scalar 0.5)))
    Assert.Equal(3.0, factor (L.Plate(data, Prob.steps t (L.Factor(0.5)))))
    // of a value that the chain carries: 0 + 1 + 3
    Assert.Equal(4.0, factor (chain 3 id))

[<Fact>]
let ``A factor of a plate that was open before the program stays free in it`` () =
    let i, j = L.PlateIndex("i", 3), L.PlateIndex("j", 2)

    let _, trace =
        Prob.draw
            (seed 0.0 0.0)
            (seed 0.0 0.0)
            [ i ]
            []
            (prob {
                let! x = L.Sample("x", L.Normal(0.0, 1.0))
                let! _ = L.Plate(j, L.Factor x)
                return ()
            })

    Assert.Equal<string list>([ "i" ], names (Seq.exactlyOne trace.Factors))

[<Fact>]
let ``The log-joint is the sum over all sites, repetitions, steps and factors`` () =
    let data = L.PlateIndex("data", 3)
    let ys, seen, walk = [ 0.1; -0.4; 2.0 ], [ 0.5; 1.0; -2.0 ], [ 0.3; -0.2 ]
    let mutable time = Unchecked.defaultof<FreeIndex>

    let program =
        prob {
            let! z = L.Sample("z", L.Normal(0.0, 2.0))

            let! _ =
                L.Plate(
                    data,
                    prob {
                        let! y = L.Sample("y", L.Normal(z, 1.0))
                        do! L.Observe("seen", L.Normal(y, 0.5), L.Unstack(vector seen, data))
                        do! L.Factor(0.1 * L.Square y)
                    }
                )

            let index = L.TimeIndex("t", 2)
            time <- index

            let! final, _ =
                Prob.markov index (scalar 0.0) (fun s ->
                    prob {
                        let! step = L.Sample("step", L.Normal(0.5 * s, 0.3))
                        do! L.Observe("near", L.Normal(step, 0.2), 0.25)
                        return s + step, ()
                    })

            do! L.Factor(-0.7 * final)
            return z
        }

    let z, trace =
        program
        |> Prob.trace (fun path d ->
            match path with
            | "z" -> scalar 1.2
            | "data/y" -> L.Unstack(vector ys, data)
            | "t/step" -> L.Unstack(vector walk, time)
            | other -> failwith other)

    let expected =
        normal 0.0 2.0 1.2
        + List.sumBy (normal 1.2 1.0) ys
        + List.sum (List.map2 (fun y s -> normal y 0.5 s) ys seen)
        + List.sumBy (fun y -> 0.1 * y * y) ys
        + normal 0.0 0.3 0.3
        + normal 0.15 0.3 -0.2
        + List.sumBy (fun s -> normal s 0.2 0.25) walk
        - 0.7 * 0.1

    Assert.Equal(1.2, number z)
    Assert.Equal(expected, number (Prob.logJoint trace), 1e-9)
    // samples are in it once, as sites: what weighs the run are observations and factors
    Assert.Equal(4, trace.Factors.Count)

[<Fact>]
let ``The log-joint of a vector of numbers counts a draw once for each repetition`` () =
    let data = L.PlateIndex("data", 4)

    let _, trace =
        Prob.trace (fun _ _ -> vector [ 1.0; 2.0 ]) (L.Plate(data, L.Sample("x", L.Normal(L.Zeros 2, 1.0))))

    Assert.Equal(4.0 * (normal 0.0 1.0 1.0 + normal 0.0 1.0 2.0), number (Prob.logJoint trace), 1e-12)

[<Fact>]
let ``A chain whose state comes to vary over a plate has each of its sites once`` () =
    let i = L.PlateIndex("i", 2)

    let (final, each), trace =
        traced (
            Prob.markov (L.TimeIndex("t", 3)) (scalar 0.0) (fun s ->
                prob {
                    let! x = L.Sample("x", L.Normal(s, 1.0))
                    do! L.Factor x
                    return x + L.Convert(L.Position i, DType.F32), x
                })
        )

    Assert.Equal<string list>([ "t/x" ], paths trace)
    Assert.Single trace.Factors |> ignore
    Assert.Equal<string list>([ "i" ], names final)
    Assert.Equal<Set<string>>(set [ "i"; "t" ], set (names each))
    close [ 0.0; 3.0 ] (numbers (L.Stack(final, i)))

[<Fact>]
let ``A chain leaves its last state and what leaves each step`` () =
    let chain, _ =
        traced (L.Markov("t", 3, {| X = scalar 1.0 |}, fun s -> prob { return struct ({| X = 2.0 * s.X |}, s.X) }))

    Assert.Equal(8.0, number chain.Final.X)
    close [ 1.0; 2.0; 4.0 ] (numbers (L.Stack(chain.Each, chain.Index)))
    let states, _ = traced (L.Markov("t", 3, scalar 1.0, fun s -> prob { return 2.0 * s }))
    close [ 2.0; 4.0; 8.0 ] (numbers (L.Stack(states.Each, states.Index)))

[<Fact>]
let ``A chain keeps the shape of its state`` () =
    refuses "The loop over \"t\" starts its value 0 as F32[2]; its step returned F32[] (a scalar)." (fun () ->
        traced (L.Markov("t", 3, L.Zeros 2, fun s -> prob { return L.Sum s })))
