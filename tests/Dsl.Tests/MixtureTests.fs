module Inference.Dsl.Tests.MixtureTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.DistributionCases
open Inference.Dsl.Tests.Statistics
open Xunit

let private likely p = Assert.True(p > errorRate, $"p = {p}")

let private draws low (count: int) (d: Distribution) =
    let i = L.PlateIndex("draw", count)
    let source: Draws = { Key = seed low 0.0; Plates = [ i ]; Times = [] }
    numbers (L.Stack(d.Draw source, i)) |> Array.chunkBySize (Array.fold (*) 1 d.Shape)

let private logits = vector [ log 0.2 + 3.0; log 0.5 + 3.0; log 0.3 + 3.0 ]

let private ofList () =
    L.Mixture(logits, L.Normal(scalar -2.0, scalar 0.5), L.Laplace(scalar 0.5, scalar 0.4), L.Gamma(scalar 9.0, scalar 3.0))

let private overIndex () =
    let k = L.EnumeratedIndex("component", 3)
    let at (values: double list) = L.Unstack(vector values, k)
    L.Mixture(logits, k, L.Normal(at [ -2.0; 0.0; 1.5 ], at [ 0.5; 0.2; 1.0 ]))

let private whole' = Line(0.0, 0.3)

[<Fact>]
let ``A mixture's density is the weighed sum of its components'`` () =
    for d in [ ofList (); overIndex () ] do
        match expectations d whole' [ (fun _ _ -> 1.0); (fun x _ -> x); (fun x _ -> x * x) ] with
        | [ total; mean; second ] ->
            Assert.Equal(1.0, total, 1e-3)
            Assert.Equal(mean, number d.Mean, 1e-3)
            Assert.Equal(second - mean * mean, number d.Variance, 1e-3)
        | _ -> failwith "three"

        Assert.False d.IsReparameterised
        Assert.False(d.Knows Statistic.Entropy)

    let one = L.Normal(scalar -2.0, scalar 0.5)
    let at = number ((L.Mixture(logits, one, one, one)).LogDensity(scalar 0.3))
    Assert.Equal(number (one.LogDensity(scalar 0.3)), at, 1e-12)

[<Fact>]
let ``Draws of mixtures follow their densities`` () =
    for k, d in List.indexed [ ofList (); overIndex () ] do
        draws (double k) 3000 d |> Array.map Array.head |> kolmogorovSmirnov (cdf d whole') |> likely

[<Fact>]
let ``A mixture within a mixture chooses by itself`` () =
    let point (x: double) = L.Dirac(Build.scalar DType.F32 x)
    let pair a b = L.Mixture(L.Zeros 2, point a, point b)
    let seen = draws 3.0 4000 (L.Mixture(L.Zeros 2, pair 0.0 1.0, pair 2.0 3.0)) |> Array.map Array.head
    likely (chiSquare [ 0.25; 0.25; 0.25; 0.25 ] [ for k in 0.0 .. 3.0 -> seen |> Array.filter ((=) k) |> Array.length ])

[<Fact>]
let ``A mixture of vectors takes a whole component`` () =
    let k = L.EnumeratedIndex("component", 2)
    let means = L.Unstack(tensor [ 2; 2 ] [ -5.0; -5.0; 5.0; 5.0 ], k)
    let d = L.Mixture(vector [ 0.0; 0.0 ], k, L.Normal(means, scalar 0.1))
    Assert.Equal<int[]>([| 2 |], d.Shape)
    close [ 0.0; 0.0 ] (numbers d.Mean)
    Assert.All(draws 4.0 200 d, fun x -> Assert.True(sign x[0] = sign x[1]))

[<Fact>]
let ``Log-densities of mixtures have derivatives`` () =
    Differences.agrees
        [
            Differences.vectorOf [ 0.2; -0.4 ]
            Differences.vectorOf [ 1.0; -0.5 ]
            Differences.vectorOf [ 0.4; 0.9 ]
            Differences.scalarOf 0.3
        ]
        (fun t ->
            let k = L.EnumeratedIndex("component", 2)
            (L.Mixture(t[0], k, L.Normal(L.Unstack(t[1], k), L.Unstack(t[2], k)))).LogDensity t[3])

[<Fact>]
let ``Components of a mixture are alike and as many as the logits`` () =
    refuses "Mixture of 2 components needs as many logits; [3] came." (fun () -> L.Mixture(logits, L.Normal(0.0, 1.0), L.Normal(1.0, 1.0)))

    refuses "Mixture has components of F32[] (a scalar) and F32[2]." (fun () ->
        L.Mixture(vector [ 0.0; 0.0 ], L.Normal(0.0, 1.0), L.Normal(vector [ 0.0; 0.0 ], scalar 1.0)))

let private bins = L.Constant [| -20.0; -1.0; 0.0; 1.0; 20.0 |]

[<Fact>]
let ``A two-hot encoding has the value as its mean, and one neighbour on each side`` () =
    let d = Inference.TwoHot(vector [ 0.0; 0.0; 0.0; 0.0; 0.0 ], bins)
    let encode (x: double) = numbers (d.Encode(scalar x)) |> List.ofArray
    close [ 0.0; 0.0; 0.75; 0.25; 0.0 ] (encode 0.25 |> Array.ofList)
    close [ 0.5; 0.5; 0.0; 0.0; 0.0 ] (encode -10.5 |> Array.ofList)
    close [ 0.0; 0.0; 0.0; 1.0; 0.0 ] (encode 1.0 |> Array.ofList)
    close [ 1.0; 0.0; 0.0; 0.0; 0.0 ] (encode -99.0 |> Array.ofList)
    close [ 0.0; 0.0; 0.0; 0.0; 1.0 ] (encode 99.0 |> Array.ofList)

[<Fact>]
let ``A two-hot head gives cross-entropies and the mean over its bins`` () =
    let p = [ 0.1; 0.3; 0.2; 0.25; 0.15 ]
    let d = L.TwoHot(vector (p |> List.map log), bins)
    close [ 0.75 * log 0.2 + 0.25 * log 0.25 ] (logDensities d [| 0.25 |])
    let mean = -2.0 - 0.3 + 0.25 + 3.0
    close [ mean ] (numbers d.Mean)
    close [ -1.0 ] (numbers d.Mode)
    close [ 0.1 * 400.0 + 0.55 + 0.15 * 400.0 - mean * mean ] (numbers d.Variance)
    let seen = draws 6.0 3000 d |> Array.map Array.head
    likely (chiSquare p [ for b in [ -20.0; -1.0; 0.0; 1.0; 20.0 ] -> seen |> Array.filter ((=) b) |> Array.length ])
    // a head that starts from zeros predicts exactly 0
    Assert.Equal(0.0, number (L.TwoHot(L.Zeros 5, bins)).Mean)

    Differences.agrees [ Differences.vectorOf [ 0.1; 0.3; -0.2; 0.4; 0.0 ] ] (fun t ->
        (L.TwoHot(t[0], bins)).LogDensity(Build.scalar DType.F32 0.3))

[<Fact>]
let ``Bins rise and are as many as the logits`` () =
    refuses "The bins of TwoHot do not increase." (fun () -> L.TwoHot(vector [ 0.0; 0.0 ], L.Constant [| 1.0; 1.0 |]))

    refuses "TwoHot needs a vector of logits and one of at least two bins alike; [3] and [2] came." (fun () ->
        L.TwoHot(vector [ 0.0; 0.0; 0.0 ], L.Constant [| 0.0; 1.0 |]))

[<Fact>]
let ``Draws of Dirichlet sum to one and have its moments`` () =
    let a = [ 0.3; 1.5; 4.0 ]
    let d = L.Dirichlet(vector a)
    let x = draws 7.0 4000 d
    Assert.All(x, fun r -> Assert.Equal(1.0, Array.sum r, 1e-12))
    let total = List.sum a
    close [ for v in a -> v / total ] (numbers d.Mean)

    for k in 0..2 do
        // each part alone is a Beta
        let part = L.Beta(scalar a[k], scalar (total - a[k]))
        x |> Array.map (fun r -> r[k]) |> kolmogorovSmirnov (cdf part (Between(0.0, 1.0))) |> likely
        Assert.Equal(number part.Variance, (numbers d.Variance)[k], 1e-12)

    close [ 1.0 / 6.0; 0.5; 1.0 / 3.0 ] (numbers (L.Dirichlet(vector [ 2.0; 4.0; 3.0 ])).Mode)

[<Fact>]
let ``The density of Dirichlet integrates to one, and its entropy is its integral`` () =
    let d = L.Dirichlet(vector [ 1.5; 2.0; 4.0 ])

    let side =
        nodes (Between(0.0, 1.0))
        |> Array.indexed
        |> Array.filter (fun (k, _) -> k % 8 = 0)
        |> Array.map (fun (_, (x, w)) -> x, 8.0 * w)

    // the triangle as a square: y = (1 − x)·v
    let points =
        [|
            for x, w in side do
                for v, u in side -> x, (1.0 - x) * v, w * u * (1.0 - x)
        |]

    let i = L.PlateIndex("point", points.Length)

    let rows =
        tensor
            [ points.Length; 3 ]
            [
                for x, y, _ in points do
                    yield! [ x; y; 1.0 - x - y ]
            ]

    let logs = numbers (L.Stack(d.LogDensity(L.Unstack(rows, i)), i))

    let sum f =
        Seq.sum (Seq.map2 (fun (_, _, w) l -> if l = -infinity || Double.IsNaN l then 0.0 else w * exp l * f l) points logs)

    Assert.Equal(1.0, sum (fun _ -> 1.0), 1e-4)
    Assert.Equal(sum (fun l -> -l), number d.Entropy, 1e-4)

[<Fact>]
let ``Derivatives of Dirichlet's draws average to those of its mean`` () =
    let i = L.PlateIndex("draw", 4000)
    let a = [ 0.6; 1.5; 2.0 ]

    let each =
        L.Unstack(L.Fill(scalar 1.0, 4000, 3) * L.Reshape(L.Concat(0, [| for _ in 1..4000 -> vector a |]), 4000, 3), i)

    let source: Draws = { Key = seed 9.0 0.0; Plates = [ i ]; Times = [] }
    let x = (L.Dirichlet each).Draw source
    let slopes = numbers (L.Stack((L.Gradient(L.Element(x, 0), each)), i)) |> Array.chunkBySize 3
    let total = List.sum a

    for k in 0..2 do
        let g = slopes |> Array.map (fun r -> r[k])
        let expected = ((if k = 0 then total else 0.0) - a[0]) / (total * total)
        let error = sqrt (Array.averageBy (fun v -> (v - mean g) ** 2.0) g / double g.Length)
        Assert.InRange(mean g - expected, -5.0 * error, 5.0 * error)
