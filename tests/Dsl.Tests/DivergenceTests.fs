module Inference.Dsl.Tests.DivergenceTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.DistributionCases
open Inference.Dsl.Tests.Statistics
open Xunit

/// Each family with other parameters, moved by these factors.
let private othersOf (f: Family) =
    f.Parameters
    |> List.mapi (fun k p -> if f.Name = "Uniform" then 1.5 * p else p * (1.1 + 0.2 * double k))

let private other (f: Family) = f.Make(othersOf f |> List.map scalar)

let private same (expected: double) (actual: Tensor) what =
    let actual = number actual
    Assert.True(abs (actual - expected) < 3e-5 * (1.0 + abs expected), $"{what}: {expected} expected; {actual} came.")

[<Fact>]
let ``Divergences of densities are their integrals`` () =
    for f in continuous do
        let p, q = f.One, other f

        match Divergence.kl p q with
        | Some kl ->
            let points = nodes f.Spread
            let xs = Array.map fst points
            let lp, lq = logDensities p xs, logDensities q xs

            let expected =
                Seq.sum (
                    Seq.map3 (fun (_, w) (a: double) b -> if a = -infinity || exp a = 0.0 then 0.0 else w * exp a * (a - b)) points lp lq
                )

            same expected kl f.Name
            same 0.0 (L.Kl(p, p)) f.Name
        | None ->
            Assert.Contains(f.Name.Split(' ').[0], [ "TruncatedNormal"; "StudentT"; "affine"; "exp," ])
            let e = failure (fun () -> L.Kl(p, q))
            Assert.Equal($"KL of {p.Name} and {q.Name} has no closed form here.", e.Problem)

[<Fact>]
let ``Divergences of counts are their sums`` () =
    for f, last in discrete do
        let p, q = f.One, other f
        let xs = [| 0.0 .. double last |]
        let expected = Seq.sum (Seq.map2 (fun a b -> exp a * (a - b)) (logDensities p xs) (logDensities q xs))
        same expected (L.Kl(p, q)) f.Name

[<Fact>]
let ``Divergences of vectors are those of their elements together`` () =
    let m1, s1, m2, s2 = [ 0.3; -1.0 ], [ 0.5; 2.0 ], [ 0.1; 0.4 ], [ 1.5; 0.7 ]

    let expected =
        List.map2
            (fun (m1, s1) (m2, s2) -> log (s2 / s1) + (s1 * s1 + (m1 - m2) ** 2.0) / (2.0 * s2 * s2) - 0.5)
            (List.zip m1 s1)
            (List.zip m2 s2)
        |> List.sum

    let normal m s = L.Normal(vector m, vector s)
    let diagonal m s = L.DiagonalNormal(vector (m @ [ for s in s -> 2.0 * log s ]))

    for p in [ normal m1 s1; diagonal m1 s1 ] do
        for q in [ normal m2 s2; diagonal m2 s2 ] do
            same expected (L.Kl(p, q)) "Normal"

    let p, q = [ 0.2; 0.5; 0.3 ], [ 0.6; 0.1; 0.3 ]
    let logs (p: double list) = vector [ for v in p -> log v + 7.0 ]
    let expected = List.map2 (fun p q -> p * log (p / q)) p q |> List.sum
    same expected (L.Kl(L.Categorical(logs p), L.Categorical(logs q))) "Categorical"
    same expected (L.Kl(L.OneHotCategorical(logs p), L.OneHotCategorical(logs q))) "OneHotCategorical"
    // a value that p never takes adds nothing
    same (log 2.0) (L.Kl(L.Categorical(vector [ -infinity; 0.0 ]), L.Categorical(vector [ 0.0; 0.0 ]))) "Categorical"

[<Fact>]
let ``Dirichlet's divergence of two parts is Beta's`` () =
    let d (a, b) = L.Dirichlet(vector [ a; b ])
    let beta (a, b) = L.Beta(scalar a, scalar b)
    let p, q = (0.7, 2.0), (3.0, 1.2)
    same (number (L.Kl(beta p, beta q))) (L.Kl(d p, d q)) "Dirichlet"
    same (number (beta p).Entropy) (d p).Entropy "Dirichlet"
    same (number ((beta p).LogDensity(scalar 0.3))) ((d p).LogDensity(vector [ 0.3; 0.7 ])) "Dirichlet"

[<Fact>]
let ``A point diverges by its log-probability, and nothing covers a density by points`` () =
    let q = L.Normal(0.0, 1.0)
    same (-(number (q.LogDensity(scalar 0.4)))) (L.Kl(L.Dirac(scalar 0.4), q)) "Dirac"
    Assert.Equal(infinity, number (L.Kl(q, L.Dirac(scalar 0.4))))
    Assert.Equal(0.0, number (L.Kl(L.Dirac(scalar 0.4), L.Dirac(scalar 0.4))))
    Assert.Equal(infinity, number (L.Kl(L.Uniform(0.0, 2.0), L.Uniform(0.0, 1.0))))

[<Fact>]
let ``Estimates average to the divergence`` () =
    let i = L.PlateIndex("draw", 4000)
    let p, q = L.TanhNormal(scalar 0.3, scalar 0.5), L.TanhNormal(scalar -0.2, scalar 0.8)
    let source: Draws = { Key = seed 5.0 0.0; Plates = [ i ]; Times = [] }
    let each = numbers (L.Stack(Divergence.estimate source p q, i))
    let average = mean each
    let error = sqrt (Array.averageBy (fun x -> (x - average) ** 2.0) each / double each.Length)
    Assert.InRange(average - number (L.Kl(p, q)), -5.0 * error, 5.0 * error)

[<Fact>]
let ``Divergences have derivatives`` () =
    for f in continuous @ List.map fst discrete do
        if (Divergence.kl f.One f.One).IsSome then
            let n = f.Parameters.Length

            let arguments =
                [ for p in f.Parameters -> Differences.scalarOf p ]
                @ [ for p in othersOf f -> Differences.scalarOf p ]

            Differences.agrees arguments (fun t -> L.Kl(f.Make(List.ofArray t[.. n - 1]), f.Make(List.ofArray t[n..])))

[<Fact>]
let ``Values of two shapes have no divergence`` () =
    refuses "KL of Normal and Normal needs one shape; [2] and [] (a scalar) came." (fun () ->
        L.Kl(L.Normal(vector [ 0.0; 1.0 ], scalar 1.0), L.Normal(0.0, 1.0)))
