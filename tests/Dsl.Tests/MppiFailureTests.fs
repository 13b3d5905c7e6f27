/// Path-integral control where returns are not finite.
module Inference.Dsl.Tests.MppiFailureTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.MppiSolves
open Inference.Dsl.Tests.Statistics
open Xunit

[<Fact>]
let ``A sample whose return is not finite weighs nothing and is counted`` () =
    for reward in [ L.Sqrt; L.Log << (fun u -> L.Max(0.0, u)); (fun u -> L.Select(L.Less(u, 0.0), infinity, u)) ] do
        let samples = 9
        let rooted = quadratic |> Mdp.reward (fun _ u -> reward u.By)
        let result = rooted |> Mdp.optimal 0.5 |> Mppi.plan (settings samples 1) |> solve [ 0.0 ] []
        let actions = [| for k in 0 .. samples - 1 -> drawn "rollout/step/actions.0" 0u k 1 0 |]
        let value u = number (reward (scalar u))
        let good = actions |> Array.filter (fun u -> u > 0.0)
        Assert.InRange(good.Length, 2, samples - 2)
        let w = good |> Array.map (fun u -> exp (value u / 0.5))
        close [ Array.sum (Array.map2 (*) w good) / Array.sum w ] result["action"]
        close [ Array.sum w ** 2.0 / Array.sumBy (fun x -> x * x) w ] result["effective sample size"]
        close [ -0.5 * log (Array.sum w / double samples) ] result["free energy"]
        close [ double (samples - good.Length) ] result["non-finite samples"]
        close [ 0.0 ] result["first non-finite step"]

[<Fact>]
let ``Without a finite return the plan stays, shifted, and the first step at fault is reported`` () =
    // the third step reads the time 2 and more
    let cliff = quadratic |> Mdp.rewardWith (fun s u () t -> -(L.Square s.X) + L.Sqrt(1.5 - t) + 0.0 * u.By)

    let result =
        cliff
        |> Mdp.optimal 0.5
        |> Mppi.plan (settings 6 4)
        |> solve [ 0.0 ] [ "plan", [| 1.0; 2.0; 3.0; 4.0 |] ]

    close [ 1.0; 2.0; 3.0; 4.0 ] result["means"]
    close [ 1.0 ] result["action"]
    close [ 2.0; 3.0; 4.0; 4.0 ] result["plan"]
    close [ 6.0 ] result["non-finite samples"]
    close [ 2.0 ] result["first non-finite step"]
    close [ infinity ] result["free energy"]

[<Fact>]
let ``A state that is not finite at the start is reported at step 0`` () =
    let result =
        quadratic |> Mdp.optimal 0.5 |> Mppi.plan (settings 6 2) |> solve [ nan ] [ "plan", [| 1.0; 2.0 |] ]

    close [ 1.0; 2.0 ] result["means"]
    close [ 6.0 ] result["non-finite samples"]
    close [ 0.0 ] result["first non-finite step"]

[<Fact>]
let ``Returns of any size are weighed without overflow`` () =
    for scale in [ 1e6; 1e-6 ] do
        for shift in [ 1e8; -1e8 ] do
            let far = quadratic |> Mdp.reward (fun _ u -> shift - scale * L.Square u.By)
            let result = far |> Mdp.optimal 1.0 |> Mppi.plan (settings 6 1) |> solve [ 0.0 ] []

            Assert.All(
                [ "action"; "effective sample size"; "free energy"; "elbo" ],
                fun name -> Assert.True(Double.IsFinite(one result name))
            )

            Assert.InRange(one result "effective sample size", 1.0, 6.0 + 1e-9)
            Assert.InRange(one result "free energy", -shift, -shift + 50.0 * scale + 10.0)
