module Inference.Dsl.Tests.MessagePassing.TruncationTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.MessagePassing
open Xunit

let private infinity = Double.PositiveInfinity

let private posterior program =
    ApproximatePosterior.propagate (ExpectationPropagation(Tolerance = 1e-12)) program

let private holds condition = L.Factor(L.Select(condition, 0.0, Build.scalar DType.F32 -infinity))

/// A Gaussian with a condition on it: log-probability of the condition, mean and variance.
let private truncated mean deviation condition =
    let found =
        posterior (
            prob {
                let! x = L.Sample("x", L.Normal(scalar mean, scalar deviation))
                do! holds (condition x)
                return x
            }
        )

    let x = found.Marginal "x"
    number found.LogEvidence, number x.Mean, number x.Variance

let private near (relative: double) (expected: double) (actual: double) =
    Assert.True(abs (actual - expected) <= relative * abs expected + 1e-12, $"{actual} came, {expected} was expected.")

[<Theory>]
[<InlineData(5.0)>]
[<InlineData(1.0)>]
[<InlineData(0.0)>]
[<InlineData(-0.7)>]
[<InlineData(-5.9)>]
[<InlineData(-6.1)>]
[<InlineData(-30.0)>]
[<InlineData(-1000.0)>]
[<InlineData(-100000.0)>]
let ``A positive Gaussian has the moments of v and w, however far in the tail`` (t: double) =
    let log', mean, variance = truncated t 1.0 (fun x -> L.Less(scalar 0.0, x))

    // z = x in units of what is left beyond 0, about 1/|t|
    let unit = if t < -1.0 then -1.0 / t else 1.0
    let reach = if t < -1.0 then 45.0 else 60.0
    let exact = Integrals.one (0.0, reach) (fun z -> t * (unit * z) - 0.5 * (unit * z) * (unit * z))
    near 1e-6 (unit * exact.Mean[0]) mean
    near 1e-6 (unit * unit * exact.Variance[0]) variance
    near 1e-6 (exact.LogZ + log unit - 0.5 * t * t - 0.5 * log (2.0 * Math.PI)) log'

[<Theory>]
[<InlineData(0.3, 1.0, -0.5, 0.5)>]
[<InlineData(0.3, 1.0, 0.2, 0.2001)>]
[<InlineData(0.0, 1.0, 4.0, 5.0)>]
[<InlineData(0.0, 1.0, -31.0, -30.0)>]
[<InlineData(2.0, 3.0, -40.0, 30.0)>]
[<InlineData(0.0, 0.01, -0.5, 0.02)>]
let ``Between two limits the moments are those of quadrature`` (mean: double, deviation: double, low: double, high: double) =
    let found = truncated mean deviation (fun x -> L.And(L.Less(scalar low, x), L.Less(x, scalar high)))

    let top =
        if low > mean then low
        elif high < mean then high
        else mean

    let exact =
        Integrals.one (max low (mean - 40.0 * deviation), min high (mean + 40.0 * deviation)) (fun x ->
            Integrals.logNormal mean deviation x - Integrals.logNormal mean deviation top)

    let log', m, v = found
    near 1e-5 (exact.LogZ + Integrals.logNormal mean deviation top) log'
    Assert.Equal(exact.Mean[0], m, 1e-5 * (high - low))
    near 1e-4 exact.Variance[0] v

[<Fact>]
let ``Conditions are written in many ways`` () =
    let same a b =
        let la, ma, va = truncated 0.4 1.3 a
        let lb, mb, vb = truncated 0.4 1.3 b
        close [ la; ma; va ] [| lb; mb; vb |]

    let half, one = scalar 0.5, scalar 1.0
    same (fun x -> L.Less(x, one)) (fun x -> L.Less(-1.0 * one, -x))
    same (fun x -> L.Less(x, one)) (fun x -> L.LessEqual(2.0 * x - 1.0, one))
    same (fun x -> L.Less(L.Abs x, half)) (fun x -> L.And(L.Less(x, half), L.Less(-x, half)))
    same (fun x -> L.Less(L.Abs(x - one), half)) (fun x -> L.And(L.Less(x, one + half), L.Less(half, x)))

    let chosen drawn (x: Tensor) =
        L.Select(L.Less(scalar 0.5, scalar drawn), L.Less(L.Abs x, half), L.Less(half, x))

    same (chosen 1.0) (fun x -> L.Less(L.Abs x, half))
    let la, ma, va = truncated 0.4 1.3 (chosen 0.0)
    let lb, mb, vb = truncated 0.4 1.3 (fun x -> L.Less(half, x))
    Assert.Equal(lb, la, 1e-7)
    Assert.Equal(mb, ma, 1e-7)
    Assert.Equal(vb, va, 1e-7)

/// Two players of TrueSkill, and what their game says of the first.
let private game condition =
    let found =
        posterior (
            prob {
                let! a = L.Sample("a", L.Normal(scalar 25.0, scalar (25.0 / 3.0)))
                let! b = L.Sample("b", L.Normal(scalar 29.0, scalar 6.0))
                let! gap = L.Sample("gap", L.Normal(a - b, scalar (sqrt 2.0 * 25.0 / 6.0)))
                do! holds (condition gap)
                return a
            }
        )

    Assert.Equal(1.0, number found.Converged)
    found

let private density x = exp (-0.5 * x * x) / sqrt (2.0 * Math.PI)
let private cdf x = exp (Integrals.logNormalCdf x)

/// Herbrich, Minka and Graepel, 2006: c² = Σ β² + σ², μ ± σ²/c·v(t/c), σ²·(1 − σ²/c²·w).
let private checkGame (found: ApproximatePosterior) v w =
    let va, vb, noise = (25.0 / 3.0) ** 2.0, 36.0, 2.0 * (25.0 / 6.0) ** 2.0
    let c = sqrt (va + vb + noise)
    let a, b = found.Marginal "a", found.Marginal "b"
    Assert.Equal(25.0 + va / c * v, number a.Mean, 1e-8)
    Assert.Equal(va * (1.0 - va / (c * c) * w), number a.Variance, 1e-8)
    Assert.Equal(29.0 - vb / c * v, number b.Mean, 1e-8)
    Assert.Equal(vb * (1.0 - vb / (c * c) * w), number b.Variance, 1e-8)

[<Fact>]
let ``Two players are updated as by TrueSkill's equations when one wins`` () =
    let found = game (fun gap -> L.Less(scalar 0.74, gap))
    let c = sqrt ((25.0 / 3.0) ** 2.0 + 36.0 + 2.0 * (25.0 / 6.0) ** 2.0)
    let t = (25.0 - 29.0 - 0.74) / c
    let v = density t / cdf t
    checkGame found v (v * (v + t))
    Assert.Equal(log (cdf t), number found.LogEvidence, 1e-9)

[<Fact>]
let ``Two players are updated as by TrueSkill's equations when they draw`` () =
    let found = game (fun gap -> L.Less(L.Abs gap, scalar 0.74))
    let c = sqrt ((25.0 / 3.0) ** 2.0 + 36.0 + 2.0 * (25.0 / 6.0) ** 2.0)
    let t, e = -4.0 / c, 0.74 / c
    let mass = cdf (e - t) - cdf (-e - t)
    let v = (density (-e - t) - density (e - t)) / mass
    let w = v * v + ((e - t) * density (e - t) + (e + t) * density (e + t)) / mass
    checkGame found v w
    Assert.Equal(log mass, number found.LogEvidence, 1e-9)
