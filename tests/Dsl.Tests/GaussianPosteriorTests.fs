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
        Assert.True(abs (a - b) <= 1e-9 * (1.0 + abs a), $"Expected {a}; {b} came.")

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

/// Some elements of sites, drawn by a seed: where they are among all, and as they are asked for.
let private elements (d: Dense) (g: Gaussian) seed count =
    let random = Random(seed: int)

    [
        for _ in 1..count ->
            let path, indices, shape = g.Sites[random.Next g.Sites.Length]
            let positions = indices |> List.map (fun i -> random.Next i.Capacity)
            let place = List.fold2 (fun n (i: FreeIndex) p -> n * i.Capacity + p) 0 indices positions
            let n = List.fold (*) 1 shape
            [ for k in 0 .. n - 1 -> d.Start[path] + place * n + k ], SiteAt(path, Array.ofList positions)
    ]
    |> List.distinctBy fst

[<Fact>]
let ``Joint and conditional distributions of any elements are those of the joint density`` () =
    holdsFor 40 (fun name g ->
        let d, found = dense g, GaussianPosterior.ofProgram g.Model
        let asked = elements d g (name.GetHashCode StringComparison.Ordinal) 4
        let at = List.collect fst asked
        let joint = found.Joint [| for _, q in asked -> q |]
        near [ for i in at -> d.Mean[i] ] (numbers joint.Mean)

        near
            [
                for i in at do
                    for j in at -> d.Covariance[i, j]
            ]
            (numbers joint.Covariance)

        if asked.Length > 1 then
            let (given, site), others = asked.Head, asked.Tail
            let values = [ for k in 1 .. given.Length -> 0.3 * double k - 0.8 ]
            let rest = List.collect fst others

            let inverse, _ =
                inverse (Array2D.init given.Length given.Length (fun i j -> d.Covariance[given[i], given[j]]))

            /// Σ over given values of Cov(x, given)·inverse.
            let gain i =
                [
                    for a in 0 .. given.Length - 1 ->
                        Seq.sum [ for b in 0 .. given.Length - 1 -> d.Covariance[i, given[b]] * inverse[b, a] ]
                ]

            let conditional = found.Conditional(List.map snd others, [ struct (site, vector values) ])

            near
                [
                    for i in rest -> d.Mean[i] + List.sum (List.map3 (fun k v g -> k * (v - d.Mean[g])) (gain i) values given)
                ]
                (numbers conditional.Mean)

            near
                [
                    for i in rest do
                        for j in rest -> d.Covariance[i, j] - List.sum (List.map2 (fun k g -> k * d.Covariance[g, j]) (gain i) given)
                ]
                (numbers conditional.Covariance))

/// A level that moves and is seen, its first steps alone if so many are asked for.
let private level steps (seen: Tensor) =
    let t = L.TimeIndex("t", steps)

    L.Markov<Tensor>(
        t,
        vector [ 0.2; -0.1 ],
        fun x ->
            prob {
                let! z =
                    L.Sample(
                        "z",
                        L.MultivariateNormal(L.Dot(tensor [ 2; 2 ] [ 1.0; 0.3; -0.2; 0.9 ], x), tensor [ 2; 2 ] [ 0.5; 0.0; 0.2; 0.4 ])
                    )

                do! L.Observe("y", L.Normal(L.Element(z, 0), scalar 0.6), L.Unstack(L.Slice(seen, 0, 0, steps), t))
                return z
            }
    )

let private seen = vector [ 0.4; -0.7; 1.2; 0.1; 0.9 ]

[<Fact>]
let ``A derivation tells what is read and carried`` () =
    let found = GaussianPosterior.ofProgram (autoregression 1).Model

    Assert.Equal<string list>(
        [
            "log p(observed) = Σ log N(y; A·m + b, A·P·Aᵀ + R) of what is observed, given what is observed before it"
            "In this order:"
            "  \"drift\" joins: 1 number, which reads no latent site"
            "  \"start\" joins: 1 number, which reads \"drift\""
            "  along \"t\", 4 steps, a filter of 2 numbers:"
            "    \"t/z\" joins: 1 number, which reads \"drift\", what \"t\" carries"
            "    \"t/y\" is observed: 1 number, which reads \"t/z\", what \"t\" carries"
            "  \"end\" is observed: 1 number, which reads \"start\", what \"t\" carries at its end"
            "Marginals are derivatives of this by what is added to the log-density: hᵀz + ½ zᵀKz."
        ],
        List.ofArray (found.Explain().Split '\n')
    )

[<Fact>]
let ``What nothing is observed of, and what no chain carries, stays as it was drawn`` () =
    let t = L.TimeIndex("t", 3)

    let model =
        prob {
            let! a = L.Sample("a", L.Normal(vector [ 1.0; -2.0 ], vector [ 0.5; 2.0 ]))

            let! _ =
                L.Markov<Tensor>(
                    t,
                    scalar 0.0,
                    fun k ->
                        prob {
                            let! _ = L.Sample("b", L.Normal(k + L.Sum a, scalar 0.5))
                            return k + 1.0
                        }
                )

            return ()
        }

    let found = GaussianPosterior.ofProgram model
    Assert.Equal(0.0, number found.LogEvidence)
    near [ 1.0; -2.0 ] (numbers (found.Marginal "a").Mean)
    near [ 0.5; 2.0 ] (numbers (found.Marginal "a").StandardDeviation)
    near [ -1.0; 0.0; 1.0 ] (numbers (found.Marginal "t/b").Mean)
    near [ 4.5; 4.5; 4.5 ] (numbers (found.Marginal "t/b").Variance)
    near [ 4.5; 4.25; 4.25; 4.5 ] (numbers (found.Joint(SiteAt("t/b", 0), SiteAt("t/b", 2))).Covariance)

[<Fact>]
let ``A filtered state is the smoothed one of the chain up to its step`` () =
    let found = (GaussianPosterior.ofProgram (level 5 seen)).Filtered "t/z"
    let mean, covariance = numbers found.Mean, numbers found.Covariance

    for steps in 1..5 do
        let short = (GaussianPosterior.ofProgram (level steps seen)).Marginal "t/z"
        near (List.ofArray (numbers short.Mean).[2 * steps - 2 ..]) mean[2 * steps - 2 .. 2 * steps - 1]
        near (List.ofArray (numbers short.Covariance).[4 * steps - 4 ..]) covariance[4 * steps - 4 .. 4 * steps - 1]

[<Fact>]
let ``With the posterior for a guide, log p(z, y) − log q(z) is the log-evidence at any z`` () =
    let g = network 3
    let found = GaussianPosterior.ofProgram g.Model
    let sites = [| for path, _, _ in g.Sites -> SiteAt path |]
    let joint = found.Joint sites
    let guide = L.MultivariateNormal(joint.Mean, L.Cholesky joint.Covariance)
    let z = joint.Mean + vector [ 0.5; -0.3; 1.1; 0.2; -0.9; 0.4 ]
    let values = Map [ "a", L.Slice(z, 0, 0, 2); "b", L.Slice(z, 0, 2, 5); "s", L.Element(z, 5) ]
    let _, trace = Prob.trace (fun path _ -> values[path]) g.Model
    Assert.Equal(number found.LogEvidence, number (Prob.logJoint trace - guide.LogDensity z), 1e-9)

[<Fact>]
let ``Derivatives of the evidence and of the posterior equal differences`` () =
    let model (x: Tensor[]) =
        let i = L.PlateIndex("i", 2)
        let t = L.TimeIndex("t", 3)

        prob {
            let! g = L.Sample("g", L.Normal(x[0], L.Exp x[1]))

            let! _ =
                L.Plate(
                    i,
                    L.Markov<Tensor>(
                        t,
                        g,
                        fun s ->
                            prob {
                                let! z = L.Sample("z", L.Normal(x[0] * s + x[1], L.Exp x[0]))
                                do! L.Observe("y", L.Normal(x[1] * z, scalar 0.5), L.Unstack(vector [ 0.3; -0.2; 0.8 ], t))
                                return z
                            }
                    )
                )

            return ()
        }

    let parameters = [ Differences.scalarOf 0.4; Differences.scalarOf 0.7 ]
    Differences.agrees parameters (fun x -> (GaussianPosterior.ofProgram (model x)).LogEvidence)

    Differences.agreesToFirstOrder parameters (fun x ->
        let z = (GaussianPosterior.ofProgram (model x)).Marginal "i/t/z"
        L.Sum(L.Reshape(z.Mean * z.Mean, 6)) + L.Sum(L.Reshape(z.Covariance, 6)))

[<Fact>]
let ``The derivative of the evidence is the mean of that of the joint log-density`` () =
    // Fisher's identity for the offset b of observations y ~ N(z + b, σ²): Σ (y − E[z] − b)/σ²
    let t = L.TimeIndex("t", 5)
    let b = scalar 0.25

    let model =
        L.Markov<Tensor>(
            t,
            scalar 0.0,
            fun x ->
                prob {
                    let! z = L.Sample("z", L.Normal(0.8 * x, scalar 0.7))
                    do! L.Observe("y", L.Normal(z + b, scalar 0.6), L.Unstack(seen, t))
                    return z
                }
        )

    let found = GaussianPosterior.ofProgram model
    let expected = L.Sum(seen - (found.Marginal "t/z").Mean - b) / 0.36
    Assert.Equal(number expected, number (Calculus.gradient found.LogEvidence [| b |]).[0], 1e-9)

[<Fact>]
let ``Draws have the means and covariances of the posterior`` () =
    let count = 2000

    for name, make in all do
        let g = make 11
        let d = dense g
        let each = L.PlateIndex("repetition", count)
        let key = Array.create 2 (Build.scalar DType.U32 5.0)
        let drawn, _ = Prob.draw key key [ each ] [] (GaussianPosterior.ofProgram g.Model).Sample

        let row =
            L.Concat(0, [| for path, _, _ in g.Sites -> let x = drawn.Value path in L.Reshape(x, x.Count) |])

        let off = row - L.Constant d.Mean
        let mean = numbers (L.MeanOver(each, off))
        let products = numbers (L.MeanOver(each, Structure.dot Semiring.SumProduct [||] [||] [] off off))
        let n = d.Mean.Length

        // within what a mean of normal draws, or of their products, exceeds once in 10⁷ times
        for i in 0 .. n - 1 do
            let spread = sqrt (d.Covariance[i, i] / double count)
            Assert.True(abs mean[i] < 5.4 * spread, $"{name}: {mean[i]} came for a mean of 0 ± {spread}.")

            for j in 0 .. n - 1 do
                let c = d.Covariance[i, j]
                let spread = sqrt ((d.Covariance[i, i] * d.Covariance[j, j] + c * c) / double count)
                Assert.True(abs (products[n * i + j] - c) < 5.6 * spread, $"{name}: {products[n * i + j]} came for {c} ± {spread}.")

[<Fact>]
let ``What a mask leaves out is not observed`` () =
    let t = L.TimeIndex("t", 5)

    let model (observe: Tensor -> Tensor -> Prob<unit>) =
        L.Markov<Tensor>(
            t,
            scalar 0.0,
            fun x ->
                prob {
                    let! z = L.Sample("z", L.Normal(0.8 * x, scalar 0.7))
                    do! observe z (L.Unstack(seen, t))
                    return z
                }
        )

    let there = L.Unstack(L.Less(vector [ 0.0; 1.0; 0.0; 0.0; 1.0 ], 0.5), t)

    let masked =
        model (fun z y -> Handle.mask there (L.Observe("y", L.Normal(z, scalar 0.6), y)))
        |> GaussianPosterior.ofProgram

    // a deviation that is vast says nothing but its own constant
    let vast = L.Select(there, scalar 0.6, scalar 1e12)
    let wide = model (fun z y -> L.Observe("y", L.Normal(z, vast), y)) |> GaussianPosterior.ofProgram
    near (List.ofArray (numbers (wide.Marginal "t/z").Mean)) (numbers (masked.Marginal "t/z").Mean)
    near (List.ofArray (numbers (wide.Marginal "t/z").Covariance)) (numbers (masked.Marginal "t/z").Covariance)
    let constant = 2.0 * (Math.Log 1e12 + 0.5 * Math.Log(2.0 * Math.PI))
    near [ number wide.LogEvidence + constant ] (numbers masked.LogEvidence)

[<Fact>]
let ``Compiled posteriors have the same bits for any number of threads, and agree with the interpreter`` () =
    for name, make in all do
        let g = make 21

        let program =
            build "posterior" (fun b ->
                let found = GaussianPosterior.ofProgram g.Model
                b.Output("evidence", found.LogEvidence)

                for path, indices, _ in g.Sites do
                    let m = found.Marginal path
                    b.Output($"{path} mean", m.Mean)
                    b.Output($"{path} covariance", m.Covariance))

        let expected = interpret [] [] program

        let run threads =
            use engine =
                new Engine(EngineOptions(Threads = threads, Cache = false, Probed = Action<_, _>(fun _ _ -> ())))

            execute engine [] program

        let one = run 1

        for KeyValue(output, values) in expected do
            for a, b in Seq.zip values one[output] do
                Assert.True(abs (a - b) <= 2e-4 * (1.0 + abs a), $"{name}, {output}: expected {a}; {b} came.")

        for threads in [ 2; 7 ] do
            Assert.Equal<Map<string, double[]>>(one, run threads)

[<Fact>]
let ``A wide prior that meets sharp observations keeps its covariance in single precision`` () =
    let t = L.TimeIndex("t", 200)

    let model =
        L.Markov<Tensor>(
            t,
            vector [ 0.0; 0.0 ],
            fun x ->
                prob {
                    let first = L.Select(L.Less(L.Convert(Structure.position t, DType.F32), 0.5), scalar 100.0, scalar 0.1)
                    let! z = L.Sample("z", L.Normal(L.Dot(tensor [ 2; 2 ] [ 1.0; 0.1; 0.0; 1.0 ], x), L.Fill(first, 2)))
                    do! L.Observe("y", L.Normal(L.Element(z, 0), scalar 0.01), scalar 3.0)
                    return z
                }
        )

    let program =
        build "wide" (fun b ->
            let found = (GaussianPosterior.ofProgram model).Filtered "t/z"
            b.Output("mean", found.Mean)
            b.Output("deviation", found.StandardDeviation))

    use engine = new Engine(EngineOptions(Threads = 1, Cache = false, Probed = Action<_, _>(fun _ _ -> ())))
    let expected, single = interpret [] [] program, execute engine [] program

    for output in [ "mean"; "deviation" ] do
        for a, b in Seq.zip expected[output] single[output] do
            Assert.True(abs (a - b) <= 1e-2 * (0.01 + abs a), $"{output}: expected {a}; {b} came.")

[<Fact>]
let ``The evidence of a long chain adds up in single precision what is the same at each step`` () =
    let t = L.TimeIndex("t", 5000)

    let model =
        L.Markov<Tensor>(
            t,
            scalar 0.0,
            fun x ->
                prob {
                    let! z = L.Sample("z", L.Normal(0.99 * x, scalar 0.1))
                    do! L.Observe("y", L.Normal(z, scalar 0.15), 0.1 * L.Sin(L.Convert(Structure.position t, DType.F32)))
                    return z
                }
        )

    let program =
        build "long" (fun b -> b.Output("evidence", (GaussianPosterior.ofProgram model).LogEvidence))

    use engine = new Engine(EngineOptions(Threads = 1, Cache = false, Probed = Action<_, _>(fun _ _ -> ())))
    let expected, single = interpret [] [] program, execute engine [] program
    // a sum in single precision rounds alike at each step, and is 0.36 away
    Assert.Equal(expected["evidence"][0], single["evidence"][0], 0.02)
