module Inference.Dsl.Tests.BijectorTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.DistributionCases
open Xunit

let private network outputs (inputs: int) =
    let weights = [ for k in 1 .. outputs * inputs -> 0.4 * sin (double k * 1.7) ]
    let w = tensor [ outputs; inputs ] weights
    Func<Tensor, Tensor>(fun x -> L.Tanh(L.Dot(w, x)))

/// Log-scales and shifts of each element from those before it.
let private autoregressive n =
    let weights low =
        [
            for i in 0 .. n - 1 do
                for j in 0 .. n - 1 -> if j < i then 0.5 * sin (double (low + 3 * i + j)) else 0.0
        ]

    let s, t = tensor [ n; n ] (weights 1), tensor [ n; n ] (weights 5)
    Func<Tensor, Tensor>(fun x -> L.Concat(0, L.Tanh(L.Dot(s, x)), 0.3 + L.Dot(t, x)))

let private vectors: (Bijector * float list) list =
    let xs = [ 0.3; -0.8; 1.4 ]

    [
        Bijectors.Exp, xs
        Bijectors.Softplus, xs
        Bijectors.Tanh, xs
        Bijectors.Sigmoid, xs
        Bijectors.Symexp, xs
        Bijectors.Affine(vector [ 1.0; 2.0; 3.0 ], vector [ 0.5; -2.0; 4.0 ]), xs
        Bijectors.StickBreaking, xs
        Bijectors.Coupling(1, network 4 1, false), xs
        Bijectors.Coupling(2, network 2 2, true), xs
        Bijectors.InverseAutoregressive(autoregressive 3), xs
        Bijectors.Coupling(1, network 4 1, false).Then(Bijectors.Coupling(1, network 4 1, true)).Then(Bijectors.Sigmoid), xs
        Bijectors.Exp.Inverted(Support.Real), [ 0.3; 0.8; 1.4 ]
    ]

/// log |det| of a matrix by elimination.
let private logDeterminant (m: double[][]) =
    let m = m |> Array.map Array.copy
    let n = m.Length
    let mutable sum = 0.0

    for k in 0 .. n - 1 do
        let pivot = [ k .. n - 1 ] |> List.maxBy (fun i -> abs m[i].[k])
        let row = m[pivot]
        m[pivot] <- m[k]
        m[k] <- row
        sum <- sum + log (abs m[k].[k])

        for i in k + 1 .. n - 1 do
            let f = m[i].[k] / m[k].[k]

            for j in k .. n - 1 do
                m[i].[j] <- m[i].[j] - f * m[k].[j]

    sum

[<Fact>]
let ``The inverse of a bijector undoes it`` () =
    for b, xs in vectors do
        close xs (numbers (b.Inverse(b.Forward(vector xs))))

[<Fact>]
let ``The log-determinant of a bijector is that of its Jacobian`` () =
    for b, xs in vectors do
        let x = vector xs
        let y = b.Forward x
        // stick-breaking: the density is that of the first elements
        let y = L.Slice(y, 0, 0, xs.Length)
        let row k = numbers (L.Gradient(L.Element(y, k), x))
        close [ logDeterminant (Array.init xs.Length row) ] (numbers (b.LogDeterminant x))

[<Fact>]
let ``Bijectors, their inverses and log-determinants have derivatives`` () =
    for b, xs in vectors do
        let inside = List.ofArray (numbers (b.Forward(vector xs)))
        Differences.agrees [ Differences.vectorOf xs ] (fun x -> b.Forward x[0])
        Differences.agrees [ Differences.vectorOf inside ] (fun y -> b.Inverse y[0])
        Differences.agrees [ Differences.vectorOf xs ] (fun x -> b.LogDeterminant x[0])

[<Fact>]
let ``Stick-breaking makes equal parts of 0, and keeps small rests`` () =
    close [ 0.25; 0.25; 0.25; 0.25 ] (numbers (Bijectors.StickBreaking.Forward(vector [ 0.0; 0.0; 0.0 ])))
    let xs = [ 20.0; 15.0; -30.0 ]
    let y = numbers (Bijectors.StickBreaking.Forward(vector xs))
    Assert.Equal(1.0, Array.sum y, 1e-12)
    let back = numbers (Bijectors.StickBreaking.Inverse(Bijectors.StickBreaking.Forward(vector xs)))
    Assert.All(Array.zip (Array.ofList xs) back, fun (x, b) -> Assert.Equal(x, b, 1e-6))

[<Fact>]
let ``A transformed density counts the volume`` () =
    // exp of a Normal has a name of its own
    let by = L.Transformed(L.Normal(vector [ 0.2; -1.0 ], vector [ 0.5; 2.0 ]), Bijectors.Exp)
    let own = L.LogNormal(vector [ 0.2; -1.0 ], vector [ 0.5; 2.0 ])
    let y = vector [ 1.3; 0.4 ]
    close [ number (own.LogDensity y) ] (numbers (by.LogDensity y))
    Assert.False(by.Knows Statistic.Mean)
    refuses "Normal through exp has no mean in closed form." (fun () -> by.Mean)
    Assert.Equal(Support.Positive, by.Support)

[<Fact>]
let ``An affine map moves the statistics`` () =
    let d =
        L.Transformed(L.Normal(vector [ 1.0; 2.0 ], scalar 0.5), Bijectors.Affine(scalar 1.0, vector [ -2.0; 3.0 ]))

    let own = L.Normal(vector [ -1.0; 7.0 ], vector [ 1.0; 1.5 ])
    close (List.ofArray (numbers own.Mean)) (numbers d.Mean)
    close (List.ofArray (numbers own.Variance)) (numbers d.Variance)
    close [ number own.Entropy ] (numbers d.Entropy)

[<Fact>]
let ``The density of a draw of TanhNormal is exact where tanh rounds to one`` () =
    use engine = new Engine(EngineOptions(Threads = 1, Cache = false))
    let source: Draws = { Key = seed 3.0 0.0; Plates = []; Times = [] }

    let program =
        build "edge" (fun b ->
            let d = L.TanhNormal(b.Input("mean", [||], DType.F32), Build.scalar DType.F32 0.1)
            let x, score = d.DrawScored source
            b.Output("x", x)
            b.Output("score", score.Value)
            b.Output("slope", L.Gradient(d.LogDensity x, x)))

    let mean = 14.0
    let values = execute engine [ "mean", [| mean |] ] program
    Assert.Equal(1.0, values["x"].[0])
    // the draw before tanh, from the interpreter
    let u = number (drawn 3.0 (L.Normal(scalar mean, scalar 0.1)))

    let expected =
        number (L.Normal(scalar mean, scalar 0.1).LogDensity(scalar u))
        - 2.0 * (log 2.0 - u - log (1.0 + exp (-2.0 * u)))

    Assert.Equal(expected, values["score"].[0], 1e-2)
    Assert.True(Double.IsFinite values["slope"].[0])

[<Fact>]
let ``A network of a coupling gives as many numbers as it must`` () =
    refuses "The network of a coupling must give 4 numbers, log-scales and then shifts; [3] came." (fun () ->
        Bijectors.Coupling(1, network 3 1, false).Forward(vector [ 1.0; 2.0; 3.0 ]))

    refuses "A coupling that passes 3 elements needs a vector of more; [3] came." (fun () ->
        Bijectors.Coupling(3, network 3 1, false).Forward(vector [ 1.0; 2.0; 3.0 ]))

    refuses "The network of an autoregressive flow must map n numbers to 2n; [3] became [3]." (fun () ->
        Bijectors.InverseAutoregressive(network 3 3).Forward(vector [ 1.0; 2.0; 3.0 ]))

[<Fact>]
let ``Whole numbers have no density to transform`` () =
    refuses "Transformed needs a distribution of floating-point numbers; Categorical is of I32." (fun () ->
        L.Transformed(L.Categorical(vector [ 0.0; 1.0 ]), Bijectors.Exp))
