module Inference.Dsl.Tests.SumOutTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.ExactBounds
open Inference.Dsl.Tests.ChainModels
open Xunit

let private summing (sites: string list) = objective 1 [ for s in sites -> s, Estimator.Enumerated ]

let private nothing: Prob<unit> = Prob.result ()

let private summed (d: Described) = derive (summing [ for path, _, _ in d.Sites -> path ]) d.Model nothing

[<Fact>]
let ``Sums along random chains are the sums of all assignments`` () =
    holdsFor 120 (fun m ->
        let d = describe (scalar 0.9) m
        Assert.Equal(number (logEvidence (gridOf d) d.Model), number (summed d).Value, 1e-9))

[<Fact>]
let ``Derivatives through sums along chains equal differences`` () =
    holdsFor 8 (fun m -> Differences.agrees [ Differences.scalarOf 0.7 ] (fun x -> (summed (describe x[0] m)).Value))

let private umbrella (days: int) = Umbrella.world (L.Ones days)

[<Fact>]
let ``The evidence of the umbrella world is known`` () =
    let found = derive (summing [ "day/rain" ]) (umbrella 2) nothing
    Assert.Equal(-1.045546, number found.Value, 5e-7)

    let expected =
        [
            "maximise log Σ_day/rain[day] exp(Σ_day log p(day/umbrella) + Σ_day log p(day/rain))"
            "  day/umbrella ~ Bernoulli[] (a scalar), observed"
            "  day/rain ~ Bernoulli[] (a scalar), summed out"
        ]

    Assert.Equal(String.Join("\n", expected), found.Explanation)

[<Fact>]
let ``A sum along a chain of any length is one graph, whose loop carries the message of a step`` () =
    let graph days =
        Traverse.postOrder [ (derive (summing [ "day/rain" ]) (umbrella days) nothing).Value ]

    let short, long = graph 3, graph 3000
    Assert.Equal(short.Length, long.Length)

    // but for what is seen
    let isGiven (x: Tensor) =
        match x.Op with
        | Op.Constant _ -> true
        | _ -> false

    Assert.True(long |> Array.forall (fun x -> x.Count <= 4 || isGiven x))

    let loops =
        long
        |> Array.choose (fun x ->
            match x.Op with
            | Op.Carry(scan, _) -> Some scan
            | _ -> None)
        |> Array.distinct

    // the chain itself, and the message of two states
    Assert.Equal(2, loops.Length)
    Assert.All(loops, (fun scan -> Assert.Equal(3000, scan.Index.Capacity)))
    Assert.Single(loops |> Array.filter (fun scan -> scan.Carries[0].Shape = [| 2 |])) |> ignore

[<Fact>]
let ``States that cannot be reached have no part in the sum, nor in its derivatives`` () =
    let step = L.TimeIndex("step", 4)

    let table =
        L.Reshape(L.Constant [| 0.0; 0.0; -infinity; -infinity; 0.0; 0.0; -infinity; -infinity; 0.0 |], 3, 3)

    // from left to right, beginning at the left: what is seen on the way
    let evidence (means: Tensor) =
        let model =
            L.Markov(
                step,
                L.Convert(scalar 0.0, DType.I32),
                fun s ->
                    prob {
                        let! next = L.Sample("s", L.Categorical(L.Gather(table, s)))
                        let seen = L.Unstack(vector [ 0.1; 0.8; 1.2; 2.1 ], step)
                        do! L.Observe("y", L.Normal(L.Gather(means, next), 0.5), seen)
                        return next
                    }
            )

        model, (derive (summing [ "step/s" ]) model nothing).Value

    let model, found = evidence (vector [ 0.0; 1.0; 2.0 ])
    let all = grid 1.0 [ "step/s", [ step ], [ 0.0; 1.0; 2.0 ], DType.I32 ]
    Assert.Equal(number (logEvidence all model), number found, 1e-9)
    Differences.agrees [ Differences.vectorOf [ 0.1; 0.9; 2.2 ] ] (fun x -> snd (evidence x[0]))

/// A switching linear dynamical system, its continuous path drawn by the guide.
let private switching (time: FreeIndex) =
    let y = L.Unstack(vector [ 0.4; 1.1; 0.2; -0.9 ], time)
    let start = scalar 0.2, L.Convert(scalar 0.0, DType.I32)

    let model =
        Prob.markov time start (fun (x, k) ->
            prob {
                let! k = L.Sample("k", L.Categorical(L.Gather(tensor [ 2; 2 ] [ 1.0; -0.5; 0.2; 0.9 ], k)))
                let gain = L.Gather(vector [ 0.9; -0.7 ], k)
                let! x = L.Sample("x", L.Normal(gain * x, 0.4))
                do! L.Observe("y", L.Normal(x, 0.3), y)
                return (x, k), ()
            })

    let guide =
        Prob.markov time (scalar 0.2) (fun x ->
            prob {
                let! x = L.Sample("x", L.Normal(0.5 * x + 0.4 * y, 0.35))
                return x, ()
            })

    model, guide

[<Fact>]
let ``The states of a switching system are summed out along the path that the guide draws`` () =
    let time = L.TimeIndex("t", 4)
    let model, guide = switching time
    let all = grid 1.0 [ "t/k", [ time ], [ 0.0; 1.0 ], DType.I32 ]

    for samples in [ 1; 3 ] do
        let o = summing [ "t/k" ]
        o.Samples <- samples
        let found, trace = draw 3.0 0.0 (EvidenceBound.derive o model guide)
        let path = (trace.TryFind "t/x").Value.Value
        let given = { all with Values = all.Values.Add("t/x", path) }
        let logQ = Prob.logJoint (snd (Prob.trace (fun _ _ -> path) guide))
        // the path varies over samples, which the sum over assignments leaves open
        let each = logEvidence given model - logQ
        let expected = each.Indices |> Array.fold (fun x i -> L.MeanOver(i, x)) each
        Assert.Equal(number expected, number found.Value, 1e-9)

[<Fact>]
let ``What is scaled is summed as it is and counts as often as it is scaled`` () =
    let i, t = L.PlateIndex("i", 2), L.TimeIndex("t", 3)
    let data = L.Unstack(vector [ 0.3; 1.4 ], i)

    let model scale =
        prob {
            let! g = L.Sample("g", L.Bernoulli(logits = scalar 0.2))

            let! _ =
                L.Plate(
                    i,
                    prob {
                        let! k = L.Sample("k", L.Bernoulli(logits = g - 0.4))
                        do! L.Observe("y", L.Normal(k + g, 0.7), data)

                        let! _ =
                            L.Markov(
                                t,
                                scalar 0.0,
                                fun s ->
                                    prob {
                                        let! s = L.Sample("s", L.Bernoulli(logits = s - k))
                                        do! L.Observe("y", L.Normal(s, 0.7), data)
                                        return s
                                    }
                            )

                        return ()
                    }
                )
                |> Handle.scale (scalar scale)

            return ()
        }

    let found scale = number (derive (summing [ "g"; "i/k"; "i/t/s" ]) (model scale) nothing).Value
    // the sum over g of p(g)·Π p(datum given g)^scale, by the sums for each g
    let given (g: double) scale =
        let set = Handle.intervene (readOnlyDict [ "g", scalar g ]) (model scale)
        number (derive (summing [ "i/k"; "i/t/s" ]) set nothing).Value

    for g in [ 0.0; 1.0 ] do
        Assert.Equal(2.5 * given g 1.0, given g 2.5, 1e-9)

    let prior g = if g = 1.0 then -log(1.0 + exp -0.2) else -log(1.0 + exp 0.2)
    let terms = [ for g in [ 0.0; 1.0 ] -> exp (prior g + 2.5 * given g 1.0) ]
    Assert.Equal(log (List.sum terms), found 2.5, 1e-9)

[<Fact>]
let ``Steps that are masked are not there`` () =
    let time = L.TimeIndex("t", 5)
    let seen = L.Unstack(vector [ 0.4; 1.1; 0.2; nan; nan ], time)
    let isThere = L.Less(L.Position time, 3)

    let chain (time: FreeIndex) (y: Tensor) (mask: Prob<Tensor> -> Prob<Tensor>) =
        L.Markov(
            time,
            scalar 0.0,
            fun s ->
                mask (
                    prob {
                        let! s = L.Sample("s", L.Bernoulli(logits = 1.5 * s - 0.4))
                        do! L.Observe("y", L.Normal(s, 0.7), y)
                        return s
                    }
                )
        )

    let three = L.TimeIndex("t", 3)

    let whole =
        derive (summing [ "t/s" ]) (chain three (L.Unstack(vector [ 0.4; 1.1; 0.2 ], three)) id) nothing

    let masked = derive (summing [ "t/s" ]) (chain time seen (Handle.mask isThere)) nothing
    Assert.Equal(number whole.Value, number masked.Value, 1e-9)

[<Fact>]
let ``A sum along a chain has the same bits for any number of threads, with its gradient, and agrees with the interpreter`` () =
    let i, t = L.PlateIndex("i", 300), L.TimeIndex("t", 9)
    let data = 1.5 * L.Sin(0.1 * L.Convert(L.Position i, DType.F32) + L.Convert(L.Position t, DType.F32))

    let program =
        build "hidden Markov" (fun b ->
            let rows = Parameter.create "rows" [| 3; 3 |] (Initializer.Constant 0.3)
            let means = Parameter.create "means" [| 3 |] (Initializer.Constant 0.2)
            let spread = L.Constant [| -0.5; 0.1; 0.7 |]

            let model =
                L.Plate(
                    i,
                    L.Markov(
                        t,
                        L.Convert(L.Zeros(), DType.I32),
                        fun s ->
                            prob {
                                let! s = L.Sample("s", L.Categorical(L.Gather(rows, s) + spread))
                                do! L.Observe("y", L.Normal(L.Gather(means + spread, s), 0.6), data)
                                return s
                            }
                    )
                )

            let found, _ = draw 2.0 0.0 (EvidenceBound.derive (summing [ "i/t/s" ]) model nothing)
            b.Output("value", found.Value)

            for name, g in Seq.zip [ "rows"; "means" ] (Calculus.gradient found.Value [| rows; means |]) do
                b.Output($"gradient {name}", g))

    let expected = interpret [] [] program

    let found =
        [
            for threads in [ 1; 2; 7 ] ->
                use engine = new Engine(EngineOptions(Threads = threads, Cache = false))
                execute engine [] program
        ]

    for KeyValue(output, values) in expected do
        for other in found do
            Assert.Equal<double[]>(found.Head[output], other[output])

        for e, v in Seq.zip values found.Head[output] do
            Assert.True(abs (e - v) <= 2e-4 * (1.0 + abs e), $"{output}: {e} expected; {v} came.")
