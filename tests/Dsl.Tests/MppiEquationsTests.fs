/// The whole of a solve, computed by hand with the random numbers of docs/random.md.
module Inference.Dsl.Tests.MppiEquationsTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.MppiSolves
open Inference.Dsl.Tests.Statistics
open Xunit

type Ship =
    {
        [<Size(2)>]
        Position: Tensor
        Heading: Tensor
    }

type Helm =
    {
        [<Size(2); Within(-0.8, 0.6)>]
        Thrust: Tensor
        Turn: Tensor
    }

let private ship: Mdp<Ship, Helm, NoSettings> =
    Mdp.define "ship"
    |> Mdp.stepWith (fun s u () t ->
        {
            Position = s.Position + u.Thrust * L.Cos s.Heading
            Heading = s.Heading + 0.5 * u.Turn + 0.1 * t
        })
    |> Mdp.rewardWith (fun s u () t -> -(L.Sum(L.Square s.Position)) - 0.1 * L.Square u.Turn + 0.05 * t * s.Heading)
    |> Mdp.terminalValue (fun s () -> -2.0 * L.Sum(L.Square s.Position))
    |> Mdp.discount 0.9

/// Clipped actions of one sample around a plan: rows of thrust, thrust, turn.
let private sampled plate place step (plan: double[][]) (noise: int -> int -> double) =
    plan
    |> Array.mapi (fun t row ->
        let thrust e =
            row[e] + noise t e * drawn $"{plate}/step/actions.0" step place 2 (2 * t + e) |> max -0.8 |> min 0.6

        [| thrust 0; thrust 1; row[2] + noise t 2 * drawn $"{plate}/step/actions.1" step place 1 t |])

/// The return of a row of actions, from a position, a heading and a time.
let private returnOf (x0: double, y0: double, h0: double) now (actions: double[][]) =
    let mutable x, y, heading, total = x0, y0, h0, 0.0

    for k in 0 .. actions.Length - 1 do
        let u, t = actions[k], now + double k
        total <- total + 0.9 ** double k * (-(x * x + y * y) - 0.1 * u[2] * u[2] + 0.05 * t * heading)
        x <- x + u[0] * cos heading
        y <- y + u[1] * cos heading
        heading <- heading + 0.5 * u[2] + 0.1 * t

    total + 0.9 ** double actions.Length * -2.0 * (x * x + y * y)

let private noises: (double[] * (int -> int -> double)) list =
    let each, all = [| 0.3; 0.7; 1.2 |], [| 0.1; 0.2; 0.3; 0.4; 0.5; 0.6; 0.7; 0.8; 0.9 |]
    [ [| 0.5 |], (fun _ _ -> 0.5); each, (fun _ e -> each[e]); all, (fun t e -> all[3 * t + e]) ]

[<Fact>]
let ``A solve is what its equations say, number by number`` () =
    let samples, fresh, alpha, step = 7, 4, 0.7, 5u
    let start = 0.4, -0.3, 0.2
    let plan = [| [| 0.1; -0.2; 0.3 |]; [| 0.5; 0.5; -0.5 |]; [| -0.4; 0.0; 0.1 |] |]

    for values, noise in noises do
        let result =
            ship
            |> Mdp.optimal alpha
            |> Mppi.plan { settings samples 3 with Noise = Noise.Of values; ElboSamples = fresh }
            |> solve [ 0.4; -0.3; 0.2 ] [ "plan", Array.concat plan; "step", [| double step |] ]

        let actions = [| for k in 0 .. samples - 1 -> sampled "rollout" k step plan noise |]
        let returns = actions |> Array.map (returnOf start (double step))

        let weights =
            let e = returns |> Array.map (fun r -> exp (r / alpha)) in e |> Array.map (fun w -> w / Array.sum e)

        let means =
            Array.init 3 (fun t -> Array.init 3 (fun e -> Seq.sum (Seq.map2 (fun w (a: double[][]) -> w * a[t].[e]) weights actions)))

        close (List.ofArray (Array.concat means)) result["means"]
        close (List.ofArray means[0]) result["action"]
        close (List.ofArray (Array.concat [ means[1]; means[2]; means[2] ])) result["plan"]
        close [ 1.0 / Array.sumBy (fun w -> w * w) weights ] result["effective sample size"]
        close [ -alpha * log (returns |> Array.averageBy (fun r -> exp (r / alpha))) ] result["free energy"]

        let expected =
            Array.average [| for k in 0 .. fresh - 1 -> sampled "elbo" k step means noise |> returnOf start (double step) |]

        let divergence =
            Seq.sum (
                seq {
                    for t in 0..2 do
                        for e in 0..2 -> ((means[t].[e] - plan[t].[e]) / noise t e) ** 2.0 / 2.0
                }
            )

        close [ expected / alpha - divergence ] result["elbo"]
        close [ 0.0 ] result["non-finite samples"]
        close [ 3.0 ] result["first non-finite step"]
        close [ 6.0 ] result["step"]

        // the test reaches both limits of an action and none of the other's
        let thrusts = actions |> Array.collect (Array.collect (fun a -> a[0..1]))

        Assert.True(
            Array.contains -0.8 thrusts
            && Array.contains 0.6 thrusts
            && Array.exists (fun u -> u > -0.8 && u < 0.6) thrusts
        )

[<Fact>]
let ``Plans follow one another, each from the last one shifted`` () =
    let planner = ship |> Mdp.optimal 0.7 |> Mppi.plan (settings 5 3)
    let first = planner |> solve [ 0.4; -0.3; 0.2 ] []
    let second = planner |> solve [ 0.4; -0.3; 0.2 ] [ "plan", first["plan"]; "step", first["step"] ]
    let plan = first["plan"] |> Array.chunkBySize 3
    let actions = [| for k in 0..4 -> sampled "rollout" k 1u plan (fun _ _ -> 1.0) |]
    let e = actions |> Array.map (fun a -> exp (returnOf (0.4, -0.3, 0.2) 1.0 a / 0.7))

    close
        [
            for t in 0..2 do
                for k in 0..2 -> Array.sum (Array.map2 (fun w (a: double[][]) -> w * a[t].[k]) e actions) / Array.sum e
        ]
        second["means"]
