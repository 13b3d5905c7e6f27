module Inference.Dsl.Tests.GaussianPosteriorTests

open System
open FsCheck
open FsCheck.FSharp
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.GaussianModels
open Xunit

let private holdsFor count (property: string -> Gaussian -> unit) =
    let models =
        Arb.fromGen (
            gen {
                let! name, make = Gen.elements all
                let! seed = Gen.choose (1, 100000)
                return name, seed, make
            }
        )

    Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(count).WithReplay(Some { Rnd = Rnd(5UL, 7UL); Size = None }),
        Prop.forAll models (fun (name, seed, make) -> property $"{name} {seed}" (make seed))
    )

let private near (expected: double list) (actual: double[]) =
    Assert.Equal(expected.Length, actual.Length)

    for a, b in Seq.zip expected actual do
        Assert.True(abs (a - b) <= 1e-7 * (1.0 + abs a), $"Expected {a}; {b} came.")

[<Fact>]
let ``Evidence and marginals are those of the joint density`` () =
    holdsFor 60 (fun _ g ->
        let d, found = dense g, GaussianPosterior.ofProgram g.Model
        near [ d.LogEvidence ] (numbers found.LogEvidence)

        for path, indices, shape in g.Sites do
            let mean, covariance = marginal d (path, indices, shape)
            let m = found.Marginal path
            near mean (numbers m.Mean)
            near covariance (numbers m.Covariance))

[<Fact>]
let ``A standard normal that is seen once`` () =
    let model =
        prob {
            let! x = L.Sample("x", L.Normal(0.0, 1.0))
            do! L.Observe("y", L.Normal(x, 1.0), scalar 1.0)
        }

    let found = GaussianPosterior.ofProgram model
    Assert.Equal(-1.515512, number found.LogEvidence, 1e-6)
    Assert.Equal(0.5, number (found.Marginal "x").Mean, 1e-12)
    Assert.Equal(0.5, number (found.Marginal "x").Variance, 1e-12)
