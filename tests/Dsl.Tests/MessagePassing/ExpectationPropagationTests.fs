module Inference.Dsl.Tests.MessagePassing.ExpectationPropagationTests

open System
open FsCheck
open FsCheck.FSharp
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.MessagePassing
open Xunit

let private precise = ExpectationPropagation(Tolerance = 1e-11, Sweeps = 40)
let private posterior program = ApproximatePosterior.propagate precise program
let private cdf (x: Tensor) = L.Exp(L.LogNormalCdf x)
let private probit (l: Tensor) = L.Bernoulli(probability = cdf l)

let private forAll count (gen: Gen<'T>) (property: 'T -> unit) =
    Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(count).WithReplay(Some { Rnd = Rnd(29UL, 7UL); Size = None }),
        Prop.forAll (Arb.fromGen gen) property
    )

let private between low high =
    Gen.choose (0, 1000) |> Gen.map (fun k -> low + (high - low) * double k / 1000.0)

let private sign y = 2.0 * y - 1.0

let private checkSite (tolerance: double) (found: ApproximatePosterior) path (mean: double) (variance: double) =
    let m = found.Marginal path
    Assert.Equal(mean, number m.Mean, tolerance)
    Assert.Equal(variance, number m.Variance, tolerance * (1.0 + variance))

[<Fact>]
let ``One probit factor leaves the mean, the variance and the evidence of quadrature`` () =
    let gen =
        gen {
            let! mean = between -3.0 3.0
            let! deviation = between 0.2 3.0
            let! slope = between -2.0 2.0
            let! offset = between -2.0 2.0
            let! y = Gen.choose (0, 1)
            return mean, deviation, slope, offset, double y
        }

    forAll 15 gen (fun (mean, deviation, slope, offset, y) ->
        let found =
            posterior (
                prob {
                    let! x = L.Sample("x", L.Normal(scalar mean, scalar deviation))
                    do! L.Observe("y", probit (scalar slope * x + offset), scalar y)
                    return x
                }
            )

        let expected =
            Integrals.one (mean - 10.0 * deviation, mean + 10.0 * deviation) (fun x ->
                Integrals.logNormal mean deviation x + Integrals.logNormalCdf (sign y * (slope * x + offset)))

        Assert.Equal(expected.LogZ, number found.LogEvidence, 1e-8)
        checkSite 1e-8 found "x" expected.Mean[0] expected.Variance[0])

let private xs, ys = [ -1.5; -0.3; 0.4; 1.0; 2.2; 0.1 ], [ 0.0; 1.0; 0.0; 1.0; 1.0; 1.0 ]

let private regression (likelihood: Tensor -> Distribution) =
    let i = L.PlateIndex("i", 6)
    let along (values: double list) = L.Unstack(vector values, i)

    prob {
        let! a = L.Sample("a", L.Normal(0.0, 1.0))
        let! b = L.Sample("b", L.Normal(0.0, 1.0))
        let! _ = L.Plate(i, L.Observe("y", likelihood (a + along xs * b), along ys))
        return a
    }

let private ofRegression (log: double -> double -> double) =
    Integrals.two (-6.0, 6.0) (-6.0, 6.0) (fun a b ->
        Integrals.logNormal 0.0 1.0 a
        + Integrals.logNormal 0.0 1.0 b
        + List.fold2 (fun s x y -> s + log y (a + x * b)) 0.0 xs ys)

/// Every factor of one latent is nearly Gaussian: what is left is the approximation, whose size is stated.
let private near (mean: double) (variance: double) evidence (expected: Integrals.Moments) (found: ApproximatePosterior) =
    Assert.Equal(1.0, number found.Converged)
    Assert.Equal(0.0, number found.ImproperCount)
    Assert.Equal(expected.LogZ, number found.LogEvidence, (evidence: double))

    for k, path in [ 0, "a"; 1, "b" ] do
        let m = found.Marginal path
        Assert.Equal(expected.Mean[k], number m.Mean, mean)
        Assert.Equal(expected.Variance[k], number m.Variance, variance)

[<Fact>]
let ``Probit regression with two weights is near quadrature`` () =
    posterior (regression probit)
    |> near 0.02 0.06 0.05 (ofRegression (fun y l -> Integrals.logNormalCdf (sign y * l)))

[<Fact>]
let ``Logistic regression is read as a linear form, and matched by quadrature`` () =
    let logSigmoid x = if x > 0.0 then -(log (1.0 + exp -x)) else x - log (1.0 + exp x)

    posterior (regression (fun l -> L.Bernoulli(logits = l)))
    |> near 0.02 0.06 0.05 (ofRegression (fun y l -> logSigmoid (sign y * l)))

[<Fact>]
let ``Φ is known by its error function as well, and in a factor`` () =
    let written (p: Tensor -> Prob<unit>) =
        posterior (
            prob {
                let! x = L.Sample("x", L.Normal(0.3, 1.2))
                do! p (2.0 * x - 0.4)
                return x
            }
        )

    let expected = written (fun l -> L.Observe("y", probit l, scalar 1.0))

    for other in
        [
            written (fun l -> L.Observe("y", L.Bernoulli(probability = 0.5 * (1.0 + L.Erf(l / sqrt 2.0))), scalar 1.0))
            written (fun l -> L.Factor(L.LogNormalCdf l))
        ] do
        Assert.Equal(number expected.LogEvidence, number other.LogEvidence, 1e-6)
        checkSite 1e-6 other "x" (number (expected.Marginal "x").Mean) (number (expected.Marginal "x").Variance)
        Assert.DoesNotContain("Hermite", other.Explain())

[<Fact>]
let ``Fixed points do not depend on damping`` () =
    let program = regression probit

    let found damping =
        ApproximatePosterior.propagate (ExpectationPropagation(Damping = damping, Tolerance = 1e-12, Sweeps = 150)) program

    let answers (p: ApproximatePosterior) =
        [ number p.LogEvidence; number (p.Marginal "a").Mean; number (p.Marginal "b").Variance ]

    for damping in [ 0.2; 0.5; 0.8 ] do
        close (answers (found 0.0)) (Array.ofList (answers (found damping)))

[<Fact>]
let ``Counts with a log-linear rate are matched by quadrature`` () =
    let program =
        prob {
            let! x = L.Sample("x", L.Normal(0.2, 0.8))
            do! L.Observe("count", L.Poisson(L.Exp x), scalar 3.0)
            return x
        }

    let found = posterior program

    let expected =
        Integrals.one (-8.0, 8.0) (fun x -> Integrals.logNormal 0.2 0.8 x + 3.0 * x - exp x - log 6.0)

    Assert.Equal(expected.LogZ, number found.LogEvidence, 1e-6)
    checkSite 1e-6 found "x" expected.Mean[0] expected.Variance[0]

/// Minka's clutter problem (2001, section 3.2.1): half of what is seen is noise around 0, so that factors are not log-concave.
let private clutter (data: double list) =
    let i = L.PlateIndex("i", data.Length)

    prob {
        let! x = L.Sample("x", L.Normal(0.0, 3.0))

        let! _ =
            L.Plate(i, L.Observe("y", L.Mixture(L.Zeros 2, L.Normal(x, 1.0), L.Normal(0.0, sqrt 10.0)), L.Unstack(vector data, i)))

        return x
    }

let private ofClutter (data: double list) =
    Integrals.one (-30.0, 30.0) (fun x ->
        Integrals.logNormal 0.0 3.0 x
        + List.sumBy (fun y -> log (0.5 * exp (Integrals.logNormal x 1.0 y) + 0.5 * exp (Integrals.logNormal 0.0 (sqrt 10.0) y))) data)

[<Fact>]
let ``Clutter is told from what is looked for`` () =
    let data = [ 2.1; 1.4; -3.0; 2.6; 1.9; 5.5; 2.3 ]
    let expected = ofClutter data

    let found =
        ApproximatePosterior.propagate (ExpectationPropagation(Tolerance = 1e-6, Sweeps = 60, QuadraturePoints = 80)) (clutter data)

    Assert.Equal(1.0, number found.Converged)
    Assert.Equal(expected.LogZ, number found.LogEvidence, 0.1)
    Assert.Equal(expected.Mean[0], number (found.Marginal "x").Mean, 0.1)
    Assert.Equal(expected.Variance[0], number (found.Marginal "x").Variance, 0.2)
    Assert.Contains("negative precision", found.Explain())

[<Fact>]
let ``An update that would be improper is put off, counted, and named by a checked engine`` () =
    // two modes far apart: a factor widens what the prior knows beyond any density
    let i = L.PlateIndex("i", 3)

    let program =
        prob {
            let! x = L.Sample("x", L.Normal(0.0, 1.0))

            let! _ =
                L.Plate(
                    i,
                    L.Observe(
                        "y",
                        L.Mixture(L.Zeros 2, L.Normal(3.0 * x, 1.0), L.Normal(-3.0 * x, 1.0)),
                        L.Unstack(vector [ 9.0; 0.0; 9.0 ], i)
                    )
                )

            return x
        }

    let found = ApproximatePosterior.propagate (ExpectationPropagation(Sweeps = 10)) program
    let late = Assert.Single found.Improper
    Assert.Equal("i/y", late.Factor)
    Assert.Equal<string seq>([ "x" ], late.Sites)
    let counts = numbers late.Count
    Assert.True(counts[0] > 0.0 && counts[2] > 0.0, $"{counts}")
    Assert.Equal(Array.sum counts, number found.ImproperCount)
    // the site keeps a density
    Assert.True(number (found.Marginal "x").Variance > 0.0)
    Assert.Equal(0.0, number found.Converged)

    use engine = new Engine(EngineOptions(Threads = 1, Cache = false, Checked = true))

    let raised =
        Assert.Throws<CheckFailedException>(fun () ->
            execute engine [] (build "x" (fun b -> b.Output("v", (found.Marginal "x").Mean))) |> ignore)

    Assert.Contains("i/y", raised.Message)
    Assert.Contains("proper", raised.Message)

[<Fact>]
let ``The log-evidence has the derivatives of its finite differences`` () =
    let evidence (theta: Tensor) =
        (posterior (
            prob {
                let! x = L.Sample("x", L.Normal(theta, L.Exp(0.5 * theta)))
                do! L.Observe("y", probit (x - 0.3), scalar 1.0)
                do! L.Observe("z", L.Normal(x, 0.8 + theta * theta), scalar 0.9)
                return x
            }
        ))
            .LogEvidence

    let at = scalar 0.4
    let slope = number ((Calculus.gradient (evidence at) [| at |]).[0])
    let h = 1e-5

    let difference =
        (number (evidence (scalar (0.4 + h))) - number (evidence (scalar (0.4 - h)))) / (2.0 * h)

    Assert.Equal(difference, slope, 1e-6)
