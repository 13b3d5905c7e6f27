module Inference.Dsl.Tests.MessagePassing.VariationalTests

open System
open FsCheck
open FsCheck.FSharp
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.MessagePassing
open Xunit

let private precise = VariationalMessagePassing(Tolerance = 1e-11, Sweeps = 60)
let private posterior program = ApproximatePosterior.passVariationally precise program
let private numberOf (m: ApproximateMarginal) name = number (m.Parameter name)

let private forAll count (gen: Gen<'T>) (property: 'T -> unit) =
    Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(count).WithReplay(Some { Rnd = Rnd(31UL, 9UL); Size = None }),
        Prop.forAll (Arb.fromGen gen) property
    )

let private between low high =
    Gen.choose (0, 1000) |> Gen.map (fun k -> low + (high - low) * double k / 1000.0)

/// A Normal of unknown mean and precision.
let private unknown (data: double list) =
    let i = L.PlateIndex("i", data.Length)

    prob {
        let! mean = L.Sample("mean", L.Normal(0.5, 2.0))
        let! precision = L.Sample("precision", L.Gamma(scalar 2.0, scalar 1.5))
        let! _ = L.Plate(i, L.Observe("y", L.Normal(mean, 1.0 / L.Sqrt precision), L.Unstack(vector data, i)))
        return mean
    }

let private data n = Gen.listOfLength n (between -2.0 3.0)

[<Fact>]
let ``Mean and precision are those of coordinate ascent in closed form`` () =
    forAll 15 (data 5) (fun data ->
        let found = posterior (unknown data)

        // Bishop, "Pattern recognition and machine learning", 2006, section 10.1.3, with independent priors
        let rec ascend times (rate: double) =
            let precision = 4.5 / rate
            let p = 0.25 + 5.0 * precision
            let m = (0.5 * 0.25 + precision * List.sum data) / p
            let rate = 1.5 + 0.5 * (List.sumBy (fun y -> (y - m) ** 2.0) data + 5.0 / p)
            if times = 0 then m, 1.0 / p, rate else ascend (times - 1) rate

        let m, v, rate = ascend 300 1.5
        let mean, precision = found.Marginal "mean", found.Marginal "precision"
        Assert.Equal(m, number mean.Mean, 1e-8)
        Assert.Equal(v, number mean.Variance, 1e-8)
        Assert.Equal(4.5, numberOf precision "shape", 1e-9)
        Assert.Equal(rate, numberOf precision "rate", 1e-7)
        Assert.Equal(1.0, number found.Converged))

let private neverDecreases (values: double[]) =
    for before, after in Array.pairwise values do
        Assert.True(after >= before - 1e-10, $"{after} came after {before}.")

[<Fact>]
let ``The bound never decreases and is never above the evidence`` () =
    forAll 6 (data 4) (fun data ->
        let found = posterior (unknown data)
        Assert.False found.IsExact
        let bounds = numbers found.LogEvidences
        neverDecreases bounds

        let exact =
            Integrals.two (-12.0, 12.0) (-8.0, 3.5) (fun m l ->
                // l = log precision
                let t = exp l

                l + Integrals.logNormal 0.5 2.0 m + 2.0 * log 1.5 + l - 1.5 * t
                + List.sumBy (Integrals.logNormal m (1.0 / sqrt t)) data)

        let bound = number found.LogEvidence
        Assert.Equal(Array.last bounds, bound, 1e-12)
        Assert.True(bound <= exact.LogZ + 1e-8, $"The bound {bound} is above {exact.LogZ}.")
        // and it is a bound of this posterior: within a nat of it
        Assert.True(bound > exact.LogZ - 1.0, $"The bound {bound} is far below {exact.LogZ}."))

[<Fact>]
let ``A hierarchy over plates with gathered means and precisions ascends`` () =
    let group, i = L.PlateIndex("group", 3), L.PlateIndex("i", 8)
    let groups = L.Unstack(whole [ 0; 0; 1; 1; 1; 2; 2; 0 ], i)

    forAll 8 (data 8) (fun data ->
        let program =
            prob {
                let! top = L.Sample("top", L.Normal(0.0, 3.0))
                let! spread = L.Sample("spread", L.Gamma(scalar 1.5, scalar 1.0))
                let! mean = L.Plate(group, L.Sample("mean", L.Normal(top, 1.0 / L.Sqrt spread)))
                let! noise = L.Plate(group, L.Sample("noise", L.Gamma(scalar 2.0, scalar 1.0)))
                let at (x: Plated<Tensor>) = L.Gather(L.Stack(x.Value, group), groups)
                let! _ = L.Plate(i, L.Observe("y", L.Normal(at mean, 1.0 / L.Sqrt(at noise)), L.Unstack(vector data, i)))
                return top
            }

        let found = posterior program
        neverDecreases (numbers found.LogEvidences)
        Assert.Equal<int[]>([| 3 |], (found.Marginal "group/mean").Mean.Shape)

        // each q is the best given the others: a change of one lowers the bound of Monte Carlo's formula, here in closed form
        close [ 3.5; 3.5; 3.0 ] (numbers ((found.Marginal "group/noise").Parameter "shape"))
        close [ 3.0 ] (numbers ((found.Marginal "spread").Parameter "shape")))

[<Fact>]
let ``Conjugate models are exact and equal those of expectation propagation`` () =
    let program =
        prob {
            let! x = L.Sample("x", L.Normal(0.0, 1.0))
            do! L.Observe("y", L.Normal(x, 1.0), scalar 1.0)
            return x
        }

    let found = posterior program
    Assert.True found.IsExact
    Assert.Equal(-1.515512, number found.LogEvidence, 1e-6)

[<Fact>]
let ``Between independent Gaussians variances are those of the conditionals`` () =
    // q is nearest in KL(q ‖ p) for a Gaussian p: precisions are the diagonal of p's precision matrix (Bishop, 2006, equation 10.12)
    let found =
        posterior (
            prob {
                let! a = L.Sample("a", L.Normal(0.0, 1.0))
                let! b = L.Sample("b", L.Normal(1.0, 2.0))
                do! L.Observe("y", L.Normal(a - 2.0 * b, 0.5), scalar 0.7)
                return a
            }
        )

    close [ 1.0 / 5.0 ] (numbers (found.Marginal "a").Variance)
    close [ 1.0 / (0.25 + 16.0) ] (numbers (found.Marginal "b").Variance)

    // means are those of the posterior
    let exact =
        Integrals.two (-6.0, 6.0) (-5.0, 7.0) (fun a b ->
            Integrals.logNormal 0.0 1.0 a
            + Integrals.logNormal 1.0 2.0 b
            + Integrals.logNormal (a - 2.0 * b) 0.5 0.7)

    Assert.Equal(exact.Mean[0], number (found.Marginal "a").Mean, 1e-4)
    Assert.Equal(exact.Mean[1], number (found.Marginal "b").Mean, 1e-4)
    Assert.True(number found.LogEvidence < exact.LogZ)
