/// Variational messages of sites of listed values, which choose what is read: each is a fixed point of its equations in closed form, below the sum over
/// all assignments.
module Inference.Dsl.Tests.MessagePassing.MixtureTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.MessagePassing
open Inference.Dsl.Tests.MessagePassing.VariationalBounds
open Xunit

let private data = [ -2.1; 1.9; -1.7; 2.6; -2.4; 2.2; 1.4 ]

/// A mixture of two Normals of unknown means and weights.
let private mixture (data: double list) =
    let k, i = L.PlateIndex("component", 2), L.PlateIndex("i", data.Length)

    prob {
        let! weights = L.Sample("weights", L.Dirichlet(vector [ 1.5; 1.5 ]))
        let! mean = L.Plate(k, L.Sample("mean", L.Normal(0.0, 3.0)))
        let means = L.Stack(mean.Value, k)

        let! _ =
            L.Plate(
                i,
                prob {
                    let! z = L.Sample("z", L.Categorical(L.Log weights))
                    do! L.Observe("y", L.Normal(L.Gather(means, z), scalar 0.8), L.Unstack(vector data, i))
                    return z
                }
            )

        return means
    }

[<Fact>]
let ``A mixture of Normals is a fixed point of its equations, below the sum over all assignments`` () =
    let found = posterior (mixture data)
    Assert.Equal(1.0, number found.Converged)
    Assert.False found.IsExact
    neverDecreases found
    let mean, z = found.Marginal "component/mean", found.Marginal "i/z"
    let m, v = numbers mean.Mean, numbers mean.Variance
    let alpha = numberOf (found.Marginal "weights") "concentration"
    let r = numberOf z "probabilities"
    Assert.Equal<int[]>([| 7; 2 |], (z.Parameter "probabilities").Shape)
    Assert.Equal<int[]>([| 7 |], z.Mean.Shape)
    // the two groups are told apart
    Assert.True(abs (m[0] - m[1]) > 3.0)

    // Bishop, "Pattern recognition and machine learning", 2006, section 10.2, with known precision
    for n, y in List.indexed data do
        let logs =
            [
                for k in 0..1 -> digamma alpha[k] - digamma (Array.sum alpha) - 0.5 * ((y - m[k]) ** 2.0 + v[k]) / 0.64
            ]

        for k in 0..1 do
            equal (exp (logs[k] - sumExp logs)) r[2 * n + k]

    for k in 0..1 do
        let count = List.sum [ for n in 0..6 -> r[2 * n + k] ]
        let p = 1.0 / 9.0 + count / 0.64
        equal (1.0 / p) v[k]
        equal (List.sum [ for n, y in List.indexed data -> r[2 * n + k] * y ] / 0.64 / p) m[k]
        equal (1.5 + count) alpha[k]

    let evidence =
        sumExp
            [
                for z in assignments 7 2 ->
                    let of' k = List.zip z data |> List.filter (fst >> (=) k) |> List.map snd

                    dirichletMultinomial [ 1.5; 1.5 ] [ for k in 0..1 -> (of' k).Length ]
                    + List.sum
                        [
                            for k in 0..1 ->
                                // one after another, each by what those before predict
                                of' k
                                |> List.fold
                                    (fun (log', m, v) y ->
                                        let gain = v / (v + 0.64)
                                        log' + Integrals.logNormal m (sqrt (v + 0.64)) y, m + gain * (y - m), v * (1.0 - gain))
                                    (0.0, 0.0, 9.0)
                                |> fun (log', _, _) -> log'
                        ]
            ]

    isBelow evidence 1.5 found

[<Fact>]
let ``Another seed may exchange components, and changes nothing else`` () =
    let means seed =
        let options = VariationalMessagePassing(Tolerance = 1e-12, Sweeps = 400, Seed = seed)
        let found = ApproximatePosterior.passVariationally options (mixture data)
        (numbers (found.Marginal "component/mean").Mean) |> Array.sort

    let expected = means 0

    for seed in 1..2 do
        close (List.ofArray expected) (means seed)

[<Fact>]
let ``Topics of words are a fixed point of their equations, below the sum over all assignments`` () =
    // Blei, Ng and Jordan, "Latent Dirichlet allocation", 2003; two documents of three words, of a vocabulary of three
    let words = [ 0; 0; 1; 2; 2; 1 ]

    let topic, document, word =
        L.PlateIndex("topic", 2), L.PlateIndex("document", 2), L.PlateIndex("word", 3)

    let seen = L.Reshape(whole words, [| 2; 3 |])

    let program =
        prob {
            let! phi = L.Plate(topic, L.Sample("phi", L.Dirichlet(vector [ 0.6; 0.7; 0.8 ])))
            let logs = L.Stack(L.Log phi.Value, topic)

            let! _ =
                L.Plate(
                    document,
                    prob {
                        let! theta = L.Sample("theta", L.Dirichlet(vector [ 0.9; 0.9 ]))

                        return!
                            L.Plate(
                                word,
                                prob {
                                    let! z = L.Sample("z", L.Categorical(L.Log theta))
                                    let w = L.Unstack(L.Unstack(seen, document), word)
                                    do! L.Observe("w", L.Categorical(L.Gather(logs, z)), w)
                                    return z
                                }
                            )
                    }
                )

            return logs
        }

    let found = posterior program
    neverDecreases found
    let phi = numberOf (found.Marginal "topic/phi") "concentration"
    let theta = numberOf (found.Marginal "document/theta") "concentration"
    let r = numberOf (found.Marginal "document/word/z") "probabilities"
    let concentration = [ 0.6; 0.7; 0.8 ]

    for n, w in List.indexed words do
        let d = n / 3

        let logs =
            [
                for k in 0..1 ->
                    digamma theta[2 * d + k] + digamma phi[3 * k + w]
                    - digamma (phi[3 * k] + phi[3 * k + 1] + phi[3 * k + 2])
            ]

        for k in 0..1 do
            equal (exp (logs[k] - sumExp logs)) r[2 * n + k]

    for k in 0..1 do
        for w in 0..2 do
            equal
                (concentration[w]
                 + List.sum
                     [
                         for n, w' in List.indexed words do
                             if w' = w then
                                 r[2 * n + k]
                     ])
                phi[3 * k + w]

        for d in 0..1 do
            equal (0.9 + List.sum [ for n in 3 * d .. 3 * d + 2 -> r[2 * n + k] ]) theta[2 * d + k]

    let evidence =
        sumExp
            [
                for z in assignments 6 2 ->
                    let count f = List.zip z words |> List.indexed |> List.filter f |> List.length

                    List.sum
                        [
                            for d in 0..1 ->
                                dirichletMultinomial [ 0.9; 0.9 ] [ for k in 0..1 -> count (fun (n, (z, _)) -> n / 3 = d && z = k) ]
                        ]
                    + List.sum
                        [
                            for k in 0..1 ->
                                dirichletMultinomial concentration [ for w in 0..2 -> count (fun (_, (z, w')) -> z = k && w' = w) ]
                        ]
            ]

    isBelow evidence 4.0 found

[<Fact>]
let ``A site of listed values alone is exact, and switches that choose noise are fixed points`` () =
    let exact =
        posterior (
            prob {
                let! z = L.Sample("z", L.Categorical(L.Log(vector [ 0.5; 0.3; 0.2 ])))
                do! L.Observe("y", L.Normal(L.Gather(vector [ 0.0; 1.0; 4.0 ], z), scalar 1.0), scalar 1.3)
                do! L.Observe("w", L.Bernoulli(probability = L.Gather(vector [ 0.2; 0.9; 0.5 ], z)), scalar 1.0)
                return z
            }
        )

    Assert.True exact.IsExact

    let joint =
        [
            for p, m, b in [ 0.5, 0.0, 0.2; 0.3, 1.0, 0.9; 0.2, 4.0, 0.5 ] -> log (p * b) + Integrals.logNormal m 1.0 1.3
        ]

    equal (sumExp joint) (number exact.LogEvidence)
    close [ for l in joint -> exp (l - sumExp joint) ] (numberOf (exact.Marginal "z") "probabilities")

    // measurements of one value, some of them spoilt
    let readings = [ 1.1; 0.8; 7.0; 1.3 ]
    let i = L.PlateIndex("i", 4)

    let found =
        posterior (
            prob {
                let! x = L.Sample("x", L.Normal(0.0, 2.0))
                let! share = L.Sample("share", L.Beta(scalar 1.0, scalar 4.0))

                let! _ =
                    L.Plate(
                        i,
                        prob {
                            let! spoilt = L.Sample("spoilt", L.Bernoulli(probability = share))
                            let noise = L.Select(L.Less(scalar 0.5, spoilt), scalar 5.0, scalar 0.5)
                            do! L.Observe("y", L.Normal(x, noise), L.Unstack(vector readings, i))
                            return spoilt
                        }
                    )

                return x
            }
        )

    neverDecreases found
    let p = numbers (found.Marginal "i/spoilt").Mean
    let x, share = found.Marginal "x", found.Marginal "share"
    let m, v = number x.Mean, number x.Variance
    Assert.True(p[2] > 0.99 && p[0] < 0.2)
    let weights = [ for p in p -> p / 25.0 + (1.0 - p) / 0.25 ]
    equal (1.0 / (0.25 + List.sum weights)) v
    equal (v * List.sum (List.map2 (*) weights readings)) m
    equal (1.0 + Array.sum p) (numberOf share "alpha").[0]

    let evidence =
        sumExp
            [
                for z in assignments 4 2 ->
                    let n = List.sum z

                    let log', _, _ =
                        List.zip z readings
                        |> List.fold
                            (fun (log', m, v) (z, y) ->
                                let noise = if z = 1 then 25.0 else 0.25
                                let gain = v / (v + noise)
                                log' + Integrals.logNormal m (sqrt (v + noise)) y, m + gain * (y - m), v * (1.0 - gain))
                            (0.0, 0.0, 4.0)

                    log' + logGamma 5.0 + logGamma (1.0 + double n) + logGamma (8.0 - double n)
                    - logGamma 4.0
                    - logGamma 9.0
            ]

    isBelow evidence 0.5 found

[<Fact>]
let ``Evidence of probability 0 is told`` () =
    let found =
        posterior (
            prob {
                let! z = L.Sample("z", L.Categorical(L.Log(vector [ 1.0; 0.0 ])))

                do!
                    L.Observe(
                        "w",
                        L.Categorical(L.Log(L.Gather(tensor [ 2; 2 ] [ 0.0; 1.0; 1.0; 0.0 ], z))),
                        L.Convert(scalar 0.0, DType.I32)
                    )

                return z
            }
        )

    Assert.Equal(Double.NegativeInfinity, number found.LogEvidence)

[<Fact>]
let ``Damping does not move fixed points`` () =
    let options = VariationalMessagePassing(Tolerance = 1e-12, Sweeps = 800, Damping = 0.4)

    let damped, plain =
        ApproximatePosterior.passVariationally options (mixture data), posterior (mixture data)

    neverDecreases damped
    equal (number plain.LogEvidence) (number damped.LogEvidence)

[<Fact>]
let ``Elements of listed values that are mixed, and one-hot vectors, are refused`` () =
    let i = L.PlateIndex("i", 2)

    let mixed =
        prob {
            let! z = L.Plate(i, L.Sample("z", L.Bernoulli(probability = scalar 0.3)))
            let! x = L.Sample("x", L.Normal(0.0, 1.0))
            do! L.Observe("y", L.Normal(x + L.SumOver(i, z.Value), scalar 1.0), scalar 0.3)
            return x
        }

    refuses "The site \"i/z\" is drawn for each value of \"i\"; \"y\" mixes them." (fun () -> posterior mixed)

    let chosen = L.Sample("z", L.OneHotCategorical(vector [ 0.0; 0.0 ]))
    refuses "The site \"z\" draws from OneHotCategorical, which no messages are known for." (fun () -> posterior chosen)
    Assert.Contains("Draw it from Categorical", (failure (fun () -> posterior chosen)).Mend)
