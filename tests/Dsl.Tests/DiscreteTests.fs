module Inference.Dsl.Tests.DiscreteTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.DistributionCases
open Inference.Dsl.Tests.Statistics
open Xunit

let private likely p = Assert.True(p > errorRate, $"p = {p}")

/// Draws over a plate, one row of elements each.
let private rows low (count: int) (d: Distribution) =
    let i = L.PlateIndex("draw", count)

    let source: Draws = { Key = seed low 0.0; Plates = [ i ]; Times = [] }

    numbers (L.Stack(d.Draw source, i)) |> Array.chunkBySize (max 1 (Array.fold (*) 1 d.Shape))

[<Fact>]
let ``In single precision, too, no value without probability is drawn`` () =
    use engine = new Engine(EngineOptions(Threads = 1, Cache = false))
    let i = L.PlateIndex("draw", 200_000)
    // a thousand values around two that are possible: rounded sums stay below one
    let logits = [| for k in 0..999 -> if k % 100 = 37 then log (1.0 + double k) else -infinity |]

    let program =
        build "rare" (fun b ->
            let x, _ =
                draw 3.0 0.0 (L.Plate(i, L.Sample("x", L.Categorical(b.Input("logits", [| 1000 |], DType.F32)))))

            let known = L.Gather(L.Constant [| for k in 0..999 -> if k % 100 = 37 then 0.0 else 1.0 |], x.Value)

            let inside =
                L.Select(L.And(L.LessEqual(0.0, L.Convert(x.Value, DType.F32)), L.Less(L.Convert(x.Value, DType.F32), 1000.0)), 0.0, 1.0)

            b.Output("wrong", L.SumOver(i, known + inside)))

    Assert.Equal(0.0, (execute engine [ "logits", logits ] program).["wrong"].[0])

[<Fact>]
let ``Impossible values have log-probability −∞, never NaN`` () =
    let d = L.Categorical(vector [ -infinity; 3.0; -infinity ])
    close [ -infinity; 0.0; -infinity ] (logDensities d [| 0.0; 1.0; 2.0 |])
    close [ 0.0 ] (numbers d.Entropy)
    close [ -infinity; -infinity ] (logDensities (L.Categorical(vector [ -infinity; -infinity ])) [| 0.0; 1.0 |])
    close [ 0.0; -infinity ] (logDensities (L.Bernoulli(logits = scalar -infinity)) [| 0.0; 1.0 |])
    close [ 0.0 ] (numbers (L.Bernoulli(logits = scalar infinity)).Entropy)
    close [ 0.0; -infinity ] (logDensities (L.Binomial(3, logits = scalar -infinity)) [| 0.0; 1.0 |])
    close [ -infinity; -infinity; -infinity ] (logDensities (L.Binomial(3, logits = scalar 0.1)) [| -1.0; 0.5; 4.0 |])
    close [ -infinity; -infinity ] (logDensities (L.Poisson(scalar 2.0)) [| -1.0; 0.5 |])
    let one = L.OneHotCategorical(vector [ -infinity; 0.0 ])
    close [ -infinity ] (numbers (one.LogDensity(vector [ 1.0; 0.0 ])))
    close [ 0.0 ] (numbers (one.LogDensity(vector [ 0.0; 1.0 ])))

[<Fact>]
let ``The gradient of a log-probability has no NaN beside impossible values`` () =
    let logits = vector [ -infinity; 1.0; 2.0 ]

    let slope =
        numbers (L.Gradient(L.Categorical(logits).LogDensity(whole [ 2 ] |> fun w -> L.Element(w, 0)), logits))

    let p = 1.0 / (1.0 + exp 1.0)
    close [ 0.0; -p; p ] slope

[<Fact>]
let ``One-hot draws come as often as their probabilities, in every row`` () =
    let count = 4000
    let p = [ [ 0.5; 0.2; 0.3 ]; [ 0.05; 0.05; 0.9 ] ]

    let logits =
        tensor
            [ 2; 3 ]
            [
                for row in p do
                    for v in row -> log v + 4.0
            ]

    let d = L.OneHotCategorical(logits)
    let draws = rows 1.0 count d

    for r in 0..1 do
        let counts = [ for k in 0..2 -> draws |> Array.sumBy (fun x -> int x[3 * r + k]) ]
        Assert.Equal(count, List.sum counts)
        likely (chiSquare p[r] counts)

    Assert.Equal<int[]>([| 2; 3 |], d.Shape)
    close (List.concat p) (numbers d.Mean)
    close [ 1.0; 0.0; 0.0; 0.0; 0.0; 1.0 ] (numbers d.Mode)
    close [ log 0.5 + log 0.9 ] (numbers (d.LogDensity(tensor [ 2; 3 ] [ 1.0; 0.0; 0.0; 0.0; 0.0; 1.0 ])))
    close [ -(List.concat p |> List.sumBy (fun v -> v * log v)) ] (numbers d.Entropy)

[<Fact>]
let ``A uniform share lifts every probability`` () =
    let d = L.OneHotCategorical(vector [ -infinity; 0.0; 0.0; -infinity ], 0.08)
    close [ 0.02; 0.48; 0.48; 0.02 ] (numbers d.Mean)
    refuses "OneHotCategorical has a uniform share of 1.5." (fun () -> L.OneHotCategorical(vector [ 0.0; 1.0 ], 1.5))
    refuses "OneHotCategorical needs an axis of logits; a scalar came." (fun () -> L.OneHotCategorical(scalar 0.0))

[<Fact>]
let ``One-hot draws have the derivatives of their probabilities`` () =
    let logits = vector [ 0.3; -0.4; 1.0 ]
    let d = L.OneHotCategorical(logits, 0.01)
    let weights = vector [ 1.0; 5.0; -2.0 ]
    let slope of' = numbers (L.Gradient(L.Sum(of' * weights), logits))
    Assert.True d.IsReparameterised
    close (List.ofArray (slope d.Mean)) (slope (drawn 2.0 d))

[<Fact>]
let ``A Poisson draw is the quantile of its uniform`` () =
    for k, rate in List.indexed [ 0.01; 5.0; 29.99; 30.01; 100.0; 1e4; 1e6 ] do
        let source: Draws = { Key = seed (double k) 1.0; Plates = []; Times = [] }

        let rates = L.Fill(scalar rate, 400)
        let draws, uniforms = numbers ((L.Poisson rates).Draw source), numbers (source.UniformLike(rates, 0))
        // the distribution function from far below on
        let first = max 0.0 (floor (rate - 12.0 * sqrt rate - 10.0))
        let count = int (24.0 * sqrt rate) + 120
        let mode = int (floor rate - first)
        let p = Array.zeroCreate count
        // about the mode by recurrence
        p[mode] <- exp (number (Special.logGammaDensity (scalar (floor rate + 1.0)) (scalar rate)))

        for n in mode + 1 .. count - 1 do
            p[n] <- p[n - 1] * rate / (first + double n)

        for n in mode - 1 .. -1 .. 0 do
            p[n] <- p[n + 1] * (first + double n + 1.0) / rate

        let below = Array.scan (+) 0.0 p

        for x, u in Array.zip draws uniforms do
            let n = int (x - first)
            Assert.True(below[n] < u + 1e-10 && u - 1e-10 <= below[n + 1], $"rate {rate}: {x} for {u}")

[<Fact>]
let ``Supports say where values lie`` () =
    let is (support: Support) (d: Distribution) = Assert.Equal(support, d.Support)
    is Support.Real (L.Normal(0.0, 1.0))
    is Support.Real (L.SymlogNormal(scalar 0.0, scalar 1.0))
    is Support.Positive (L.Gamma(scalar 1.0, scalar 1.0))
    is Support.UnitInterval (L.Beta(scalar 1.0, scalar 1.0))
    is Support.Simplex (L.Dirichlet(vector [ 1.0; 1.0 ]))
    is Support.Binary (L.Bernoulli(logits = scalar 0.0))
    is Support.OneHot (L.OneHotCategorical(vector [ 0.0; 0.0 ]))
    is Support.Point (L.Dirac(scalar 0.0))
    is (Support.Integers(Some 3)) (L.Categorical(vector [ 0.0; 0.0; 0.0 ]))
    is (Support.Integers(Some 8)) (L.Binomial(7, logits = scalar 0.0))
    is (Support.Integers None) (L.Poisson(scalar 1.0))

    match L.Transformed(L.Uniform(0.0, 1.0), Bijectors.Affine(scalar 1.0, scalar -3.0)).Support with
    | Support.Interval(low, high) -> close [ -2.0; 1.0 ] (numbers (L.Pack(low, high)))
    | other -> failwith $"{other}"

/// The problem of a sample under a distribution whose parameters are known.
let private problem d = (failure (fun () -> draw 0.0 0.0 (L.Sample("x", d)))).Problem

[<Fact>]
let ``Every family refuses parameters out of range`` () =
    let bad, good = Build.scalar DType.F32 -1.0, Build.scalar DType.F32 1.0

    for d, text in
        [
            L.TanhNormal(good, bad), "TanhNormal that needs a standard deviation > 0"
            L.TruncatedNormal(good, bad, bad, good), "TruncatedNormal that needs a standard deviation > 0"
            L.LogNormal(good, bad), "LogNormal that needs a scale > 0"
            L.Laplace(good, bad), "Laplace that needs a scale > 0"
            L.StudentT(bad, good, good), "StudentT that needs degrees of freedom > 0"
            L.StudentT(good, good, bad), "StudentT that needs a scale > 0"
            L.Gamma(bad, good), "Gamma that needs a shape > 0"
            L.Gamma(good, bad), "Gamma that needs a rate > 0"
            L.Beta(bad, good), "Beta that needs an alpha > 0"
            L.Beta(good, bad), "Beta that needs a beta > 0"
            L.Dirichlet(L.Constant [| 1.0; -1.0 |]), "Dirichlet that needs concentrations > 0"
            L.Exponential bad, "Exponential that needs a rate > 0"
            L.Poisson bad, "Poisson that needs a rate > 0"
            L.Binomial(3, probability = bad), "Binomial that needs a probability in [0, 1]"
            L.Mixture(L.Zeros 2, L.Laplace(good, good), L.Laplace(good, bad)), "Mixture that needs a scale > 0"
        ] do
        Assert.Equal($"The site \"x\" has a {text}; -1 came.", problem d)

    Assert.Equal(
        "The site \"x\" has a TruncatedNormal that needs high − low > 0; -2 came.",
        problem (L.TruncatedNormal(good, good, good, bad))
    )

    refuses "Binomial has a count of 0." (fun () -> L.Binomial(0, logits = scalar 0.0))
    refuses "Dirichlet needs a vector of at least two concentrations; [] (a scalar) came." (fun () -> L.Dirichlet good)
    refuses "Binomial takes logits or a probability; neither came." (fun () -> L.Binomial(3))

    refuses "Gamma needs parameters of one floating-point type; I32 and F32 came." (fun () -> L.Gamma(L.Sum(whole [ 1; 2 ]), scalar 1.0))
