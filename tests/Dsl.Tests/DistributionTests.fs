module Inference.Dsl.Tests.DistributionTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.Statistics
open Xunit

/// The log-densities of a distribution at given values.
let private logDensities (d: Distribution) (values: Tensor) =
    let i = L.PlateIndex("value", values.Shape[0])
    numbers (L.Stack(d.LogDensity(L.Unstack(values, i)), i))

let private densities d values = logDensities d values |> Array.map exp

/// The total and the mean of the density of one number over an interval.
let private moments (d: Distribution) low high =
    let points, width = cells 6000 low high
    let p = densities d (vector (List.ofArray points))
    width * Array.sum p, width * Array.sum (Array.map2 (*) p points)

/// The total and the means of the density of two numbers over a square.
let private moments2 (d: Distribution) low high =
    let points, width = cells 120 low high
    let pairs = Array.allPairs points points

    let p =
        densities
            d
            (tensor
                [ pairs.Length; 2 ]
                [
                    for x, y in pairs do
                        x
                        y
                ])

    let sum f = width * width * Array.sum (Array.map2 (fun p xy -> p * f xy) p pairs)
    sum (fun _ -> 1.0), sum fst, sum snd

/// Draws of a distribution under a seed, one row of elements each.
let private draws low (count: int) (d: Distribution) =
    let i = L.PlateIndex("draw", count)
    let x, _ = draw low 0.0 (L.Plate(i, L.Sample("x", d)))
    numbers (L.Stack(x.Value, i)) |> Array.chunkBySize (max 1 (d.Mean.Count))

let private element k (rows: double[][]) = rows |> Array.map (fun r -> r[k])

/// A draw is likely, given its distribution.
let private likely p = Assert.True(p > errorRate, $"p = {p}")

[<Fact>]
let ``A density of one number integrates to one and to its mean`` () =
    for d, low, high, mean in
        [
            L.Normal(0.7, 1.3), -15.0, 15.0, 0.7
            L.Normal(scalar -2.0, scalar 0.4), -8.0, 8.0, -2.0
            L.Uniform(-1.0, 3.0), -2.0, 4.0, 1.0
        ] do
        let total, first = moments d low high
        Assert.Equal(1.0, total, 1e-6)
        Assert.Equal(mean, first, 1e-6)
        Assert.Equal(mean, number d.Mean, 1e-12)

[<Fact>]
let ``A density of a vector integrates to one and to its mean`` () =
    for d, m1, m2 in
        [
            L.Normal(vector [ 0.5; -1.0 ], vector [ 0.8; 1.1 ]), 0.5, -1.0
            L.Normal(vector [ 0.5; -1.0 ], scalar 0.9), 0.5, -1.0
            L.DiagonalNormal(vector [ 0.5; -1.0; log 0.64; log 1.21 ]), 0.5, -1.0
            L.Uniform(vector [ -9.0; 0.0 ], vector [ 9.0; 9.0 ]), 0.0, 4.5
        ] do
        let total, first, second = moments2 d -9.0 9.0
        Assert.Equal(1.0, total, 1e-6)
        Assert.Equal(m1, first, 1e-6)
        Assert.Equal(m2, second, 1e-6)
        close [ m1; m2 ] (numbers d.Mean)

[<Fact>]
let ``The normal density is that of the formula`` () =
    let expected mean deviation x =
        -0.5 * ((x - mean) / deviation) ** 2.0 - log deviation - 0.5 * log (2.0 * Math.PI)

    close [ expected 1.0 2.0 -0.5 ] (logDensities (L.Normal(1.0, 2.0)) (vector [ -0.5 ]))
    // one number for the whole vector
    close
        [ expected 1.0 2.0 -0.5 + expected 3.0 0.1 3.2 ]
        (logDensities (L.Normal(vector [ 1.0; 3.0 ], vector [ 2.0; 0.1 ])) (tensor [ 1; 2 ] [ -0.5; 3.2 ]))

[<Fact>]
let ``DiagonalNormal takes n means, then n log-variances`` () =
    let d = L.DiagonalNormal(vector [ 1.0; 3.0; log 4.0; log 0.01 ])
    let same = L.Normal(vector [ 1.0; 3.0 ], vector [ 2.0; 0.1 ])
    let values = tensor [ 2; 2 ] [ -0.5; 3.2; 1.0; 2.9 ]
    Assert.Equal<int[]>([| 2 |], d.Shape)
    close (List.ofArray (logDensities same values)) (logDensities d values)
    close [ 1.0; 3.0 ] (numbers d.Mean)
    refuses "DiagonalNormal needs a vector of 2n numbers, n means then n log-variances; [3] came." (fun () -> L.DiagonalNormal(L.Zeros 3))

    refuses "DiagonalNormal needs a vector of 2n numbers, n means then n log-variances; [2, 2] came." (fun () ->
        L.DiagonalNormal(L.Zeros(2, 2)))

[<Fact>]
let ``A uniform density is flat inside and nothing outside`` () =
    close [ -log 4.0; -log 4.0; -infinity; -infinity ] (logDensities (L.Uniform(-1.0, 3.0)) (vector [ -0.9; 2.9; -1.1; 3.1 ]))
    close [ -infinity ] (logDensities (L.Uniform(L.Zeros 2, L.Ones 2)) (tensor [ 1; 2 ] [ 0.5; 1.5 ]))

[<Fact>]
let ``All mass of Dirac is at its value`` () =
    let d = L.Dirac(vector [ 1.0; 2.0 ])
    close [ 0.0; -infinity ] (logDensities d (tensor [ 2; 2 ] [ 1.0; 2.0; 1.0; 2.5 ]))
    close [ 1.0; 2.0 ] (numbers d.Mean)
    Assert.All(draws 1.0 10 d, fun r -> close [ 1.0; 2.0 ] r)

[<Fact>]
let ``Bernoulli of a probability is Bernoulli of its logit`` () =
    for p in [ 0.001; 0.3; 0.5; 0.9999 ] do
        let values = vector [ 0.0; 1.0 ]

        for d in
            [
                L.Bernoulli(probability = scalar p)
                L.Bernoulli(logits = scalar (log (p / (1.0 - p))))
                L.Bernoulli(probability = Build.scalar DType.F32 p)
            ] do
            close [ log (1.0 - p); log p ] (logDensities d values)
            Assert.Equal(p, number d.Mean, 1e-12)
            Assert.Equal(1.0, Array.sum (densities d values), 1e-12)

[<Fact>]
let ``Bernoulli of a vector is that many independent ones`` () =
    let logits = [ -2.0; 0.0; 3.0 ]
    let d = L.Bernoulli(logits = vector logits)

    let all =
        [
            for a in 0.0 .. 1.0 do
                for b in 0.0 .. 1.0 do
                    for c in 0.0 .. 1.0 -> [ a; b; c ]
        ]

    let p = densities d (tensor [ 8; 3 ] (List.concat all))
    let one l = 1.0 / (1.0 + exp -l)

    close
        [
            for v in all -> List.map2 (fun x l -> if x = 1.0 then one l else 1.0 - one l) v logits |> List.reduce (*)
        ]
        p

    Assert.Equal(1.0, Array.sum p, 1e-12)

[<Fact>]
let ``Bernoulli logits may be large`` () =
    close [ 0.0; -1000.0 ] (logDensities (L.Bernoulli(logits = scalar -1000.0)) (vector [ 0.0; 1.0 ]))
    close [ -1000.0; 0.0 ] (logDensities (L.Bernoulli(logits = scalar 1000.0)) (vector [ 0.0; 1.0 ]))

[<Fact>]
let ``Categorical normalises its logits`` () =
    let weights = [ 1.0; 4.0; 2.0; 3.0 ]
    let d = L.Categorical(vector [ for w in weights -> log w + 500.0 ])
    close [ 0.1; 0.4; 0.2; 0.3 ] (densities d (whole [ 0..3 ]))
    Assert.Equal(0.4 + 0.4 + 0.9, number d.Mean, 1e-9)
    Assert.Equal(DType.I32, d.DType)
    Assert.Empty d.Shape
    close [ 0.0; 1.0 ] (densities (L.Categorical(vector [ -infinity; 3.0 ])) (whole [ 0; 1 ]))
    refuses "Categorical needs a vector of logits; [2, 3] came." (fun () -> L.Categorical(L.Zeros(2, 3)))
    refuses "Categorical needs a vector of logits; [] (a scalar) came." (fun () -> L.Categorical(scalar 0.0))

[<Fact>]
let ``Nothing of Categorical is outside its values`` () =
    let d = L.Categorical(vector [ 0.0; 0.0; 0.0 ])
    close [ -infinity; log (1.0 / 3.0); log (1.0 / 3.0); -infinity ] (logDensities d (whole [ -1; 0; 2; 3 ]))

[<Fact>]
let ``Parameters have one shape, or one of them is a scalar`` () =
    Assert.Equal<int[]>([| 2 |], L.Normal(vector [ 1.0; 2.0 ], scalar 1.0).Shape)
    Assert.Equal<int[]>([| 2 |], L.Normal(scalar 1.0, vector [ 1.0; 2.0 ]).Shape)
    refuses "Normal has parameters of shapes [2] and [3]." (fun () -> L.Normal(L.Zeros 2, L.Ones 3))
    refuses "Uniform has parameters of shapes [2] and [3]." (fun () -> L.Uniform(L.Zeros 2, L.Ones 3))

[<Fact>]
let ``Draws of one number have their distribution`` () =
    let count = 20_000
    let test low d cdf = draws low count d |> element 0 |> kolmogorovSmirnov cdf |> likely
    test 1.0 (L.Normal(0.7, 1.3)) (fun x -> normalCdf ((x - 0.7) / 1.3))
    test 2.0 (L.Normal(scalar -2.0, scalar 0.4)) (fun x -> normalCdf ((x + 2.0) / 0.4))
    test 3.0 (L.Uniform(-1.0, 3.0)) (fun x -> min 1.0 (max 0.0 ((x + 1.0) / 4.0)))

[<Fact>]
let ``Draws of a vector have their distributions and are independent`` () =
    let count = 10_000

    for d in
        [
            L.DiagonalNormal(vector [ 1.0; 3.0; -2.0; log 4.0; log 0.01; 0.0 ])
            L.Normal(vector [ 1.0; 3.0; -2.0 ], vector [ 2.0; 0.1; 1.0 ])
        ] do
        let rows = draws 4.0 count d

        for k, mean, deviation in [ 0, 1.0, 2.0; 1, 3.0, 0.1; 2, -2.0, 1.0 ] do
            element k rows |> kolmogorovSmirnov (fun x -> normalCdf ((x - mean) / deviation)) |> likely

        // √n·r is standard normal: five standard deviations
        for a, b in [ 0, 1; 0, 2; 1, 2 ] do
            Assert.InRange(correlation (element a rows) (element b rows), -5.0 / sqrt (double count), 5.0 / sqrt (double count))

[<Fact>]
let ``Draws of Bernoulli are one as often as their probabilities say`` () =
    let count = 10_000
    let logits = [ -2.0; 0.0; 3.0 ]
    let rows = draws 5.0 count (L.Bernoulli(logits = vector logits))

    for k, logit in List.indexed logits do
        let ones = element k rows |> Array.sumBy int
        Assert.All(element k rows, fun x -> Assert.True((x = 0.0 || x = 1.0)))
        let p = 1.0 / (1.0 + exp -logit)
        likely (chiSquare [ p; 1.0 - p ] [ ones; count - ones ])

    let fair = draws 6.0 count (L.Bernoulli(probability = scalar 0.3)) |> element 0 |> Array.sumBy int
    likely (chiSquare [ 0.3; 0.7 ] [ fair; count - fair ])

[<Fact>]
let ``Draws of Categorical come as often as their probabilities say`` () =
    let count = 10_000
    let p = [ 0.1; 0.4; 0.2; 0.3 ]
    let rows = draws 7.0 count (L.Categorical(vector [ for w in p -> log w - 30.0 ])) |> element 0
    let counts = [ for k in 0..3 -> rows |> Array.filter ((=) (double k)) |> Array.length ]
    Assert.Equal(count, List.sum counts)
    likely (chiSquare p counts)

[<Fact>]
let ``A value without probability is never drawn`` () =
    let rows =
        draws 8.0 2000 (L.Categorical(vector [ -infinity; 0.0; -infinity; 0.0; -infinity ])) |> element 0

    Assert.Equal<double[]>([| 1.0; 3.0 |], rows |> Array.distinct |> Array.sort)

/// The problem of a sample under a distribution whose parameters are known.
let private problem d = (failure (fun () -> draw 0.0 0.0 (L.Sample("speed", d)))).Problem

[<Fact>]
let ``A known parameter out of range is an error that names the site, the requirement and the number`` () =
    Assert.Equal("The site \"speed\" has a Normal that needs a standard deviation > 0; -1 came.", problem (L.Normal(0.0, -1.0)))

    Assert.Equal(
        "The site \"speed\" has a Normal that needs a standard deviation > 0; 0 came.",
        problem (L.Normal(L.Zeros 2, L.Constant [| 1.0; 0.0 |]))
    )

    Assert.Equal("The site \"speed\" has a Normal that needs a standard deviation > 0; NaN came.", problem (L.Normal(0.0, nan)))
    Assert.Equal("The site \"speed\" has a Uniform that needs high − low > 0; -2 came.", problem (L.Uniform(1.0, -1.0)))

    Assert.Equal(
        "The site \"speed\" has a Uniform that needs high − low > 0; -0.5 came.",
        problem (L.Uniform(L.Constant [| 0.0; 1.0 |], 0.5))
    )

    for p in [ -0.1; 1.5 ] do
        Assert.Equal(
            $"The site \"speed\" has a Bernoulli that needs a probability in [0, 1]; {p} came.",
            problem (L.Bernoulli(probability = p))
        )

    // an observation is held to the same
    refuses "The site \"y\" has a Normal that needs a standard deviation > 0; -1 came." (fun () ->
        draw 0.0 0.0 (L.Observe("y", L.Normal(0.0, -1.0), 0.0)))

[<Fact>]
let ``A computed parameter has a check that names its site and its requirement`` () =
    let checks (p: Prob<Tensor>) =
        Traverse.postOrder [ fst (draw 0.0 0.0 p) ]
        |> Array.choose (fun x ->
            match x.Op with
            | Op.Check spec -> Some(spec.Site, spec.Requirement)
            | _ -> None)

    Assert.Equal<(string * string)[]>(
        [| "x", "Normal with a standard deviation > 0" |],
        checks (L.Sample("x", L.Normal(scalar 0.0, vector [ 1.0; 2.0 ])))
    )

    Assert.Equal<(string * string)[]>([| "x", "Uniform with high − low > 0" |], checks (L.Sample("x", L.Uniform(0.0, scalar 1.0))))

    Assert.Equal<(string * string)[]>(
        [| "x", "Bernoulli with a probability in [0, 1]" |],
        checks (L.Sample("x", L.Bernoulli(probability = scalar 0.5)))
    )

    Assert.Empty(checks (L.Sample("x", L.Normal(scalar 0.0, 1.0))))
    Assert.Empty(checks (L.Sample("x", L.Bernoulli(logits = scalar 0.5))))

[<Fact>]
let ``An engine in checked mode refuses a computed parameter out of range and says how often`` () =
    let i = L.PlateIndex("i", 4)

    let program =
        build "spread" (fun b ->
            let deviation = L.Unstack(b.Input("deviation", [| 4 |], DType.F32), i)
            let x, _ = draw 0.0 0.0 (L.Plate(i, L.Sample("x", L.Normal(0.0, deviation))))
            b.Output("x", L.Stack(x.Value, i)))

    use engine = new Engine(EngineOptions(Threads = 1, Cache = false, Checked = true))
    let run deviations = execute engine [ "deviation", deviations ] program
    Assert.All((run [| 1.0; 2.0; 3.0; 4.0 |]).["x"], fun x -> Assert.True(Double.IsFinite x))
    let e = Assert.Throws<CheckFailedException>(fun () -> run [| 1.0; -2.0; nan; 4.0 |] |> ignore)
    Assert.Contains("i/x", e.Message)
    Assert.Contains("Normal with a standard deviation > 0", e.Message)
    Assert.Contains("(2 times)", e.Message)
