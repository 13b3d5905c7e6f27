module Inference.Dsl.Tests.FiniteProcesses.InfiniteHorizonTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.FiniteProcesses.Trajectories
open Xunit

let private inDouble () =
    new Engine(EngineOptions(Threads = 2, Precision = Precision.Double, Cache = false, Verify = true))

/// A walk on a line of five from the middle, left or right, that ends at either side; steps slip with probability 0.1. Only the right end pays.
let private walk: FiniteMdp =
    let ahead s a = Math.Clamp(s + (if a = 0 then -1 else 1), 0, 4)

    FiniteMdp.ofSuccessors
        "walk"
        (Array3D.init 5 2 2 (fun s a k -> ahead s (if k = 0 then a else 1 - a)))
        (Array3D.init 5 2 2 (fun _ _ k -> if k = 0 then 0.9 else 0.1))
        (Array2D.init 5 2 (fun s a -> if s = 3 && a = 1 then 1.0 else -0.1))
        1.0
    |> FiniteMdp.terminating [| true; false; false; false; true |]
    |> FiniteMdp.startingFrom [| 0.0; 0.0; 1.0; 0.0; 0.0 |]

[<Fact>]
let ``Without a discount an episode that ends has a value, and a proved bound`` () =
    use engine = inDouble ()

    for semantics in [ PlanningSemantics.FixedDynamics; PlanningSemantics.ExactPosterior ] do
        use x = walk.Optimal(0.5, semantics).Solve(engine)
        // long enough for hardly any episode to go on
        use truth = walk.Optimal(0.5, semantics).Solve(engine, BackwardInduction(Steps = 2000))
        Assert.InRange(x.ErrorBound.Value, 1e-16, 1e-4)

        for s in 0..4 do
            Assert.InRange(abs (x.Values(0)[s] - truth.Values(0)[s]), 0.0, x.ErrorBound.Value)

        Assert.Equal(0.0, x.Values(0)[0])
        Assert.Contains("one more sweep from above falls", x.Explain())

[<Fact>]
let ``Bounds hold in random processes, by either method`` () =
    use engine = inDouble ()

    for seed in 1..8 do
        for semantics, gamma in
            [
                PlanningSemantics.FixedDynamics, 0.9
                PlanningSemantics.ExactPosterior, 0.6
                PlanningSemantics.FixedDynamics, 0.6
            ] do
            let mdp = random seed 3 2 2 gamma |> FiniteMdp.terminalValue null
            let o = mdp.Optimal(2.5, semantics)
            use truth = o.Solve(engine, BackwardInduction(Steps = 400))
            use byValues = o.Solve(engine, ValueIteration(Tolerance = 1e-3))
            use byPolicies = o.Solve(engine, PolicyIteration(Tolerance = 1e-3))

            for x in [ byValues; byPolicies ] do
                Assert.InRange(x.ErrorBound.Value, 0.0, 0.02)

                for s in 0..2 do
                    Assert.InRange(abs (x.Values(0)[s] - truth.Values(0)[s]), 0.0, x.ErrorBound.Value)

[<Fact>]
let ``Visits count how often an episode comes to a state`` () =
    use engine = inDouble ()
    use x = walk.Optimal(0.5).Solve(engine)
    let visits = x.Visits()
    // every episode ends once
    Assert.Equal(1.0, visits[0] + visits[4], 1e-9)
    Assert.InRange(visits[2], 1.0, 3.0)
    // the return is what visits earn
    let earned =
        Seq.sum (
            seq {
                for s in 1..3 do
                    for a in 0..1 -> visits[s] * x.Probabilities(s, 0)[a] * walk.Reward[a * 5 + s]
            }
        )

    Assert.Equal(earned, x.ExpectedReturn(), 1e-9)

[<Fact>]
let ``A value that is infinite is refused, and the states are named`` () =
    use engine = inDouble ()
    // 3 and 4 go round for ever; 0 leads to them or to its end, 1
    let next = [| [ 1; 3 ]; [ 1; 1 ]; [ 0; 0 ]; [ 4; 4 ]; [ 3; 3 ] |]

    let circle reward =
        FiniteMdp.ofSuccessors
            "circle"
            (Array3D.init 5 2 1 (fun s a _ -> (next[s]).[a]))
            (Array3D.create 5 2 1 1.0)
            (Array2D.init 5 2 (fun s _ -> if s = 3 then reward else 0.0))
            1.0
        |> FiniteMdp.terminating [| false; true; false; false; false |]

    let e = failure (fun () -> circle 1.0 |> fun m -> m.Optimal(1.0).Solve(engine) |> ignore)

    Assert.Equal(
        "The value of \"circle\" is infinite: without a discount, no end is ever reached from the states (state 3), (state 4).",
        e.Problem
    )

    // where nothing is earned there is nothing to add up
    use resting = (circle 0.0).Optimal(1.0).Solve(engine)
    Assert.Equal<double>(Array.zeroCreate 5, resting.Values(0).ToArray())
    use short = (circle 1.0).Optimal(1.0).Solve(engine, BackwardInduction(Steps = 5))
    Assert.Equal(3.0, short.Values(0)[3], 1e-12)

[<Fact>]
let ``An evidence that is infinite though the discount is not is told apart`` () =
    use engine = inDouble ()

    let mdp = FiniteMdp.ofTransition "rich" (Array3D.create 1 1 1 1.0) (Array2D.create 1 1 1.0) 0.9

    // γ·e^{r/α} < 1 where α > −1/log γ = 9.49
    use warm = mdp.Optimal(10.0, PlanningSemantics.ExactPosterior).Solve(engine)
    // z = e^{r/α}(γ·z + 1 − γ)
    let z = exp 0.1
    Assert.Equal(10.0 * log (0.1 * z / (1.0 - 0.9 * z)), warm.Values(0)[0], 1e-5)
    Assert.InRange(warm.ErrorBound.Value, 0.0, 1e-3)

    let e =
        Assert.Throws<InvalidOperationException>(fun () ->
            mdp.Optimal(9.0, PlanningSemantics.ExactPosterior).Solve(engine, ValueIteration(MaximumSweeps = 2000))
            |> ignore)

    Assert.Contains("E[exp(R/α)] may be infinite though rewards are bounded", e.Message)

[<Fact>]
let ``States that no episode comes to are a warning`` () =
    use engine = inDouble ()
    let closed = { walk with Prior = null } |> FiniteMdp.startingFrom [| 0.0; 0.0; 0.0; 0.0; 1.0 |]
    use x = closed.Optimal(1.0).Solve(engine)

    Assert.Equal<string>([ "No episode of \"walk\" comes to 4 of its 5 states: (state 0), (state 1), (state 2), (state 3)." ], x.Warnings)

    use y = walk.Optimal(1.0).Solve(engine)
    Assert.Empty y.Warnings

[<Fact>]
let ``A time, a state or an option out of range is refused`` () =
    use engine = inDouble ()
    use x = walk.Optimal(1.0).Solve(engine, BackwardInduction(Steps = 3))
    Assert.Throws<ArgumentOutOfRangeException>(fun () -> x.Probabilities(2, 3) |> ignore) |> ignore
    Assert.Throws<ArgumentOutOfRangeException>(fun () -> x.Probabilities(5, 0) |> ignore) |> ignore
    Assert.Throws<ArgumentOutOfRangeException>(fun () -> x.Occupancies 4 |> ignore) |> ignore

    let e = Assert.Throws<ArgumentException>(fun () -> x.Value(ReadOnlySpan [| 5.0f |], 0) |> ignore)
    Assert.Contains("The field \"state\" of state takes the values 0 … 4; 5 came.", e.Message)
    refuses "BackwardInduction.Steps is 0." (fun () -> walk.Optimal(1.0).Solve(engine, BackwardInduction(Steps = 0)) |> ignore)
    refuses "ValueIteration.Tolerance is 0." (fun () -> walk.Optimal(1.0).Solve(engine, ValueIteration(Tolerance = 0.0)) |> ignore)
    refuses "The temperature of \"walk\" is 0." (fun () -> walk.Optimal(0.0) |> ignore)
