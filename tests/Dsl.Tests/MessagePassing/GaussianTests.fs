module Inference.Dsl.Tests.MessagePassing.GaussianTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.MessagePassing
open Xunit

let private exactly = ExpectationPropagation(Tolerance = 1e-12, Sweeps = 60)

[<Fact>]
let ``A hierarchy of Gaussians is a forest, and exact`` () =
    let groups = L.PlateIndex("group", 3)
    let data, noises = [ 1.0; 2.5; -0.4 ], [ 0.5; 1.0; 2.0 ]
    let along (values: double list) = L.Unstack(vector values, groups)

    let program =
        prob {
            let! mean = L.Sample("mean", L.Normal(0.3, 2.0))

            let! _ =
                L.Plate(
                    groups,
                    prob {
                        let! x = L.Sample("x", L.Normal(2.0 * mean - 1.0, 0.8))
                        do! L.Observe("y", L.Normal(x, along noises), along data)
                    }
                )

            return mean
        }

    let found = ApproximatePosterior.propagate exactly program
    Assert.True found.IsExact
    Assert.Contains("couple sites as a forest", found.Explain())

    // y ~ N(2·mean − 1, 0.8² + noise²)
    let log' m =
        Integrals.logNormal 0.3 2.0 m
        + List.fold2 (fun s y n -> s + Integrals.logNormal (2.0 * m - 1.0) (sqrt (0.64 + n * n)) y) 0.0 data noises

    let expected = Integrals.one (-20.0, 20.0) log'
    Assert.Equal(expected.LogZ, number found.LogEvidence, 1e-9)
    Assert.Equal(expected.Mean[0], number (found.Marginal "mean").Mean, 1e-9)
    Assert.Equal(expected.Variance[0], number (found.Marginal "mean").Variance, 1e-9)

    // x of the first group given the mean is Gaussian: its moments are averages over the mean
    let first m =
        let precision = 1.0 / 0.64 + 1.0 / 0.25
        ((2.0 * m - 1.0) / 0.64 + 1.0 / 0.25) / precision, 1.0 / precision

    let slope = (1.0 / 0.64) / (1.0 / 0.64 + 1.0 / 0.25) * 2.0
    let x = found.Marginal "group/x"
    Assert.Equal(fst (first expected.Mean[0]), (numbers x.Mean)[0], 1e-9)
    Assert.Equal(snd (first 0.0) + slope * slope * expected.Variance[0], (numbers x.Variance)[0], 1e-9)

[<Fact>]
let ``Gaussians in loops have the exact means once converged, and say that their variances are not`` () =
    let i = L.PlateIndex("i", 4)
    let xs, ys = [ -1.0; 0.2; 0.9; 2.0 ], [ 0.1; 0.4; 1.3; 1.9 ]
    let along (values: double list) = L.Unstack(vector values, i)

    let program =
        prob {
            let! a = L.Sample("a", L.Normal(0.0, 1.0))
            let! b = L.Sample("b", L.Normal(0.0, 1.0))
            let! _ = L.Plate(i, L.Observe("y", L.Normal(a + along xs * b, 0.7), along ys))
            return a
        }

    let found = ApproximatePosterior.propagate exactly program
    Assert.False found.IsExact

    let log' a b =
        Integrals.logNormal 0.0 1.0 a
        + Integrals.logNormal 0.0 1.0 b
        + List.fold2 (fun s x y -> s + Integrals.logNormal (a + x * b) 0.7 y) 0.0 xs ys

    let expected = Integrals.two (-5.0, 5.0) (-5.0, 5.0) log'
    Assert.Equal(1.0, number found.Converged)
    Assert.Equal(expected.Mean[0], number (found.Marginal "a").Mean, 1e-8)
    Assert.Equal(expected.Mean[1], number (found.Marginal "b").Mean, 1e-8)

[<Fact>]
let ``A vector of weights is read by a product, as its elements are one by one`` () =
    let i = L.PlateIndex("i", 4)
    let rows = tensor [ 4; 2 ] [ 1.0; -1.0; 1.0; 0.2; 1.0; 0.9; 1.0; 2.0 ]
    let ys = L.Unstack(vector [ 0.1; 0.4; 1.3; 1.9 ], i)
    let row = L.Unstack(rows, i)

    let together =
        prob {
            let! w = L.Sample("w", L.Normal(L.Zeros 2, L.Ones 2))
            let! _ = L.Plate(i, L.Observe("y", L.Normal(L.Dot(row, w), 0.7), ys))
            return w
        }

    let apart =
        prob {
            let! a = L.Sample("a", L.Normal(0.0, 1.0))
            let! b = L.Sample("b", L.Normal(0.0, 1.0))
            let! _ = L.Plate(i, L.Observe("y", L.Normal(L.Element(row, 0) * a + L.Element(row, 1) * b, 0.7), ys))
            return a
        }

    let whole, parts =
        ApproximatePosterior.propagate exactly together, ApproximatePosterior.propagate exactly apart

    let w = whole.Marginal "w"
    close [ number (parts.Marginal "a").Mean; number (parts.Marginal "b").Mean ] (numbers w.Mean)
    close [ number (parts.Marginal "a").Variance; number (parts.Marginal "b").Variance ] (numbers w.Variance)
    close [ number parts.LogEvidence ] (numbers whole.LogEvidence)

[<Fact>]
let ``Two sites that a plate of others joins are in a loop`` () =
    let i = L.PlateIndex("i", 2)

    let program =
        prob {
            let! a = L.Sample("a", L.Normal(0.0, 1.0))
            let! x = L.Plate(i, L.Sample("x", L.Normal(a, 1.0)))
            let! c = L.Sample("c", L.Normal(0.0, 1.0))
            let! _ = L.Plate(i, L.Observe("y", L.Normal(x.Value - c, 1.0), L.Unstack(vector [ 0.3; 1.1 ], i)))
            return a
        }

    let found = ApproximatePosterior.propagate exactly program
    Assert.False found.IsExact
    Assert.Contains("in loops", found.Explain())
