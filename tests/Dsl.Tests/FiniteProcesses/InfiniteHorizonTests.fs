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

/// From any state to any other.
let private mixing seed discount =
    let random = Random seed
    let row () = Array.init 4 (fun _ -> random.NextDouble())

    let p =
        Array.init 4 (fun _ -> Array.init 2 (fun _ -> row () |> fun r -> r |> Array.map (fun x -> x / Array.sum r)))

    FiniteMdp.ofTransition
        "mixing"
        (Array3D.init 4 2 4 (fun s a k -> p[s].[a].[k]))
        (Array2D.init 4 2 (fun _ _ -> 2.0 * random.NextDouble() - 1.0))
        discount

/// max |T V − V| by the equations, computed here.
let private off (mdp: FiniteMdp) alpha (value: ReadOnlySpan<double>) =
    let v = value.ToArray()

    let q s a =
        let next k = (a * mdp.Successors + k) * mdp.States + s

        mdp.Reward[a * mdp.States + s]
        + mdp.Discount
          * Seq.sum (seq { for k in 0 .. mdp.Successors - 1 -> mdp.Probability[next k] * v[mdp.Next[next k]] })

    Seq.max (
        seq {
            for s in 0 .. mdp.States - 1 do
                let top = max (q s 0) (q s 1)
                abs (top + alpha * log (0.5 * exp ((q s 0 - top) / alpha) + 0.5 * exp ((q s 1 - top) / alpha)) - v[s])
        }
    )

[<Fact>]
let ``Near a discount of 1 what all states have in common is not waited for`` () =
    use engine = inDouble ()

    for gamma in [ 0.99; 0.9999; 0.999999 ] do
        let mdp = mixing 1 gamma

        for method in [ ValueIteration() :> FiniteMethod; PolicyIteration() ] do
            use x = mdp.Optimal(0.5).Solve(engine, method)
            Assert.InRange(off mdp 0.5 (x.Values 0), 0.0, 1e-6 * (1.0 - gamma) + 1e-8)
            Assert.InRange(x.Sweeps, 1, 2000)

    use x = (mixing 1 0.99).Optimal(0.5).Solve(engine)
    Assert.Contains("shifted by what all states still have to come in common", x.Explain())
    // where sweeps take their whole way, none is said to be shorter
    let parted = { walk with Discount = 0.999 }
    use y = parted.Optimal(0.5).Solve(engine)
    Assert.DoesNotContain("of the way", y.Explain())

[<Fact>]
let ``MaximumSweeps are those of all evaluations together, and the error says how many would do`` () =
    use engine = inDouble ()
    // two rooms that never meet, each with its own reward: nothing in common is left after the first shift
    let rooms =
        FiniteMdp.ofTransition
            "rooms"
            (Array3D.init 2 2 2 (fun s _ k -> if s = k then 1.0 else 0.0))
            (Array2D.init 2 2 (fun s a -> double s + 0.1 * double a))
            0.999

    for method in [ ValueIteration(MaximumSweeps = 100) :> FiniteMethod; PolicyIteration(MaximumSweeps = 100) ] do
        let e =
            Assert.Throws<InvalidOperationException>(fun () -> rooms.Optimal(1.0).Solve(engine, method) |> ignore)

        Assert.Contains("after 10", e.Message)

        Assert.Matches(
            "At a discount of 0.999 each sweep leaves up to that share of the distance: allow MaximumSweeps of \\d+, or",
            e.Message
        )

    let told =
        let e =
            Assert.Throws<InvalidOperationException>(fun () ->
                rooms.Optimal(1.0).Solve(engine, ValueIteration(MaximumSweeps = 100)) |> ignore)

        Text.RegularExpressions.Regex.Match(e.Message, "MaximumSweeps of (\\d+)").Groups[1].Value |> int

    use x = rooms.Optimal(1.0).Solve(engine, ValueIteration(MaximumSweeps = told + 100))
    Assert.InRange(off rooms 1.0 (x.Values 0), 0.0, 1e-9)

[<Fact>]
let ``Where episodes come to rest they need no end`` () =
    use engine = inDouble ()
    // 0 → 1 → 2, where nothing is earned any more
    let lake ends =
        FiniteMdp.ofSuccessors
            "lake"
            (Array3D.init 3 2 1 (fun s a _ -> min 2 (s + a)))
            (Array3D.create 3 2 1 1.0)
            (Array2D.init 3 2 (fun s _ -> if s < 2 then -1.0 else 0.0))
            1.0
        |> FiniteMdp.startingFrom [| 1.0; 0.0; 0.0 |]
        |> FiniteMdp.terminating [| false; false; ends |]

    use resting = (lake false).Optimal(0.1).Solve(engine)
    use ending = (lake true).Optimal(0.1).Solve(engine)
    Assert.Equal<double>(ending.Values(0).ToArray(), resting.Values(0).ToArray())
    Assert.Equal(ending.ErrorBound.Value, resting.ErrorBound.Value, 1e-15)
    Assert.Equal(ending.ExpectedReturn(), resting.ExpectedReturn(), 1e-12)
    let last = resting.Occupancies 50 |> Array.last
    Assert.Equal(1.0, last[2], 1e-9)

[<Fact>]
let ``Tables of a horizon too long are refused before they are kept`` () =
    use engine = inDouble ()

    refuses "Backward induction of \"walk\" keeps V, Q and π at 100000000 steps: 2.5E+09 numbers; at most 2.68E+08 are kept." (fun () ->
        walk.Optimal(1.0).Solve(engine, BackwardInduction(Steps = 100_000_000)))

[<Fact>]
let ``Which states rest, and which never end, is found in the time of the table`` () =
    // a corridor of idle rooms before one that pays: each rests or not by the next
    let n = 200_000

    let corridor pays =
        FiniteMdp.ofSuccessors
            "corridor"
            (Array3D.init n 1 1 (fun s _ _ -> min (n - 1) (s + 1)))
            (Array3D.create n 1 1 1.0)
            (Array2D.init n 1 (fun s _ -> if s = n - 1 then pays else 0.0))
            1.0

    Assert.Equal(n, (Reachability.endless (corridor 1.0)).Length)
    Assert.Empty(Reachability.endless (corridor 0.0))
    Assert.Equal(n, corridor 0.0 |> Reachability.resting |> Array.filter id |> Array.length)
