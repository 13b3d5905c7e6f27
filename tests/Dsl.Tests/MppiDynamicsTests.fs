/// Path-integral control where the dynamics are random.
module Inference.Dsl.Tests.MppiDynamicsTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.MppiSolves
open Inference.Dsl.Tests.Statistics
open Xunit

type Force =
    {
        [<Within(0.0, 1.0)>]
        Value: Tensor
    }

/// x′ = x + u·ξ, valued by x′: its expectation says nothing about u, and wishing for luck says to push.
let private gamble: Mdp<Point, Force, NoSettings> =
    Mdp.define "gamble"
    |> Mdp.transition (fun s u ->
        prob {
            let! luck = L.Sample("luck", L.Normal(0.0, 1.0))
            return { X = s.X + u.Value * luck }
        })
    |> Mdp.reward (fun _ _ -> scalar 0.0)
    |> Mdp.terminalValue (fun s () -> s.X)

/// The mean of clip(N(0, 1), 0, 1) weighed by E exp(u·ξ̄) = exp(u²/2m), where ξ̄ is the mean of m draws.
let private tilted m =
    let weight u = exp (u * u / (2.0 * m))
    let inside f = integral (fun u -> normal 0.0 1.0 u * weight u * f u) 0.0 1.0
    let beyond = (1.0 - normalCdf 1.0) * weight 1.0
    (inside id + beyond) / (0.5 + inside (fun _ -> 1.0) + beyond)

[<Fact>]
let ``Fixed dynamics average the return over their noise, and the exact posterior wishes for luck`` () =
    use engine = newEngine ()
    let samples = 65536

    let mean semantics rollouts =
        let planner =
            gamble |> Mdp.optimalIn semantics 1.0 |> Mppi.plan { settings samples 1 with Rollouts = rollouts }

        one (solveFast engine [ 0.0 ] planner) "action"

    // var(w·(u − mean)) ≤ E w² ≤ e² for the weights exp(uξ), u ≤ 1, before they are normalised by more than ½ e^(1/8)
    let slack = 6.0 * exp 1.0 / sqrt (double samples)
    let averaged, wished = mean PlanningSemantics.FixedDynamics 8, mean PlanningSemantics.ExactPosterior 8
    Assert.InRange(averaged, tilted 8.0 - slack, tilted 8.0 + slack)
    Assert.InRange(wished, tilted 1.0 - slack, tilted 1.0 + slack)
    Assert.True(tilted 1.0 - tilted 8.0 > 0.05)
    Assert.InRange(wished - averaged, 0.05, 0.1)
    // one draw weighed by itself is the exact posterior, whatever it is called
    Assert.Equal(mean PlanningSemantics.FixedDynamics 1, mean PlanningSemantics.ExactPosterior 1)

[<Fact>]
let ``Rollouts are the draws of the dynamics for each action sequence`` () =
    let samples, rollouts = 5, 3

    let result semantics =
        gamble
        |> Mdp.optimalIn semantics 0.5
        |> Mppi.plan { settings samples 1 with Rollouts = rollouts }
        |> solve [ 0.25 ] []

    let actions =
        [| for k in 0 .. samples - 1 -> drawn "rollout/step/actions.0" 0u k 1 0 |> max 0.0 |> min 1.0 |]

    let values =
        [|
            for k in 0 .. samples - 1 ->
                [|
                    for m in 0 .. rollouts - 1 -> 0.25 + actions[k] * drawn "rollout/dynamics/step/luck" 0u (k * rollouts + m) 1 0
                |]
        |]

    let weigh (w: double[]) = Array.sum (Array.map2 (*) w actions) / Array.sum w
    let ess (w: double[]) = Array.sum w ** 2.0 / Array.sumBy (fun x -> x * x) w

    let fixedWeights = values |> Array.map (fun v -> exp (Array.average v / 0.5))
    let averaged = result PlanningSemantics.FixedDynamics
    close [ weigh fixedWeights ] averaged["action"]
    close [ ess fixedWeights ] averaged["effective sample size"]
    close [ -0.5 * log (Array.average fixedWeights) ] averaged["free energy"]

    let exactWeights = values |> Array.map (Array.map (fun v -> exp (v / 0.5)))
    let exact = result PlanningSemantics.ExactPosterior
    close [ weigh (Array.map Array.sum exactWeights) ] exact["action"]
    close [ ess (Array.concat exactWeights) ] exact["effective sample size"]
    close [ -0.5 * log (Array.average (Array.concat exactWeights)) ] exact["free energy"]

[<Fact>]
let ``A deterministic step is rolled out once, however many rollouts are asked for`` () =
    let plan semantics rollouts =
        quadratic
        |> Mdp.optimalIn semantics 1.0
        |> Mppi.plan { settings 9 2 with Rollouts = rollouts }
        |> solve [ 1.0 ] []

    let expected = plan PlanningSemantics.FixedDynamics 1
    Assert.Equal<Map<string, double[]>>(expected, plan PlanningSemantics.FixedDynamics 6)
    Assert.Equal<Map<string, double[]>>(expected, plan PlanningSemantics.ExactPosterior 6)
