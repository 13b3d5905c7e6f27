/// Finite models with relations that are certain, with chains that start from sites, and with evidence that cannot be.
module Inference.Dsl.Tests.FiniteRelationsTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

let private posterior (model: Prob<'T>) = FinitePosterior.ofProgram model

/// log p of 0 or 1.
let private log01 (p: double) (x: int) = log (if x = 1 then p else 1.0 - p)

/// All values of so many sites of 0 and 1, each with the logarithm of its weight: the logarithm of the sum, and the probabilities of each site.
let private enumerated count (log: int[] -> double) =
    let all = Array.init (1 <<< count) (fun k -> Array.init count (fun i -> (k >>> i) &&& 1))
    let weights = all |> Array.map (log >> exp)
    let total = Array.sum weights

    let marginal i =
        [
            for v in 0..1 -> Seq.sum (Seq.map2 (fun (x: int[]) w -> if x[i] = v then w / total else 0.0) all weights)
        ]

    Math.Log total, marginal

let private close (expected: double seq) (found: double seq) =
    Assert.Equal(Seq.length expected, Seq.length found)
    Seq.iter2 (fun (e: double) f -> Assert.Equal(e, f, 1e-9)) expected found

/// A chain that starts from a site, under a climate; the start is seen through a haze.
let private world steps =
    let day = L.TimeIndex("day", steps)

    prob {
        let! climate = L.Sample("climate", L.Bernoulli(probability = L.Fill 0.3))
        let! first = L.Sample("first", L.Bernoulli(probability = 0.2 + 0.5 * climate))
        do! L.Observe("haze", L.Normal(first, 0.8), L.Fill 0.9)
        do! L.Factor(0.4 * climate)

        let! days =
            L.Markov(
                day,
                first,
                fun before ->
                    prob {
                        let! wind = L.Sample("wind", L.Bernoulli(probability = 0.1 + 0.6 * before))
                        let! rain = L.Sample("rain", L.Bernoulli(probability = 0.2 + 0.4 * before + 0.3 * wind))
                        do! L.Observe("seen", L.Normal(rain + 0.5 * wind, 0.7), L.Convert(L.Position day, DType.F32) * 0.4)
                        return rain
                    }
            )

        return days.Final
    }

[<Fact>]
let ``What is filtered knows what was drawn and seen before the chain`` () =
    let steps = 4

    // what comes after the chain is not yet known
    let later =
        prob {
            let! last = world steps
            do! L.Observe("after", L.Normal(last, 0.3), L.Fill 1.2)
        }

    for site in [ "day/rain"; "day/wind" ] do
        let found = numbers ((posterior later).Filtered site) |> Array.chunkBySize 2

        for step in 0 .. steps - 1 do
            let short = numbers ((posterior (world (step + 1))).Marginal site) |> Array.chunkBySize 2
            close short[step] found[step]

[<Fact>]
let ``One chain may start where another ends`` () =
    let model =
        prob {
            let! spring =
                L.Markov("s", 2, L.Fill 0.0, (fun x -> L.Sample("z", L.Bernoulli(probability = 0.1 + 0.5 * x))))

            let! summer =
                L.Markov(
                    "t",
                    2,
                    spring.Final,
                    fun x ->
                        prob {
                            let! z = L.Sample("z", L.Bernoulli(probability = 0.3 + 0.5 * x))
                            do! L.Observe("y", L.Bernoulli(probability = 0.2 + 0.7 * z), L.Fill 1.0)
                            return z
                        }
                )

            return summer.Final
        }

    let log, marginal =
        enumerated 4 (fun v ->
            let rate = [| 0.1; 0.1 + 0.5 * double v[0]; 0.3 + 0.5 * double v[1]; 0.3 + 0.5 * double v[2] |]

            Seq.sum (Seq.mapi (fun k p -> log01 p v[k]) rate)
            + log01 (0.2 + 0.7 * double v[2]) 1
            + log01 (0.2 + 0.7 * double v[3]) 1)

    let found = posterior model
    Assert.Equal(log, number found.LogEvidence, 1e-9)
    close (marginal 0 @ marginal 1) (numbers (found.Marginal "s/z"))
    close (marginal 2 @ marginal 3) (numbers (found.Marginal "t/z"))
    Assert.Equal<double[]>([| 1.0; 1.0 |], numbers (found.MostLikely.Value "t/z"))

/// Tosses of which the parity is carried and seen.
let private parity (theta: Tensor) =
    let t = L.TimeIndex("t", 4)

    L.Markov(
        t,
        L.Fill 0.0,
        fun odd ->
            prob {
                let! coin = L.Sample("coin", L.Bernoulli(probability = theta * (1.0 - 0.5 * odd)))
                let! odd = L.Sample("odd", L.Bernoulli(probability = odd + coin - 2.0 * odd * coin))
                do! L.Observe("seen", L.Bernoulli(probability = odd), L.Select(L.Less(L.Position t, 2), 1.0, 0.0))
                return odd
            }
    )

[<Fact>]
let ``Probabilities of 0 and 1 are relations that hold for certain, and have derivatives beside them`` () =
    let evidence theta = number (posterior (parity (scalar theta))).LogEvidence
    // odd after the first and second toss, even after the third and fourth: heads, tails, heads, tails
    Assert.Equal(log (0.3 * (1.0 - 0.15) * 0.15 * 0.7), evidence 0.3, 1e-9)

    let slope =
        let theta = scalar 0.3
        number (L.Gradient((posterior (parity theta)).LogEvidence, theta))

    Assert.Equal((evidence 0.30001 - evidence 0.29999) / 2e-5, slope, 1e-6)
    close [ 0.0; 1.0; 1.0; 0.0; 0.0; 1.0; 1.0; 0.0 ] (numbers ((posterior (parity (scalar 0.3))).Marginal "t/coin"))

    use engine = new Engine(EngineOptions(Threads = 1, Cache = false, Checked = true))

    let found =
        build "parity" (fun b -> b.Output("odd", (posterior (parity (b.Input("theta", [||], DType.F32)))).Marginal "t/odd"))
        |> execute engine [ "theta", [| 0.3 |] ]

    close [ 0.0; 1.0; 0.0; 1.0; 1.0; 0.0; 1.0; 0.0 ] found["odd"]

[<Fact>]
let ``A site that has all its mass at a value is no variable`` () =
    let model named =
        prob {
            let! a = L.Sample("a", L.Bernoulli(probability = L.Fill 0.3))
            let! b = L.Sample("b", L.Bernoulli(probability = L.Fill 0.6))

            let! either =
                if named then
                    L.Sample("either", L.Dirac(L.Max(a, b)))
                else
                    Prob.result (L.Max(a, b))

            do! L.Observe("y", L.Bernoulli(probability = 0.1 + 0.7 * either), L.Fill 1.0)
        }

    close (numbers ((posterior (model false)).Marginal "a")) (numbers ((posterior (model true)).Marginal "a"))

[<Fact>]
let ``Where evidence cannot be, probabilities are 0, and a checked engine says which`` () =
    // the second observation is impossible whatever the state is
    let model (seen: Tensor) =
        let t = L.TimeIndex("t", 3)

        L.Markov(
            t,
            L.Fill 0.0,
            fun s ->
                prob {
                    let! z = L.Sample("z", L.Bernoulli(probability = 0.3 + 0.5 * s))
                    do! L.Observe("y", L.Bernoulli(probability = L.Fill 1.0), L.Unstack(seen, t))
                    return z
                }
        )

    let cannot = posterior (model (tensor [ 3 ] [ 1.0; 0.0; 1.0 ]))
    Assert.Equal(Double.NegativeInfinity, number cannot.LogEvidence)
    close (Seq.replicate 6 0.0) (numbers (cannot.Marginal "t/z"))
    close (Seq.replicate 4 0.0) (numbers (cannot.Joint(SiteAt("t/z", 0), SiteAt("t/z", 2))))

    use engine = new Engine(EngineOptions(Threads = 1, Cache = false, Checked = true))

    for ask in
        [
            fun (p: FinitePosterior) -> p.Filtered "t/z"
            fun p -> p.MostLikely.Value "t/z"
            fun p -> p.Marginal "t/z"
        ] do
        let run seen =
            build "chain" (fun b -> b.Output("found", ask (posterior (model (b.Input("seen", [| 3 |], DType.F32))))))
            |> execute engine [ "seen", seen ]

        run [| 1.0; 1.0; 1.0 |] |> ignore
        let failure = Assert.Throws<CheckFailedException>(fun () -> run [| 1.0; 0.0; 1.0 |] |> ignore)
        Assert.Contains("\"t/y\" needs to be possible, given what is observed before it", failure.Message)
