module Inference.Dsl.Tests.MultivariateTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.Statistics
open Xunit

let private mean = [ 0.5; -1.0 ]
// what lies above the diagonal counts for nothing
let private factor = [ 1.2; 99.0; -0.6; 0.8 ]
let private d () = L.MultivariateNormal(vector mean, tensor [ 2; 2 ] factor)

[<Fact>]
let ``The density of dependent elements is that of the formula`` () =
    let c11, c12, c22 = 1.44, -0.72, 0.36 + 0.64
    let det = c11 * c22 - c12 * c12
    let x, y = 1.3 - 0.5, 0.2 + 1.0
    let form = (c22 * x * x - 2.0 * c12 * x * y + c11 * y * y) / det
    close [ -0.5 * form - 0.5 * log det - log (2.0 * Math.PI) ] (numbers ((d ()).LogDensity(vector [ 1.3; 0.2 ])))
    close [ 1.0 + log (2.0 * Math.PI) + 0.5 * log det ] (numbers (d ()).Entropy)
    close [ c11; c22 ] (numbers (d ()).Variance)
    close mean (numbers (d ()).Mean)

[<Fact>]
let ``Draws have the mean, variances and correlation`` () =
    let count = 4000
    let i = L.PlateIndex("draw", count)
    let x, _ = draw 1.0 0.0 (L.Plate(i, L.Sample("x", d ())))
    let rows = numbers (L.Stack(x.Value, i)) |> Array.chunkBySize 2
    let element k = rows |> Array.map (fun r -> r[k])

    for k, variance in [ 0, 1.44; 1, 1.0 ] do
        let p = element k |> kolmogorovSmirnov (fun x -> normalCdf ((x - mean[k]) / sqrt variance))
        Assert.True(p > errorRate, $"p = {p}")

    // Fisher's transform has deviation 1/√n
    let z r = 0.5 * log ((1.0 + r) / (1.0 - r))
    let width = 5.0 / sqrt (double count)
    Assert.InRange(z (correlation (element 0) (element 1)) - z (-0.72 / 1.2), -width, width)

[<Fact>]
let ``Divergences of dependent elements agree with those of independent ones, and with the formula`` () =
    let m, s = [ 0.3; 0.1 ], [ 0.7; 1.5 ]
    let diagonal m (s: double list) = L.MultivariateNormal(vector m, tensor [ 2; 2 ] [ s[0]; 0.0; 0.0; s[1] ])
    let normal m s = L.Normal(vector m, vector s)
    let expected = number (L.Kl(normal mean [ 2.0; 0.4 ], normal m s))

    for p in [ diagonal mean [ 2.0; 0.4 ]; normal mean [ 2.0; 0.4 ] ] do
        for q in [ diagonal m s; normal m s ] do
            Assert.Equal(expected, number (L.Kl(p, q)), 1e-12)

    // ½(tr(Σ₂⁻¹Σ₁) + (m₂ − m₁)ᵀΣ₂⁻¹(m₂ − m₁) − n) + ½ log(|Σ₂|/|Σ₁|) with a diagonal Σ₂
    let quadratic = 0.04 / 0.49 + 1.21 / 2.25

    let byHand = 0.5 * (1.44 / 0.49 + 1.0 / 2.25 + quadratic - 2.0) + log (0.7 * 1.5) - log (1.2 * 0.8)

    Assert.Equal(byHand, number (L.Kl(d (), diagonal m s)), 1e-12)
    Assert.Equal(0.0, number (L.Kl(d (), d ())), 1e-12)

[<Fact>]
let ``Densities and divergences of dependent elements have derivatives`` () =
    let arguments =
        [
            Differences.vectorOf mean
            Differences.argument [ 2; 2 ] [ 1.2; 0.3; -0.6; 0.8 ]
            Differences.vectorOf [ 0.9; 0.2 ]
        ]

    Differences.agrees arguments (fun t -> (L.MultivariateNormal(t[0], t[1])).LogDensity t[2])

    Differences.agrees arguments (fun t ->
        L.Kl(L.MultivariateNormal(t[0], t[1]), L.MultivariateNormal(t[2], tensor [ 2; 2 ] [ 0.7; 0.0; 0.4; 1.1 ])))

[<Fact>]
let ``A factor has the size of the mean and a positive diagonal`` () =
    refuses "MultivariateNormal needs a mean [n] and a factor [n, n]; [2] and [3, 3] came." (fun () ->
        L.MultivariateNormal(L.Zeros 2, L.Zeros(3, 3)))

[<Fact>]
let ``Compiled, in single precision, the density is the interpreter's`` () =
    use engine = new Engine(EngineOptions(Threads = 1, Cache = false))

    let program =
        build "multivariate" (fun b ->
            let m, l = b.Input("mean", [| 2 |], DType.F32), b.Input("factor", [| 2; 2 |], DType.F32)
            b.Output("density", (L.MultivariateNormal(m, l)).LogDensity(L.Constant [| 1.3; 0.2 |])))

    let y =
        (execute engine [ "mean", Array.ofList mean; "factor", Array.ofList factor ] program).["density"]

    Assert.Equal(number ((d ()).LogDensity(vector [ 1.3; 0.2 ])), y[0], 1e-5)
