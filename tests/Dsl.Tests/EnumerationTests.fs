module Inference.Dsl.Tests.EnumerationTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.ExactBounds
open Xunit

let private enumerating (sites: string list) =
    let o = Objective.Elbo()

    for s in sites do
        o.Estimators[s] <- Estimator.Enumerated

    o

let private same (expected: Tensor) (bound: EvidenceBound) = Assert.Equal(number expected, number bound.Value, 1e-9)

[<Fact>]
let ``Sites of a guide are enumerated exactly, one that depends on another too`` () =
    let model =
        prob {
            let! a = L.Sample("a", L.Bernoulli(logits = scalar 0.4))
            let! b = L.Sample("b", L.Categorical(L.Pack(a, scalar 0.3, -a)))
            let mean = L.Gather(vector [ -1.0; 0.5; 2.0 ], b)
            do! L.Observe("y", L.Normal(mean + a, 0.8), scalar 0.9)
            do! L.Factor(-0.3 * mean * a)
        }

    let guide =
        prob {
            // probabilities, which are checked
            let! a = L.Sample("a", L.Bernoulli(probability = scalar 0.3))
            let! _ = L.Sample("b", L.Categorical(L.Pack(scalar 0.1, 2.0 * a, scalar -0.7)))
            return ()
        }

    let all = grid 1.0 [ "a", [], [ 0.0; 1.0 ], DType.F32; "b", [], [ 0.0; 1.0; 2.0 ], DType.I32 ]
    same (elbo all model guide) (derive (enumerating [ "a"; "b" ]) model guide)
    let sampled = enumerating [ "a"; "b" ]
    sampled.SampledDivergences <- true
    same (elbo all model guide) (derive sampled model guide)

[<Fact>]
let ``Sites of plates are enumerated for each datum, beside a site that they share`` () =
    let i = L.PlateIndex("i", 3)
    let data = L.Unstack(vector [ 0.5; 2.5; 1.0 ], i)

    let model =
        prob {
            let! b = L.Sample("b", L.Bernoulli(logits = scalar 0.2))

            let! _ =
                L.Plate(
                    i,
                    prob {
                        let! z = L.Sample("z", L.Bernoulli(logits = b - 0.3))
                        do! L.Factor(0.4 * z * b)
                        // the same of every datum
                        do! L.Observe("alike", L.Normal(z, 1.0), scalar 0.2)
                        do! L.Observe("y", L.Normal(2.0 * z + b, 1.0), data)
                    }
                )

            return ()
        }

    let guide =
        prob {
            let! b = L.Sample("b", L.Bernoulli(logits = scalar -0.5))
            let! _ = L.Plate(i, L.Sample("z", L.Bernoulli(logits = data - b)))
            return ()
        }

    same (elbo (bits [ "b", []; "i/z", [ i ] ]) model guide) (derive (enumerating [ "b"; "i/z" ]) model guide)

[<Fact>]
let ``One-hot sites and values of probability 0 are enumerated`` () =
    let logits = vector [ 0.3; -infinity; 1.0 ]

    let model =
        prob {
            let! z = L.Sample("z", L.OneHotCategorical(vector [ 0.1; -infinity; -0.2 ]))
            do! L.Observe("y", L.Normal(L.Dot(z, vector [ 1.0; 2.0; 3.0 ]), 1.0), scalar 1.5)
        }

    let p = 1.0 / (1.0 + exp 0.7), 1.0 / (1.0 + exp -0.7)
    let prior = 1.0 / (1.0 + exp -0.3), 1.0 / (1.0 + exp 0.3)
    let seen m = -0.5 * (1.5 - m) ** 2.0 - 0.5 * log (2.0 * Math.PI)
    let part (p: double, prior: double, m) = p * (seen m + log prior - log p)
    let expected = part (fst p, fst prior, 1.0) + part (snd p, snd prior, 3.0)

    for sampled in [ false; true ] do
        let o = enumerating [ "z" ]
        o.SampledDivergences <- sampled
        Assert.Equal(expected, number (derive o model (L.Sample("z", L.OneHotCategorical logits))).Value, 1e-6)

[<Fact>]
let ``A divergence that varies with an enumerated site is in closed form, and weighed by its probabilities`` () =
    let points, width = Statistics.cells 400 -8.0 8.0

    let program logit shift scale =
        prob {
            let! k = L.Sample("k", L.Bernoulli(logits = scalar logit))
            let! _ = L.Sample("z", L.Normal(shift * k, scalar scale))
            return ()
        }

    let model, guide = program 0.4 2.0 1.0, program -0.3 1.5 0.7
    let found = derive (enumerating [ "k" ]) model guide
    Assert.Equal<string list>([ "KL(q(k) ‖ p(k))"; "E_k KL(q(z) ‖ p(z))" ], found.Parts |> List.map fst)

    let exact =
        elbo (grid width [ "k", [], [ 0.0; 1.0 ], DType.F32; "z", [], List.ofArray points, DType.F32 ]) model guide

    Assert.Equal(number exact, number found.Value, 1e-6)

/// Sites of a model that are left to it are summed as all their values together are.
let private sumsOut sites model (all: Grid) =
    same (logEvidence all model) (derive (enumerating sites) model (Prob.result ()))

[<Fact>]
let ``Sites that are summed out give the log-evidence of all values, for each datum of a mixture too`` () =
    let i = L.PlateIndex("i", 3)
    let data = L.Unstack(vector [ 0.5; 2.5; -1.0 ], i)

    let mixture =
        L.Plate(
            i,
            prob {
                let! k = L.Sample("k", L.Categorical(vector [ 0.2; -0.4; 0.9 ]))
                do! L.Observe("y", L.Normal(L.Gather(vector [ -1.0; 0.5; 2.0 ], k), 0.7), data)
            }
        )

    sumsOut [ "i/k" ] mixture (grid 1.0 [ "i/k", [ i ], [ 0.0; 1.0; 2.0 ], DType.I32 ])

    // the same as a distribution
    let components = [| for m in [ -1.0; 0.5; 2.0 ] -> L.Normal(m, 0.7) |]
    let direct = L.Plate(i, L.Observe("y", L.Mixture(vector [ 0.2; -0.4; 0.9 ], components), data))
    let _, trace = draw 0.0 0.0 direct
    same (Seq.exactlyOne trace.Factors) (derive (enumerating [ "i/k" ]) mixture (Prob.result ()))

    let two =
        prob {
            let! a = L.Sample("a", L.Bernoulli(probability = scalar 0.3))
            // its check varies with the first
            let! b = L.Sample("b", L.Bernoulli(probability = 0.2 + 0.5 * a))
            do! L.Observe("y", L.Normal(a + 2.0 * b, 1.0), scalar 1.2)
            do! L.Factor(-0.5 * a * b)
        }

    sumsOut [ "a"; "b" ] two (bits [ "a", []; "b", [] ])

    for sharedFirst in [ true; false ] do
        let shared = L.Sample("s", L.Bernoulli(logits = scalar 0.3))
        let own = L.Sample("k", L.Bernoulli(logits = scalar -0.6))

        let seen (s: Tensor) (k: Tensor) = L.Plate(i, prob { do! L.Observe("y", L.Normal(2.0 * s * k - k, 0.7), data) })

        let model =
            if sharedFirst then
                prob {
                    let! s = shared
                    let! k = L.Plate(i, own)
                    let! _ = seen s k.Value
                    return ()
                }
            else
                prob {
                    let! k = L.Plate(i, own)
                    let! s = shared
                    let! _ = seen s k.Value
                    return ()
                }

        sumsOut [ "s"; "i/k" ] model (bits [ "s", []; "i/k", [ i ] ])

[<Fact>]
let ``A sum over a site stands within a bound on the others`` () =
    let i = L.PlateIndex("i", 2)
    let data = L.Unstack(vector [ 0.5; 2.5 ], i)
    let points, width = Statistics.cells 100 -6.0 6.0

    let model =
        L.Plate(
            i,
            prob {
                let! k = L.Sample("k", L.Bernoulli(logits = scalar 0.3))
                let! z = L.Sample("z", L.Normal(2.0 * k, 1.0))
                do! L.Observe("y", L.Normal(z, 0.5 + k), data)
            }
        )

    let guide = L.Plate(i, L.Sample("z", L.Normal(0.8 * data, 0.6)))

    let logWeight (g: Grid) =
        let k = L.EnumeratedIndex("value", 2)
        let both = { g with Values = g.Values.Add("i/k", L.Unstack(vector [ 0.0; 1.0 ], k)) }

        let perDatum =
            let _, trace = Prob.trace (fun path _ -> both.Values[path]) model

            [ for s in trace.Sites -> s.LogDensity.Value ] |> List.reduce (+)

        L.SumOver(i, L.LogSumExpOver(k, perDatum))

    let cells = grid (width * width) [ "i/z", [ i ], List.ofArray points, DType.F32 ]
    let exact = meanOver cells guide (fun g -> logWeight g - logJoint g guide)

    for samples in [ 1; 3 ] do
        let o = enumerating [ "i/k" ]
        o.Samples <- samples
        let found = (estimates 20000 [] (fun _ -> EvidenceBound.derive o model guide)).[0]
        averagesTo "mixture" [| number exact |] [| found |]

[<Fact>]
let ``Steps or data that an enumerated site would mix are refused`` () =
    let t = L.TimeIndex("t", 3)
    let i = L.PlateIndex("i", 3)

    let chain =
        L.Markov(
            t,
            scalar 0.0,
            fun s ->
                prob {
                    let! z = L.Sample("z", L.Bernoulli(logits = s))
                    do! L.Observe("y", L.Normal(z, 1.0), scalar 0.2)
                    return z
                }
        )

    let guide = L.Markov(t, scalar 0.0, fun s -> L.Sample("z", L.Bernoulli(logits = s)))

    let e = failure (fun () -> derive (enumerating [ "t/z" ]) chain guide)
    Assert.StartsWith("The site \"t/z\" is enumerated for each value of \"t\"; ", e.Problem)
    Assert.Equal("Estimate the site by Score, or keep what reads it in the plate.", e.Mend)

    let total =
        prob {
            let! z = L.Plate(i, L.Sample("z", L.Bernoulli(logits = scalar 0.2)))
            do! L.Observe("y", L.Normal(L.SumOver(i, z.Value), 1.0), scalar 0.2)
        }

    refuses "The site \"i/z\" is summed out for each value of \"i\"; log p(y) mixes them." (fun () ->
        derive (enumerating [ "i/z" ]) total (Prob.result ()))

    let each = L.Plate(i, L.Sample("z", L.Bernoulli(logits = scalar 0.1)))

    // what is mixed may stand in the plate again
    let shares =
        prob {
            let! z = L.Plate(i, L.Sample("z", L.Bernoulli(logits = scalar 0.2)))
            let! _ = L.Plate(i, L.Observe("y", L.Normal(L.SumOver(i, z.Value), 1.0), scalar 0.2))
            return ()
        }

    refuses "The site \"i/z\" is enumerated for each value of \"i\"; log p(i/y) mixes them." (fun () ->
        derive (enumerating [ "i/z" ]) shares each)


    refuses "The site \"i/z\" is enumerated for each value of \"i\"; log p(y) mixes them." (fun () ->
        derive (enumerating [ "i/z" ]) total each)
