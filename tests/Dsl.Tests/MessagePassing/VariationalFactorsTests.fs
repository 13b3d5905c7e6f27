/// Variational messages of products, rates of rates, Φ and limits: each is a fixed point of its equations in closed form, below the evidence by quadrature.
module Inference.Dsl.Tests.MessagePassing.VariationalFactorsTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.MessagePassing
open Inference.Dsl.Tests.MessagePassing.VariationalBounds
open Xunit

[<Fact>]
let ``A product of Gaussians is a fixed point of its equations, below its integral`` () =
    let found =
        posterior (
            prob {
                let! a = L.Sample("a", L.Normal(0.5, 1.0))
                let! b = L.Sample("b", L.Normal(0.0, 2.0))
                do! L.Observe("y", L.Normal(a * b + 0.3, 0.5), scalar 1.7)
                return a
            }
        )

    neverDecreases found
    let a, b = found.Marginal "a", found.Marginal "b"
    let ma, va, mb, vb = number a.Mean, number a.Variance, number b.Mean, number b.Variance
    equal (1.0 / (1.0 + (mb * mb + vb) / 0.25)) va
    equal (va * (0.5 + mb * 1.4 / 0.25)) ma
    equal (1.0 / (0.25 + (ma * ma + va) / 0.25)) vb
    equal (vb * ma * 1.4 / 0.25) mb

    let exact =
        Integrals.two (-5.5, 6.5) (-12.0, 12.0) (fun a b ->
            Integrals.logNormal 0.5 1.0 a
            + Integrals.logNormal 0.0 2.0 b
            + Integrals.logNormal (a * b + 0.3) 0.5 1.7)

    isBelow exact.LogZ 1.5 found

[<Fact>]
let ``Factor analysis moves elements of a vector together without the bound falling, to a fixed point`` () =
    let k, n, d = 2, 5, 3
    let rows = [ 1.2; -0.7; 0.3; -0.4; 0.9; -1.1; 2.0; -1.6; 0.2; 0.1; 0.3; -0.2; -1.4; 0.8; 0.6 ]
    let i, j = L.PlateIndex("i", n), L.PlateIndex("j", d)
    let zeros = vector [ for _ in 1..k -> 0.0 ]

    let program =
        prob {
            let! w = L.Plate(j, L.Sample("w", L.Normal(zeros, L.Ones [| k |])))
            let! precision = L.Sample("precision", L.Gamma(scalar 2.0, scalar 1.0))

            let! _ =
                L.Plate(
                    i,
                    prob {
                        let! z = L.Sample("z", L.Normal(zeros, L.Ones [| k |]))

                        return!
                            L.Plate(
                                j,
                                L.Observe(
                                    "y",
                                    L.Normal(L.Dot(w.Value, z), 1.0 / L.Sqrt precision),
                                    L.Unstack(L.Unstack(tensor [ n; d ] rows, i), j)
                                )
                            )
                    }
                )

            return precision
        }

    let answers =
        build "factors" (fun b ->
            let found =
                ApproximatePosterior.passVariationally (VariationalMessagePassing(Tolerance = 1e-11, Sweeps = 3000)) program

            let w, z, precision = found.Marginal "j/w", found.Marginal "i/z", found.Marginal "precision"

            for name, x in
                [
                    "bounds", found.LogEvidences
                    "converged", found.Converged
                    "w mean", w.Mean
                    "w variance", w.Variance
                    "z mean", z.Mean
                    "z variance", z.Variance
                    "mean", precision.Mean
                    "shape", precision.Parameter "shape"
                    "rate", precision.Parameter "rate"
                ] do
                b.Output(name, x))

    // as many sweeps as it takes are too slow for the interpreter
    use engine = new Engine(EngineOptions(Threads = 1, Cache = false, Precision = Precision.Double))
    let found = execute engine [] answers
    rises found["bounds"]
    Assert.Equal(1.0, found["converged"].[0])
    let mw, vw, mz, vz = found["w mean"], found["w variance"], found["z mean"], found["z variance"]
    let t = found["mean"].[0]
    // it has left the point where all is 0
    Assert.True(mw |> Array.exists (fun m -> abs m > 0.1))

    for i in 0 .. n - 1 do
        for a in 0 .. k - 1 do
            let p = 1.0 + t * List.sum [ for j in 0 .. d - 1 -> mw[j * k + a] ** 2.0 + vw[j * k + a] ]

            let others j =
                List.sum
                    [
                        for b in 0 .. k - 1 do
                            if b <> a then
                                mw[j * k + a] * mw[j * k + b] * mz[i * k + b]
                    ]

            equal (1.0 / p) vz[i * k + a]
            equal (t / p * List.sum [ for j in 0 .. d - 1 -> mw[j * k + a] * rows[i * d + j] - others j ]) mz[i * k + a]

    let second i j =
        let parts = [ for a in 0 .. k - 1 -> mw[j * k + a] * mz[i * k + a] ]

        let variance =
            [
                for a in 0 .. k - 1 -> (mw[j * k + a] ** 2.0 + vw[j * k + a]) * (mz[i * k + a] ** 2.0 + vz[i * k + a]) - parts[a] ** 2.0
            ]

        (rows[i * d + j] - List.sum parts) ** 2.0 + List.sum variance

    equal (2.0 + 0.5 * double (n * d)) found["shape"].[0]

    equal
        (1.0
         + 0.5
           * List.sum
               [
                   for i in 0 .. n - 1 do
                       for j in 0 .. d - 1 -> second i j
               ])
        found["rate"].[0]

[<Fact>]
let ``Rates of rates are a fixed point of their equations, below their integral`` () =
    let counts = [ 3.0; 0.0; 7.0; 2.0 ]
    let i = L.PlateIndex("i", 4)

    let found =
        posterior (
            prob {
                let! beta = L.Sample("beta", L.Gamma(scalar 1.5, scalar 2.0))

                let! _ =
                    L.Plate(
                        i,
                        prob {
                            let! rate = L.Sample("rate", L.Gamma(scalar 2.5, 3.0 * beta))
                            do! L.Observe("y", L.Poisson rate, L.Unstack(vector counts, i))
                            return rate
                        }
                    )

                return beta
            }
        )

    neverDecreases found
    let beta, rate = found.Marginal "beta", found.Marginal "i/rate"
    let b = number beta.Mean
    close [ for y in counts -> 2.5 + y ] (numberOf rate "shape")
    let rates = numberOf rate "rate"
    rates |> Array.iter (equal (1.0 + 3.0 * b))
    equal (1.5 + 4.0 * 2.5) (numberOf beta "shape").[0]
    equal (2.0 + 3.0 * Array.sum (numbers rate.Mean)) (numberOf beta "rate").[0]

    // a count of an unknown rate is negative binomial
    let exact =
        Integrals.one (-9.0, 5.0) (fun l ->
            let beta = exp l

            l + 1.5 * log 2.0 + 0.5 * l - 2.0 * beta - logGamma 1.5
            + List.sum
                [
                    for y in counts ->
                        2.5 * log (3.0 * beta) - logGamma 2.5 + logGamma (2.5 + y)
                        - (2.5 + y) * log (3.0 * beta + 1.0)
                        - logGamma (y + 1.0)
                ])

    isBelow exact.LogZ 1.0 found

/// φ/Φ.
let private hazard x = exp (Integrals.logNormal 0.0 1.0 x - Integrals.logNormalCdf x)

[<Fact>]
let ``Probit regression is a fixed point of its equations, below its integral`` () =
    let features = [ 1.0; 0.5; 1.0; -1.2; 1.0; 2.0; 1.0; 0.1; 1.0; -0.4 ]
    let labels = [ 1.0; 0.0; 1.0; 1.0; 0.0 ]
    let i = L.PlateIndex("i", 5)
    let at x = L.Unstack(x, i)

    let found =
        ApproximatePosterior.passVariationally
            (VariationalMessagePassing(Tolerance = 1e-11, Sweeps = 600))
            (prob {
                let! w = L.Sample("w", L.Normal(vector [ 0.0; 0.0 ], vector [ 1.0; 1.5 ]))
                let l = L.Dot(at (tensor [ 5; 2 ] features), w)

                let! _ =
                    L.Plate(i, L.Observe("y", L.Bernoulli(probability = L.Exp(L.LogNormalCdf l)), at (vector labels)))

                return w
            })

    neverDecreases found
    Assert.Equal(1.0, number found.Converged)
    let w = found.Marginal "w"
    let m, v = numbers w.Mean, numbers w.Variance
    let form n = features[2 * n] * m[0] + features[2 * n + 1] * m[1]
    let sign n = 2.0 * labels[n] - 1.0

    for k, prior in [ 0, 1.0; 1, 1.0 / 2.25 ] do
        let p = prior + List.sum [ for n in 0..4 -> features[2 * n + k] ** 2.0 ]
        equal (1.0 / p) v[k]

        let slope = List.sum [ for n in 0..4 -> features[2 * n + k] * sign n * hazard (sign n * form n) ]

        equal 0.0 (slope - prior * m[k])

    // the bound with q of the hidden values at its best
    let divergence =
        List.sum
            [
                for k, s in [ 0, 1.0; 1, 1.5 ] -> 0.5 * ((v[k] + m[k] ** 2.0) / (s * s) - 1.0 - log (v[k] / (s * s)))
            ]

    equal
        (List.sum
            [
                for n in 0..4 ->
                    Integrals.logNormalCdf (sign n * form n)
                    - 0.5 * (features[2 * n] ** 2.0 * v[0] + features[2 * n + 1] ** 2.0 * v[1])
            ]
         - divergence)
        (number found.LogEvidence)

    let exact =
        Integrals.two (-7.0, 7.0) (-10.0, 10.0) (fun a b ->
            Integrals.logNormal 0.0 1.0 a
            + Integrals.logNormal 0.0 1.5 b
            + List.sum
                [
                    for n in 0..4 -> Integrals.logNormalCdf (sign n * (features[2 * n] * a + features[2 * n + 1] * b))
                ])

    isBelow exact.LogZ 2.0 found

[<Fact>]
let ``A site between limits is exact, and a lead between players is a fixed point`` () =
    let alone =
        posterior (
            prob {
                let! x = L.Sample("x", L.Normal(0.4, 2.0))
                do! L.Factor(L.Select(L.Less(scalar 1.0, x), 0.0, Double.NegativeInfinity))
                do! L.Factor(L.Select(L.Less(2.0 * x, scalar 5.0), 0.0, Double.NegativeInfinity))
                return x
            }
        )

    let exact = Integrals.one (1.0, 2.5) (Integrals.logNormal 0.4 2.0)
    Assert.True alone.IsExact
    equal exact.LogZ (number alone.LogEvidence)
    equal exact.Mean[0] (number (alone.Marginal "x").Mean)
    equal exact.Variance[0] (number (alone.Marginal "x").Variance)

    let never =
        posterior (
            prob {
                let! x = L.Sample("x", L.Normal(0.0, 1.0))
                do! L.Factor(L.Select(L.Less(scalar 1.0, x), 0.0, Double.NegativeInfinity))
                do! L.Factor(L.Select(L.Less(x, scalar 0.0), 0.0, Double.NegativeInfinity))
                return x
            }
        )

    Assert.Equal(Double.NegativeInfinity, number never.LogEvidence)
    let player = L.PlateIndex("player", 2)

    let found =
        ApproximatePosterior.passVariationally
            (VariationalMessagePassing(Tolerance = 1e-12, Sweeps = 400))
            (prob {
                let! skill = L.Plate(player, L.Sample("skill", L.Normal(1.0, 2.0)))
                let s = L.Stack(skill.Value, player)
                let! lead = L.Sample("lead", L.Normal(L.Element(s, 0) - L.Element(s, 1), 0.7))
                do! L.Factor(L.Select(L.Less(scalar 0.2, lead), 0.0, Double.NegativeInfinity))
                return lead
            })

    neverDecreases found
    Assert.Equal(1.0, number found.Converged)
    let s, lead = numbers (found.Marginal "player/skill").Mean, found.Marginal "lead"
    let u = (s[0] - s[1] - 0.2) / 0.7
    equal (s[0] - s[1] + 0.7 * hazard u) (number lead.Mean)
    equal (0.49 * (1.0 - hazard u * (hazard u + u))) (number lead.Variance)
    let p = 0.25 + 1.0 / 0.49
    close [ 1.0 / p; 1.0 / p ] (numbers (found.Marginal "player/skill").Variance)
    equal ((0.25 + (number lead.Mean + s[1]) / 0.49) / p) s[0]
    isBelow (Integrals.logNormalCdf (-0.2 / sqrt 8.49)) 2.0 found
