module Inference.Dsl.Tests.BoundErrorsTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.ExactBounds
open Xunit

let private unit = L.Normal(0.0, 1.0)

let private model =
    prob {
        let! z = L.Sample("z", unit)
        do! L.Observe("x", L.Normal(z, 1.0), scalar 0.5)
    }

let private guide = L.Sample("z", L.Normal(scalar 0.2, scalar 0.7))

let private finite =
    prob {
        let! k = L.Sample("k", L.Bernoulli(logits = scalar 0.3))
        do! L.Observe("x", L.Normal(k, 1.0), scalar 0.5)
    }

let private ofFinite = L.Sample("k", L.Bernoulli(logits = scalar 0.1))
let private both (a: Prob<'T>) (b: Prob<'U>) = a |> Prob.bind (fun _ -> b)

let private estimating site e =
    let o = Objective.Elbo()
    o.Estimators[site] <- e
    o

/// Says that a derivation is refused with a problem and a mend, at a line of this file.
let private isRefused problem mend objective (model: Prob<'T>) (guide: Prob<'U>) =
    let e = failure (fun () -> derive objective model guide)
    Assert.Equal(problem, e.Problem)
    Assert.Equal(mend, e.Mend)
    Assert.False(e.Location.IsUnknown)

let private elbo = Objective.Elbo()

[<Fact>]
let ``A guide that lacks a site or has one too many is refused`` () =
    isRefused
        "The guide lacks the site \"w\", which the model draws."
        "The guide draws \"z\": draw the site there too."
        elbo
        (both model (L.Sample("w", unit)))
        guide

    isRefused
        "The guide lacks the site \"k\", which the model draws."
        "The guide draws no sites: draw the site there too, or name the estimator Enumerated to sum it out."
        elbo
        finite
        (Prob.result ())

    isRefused
        "The guide draws the site \"w\", which the model does not make."
        "The model's latent sites are \"z\"."
        elbo
        model
        (both guide (L.Sample("w", unit)))

    isRefused
        "The guide draws the site \"z\", which the model does not make."
        "The model makes no latent sites."
        elbo
        (L.Observe("x", unit, scalar 0.5))
        guide

    // within a name the paths are those within the program
    let named = Prob.named "inner" (EvidenceBound.derive elbo (both model (L.Sample("w", unit))) guide)

    refuses "The guide lacks the site \"w\", which the model draws." (fun () -> draw 0.0 0.0 named)

[<Fact>]
let ``Draws that are no values of the model's site are refused`` () =
    let ofShape = L.Sample("z", L.Normal(vector [ 0.0; 1.0 ], scalar 1.0))

    isRefused "The site \"z\" is F32[] (a scalar) in the model and F32[2] in the guide." "Give both one shape and type." elbo model ofShape

    let counted = L.Sample("k", L.Categorical(vector [ 0.0; 1.0 ]))
    let counts = estimating "k" Estimator.Enumerated

    isRefused
        "The site \"k\" is F32[] (a scalar) in the model and I32[] (a scalar) in the guide."
        "Give both one shape and type."
        counts
        finite
        counted

    let onSupport = "Draw from a distribution on the model's support, or transform one."
    let positive = L.Sample("z", L.Gamma(scalar 2.0, scalar 1.0))

    isRefused "The site \"z\" lies in positive numbers in the model; its guide Normal draws from all numbers." onSupport elbo positive guide

    isRefused
        "The site \"z\" lies in (0, 1) in the model; its guide Gamma draws from positive numbers."
        onSupport
        elbo
        (L.Sample("z", L.Beta(scalar 2.0, scalar 1.0)))
        positive

    isRefused
        "The site \"z\" lies in (0, 1) in the model; its guide Uniform draws from (0, 2)."
        onSupport
        elbo
        (L.Sample("z", L.Uniform(0.0, 1.0)))
        (L.Sample("z", L.Uniform(0.0, 2.0)))

    isRefused
        "The site \"z\" lies in one value in the model; its guide Normal draws from all numbers."
        onSupport
        elbo
        (L.Sample("z", L.Dirac(scalar 0.0)))
        guide

    // narrower ones fit
    derive elbo model positive |> ignore

    derive elbo (L.Sample("z", L.Uniform(0.0, 2.0))) (L.Sample("z", L.Beta(scalar 2.0, scalar 1.0)))
    |> ignore

    derive elbo model (L.Sample("z", L.Dirac(scalar 0.3))) |> ignore

[<Fact>]
let ``Sites in other plates are refused`` () =
    let i, j = L.PlateIndex("i", 2), L.PlateIndex("j", 2)
    let z = L.Sample("z", unit)
    let mend = "Make each index once and use it in both."
    let twice = L.PlateIndex("i", 2)

    isRefused
        "The site \"i/z\" stands in other plates in the model (i) than in the guide (i)."
        mend
        elbo
        (L.Plate(i, z))
        (L.Plate(twice, z))

    isRefused
        "The site \"i/j/z\" stands in other plates in the model (i × j) than in the guide (none)."
        mend
        elbo
        (L.Plate(i, L.Plate(j, z)))
        (Prob.named "i" (Prob.named "j" z))

    let chain () = L.Markov("t", 3, scalar 0.0, fun s -> L.Sample("z", L.Normal(s, 1.0)))
    isRefused "The site \"t/z\" stands in other plates in the model (t) than in the guide (t)." mend elbo (chain ()) (chain ())

[<Fact>]
let ``A site that the model observes, sets or was given is not drawn by a guide`` () =
    let mend = "Leave it out of the guide."
    let seen = L.Observe("z", unit, scalar 0.5)
    isRefused "The guide draws the site \"z\", which the model observes." mend elbo seen guide
    let set = Handle.intervene (readOnlyDict [ "z", scalar 1.0 ]) model
    isRefused "The guide draws the site \"z\", which the model sets." mend elbo set guide
    // a value that is replayed counts by its density
    let replayed = Handle.replay (snd (draw 3.0 0.0 guide)) model
    let z = number (snd (draw 3.0 0.0 guide)).Sites[0].Value
    let density m v = -0.5 * (v - m) ** 2.0 - 0.5 * log (2.0 * Math.PI)
    Assert.Equal(density 0.0 z + density z 0.5, number (derive elbo replayed (Prob.result ())).Value, 1e-9)

[<Fact>]
let ``A guide neither observes nor weighs`` () =
    isRefused
        "The guide observes the site \"x\"."
        "Observe in the model; a guide only draws."
        elbo
        model
        (both guide (L.Observe("x", unit, scalar 0.5)))

    isRefused "The guide has a factor." "Weigh runs in the model; a guide only draws." elbo model (both guide (L.Factor(0.5)))

[<Fact>]
let ``Estimators that a site cannot have are refused, with those that it can`` () =
    isRefused
        "The site \"k\" draws from Bernoulli, whose draws have no derivatives, and no estimator is named for it."
        "Name one of: Score, Enumerated."
        elbo
        finite
        ofFinite

    isRefused
        "The site \"k\" draws from Bernoulli, whose draws have no derivatives."
        "Name another estimator: Score, Enumerated."
        (estimating "k" Estimator.Reparameterised)
        finite
        ofFinite

    let counts = L.Sample("n", L.Poisson(scalar 2.0))

    isRefused
        "The site \"n\" draws from Poisson, whose draws have no derivatives, and no estimator is named for it."
        "Name one of: Score."
        elbo
        counts
        counts

    isRefused
        "The site \"z\" draws from Normal, whose values cannot be listed."
        "Name another estimator: Reparameterised, Score."
        (estimating "z" Estimator.Enumerated)
        model
        guide

    isRefused
        "An estimator is named for the site \"y\", which neither the guide draws nor the model enumerates."
        "The guide draws \"z\"."
        (estimating "y" Estimator.Reparameterised)
        model
        guide

[<Fact>]
let ``Baselines that would be biased or are none are refused`` () =
    let scored baseline = estimating "k" (Estimator.Score baseline)
    let i = L.PlateIndex("i", 2)

    isRefused
        "The baseline of the site \"k\" is the mean of other samples; there is one sample."
        "Set Samples to 2 or more."
        (scored Baseline.LeaveOneOut)
        finite
        ofFinite

    isRefused
        "The baseline of the site \"k\" varies over \"i\", which the site does not."
        "Reduce it over \"i\"."
        (scored (Baseline.Learned(L.Unstack(vector [ 1.0; 2.0 ], i))))
        finite
        ofFinite

    isRefused
        "The baseline of the site \"k\" is F32[2]; it predicts one number."
        "Give a scalar for each value of the site's plates."
        (scored (Baseline.Learned(vector [ 1.0; 2.0 ])))
        finite
        ofFinite

    isRefused
        "The baseline of the site \"k\" has a decay of 1."
        "Choose from 0 to below 1."
        (scored (Baseline.MovingAverage 1.0))
        finite
        ofFinite

[<Fact>]
let ``Objectives that mean nothing are refused`` () =
    let problem (o: Objective) = (failure (fun () -> derive o model guide)).Problem
    Assert.Equal("An objective takes 0 samples.", problem (Objective.Elbo 0))
    Assert.Equal("A bound has order 1.5.", problem (Objective.Renyi(1.5, 4)))
    Assert.Equal("A bound has order -0.5.", problem (Objective.Renyi(-0.5, 4)))
    Assert.Equal("A bound has order NaN.", problem (Objective.Renyi(nan, 4)))
    Assert.Equal("Weights of samples know no β, no free nats and no balance.", problem (Objective(Samples = 2, Order = 0.0, Beta = 2.0)))
    Assert.Equal("An objective has β = -1 and 0 free nats.", problem (Objective(Beta = -1.0)))
    Assert.Equal("An objective has β = 1 and NaN free nats.", problem (Objective(FreeNats = nan)))

    let among (o: Objective) = (failure (fun () -> derive o finite ofFinite)).Problem
    let weighted = estimating "k" Estimator.Enumerated
    weighted.Samples <- 3
    weighted.Order <- 0.0
    Assert.Equal("The site \"k\" is enumerated by the guide; weights belong to samples that are drawn.", among weighted)
    let free = estimating "k" (Estimator.Score Baseline.Nothing)
    free.FreeNats <- 1.0
    Assert.StartsWith("Free nats are for divergences of single sites", among free)

    let within =
        prob {
            let! k = L.Sample("k", L.Bernoulli(logits = scalar 0.3))
            let! _ = L.Sample("z", L.Normal(k, 1.0))
            return ()
        }

    let strong = estimating "k" Estimator.Enumerated
    strong.Beta <- 2.0

    isRefused
        "β = 2 multiplies divergences; log p(z) stands within the sum over a finite site."
        "Leave Beta at 1, or draw the finite site in the guide."
        strong
        within
        guide

    // a bound of one step of a chain does not see the steps after it
    let stepwise =
        L.Markov(
            "t",
            3,
            scalar 0.0,
            fun s ->
                EvidenceBound.derive (estimating "k" (Estimator.Score Baseline.Nothing)) finite ofFinite
                |> Prob.map (fun b -> s + b.Value)
        )

    Assert.StartsWith("The site \"t/k\" is estimated by Score in a bound of one step", (failure (fun () -> draw 0.0 0.0 stepwise)).Problem)
