module Inference.Dsl.Tests.FiniteProcesses.InverseReinforcementTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.FiniteProcesses.Trajectories
open Xunit

let private inDouble () =
    new Engine(EngineOptions(Threads = 2, Precision = Precision.Double, Cache = false, Verify = true))

let private noisy (random: Random) count = Array.init count (fun _ -> 2.0 * random.NextDouble() - 1.0)

/// Random episodes of actions that are allowed: what they show need not be sensible.
let private wander (random: Random) (mdp: FiniteMdp) episodes steps =
    let rec allowed state =
        let action = random.Next mdp.Actions
        if mdp.PriorOf(state, action) > 0.0 then action else allowed state

    let states = Array.init episodes (fun _ -> Array.init (steps + 1) (fun _ -> random.Next mdp.States))
    Demonstrations(states, states |> Array.map (fun row -> row |> Array.truncate steps |> Array.map allowed))

/// What the features of a policy's episodes sum to, from forward messages: Σ over times, states and actions, of those that go on.
let private occupied (mdp: FiniteMdp) (x: FiniteSolution) (masses: double[][]) (features: double[]) steps =
    let pairs = mdp.Actions * mdp.States

    Array.init (features.Length / pairs) (fun f ->
        Seq.sum (
            seq {
                for time in 0 .. steps - 1 do
                    for s in 0 .. mdp.States - 1 do
                        if not (mdp.EndsAt s) then
                            for a in 0 .. mdp.Actions - 1 do
                                masses[time][s] * x.Probabilities(s, time)[a] * features[f * pairs + a * mdp.States + s]
            }
        ))

let private starts (mdp: FiniteMdp) (d: Demonstrations) =
    Array.init mdp.States (fun s -> double (Seq.length (d.States |> Seq.filter (fun row -> row[0] = s))) / double d.Episodes)

[<Fact>]
let ``The gradient is the demonstrations' features minus those of the model's occupancy, under either semantics`` () =
    use engine = inDouble ()
    let steps = 4

    for semantics, seed in [ PlanningSemantics.FixedDynamics, 3; PlanningSemantics.ExactPosterior, 4 ] do
        let random' = Random seed
        let mdp = random seed 4 2 2 0.9 |> FiniteMdp.terminalValue null
        let features = noisy random' (3 * 2 * 4)
        let shown = wander random' mdp 5 steps
        // three steps of plain descent lead to weights that are not zero
        let options =
            MaximumEntropyReward(Semantics = semantics, Temperature = 0.7, MaximumSteps = 3, Optimizer = Sgd(Rate.Constant 0.3))

        let fit = mdp.FitReward(features, shown, options, engine)
        Assert.Equal(3, fit.Steps)
        Assert.All(fit.Weights, fun w -> Assert.NotEqual(0.0, w))

        let model =
            fit.Rewarded() |> FiniteMdp.startingFrom (starts mdp shown) |> fun m -> m.Optimal(0.7, semantics)

        use x = model.Solve(engine, BackwardInduction(Steps = steps))
        let expected = Array.map2 (-) fit.Expert (occupied mdp x (x.Posterior steps) features steps)

        for f in 0..2 do
            Assert.Equal(expected[f], fit.Gap[f], 1e-10)

        let value = Seq.sum (seq { for s in 0..3 -> (starts mdp shown)[s] * x.Values(0)[s] })
        Assert.Equal(Array.sum (Array.map2 (*) fit.Weights fit.Expert) - value, fit.Objective, 1e-10)

[<Fact>]
let ``Features of demonstrations are discounted, and end where episodes end`` () =
    use engine = inDouble ()

    let mdp =
        FiniteMdp.ofTransition "two" (Array3D.init 2 1 2 (fun _ _ k -> double k)) (Array2D.zeroCreate 2 1) 0.5
        |> FiniteMdp.terminating [| false; true |]

    let fit =
        mdp.FitReward(
            [| 4.0; 100.0 |],
            Demonstrations([| [| 0; 0; 1 |]; [| 0; 1; 1 |] |], [| [| 0; 0 |]; [| 0; 0 |] |]),
            MaximumEntropyReward(MaximumSteps = 1),
            engine
        )

    Assert.Equal(5.0, fit.Expert[0], 1e-12)
    // the model's episodes take one step of feature 4
    Assert.Equal(1.0, fit.Gap[0], 1e-12)

[<Fact>]
let ``A policy by the reward that was found does what the demonstrations do`` () =
    use engine = inDouble ()
    let steps = 8
    let random' = Random 11
    let mdp = { random 7 5 3 2 0.95 with TerminalValue = null }
    let features = noisy random' (3 * 3 * 5)
    let truth = [| 1.5; -1.0; 0.7 |]
    let reward = Array.init 15 (fun k -> Seq.sum (seq { for f in 0..2 -> truth[f] * features[f * 15 + k] }))
    let rewarded = FiniteMdp.withReward reward mdp
    use expert = rewarded.Optimal(1.0).Solve(engine, BackwardInduction(Steps = steps))
    let shown = expert.Demonstrate(4000, steps, 5L)
    Assert.Equal(4000, shown.Episodes)

    let fit =
        mdp.FitReward(features, shown, MaximumEntropyReward(MaximumSteps = 800, Tolerance = 1e-4), engine)

    Assert.True(fit.Converged, fit.Explain())

    // features sum to some units over an episode, and 4000 episodes leave about a hundredth of one
    for f in 0..2 do
        Assert.Equal(truth[f], fit.Weights[f], 0.15)

    use learnt =
        (FiniteMdp.startingFrom (starts mdp shown) (fit.Rewarded())).Optimal(1.0).Solve(engine, BackwardInduction(Steps = steps))

    let shownMasses =
        Array.init (steps + 1) (fun t -> Array.init 5 (fun s -> shown.States |> Seq.filter (fun row -> row[t] = s) |> Seq.length))

    // without discount, which cuts no demonstration short
    let masses = learnt.Occupancies steps

    for t in 0..steps do
        for s in 0..4 do
            if not (mdp.EndsAt s) then
                Assert.Equal(double (shownMasses[t].[s]) / 4000.0, masses[t].[s] / 0.95 ** double t, 0.04)

[<Fact>]
let ``A precision of the weights holds them where demonstrations have no slip`` () =
    use engine = inDouble ()

    let mdp =
        FiniteMdp.ofTransition "stay" (Array3D.init 1 2 1 (fun _ _ _ -> 1.0)) (Array2D.zeroCreate 1 2) 1.0

    let shown = Demonstrations([| [| 0; 0 |] |], [| [| 1 |] |])
    let options = MaximumEntropyReward(Precision = 0.1, MaximumSteps = 2000)
    let fit = mdp.FitReward([| 0.0; 1.0 |], shown, options, engine)
    // 1 − sigmoid(θ) = 0.1·θ
    let theta = fit.Weights[0]
    Assert.True fit.Converged
    Assert.Equal(1.0 - 1.0 / (1.0 + exp -theta), 0.1 * theta, 1e-4)

[<Fact>]
let ``Drawn episodes have the frequencies of forward messages, and are the same for any number of threads`` () =
    let mdp = random 5 4 2 2 1.0

    let draw threads seed =
        use engine = new Engine(EngineOptions(Threads = threads, Cache = false))
        use x = mdp.Optimal(0.5).Solve(engine, BackwardInduction(Steps = 4))
        let d = x.Demonstrate(20_000, 4, seed)
        [| for row in d.States -> Array.ofSeq row |], [| for row in d.Actions -> Array.ofSeq row |], x.Occupancies 4

    let states, actions, masses = draw 2 3L

    for t in 0..4 do
        for s in 0..3 do
            if not (mdp.EndsAt s) then
                let share = double (states |> Array.filter (fun row -> row[t] = s) |> Array.length) / 20_000.0
                // five standard errors
                Assert.InRange(abs (share - masses[t][s]), 0.0, 5.0 * sqrt (0.25 / 20_000.0))

    let again, againActions, _ = draw 7 3L
    Assert.Equal<int[]>(states, again)
    Assert.Equal<int[]>(actions, againActions)

[<Fact>]
let ``What has no such gradient, or does not fit, is refused`` () =
    use engine = inDouble ()
    let mdp = random 5 4 2 2 1.0
    let shown = wander (Random 0) mdp 2 3

    refuses "Inverse reinforcement learning matches soft-optimal policies; Boltzmann came, whose value has another gradient." (fun () ->
        mdp.FitReward(Array.zeroCreate 8, shown, MaximumEntropyReward(Semantics = PlanningSemantics.Boltzmann), engine))

    let e =
        Assert.Throws<ArgumentException>(fun () -> mdp.FitReward(Array.zeroCreate 9, shown, MaximumEntropyReward(), engine) |> ignore)

    Assert.Contains("9 numbers of features came; \"random\" needs 8 of each", e.Message)
    let allowed = if mdp.PriorOf(3, 0) > 0.0 then 0 else 1
    let strange = Demonstrations([| [| 3; 0 |]; [| 9; 0 |] |], [| [| allowed |]; [| 1 |] |])

    let e =
        Assert.Throws<ArgumentException>(fun () -> mdp.FitReward(Array.zeroCreate 8, strange, MaximumEntropyReward(), engine) |> ignore)

    Assert.Contains("Episode 1 has state 9 and action 1 at time 0, and state 0 after it; \"random\" has 4 states", e.Message)

    let e =
        Assert.Throws<ArgumentException>(fun () ->
            let features = Array.init 8 (fun k -> if k = 5 then nan else 0.0)
            mdp.FitReward(features, shown, MaximumEntropyReward(), engine) |> ignore)

    Assert.Contains("Feature 0 of \"random\" is NaN in (state 1) for (action 1).", e.Message)

    for options, problem in
        [
            MaximumEntropyReward(Temperature = 0.0), "MaximumEntropyReward.Temperature is 0."
            MaximumEntropyReward(Precision = -1.0), "MaximumEntropyReward.Precision is -1."
            MaximumEntropyReward(MaximumSteps = -1), "MaximumEntropyReward.MaximumSteps is -1."
            MaximumEntropyReward(Tolerance = nan), "MaximumEntropyReward.Tolerance is NaN."
        ] do
        refuses problem (fun () -> mdp.FitReward(Array.zeroCreate 8, shown, options, engine))

[<Fact>]
let ``A forbidden action is refused, and a step that the process never takes is a warning`` () =
    use engine = inDouble ()

    let mdp =
        FiniteMdp.ofTransition "turn" (Array3D.init 2 2 2 (fun s _ k -> if s = k then 0.0 else 1.0)) (Array2D.zeroCreate 2 2) 1.0
        |> FiniteMdp.withPrior [| 1.0; 0.5; 0.0; 0.5 |]

    let fit states actions =
        mdp.FitReward([| 1.0; 0.0; 0.0; 0.0 |], Demonstrations(states, actions), MaximumEntropyReward(MaximumSteps = 1), engine)

    let e = Assert.Throws<ArgumentException>(fun () -> fit [| [| 0; 1 |] |] [| [| 1 |] |] |> ignore)
    Assert.Contains("Episode 0 takes (action 1) in (state 0) at time 0, which the prior policy of \"turn\" forbids", e.Message)

    Assert.Equal<string>(
        [
            "2 steps of the demonstrations are none of \"turn\": in episode 1 one leads at time 0 from (state 0) by (action 0) to (state 0)."
        ],
        (fit [| [| 0; 1; 0 |]; [| 0; 0; 0 |] |] [| [| 0; 1 |]; [| 0; 0 |] |]).Warnings
    )

    Assert.Empty((fit [| [| 0; 1; 0 |] |] [| [| 0; 1 |] |]).Warnings)
