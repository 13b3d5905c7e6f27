module Inference.Dsl.Tests.BoundsTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.ExactBounds
open Inference.Dsl.Tests.Statistics
open Xunit

let private sampled samples = Objective(Samples = samples, SampledDivergences = true)

/// z ~ N(0, 1), y ~ N(z, 1), y = 1: the posterior is N(½, ½), and y ~ N(0, 2) before.
let private conjugate =
    prob {
        let! z = L.Sample("z", L.Normal(0.0, 1.0))
        do! L.Observe("y", L.Normal(z, 1.0), scalar 1.0)
    }

let private evidence = -0.25 - 0.5 * log (4.0 * Math.PI)

let private meanOfBound objective model guide = (estimates 20000 [] (fun _ -> EvidenceBound.derive objective model guide)).[0]

/// Every draw of a bound whose divergences are sampled is the log-evidence if the guide is the posterior; another guide's mean is below.
let private isTightAt model (posterior: Prob<Tensor>) (other: Prob<Tensor>) expected =
    for objective in [ sampled 1; sampled 3; Objective.ImportanceWeighted 4; Objective.Renyi(0.5, 3) ] do
        Assert.Equal(expected, number (derive objective model posterior).Value, 1e-5)

    for objective in [ sampled 1; Objective.Elbo(); Objective.ImportanceWeighted 4; Objective.Renyi(0.5, 3) ] do
        let found = meanOfBound objective model other
        Assert.True(mean found + 5.0 * sqrt (variance found / double found.Length) < expected)

    let exact = meanOfBound (Objective.Elbo()) model posterior
    averagesTo "posterior" [| expected |] [| exact |]

[<Fact>]
let ``The bound of a Normal is its log-evidence at the posterior, and less elsewhere`` () =
    Assert.Equal(-1.515512, evidence, 1e-6)
    let guide (m: double) s = L.Sample("z", L.Normal(scalar m, scalar s))
    isTightAt conjugate (guide 0.5 (sqrt 0.5)) (guide 0.1 0.9) evidence

[<Fact>]
let ``The bound of a Beta and Bernoullis is their log-evidence at the posterior, and less elsewhere`` () =
    let i = L.PlateIndex("i", 4)
    let data = L.Unstack(vector [ 1.0; 0.0; 1.0; 1.0 ], i)

    let model =
        prob {
            let! p = L.Sample("p", L.Beta(scalar 2.0, scalar 3.0))
            let! _ = L.Plate(i, L.Observe("y", L.Bernoulli(probability = p), data))
            return ()
        }

    let logBeta (a: double) b = number (L.LogBeta(scalar a, scalar b))
    let guide (a: double) (b: double) = L.Sample("p", L.Beta(scalar a, scalar b))
    isTightAt model (guide 5.0 4.0) (guide 3.0 4.0) (logBeta 5.0 4.0 - logBeta 2.0 3.0)

[<Fact>]
let ``The bound of a Gamma and Poissons is their log-evidence at the posterior, and less elsewhere`` () =
    let i = L.PlateIndex("i", 3)
    let data = L.Unstack(vector [ 2.0; 4.0; 1.0 ], i)

    let model =
        prob {
            let! rate = L.Sample("rate", L.Gamma(scalar 3.0, scalar 2.0))
            let! _ = L.Plate(i, L.Observe("y", L.Poisson rate, data))
            return ()
        }

    // 3 ln 2 − ln Γ(3) + ln Γ(10) − 10 ln 5 − ln 2! − ln 4! − ln 1!
    let expected = 3.0 * log 2.0 - log 2.0 + log 362880.0 - 10.0 * log 5.0 - log 2.0 - log 24.0
    let guide (a: double) (b: double) = L.Sample("rate", L.Gamma(scalar a, scalar b))
    isTightAt model (guide 10.0 5.0) (guide 8.0 5.0) expected

[<Fact>]
let ``A divergence in closed form is the mean of the sampled one`` () =
    let i, t = L.PlateIndex("i", 2), L.TimeIndex("t", 3)

    let walk from drift spread =
        L.Markov(t, scalar from, fun s -> L.Sample("z", L.Normal(s + scalar drift, scalar spread)))

    let cases =
        [
            "chain", Prob.map ignore (walk 0.0 0.0 1.0), Prob.map ignore (walk 0.0 0.3 0.7), "Σ_t KL(q(t/z) ‖ p(t/z))"
            "plate",
            Prob.map ignore (L.Plate(i, L.Sample("w", L.Gamma(scalar 2.0, scalar 1.0)))),
            Prob.map ignore (L.Plate(i, L.Sample("w", L.Gamma(scalar 3.0, scalar 2.0)))),
            "Σ_i KL(q(i/w) ‖ p(i/w))"
            "conditional",
            prob {
                let! a = L.Sample("a", L.Normal(0.0, 1.0))
                let! _ = L.Sample("b", L.Normal(a, 1.0))
                return ()
            },
            prob {
                let! a = L.Sample("a", L.Normal(scalar 0.4, scalar 0.6))
                let! _ = L.Sample("b", L.Normal(0.5 * a, scalar 0.8))
                return ()
            },
            "KL(q(b) ‖ p(b))"
        ]

    for what, model, guide, part in cases do
        let found = derive (Objective.Elbo()) model guide
        Assert.Contains(part, found.Parts |> List.map fst)
        Assert.DoesNotContain("log q", found.Explanation)
        let closed = meanOfBound (Objective.Elbo()) model guide
        let drawn = meanOfBound (sampled 1) model guide
        let error = sqrt ((variance closed + variance drawn) / double drawn.Length)
        Assert.True(variance closed < variance drawn, what)
        let apart = abs (mean closed - mean drawn)
        Assert.True(apart <= 5.0 * error + 1e-9, $"{what}: {mean closed} in closed form; {mean drawn} ± {error} sampled.")

[<Fact>]
let ``A divergence is sampled where its closed form would be wrong`` () =
    let points, width = cells 160 -6.0 6.0
    let real path = path, [], List.ofArray points, DType.F32

    let model =
        prob {
            let! a = L.Sample("a", L.Normal(0.0, 1.0))
            let! _ = L.Sample("b", L.Normal(a, 0.8))
            return ()
        }

    let backward =
        prob {
            let! b = L.Sample("b", L.Normal(scalar 0.3, scalar 0.9))
            let! _ = L.Sample("a", L.Normal(0.7 * b, scalar 0.6))
            return ()
        }

    let found = derive (Objective.Elbo()) model backward
    Assert.Equal<string list>([ "(log q(b) − log p(b))"; "KL(q(a) ‖ p(a))" ], found.Parts |> List.map fst)
    let exact = number (elbo (grid (width * width) [ real "a"; real "b" ]) model backward)
    averagesTo "backward" [| exact |] [| meanOfBound (Objective.Elbo()) model backward |]

    // a finite site whose probabilities vary with a draw before it
    let choosing =
        prob {
            let! k = L.Sample("k", L.Bernoulli(logits = scalar 0.2))
            let! _ = L.Sample("b", L.Normal(2.0 * k, 0.8))
            return ()
        }

    let chosen =
        prob {
            let! b = L.Sample("b", L.Normal(scalar 0.3, scalar 0.9))
            let! _ = L.Sample("k", L.Bernoulli(logits = 2.0 * b - 1.0))
            return ()
        }

    let objective = Objective.Elbo()
    objective.Estimators["k"] <- Estimator.Enumerated
    let exact = number (elbo (grid width [ real "b"; "k", [], [ 0.0; 1.0 ], DType.F32 ]) choosing chosen)
    averagesTo "chosen" [| exact |] [| meanOfBound objective choosing chosen |]

    // a chain whose prior goes back in time: what comes before a step is drawn after it
    let t = L.TimeIndex("t", 3)

    let smoothed =
        prob {
            let! walk = L.Markov(t, scalar 0.0, fun s -> L.Sample("z", L.Normal(s, 0.5)))
            return walk.Each
        }

    let reversed =
        Prob<Tensor>(fun c ->
            let finals, _ =
                Structure.scanIn true t [| scalar 0.0 |] (fun later ->
                    let inner = { c.Enter "t" with Times = c.Times @ [ t ] }
                    let z = (L.Sample("z", L.Normal(later[0], 1.0))).Run { inner with Trace = c.Trace }
                    [| z |], ())

            finals[0])

    Assert.Contains("log q(t/z)", (derive (Objective.Elbo()) reversed smoothed).Explanation)

[<Fact>]
let ``Bounds of more weighted samples are higher, and below the evidence; Rényi's lie between`` () =
    let guide = L.Sample("z", L.Normal(scalar -0.2, scalar 0.8))

    let bound objective =
        let found = meanOfBound objective conjugate guide
        mean found, 5.0 * sqrt (variance found / double found.Length)

    let isBelow (low, e1) (high, e2) = Assert.True(low + e1 + e2 < high, $"{low} ± {e1}, {high} ± {e2}")

    let rising =
        [ for k in [ 1; 2; 5; 20 ] -> bound (Objective.ImportanceWeighted k) ] @ [ evidence + 5e-2, 0.0 ]

    rising |> List.pairwise |> List.iter (fun (a, b) -> isBelow a b)
    Assert.True(fst rising[3] - snd rising[3] < evidence)

    let orders =
        [
            for a in [ 1.0; 0.7; 0.3; 0.0 ] -> bound (Objective(Samples = 6, Order = a, SampledDivergences = true))
        ]

    orders |> List.pairwise |> List.iter (fun (a, b) -> isBelow a b)
    // of one sample every order is the ELBO
    let one order = number (derive (Objective.Renyi(order, 1)) conjugate guide).Value
    Assert.Equal(number (derive (sampled 1) conjugate guide).Value, one 0.0)
    Assert.Equal(one 0.0, one 0.5)

/// Three data with divergences 0.5·m², m = 0, 1 and 2, and log-likelihoods that are known.
let private means = [ 0.0; 1.0; 2.0 ]

let private data = L.PlateIndex("data", 3)
let private mu = L.Unstack(vector means, data)

let private datum weigh =
    weigh (
        prob {
            let! z = L.Sample("z", L.Normal(0.0, 1.0))
            do! L.Observe("x", L.Normal(0.0 * z, 1.0), scalar 0.0)
        }
    )

let private encoder = L.Sample("z", L.Normal(mu, 1.0))
let private likelihood = -0.5 * log (2.0 * Math.PI)

let private valueOf (objective: Objective) weigh =
    number (derive objective (L.Plate(data, datum weigh)) (L.Plate(data, encoder))).Value

[<Fact>]
let ``Divergences are multiplied by β and count as at least the free nats, on the mean over plates`` () =
    let kl = [ 0.0; 0.5; 2.0 ]
    let value = valueOf >> fun f -> f id
    Assert.Equal(3.0 * likelihood - 2.5, value (Objective.Elbo()), 1e-9)
    Assert.Equal(3.0 * likelihood - 10.0, value (Objective(Beta = 4.0)), 1e-9)
    Assert.Equal(3.0 * likelihood - 10.0, value (Objective(Beta = 4.0, Samples = 5)), 1e-9)
    Assert.Equal(3.0 * likelihood - 2.5, value (Objective(FreeNats = 0.8)), 1e-9)
    Assert.Equal(3.0 * likelihood - 2.0 * 3.0, value (Objective(FreeNats = 1.0, Beta = 2.0)), 1e-9)

    let parts =
        (derive (Objective(Beta = 4.0, FreeNats = 1.0)) (L.Plate(data, datum id)) (L.Plate(data, encoder))).Parts

    Assert.Equal(List.sum kl, number (snd parts[1]), 1e-9)

    // plates that are open around the bound belong to the mean
    let each objective =
        let bound, _ =
            Prob.draw (seed 1.0 0.0) (seed 0.0 0.0) [ data ] [] (EvidenceBound.derive objective (datum id) encoder)

        numbers (L.Stack(bound.Value, data))

    close [ for k in kl -> likelihood - k ] (each (Objective(FreeNats = 0.0)))
    close [ for _ in kl -> likelihood - 2.5 / 3.0 ] (each (Objective(FreeNats = 0.8)))
    close [ for _ in kl -> likelihood - 1.0 ] (each (Objective(FreeNats = 1.0)))

[<Fact>]
let ``Masks and scales weigh divergences, and free nats count what they leave`` () =
    let present = L.Unstack(L.Less(vector [ 0.0; 1.0; 0.0 ], 0.5), data)
    let weigh: Prob<unit> -> Prob<unit> = Handle.mask present >> Handle.scale (scalar 10.0)
    // the divergences 0 and 2 are left, their mean is 1
    for sampled in [ false; true ] do
        let found = valueOf (Objective(SampledDivergences = sampled)) weigh

        if not sampled then
            Assert.Equal(10.0 * (2.0 * likelihood - 2.0), found, 1e-9)

    Assert.Equal(10.0 * (2.0 * likelihood - 2.0), valueOf (Objective(FreeNats = 0.9)) weigh, 1e-9)
    Assert.Equal(10.0 * (2.0 * likelihood - 2.0 * 1.5), valueOf (Objective(FreeNats = 1.5)) weigh, 1e-9)
    let none: Prob<unit> -> Prob<unit> = Handle.mask (L.Less(scalar 1.0, 0.0))
    Assert.Equal(0.0, valueOf (Objective(FreeNats = 1.5)) none, 1e-9)

    let drawn = L.Plate(data, datum weigh)
    let expected = 10.0 * (2.0 * likelihood - 2.0)
    averagesTo "weighed" [| expected |] [| meanOfBound (sampled 1) drawn (L.Plate(data, encoder)) |]
