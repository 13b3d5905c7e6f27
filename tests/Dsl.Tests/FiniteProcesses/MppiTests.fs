/// Path-integral control beside exact solutions: of an action, drawn from N(0, 1), a process reads the sign alone, so that it is one of two actions.
module Inference.Dsl.Tests.FiniteProcesses.MppiTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

type Spot =
    {
        [<Discrete(5)>]
        Number: Tensor
    }

type Lean = { Way: Tensor }

let private whole (x: int) = Build.scalar DType.I32 (double x)

/// E|u|
let private half = sqrt (2.0 / Math.PI)

let private way (u: Lean) = L.Select(L.Less(0.0, u.Way), whole 1, whole 0)

/// A finite process of five states and two actions, as one that planners may sample. The first state is 0.
let private sampled (mdp: FiniteMdp) : Mdp<Spot, Lean, NoSettings> =
    let p = Array.zeroCreate<double> 50

    for s in 0..4 do
        for a in 0..1 do
            for k in 0 .. mdp.Successors - 1 do
                let entry = (a * mdp.Successors + k) * 5 + s
                let place = (2 * s + a) * 5 + mdp.Next[entry]
                p[place] <- p[place] + mdp.Probability[entry]

    let logs = L.Constant(Array.map log p, 10, 5)
    let rewards = L.Constant(Array.init 10 (fun k -> mdp.Reward[k % 2 * 5 + k / 2]))
    let ends = L.Constant(Array.init 5 (fun s -> if mdp.EndsAt s then 1.0 else 0.0))
    let place (s: Spot) u = 2.0 * s.Number + way u

    Mdp.define mdp.Name
    |> Mdp.transition (fun s u ->
        prob {
            let! next = L.Sample("next", L.Categorical(L.Gather(logs, place s u)))
            return { Number = next }
        })
    |> Mdp.reward (fun s u -> L.Gather(rewards, place s u))
    |> Mdp.terminalValue (fun s () -> L.Gather(L.Constant mdp.TerminalValue, s.Number))
    |> Mdp.termination (fun s () -> L.Less(0.5, L.Gather(ends, s.Number)))
    |> Mdp.discount mdp.Discount

let private plan engine semantics rollouts samples horizon alpha (mdp: FiniteMdp) =
    let planner =
        sampled mdp
        |> Mdp.optimalIn semantics alpha
        |> Mppi.plan
            { MppiSettings.Default with
                Samples = samples
                Horizon = horizon
                Rollouts = rollouts
                ElboSamples = 1
            }

    let found =
        execute engine [ "state", [| 0.0 |]; "settings", [| 0.0 |]; "seed", [| 1.0; 0.0 |] ] planner.Program

    found["means"], found["effective sample size"][0]

let private engines () =
    new Engine(EngineOptions(Threads = 2, Cache = false)),
    new Engine(EngineOptions(Threads = 2, Precision = Precision.Double, Cache = false))

[<Fact>]
let ``Under the exact posterior a plan is that of exact messages, at every step`` () =
    let fast, precise = engines ()
    use fast = fast
    use precise = precise
    let samples, horizon, alpha = 131072, 4, 0.7

    for seed, discount in [ 1, 1.0; 2, 1.0; 3, 0.8; 4, 0.6 ] do
        let mdp = Trajectories.random seed 5 2 3 discount |> FiniteMdp.withPrior (Array.create 10 0.5)

        use exact =
            mdp.Optimal(alpha, PlanningSemantics.ExactPosterior).Solve(precise, BackwardInduction(Steps = horizon))

        let from = FiniteMdp.startingFrom [| 1.0; 0.0; 0.0; 0.0; 0.0 |] mdp

        use told =
            from.Optimal(alpha, PlanningSemantics.ExactPosterior).Solve(precise, BackwardInduction(Steps = horizon))

        let where = told.Posterior horizon
        let means, effective = plan fast PlanningSemantics.ExactPosterior 1 samples horizon alpha mdp
        Assert.Equal(exact.Probabilities(0, 0)[1], told.Probabilities(0, 0)[1], 1e-12)

        for time in 0 .. horizon - 1 do
            // where the episode has ended, or was cut off, actions are as before
            let expected =
                half
                * Seq.sum (
                    seq {
                        for s in 0..4 do
                            if not (mdp.EndsAt s) then
                                where[time][s] * (2.0 * told.Probabilities(s, time)[1] - 1.0)
                    }
                )

            // six standard errors: Σ w²(u − μ)²/(Σ w)², where weights read signs alone, and E[(u − μ)² | sign] ≤ 1 + 2·E|u|² + E|u|² < 3
            let slack = 6.0 * sqrt (3.0 / effective)
            Assert.InRange(means[time], expected - slack, expected + slack)
            Assert.InRange(slack, 0.0, 0.1)

/// The river of docs/planning.md: the bridge is worth 1, the ferry lands at the market, a choice between 4 and 0, or on the shore, −1.
let private crossing: FiniteMdp =
    let next s a k =
        match s, a with
        | 0, 0 -> 1
        | 0, _ -> 2 + k
        | _ -> 4

    FiniteMdp.ofSuccessors
        "crossing"
        (Array3D.init 5 2 2 next)
        (Array3D.create 5 2 2 0.5)
        (Array2D.init 5 2 (fun s a ->
            match s with
            | 1 -> 1.0
            | 2 -> 4.0 - 4.0 * double a
            | 3 -> -1.0
            | _ -> 0.0))
        1.0
    |> FiniteMdp.terminating [| false; false; false; false; true |]
    |> FiniteMdp.terminalValue (Array.zeroCreate 5)

[<Fact>]
let ``Where the river's meanings differ, each plan is the one that its weights mean`` () =
    let fast, precise = engines ()
    use fast = fast
    use precise = precise
    let samples = 131072
    use exact = crossing.Optimal(1.0, PlanningSemantics.ExactPosterior).Solve(precise)
    use closed = crossing.Optimal(1.0).Solve(precise)
    let wished = exact.Probabilities(0, 0)[1]
    Assert.Equal(0.8382, wished, 5e-5)

    let ferry semantics rollouts =
        let means, effective = plan fast semantics rollouts samples 2 1.0 crossing
        let error = 0.5 * sqrt (3.0 / effective) / half
        Assert.InRange(error, 0.0, 0.01)
        0.5 * (1.0 + means[0] / half), 6.0 * error

    for rollouts in [ 1; 4 ] do
        let found, slack = ferry PlanningSemantics.ExactPosterior rollouts
        Assert.InRange(found, wished - slack, wished + slack)

    // Fixed dynamics: the weight of a plan is E exp(mean of m returns); of m ferries k land at the market. A plan of actions that do not look
    // where the ferry landed chooses at the market beforehand.
    let choose m k =
        Seq.fold (fun c j -> c * double (m - j) / double (j + 1)) 1.0 (seq { 0 .. k - 1 })

    let weightOf m market =
        Seq.sum (
            seq {
                for k in 0..m ->
                    let share = double k / double m
                    choose m k / 2.0 ** double m * exp (share * market - (1.0 - share))
            }
        )

    let expected m =
        let byFerry = weightOf m 4.0 + weightOf m 0.0
        byFerry / (byFerry + 2.0 * exp 1.0)

    Assert.Equal(wished, expected 1, 1e-9)

    for m in [ 2; 16 ] do
        let found, slack = ferry PlanningSemantics.FixedDynamics m
        Assert.InRange(found, expected m - slack, expected m + slack)

    // many rollouts come to exp(E R); only a policy that sees the market does better
    Assert.Equal((exp 1.5 + exp -0.5) / (exp 1.5 + exp -0.5 + 2.0 * exp 1.0), expected 512, 5e-3)
    Assert.True(expected 512 < closed.Probabilities(0, 0)[1])
