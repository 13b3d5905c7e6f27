module Inference.Dsl.Tests.MessagePassing.ConjugateTests

open System
open FsCheck
open FsCheck.FSharp
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.MessagePassing
open Xunit

let private posterior program = ApproximatePosterior.propagate (ExpectationPropagation()) program
let private numberOf (m: ApproximateMarginal) name = numbers (m.Parameter name)
let private plate name (count: int) = L.PlateIndex(name, count)
let private along (i: FreeIndex) (values: double list) = L.Unstack(vector values, i)
let private logGamma x = number (L.LogGamma(scalar x))
let private logBeta a b = logGamma a + logGamma b - logGamma (a + b)

let private forAll count (gen: Gen<'T>) (property: 'T -> unit) =
    Check.One(
        Config.QuickThrowOnFailure.WithMaxTest(count).WithReplay(Some { Rnd = Rnd(23UL, 5UL); Size = None }),
        Prop.forAll (Arb.fromGen gen) property
    )

let private between low high =
    Gen.choose (0, 1000) |> Gen.map (fun k -> low + (high - low) * double k / 1000.0)

[<Fact>]
let ``A standard normal prior seen once with unit noise has the evidence −1·515512`` () =
    let found =
        posterior (
            prob {
                let! x = L.Sample("x", L.Normal(0.0, 1.0))
                do! L.Observe("y", L.Normal(x, 1.0), scalar 1.0)
            }
        )

    Assert.True found.IsExact
    Assert.Equal(-1.515512, number found.LogEvidence, 1e-6)
    Assert.Equal(-0.5 * log (4.0 * Math.PI) - 0.25, number found.LogEvidence, 1e-12)
    close [ 0.5 ] (numbers (found.Marginal "x").Mean)
    close [ 0.5 ] (numbers (found.Marginal "x").Variance)
    Assert.Equal(0.0, number found.SweepsTaken)
    Assert.Equal(1.0, number found.Converged)

[<Fact>]
let ``A linear form of one Gaussian in plates has the posterior of quadrature`` () =
    let gen =
        gen {
            let! mean = between -2.0 2.0
            let! deviation = between 0.3 3.0
            let! data = Gen.listOfLength 4 (between -3.0 3.0)
            let! slopes = Gen.listOfLength 4 (between -2.0 2.0)
            return mean, deviation, data, slopes
        }

    forAll 20 gen (fun (mean, deviation, data, slopes) ->
        let i = plate "i" 4

        let found =
            posterior (
                prob {
                    let! x = L.Sample("x", L.Normal(scalar mean, scalar deviation))

                    let! _ = L.Plate(i, L.Observe("y", L.Normal(along i slopes * x + 0.5, scalar 0.7), along i data))

                    return x
                }
            )

        let expected =
            Integrals.one (mean - 12.0 * deviation, mean + 12.0 * deviation) (fun x ->
                Integrals.logNormal mean deviation x
                + List.fold2 (fun s y c -> s + Integrals.logNormal (c * x + 0.5) 0.7 y) 0.0 data slopes)

        Assert.True found.IsExact
        Assert.Equal(expected.LogZ, number found.LogEvidence, 1e-9)
        Assert.Equal(expected.Mean[0], number (found.Marginal "x").Mean, 1e-9)
        Assert.Equal(expected.Variance[0], number (found.Marginal "x").Variance, 1e-9))

[<Fact>]
let ``Beta counts of Bernoulli and binomial trials are added up with the evidence in closed form`` () =
    let gen =
        gen {
            let! a = between 0.4 5.0
            let! b = between 0.4 5.0
            let! n = Gen.choose (0, 10)
            let! tosses = Gen.listOfLength 6 (Gen.choose (0, 1))
            return a, b, n, tosses
        }

    forAll 20 gen (fun (a, b, n, tosses) ->
        let i = plate "i" 6

        let found =
            posterior (
                prob {
                    let! q = L.Sample("q", L.Beta(scalar a, scalar b))
                    do! L.Observe("n", L.Binomial(10, probability = q), scalar (double n))

                    let! _ = L.Plate(i, L.Observe("toss", L.Bernoulli(probability = q), along i (List.map double tosses)))

                    return q
                }
            )

        let ones = double (n + List.sum tosses)
        let zeros = 16.0 - ones
        let q = found.Marginal "q"
        close [ a + ones ] (numberOf q "alpha")
        close [ b + zeros ] (numberOf q "beta")
        close [ (a + ones) / (a + b + 16.0) ] (numbers q.Mean)

        let choose = logGamma 11.0 - logGamma (double n + 1.0) - logGamma (11.0 - double n)
        Assert.Equal(choose + logBeta (a + ones) (b + zeros) - logBeta a b, number found.LogEvidence, 1e-9))

[<Fact>]
let ``Gamma rates of counts, waiting times and Gamma values have the posterior of quadrature`` () =
    let gen =
        gen {
            let! a = between 0.8 4.0
            let! b = between 0.5 3.0
            let! counts = Gen.listOfLength 3 (Gen.choose (0, 7))
            let! exposures = Gen.listOfLength 3 (between 0.2 3.0)
            let! wait = between 0.1 2.0
            return a, b, counts, exposures, wait
        }

    forAll 20 gen (fun (a, b, counts, exposures, wait) ->
        let i = plate "i" 3

        let found =
            posterior (
                prob {
                    let! r = L.Sample("r", L.Gamma(scalar a, scalar b))
                    let! _ = L.Plate(i, L.Observe("k", L.Poisson(along i exposures * r), along i (List.map double counts)))
                    do! L.Observe("wait", L.Exponential(2.0 * r), scalar wait)
                    do! L.Observe("size", L.Gamma(Build.scalar DType.F32 3.0, 0.5 * r), scalar wait)
                    return r
                }
            )

        let norm, three, factorials =
            logGamma a, log 2.0, counts |> List.sumBy (fun k -> logGamma (double k + 1.0))

        let log' x =
            let gamma shape norm rate y = shape * log rate + (shape - 1.0) * log y - rate * y - norm
            let poisson (k: int) rate = double k * log rate - rate

            gamma a norm b x - factorials
            + List.fold2 (fun s k e -> s + poisson k (e * x)) 0.0 counts exposures
            + log (2.0 * x)
            - 2.0 * x * wait
            + gamma 3.0 three (0.5 * x) wait

        // over the logarithm of the rate, where the density vanishes at both ends
        let expected = Integrals.one (-9.0, 5.0) (fun l -> log' (exp l) + l)
        let shape = a + double (List.sum counts) + 4.0
        let rate = b + List.sum exposures + 2.5 * wait
        let r = found.Marginal "r"
        close [ shape ] (numberOf r "shape")
        close [ rate ] (numberOf r "rate")
        Assert.Equal(expected.LogZ, number found.LogEvidence, 1e-8))

[<Fact>]
let ``The precision of seen values is a Gamma's, however the deviation is written`` () =
    let data = [ 0.3; -1.2; 2.0 ]
    let i = plate "i" 3

    for deviation in
        [
            (fun t -> 1.0 / L.Sqrt t)
            (fun (t: Tensor) -> L.Sqrt(1.0 / t))
            (fun t -> L.Pow(t, Build.scalar DType.F32 -0.5))
            (fun t -> 2.0 / L.Sqrt t)
        ] do
        let scale = 1.0 / number (L.Square(deviation (scalar 1.0)))

        let found =
            posterior (
                prob {
                    let! t = L.Sample("t", L.Gamma(scalar 2.0, scalar 1.5))
                    let! _ = L.Plate(i, L.Observe("y", L.Normal(scalar 0.4, deviation t), along i data))
                    return t
                }
            )

        let t = found.Marginal "t"
        close [ 3.5 ] (numberOf t "shape")
        close [ 1.5 + 0.5 * scale * List.sumBy (fun y -> (y - 0.4) ** 2.0) data ] (numberOf t "rate")

        let logs l =
            let x = exp l

            l + 2.0 * log 1.5 + log x - 1.5 * x
            + List.sumBy (fun y -> Integrals.logNormal 0.4 (1.0 / sqrt (scale * x)) y) data

        Assert.Equal((Integrals.one (-12.0, 5.0) logs).LogZ, number found.LogEvidence, 1e-8)

[<Fact>]
let ``Parts of a Dirichlet count choices, of each group that they are gathered from`` () =
    let group, i = plate "group" 2, plate "i" 5
    let groups, values = [ 0; 1; 1; 0; 1 ], [ 2; 0; 0; 1; 2 ]

    let found =
        posterior (
            prob {
                let! d = L.Plate(group, L.Sample("d", L.Dirichlet(vector [ 1.0; 2.0; 0.5 ])))
                let table = L.Stack(d.Value, group)

                let! _ =
                    L.Plate(
                        i,
                        L.Observe("v", L.Categorical(L.Log(L.Gather(table, L.Unstack(whole groups, i)))), L.Unstack(whole values, i))
                    )

                return d
            }
        )

    let d = found.Marginal "group/d"
    close [ 1.0; 3.0; 1.5; 3.0; 2.0; 1.5 ] (numberOf d "concentration")
    close [ 1.0 / 5.5; 3.0 / 5.5; 1.5 / 5.5; 3.0 / 6.5; 2.0 / 6.5; 1.5 / 6.5 ] (numbers d.Mean)

    // Pólya's urn, choice by choice
    let urn choices =
        let counts = [| 1.0; 2.0; 0.5 |]

        choices
        |> List.sumBy (fun c ->
            let p = counts[c] / Array.sum counts
            counts[c] <- counts[c] + 1.0
            log p)

    let chosen g = List.zip groups values |> List.filter (fst >> (=) g) |> List.map snd
    Assert.Equal(urn (chosen 0) + urn (chosen 1), number found.LogEvidence, 1e-9)

[<Fact>]
let ``What is masked does not count`` () =
    let i = plate "i" 3

    let program (isMasked: bool) (data: double list) =
        let i = if isMasked then i else plate "i" 2

        let counted p =
            if isMasked then
                Handle.mask (L.Less(scalar 0.0, L.Unstack(vector [ 1.0; -1.0; 1.0 ], i))) p
            else
                p

        prob {
            let! x = L.Sample("x", L.Normal(0.0, 1.0))
            let observed = L.Observe("y", L.Normal(x, 1.0), along i data)
            let! _ = L.Plate(i, counted observed)
            return x
        }

    let some, all = posterior (program true [ 0.3; 5.0; -1.0 ]), posterior (program false [ 0.3; -1.0 ])
    close [ number all.LogEvidence ] (numbers some.LogEvidence)
    close [ number (all.Marginal "x").Mean ] (numbers (some.Marginal "x").Mean)

[<Fact>]
let ``What cannot be observed has a log-evidence of minus infinity`` () =
    let evidence (observe: Prob<Tensor>) =
        [ posterior observe; ApproximatePosterior.passVariationally (VariationalMessagePassing()) observe ]
        |> List.map (fun found -> number found.LogEvidence)

    let rate (y: double) =
        prob {
            let! r = L.Sample("r", L.Gamma(scalar 2.0, scalar 3.0))
            do! L.Observe("y", L.Poisson r, scalar y)
            return r
        }

    let category (y: int) =
        prob {
            let! p = L.Sample("p", L.Dirichlet(vector [ 1.0; 2.0 ]))
            do! L.Observe("y", L.Categorical(L.Log p), L.Element(whole [ y ], 0))
            return p
        }

    let wait (y: double) =
        prob {
            let! r = L.Sample("r", L.Gamma(scalar 2.0, scalar 3.0))
            do! L.Observe("y", L.Gamma(scalar 1.5, r), scalar y)
            return r
        }

    let successes (y: double) =
        prob {
            let! p = L.Sample("p", L.Beta(scalar 2.0, scalar 3.0))
            do! L.Observe("y", L.Binomial(3, probability = p), scalar y)
            return p
        }

    for program in [ rate 0.5; rate -1.0; category 2; category -1; wait -1.0; successes 4.0; successes 1.5 ] do
        for found in evidence program do
            Assert.Equal(Double.NegativeInfinity, found)

    for program in [ rate 0.0; category 1; wait 0.5; successes 3.0 ] do
        for found in evidence program do
            Assert.True(Double.IsFinite found)
