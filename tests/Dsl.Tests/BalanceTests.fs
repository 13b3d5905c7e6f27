module Inference.Dsl.Tests.BalanceTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

/// A posterior and a prior of one site, each with parameters of its own.
let private bound (balance: Nullable<double>) (q: Tensor -> Tensor -> Distribution) (a: Tensor) (b: Tensor) (c: Tensor) (d: Tensor) =
    let model =
        prob {
            let! z = L.Sample("z", q c d)
            do! L.Factor(0.0 * L.Sum z)
        }

    let guide = L.Sample("z", q a b)
    let o = Objective.Elbo()
    o.Balance <- balance
    (fst (draw 1.0 2.0 (EvidenceBound.derive o model guide))).Value

let private families: (string * (Tensor -> Tensor -> Distribution)) list =
    [
        "Normal", (fun a b -> L.Normal(a, L.Exp b))
        "Gamma", (fun a b -> L.Gamma(L.Exp a, L.Exp b))
        "Beta", (fun a b -> L.Beta(L.Exp a, L.Exp b))
        "Laplace", (fun a b -> L.Laplace(a, L.Exp b))
        "LogNormal", (fun a b -> L.LogNormal(a, L.Exp b))
    ]

[<Fact>]
let ``A balanced divergence has the same value, and shares its slope between prior and guide`` () =
    for name, q in families do
        let x = [ 0.3; -0.2; -0.4; 0.5 ] |> List.map scalar |> Array.ofList
        let plain = bound (Nullable()) q x[0] x[1] x[2] x[3]
        let balanced = bound (Nullable 0.8) q x[0] x[1] x[2] x[3]
        close [ number plain ] [| number balanced |]
        let whole = Calculus.gradient plain x |> Array.map number
        let shared = Calculus.gradient balanced x |> Array.map number
        let expected = [ 0.2 * whole[0]; 0.2 * whole[1]; 0.8 * whole[2]; 0.8 * whole[3] ]
        Assert.True(Array.forall (fun g -> abs g > 1e-3) whole, name)
        close expected shared

[<Fact>]
let ``What has no closed form is not balanced`` () =
    let e =
        failure (fun () ->
            bound (Nullable 0.8) (fun a b -> L.StudentT(L.Fill 3.0, a, L.Exp b)) (scalar 0.0) (scalar 0.0) (scalar 1.0) (scalar 0.0))

    Assert.Equal("The divergence of the site \"z\", of StudentT from StudentT, has no closed form to balance.", e.Problem)

    refuses "An objective has balance 1.5." (fun () ->
        bound (Nullable 1.5) (fun a b -> L.Normal(a, L.Exp b)) (scalar 0.0) (scalar 0.0) (scalar 1.0) (scalar 0.0))
