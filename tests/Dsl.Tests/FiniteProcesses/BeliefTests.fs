module Inference.Dsl.Tests.FiniteProcesses.BeliefTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.FiniteProcesses.Histories
open Xunit

let private inDouble () =
    new Engine(EngineOptions(Threads = 2, Precision = Precision.Double, Cache = false, Verify = true))

let private act (controller: BeliefController) (observation: int) =
    let _ = controller.Act(ReadOnlySpan [| float32 observation |])
    ()

let private take (controller: BeliefController) (action: int) =
    let _ = controller.Take action
    ()

/// The tiger of Kaelbling, Littman and Cassandra (1998), section 3.3. Behind one of two doors is a tiger, −100, behind the other 10; to listen costs 1 and
/// tells the door with probability 0.85. A state is 2·door + whether it was just listened; else nothing is heard. Actions: listen, left, right.
let private tiger discount : FiniteMdp =
    let opens s a = a > 0

    let reward s a =
        if a = 0 then -1.0
        elif a - 1 = s / 2 then -100.0
        else 10.0

    FiniteMdp.ofTransition
        "tiger"
        (Array3D.init 4 3 4 (fun s a next ->
            if opens s a then (if next % 2 = 0 then 0.5 else 0.0)
            elif next = s / 2 * 2 + 1 then 1.0
            else 0.0))
        (Array2D.init 4 3 reward)
        discount
    |> FiniteMdp.observing (
        Array2D.init 4 2 (fun s o ->
            if s % 2 = 0 then 0.5
            elif o = s / 2 then 0.85
            else 0.15)
    )
    |> FiniteMdp.startingFrom [| 0.5; 0.0; 0.5; 0.0 |]

[<Fact>]
let ``The tiger's best plan is the best of all plans`` () =
    use engine = inDouble ()
    let mdp = tiger 1.0

    for steps in 1..3 do
        let best = plans mdp steps |> List.map (fun value -> Seq.sum (Seq.map2 (*) mdp.Start value)) |> List.max

        use x = mdp.Optimal(1.0).Solve(engine, BeliefTree(Horizon = steps, Hard = true))
        Assert.Equal(best, x.Value, 1e-9)
        Assert.Equal(fst (Histories.hard [| best |]), valueAtStart mdp Histories.hard steps, 1e-9)

[<Fact>]
let ``Over an infinite horizon the tiger is worth what is known, within the bound`` () =
    use engine = inDouble ()
    let mdp = tiger 0.95
    use x = mdp.Optimal(1.0).Solve(engine, BeliefTree(Horizon = 400, Hard = true))
    Assert.InRange(x.TruncationBound.Value, 1e-7, 1e-5)
    // 19.3713 by the same equations on the count of how often one door was heard more than the other: value iteration of its own
    let counts = 25
    let left n = 1.0 / (1.0 + Math.Pow(0.15 / 0.85, double n))
    let hears n = 0.85 * left n + 0.15 * (1.0 - left n)
    let mutable v = Array.zeroCreate<double>(2 * counts + 1)

    for _ in 1..600 do
        let at n = v[counts + max -counts (min counts n)]

        v <-
            Array.init v.Length (fun k ->
                let n = k - counts
                let listen = -1.0 + 0.95 * (hears n * at (n + 1) + (1.0 - hears n) * at (n - 1))
                let opening p = -100.0 * p + 10.0 * (1.0 - p) + 0.95 * at 0
                List.max [ listen; opening (left n); opening (1.0 - left n) ])

    Assert.Equal(v[counts], x.Value, 1e-5)
    Assert.Equal(19.37, x.Value, 5e-3)
    // beliefs are told apart by the count alone
    Assert.InRange(x.Count, 20, 60)
    Assert.Contains("no further step leads to another belief", x.Explain())
    Assert.Contains("|V − V of an infinite horizon|", x.Explain())

let private kinds = [ PlanningSemantics.FixedDynamics, soft; PlanningSemantics.Boltzmann, boltzmann ]

[<Fact>]
let ``Values and policies over beliefs are those of histories`` () =
    use engine = inDouble ()

    for seed in 1..3 do
        let mdp = randomHidden seed 3 2 2 2 (if seed % 2 = 0 then 0.9 else 1.0)

        for semantics, choose in kinds do
            let steps = 3
            use x = mdp.Optimal(0.7, semantics).Solve(engine, BeliefTree(Horizon = steps))
            Assert.Equal(valueAtStart mdp (choose mdp 0.7) steps, x.Value, 1e-9)

            // along every history
            let rec follow (controller: BeliefController) time (weights: double[]) (history: (int * int) list) o =
                let w = observed mdp weights o

                if Array.sum w > 0.0 && time < steps then
                    controller.Reset()

                    for seen, action in List.rev history do
                        act controller seen
                        take controller action

                    act controller o
                    let _, policy = value mdp (choose mdp 0.7) (steps - time) w
                    close (List.ofArray policy) (controller.Probabilities.ToArray())
                    close [ for p in w -> p / Array.sum w ] (controller.Belief.ToArray())

                    for a in 0..1 do
                        for next in 0..1 do
                            follow controller (time + 1) (after mdp w a) ((o, a) :: history) next

            for o in 0..1 do
                follow (x.Controller()) 0 mdp.Start [] o

[<Fact>]
let ``In the limit of small temperatures the value is the best of all policies`` () =
    use engine = inDouble ()

    for seed in 1..3 do
        let mdp = randomHidden seed 3 2 2 2 0.9
        use x = mdp.Optimal(1.0).Solve(engine, BeliefTree(Horizon = 3, Hard = true))
        Assert.Equal(valueAtStart mdp Histories.hard 3, x.Value, 1e-9)
        // rewards are about 1, and there are three states: some 1e-10 times these for each step
        Assert.InRange(x.ErrorBound.Value, 1e-10, 1e-8)
        Assert.Empty x.Beliefs.Warnings
        use cold = mdp.Optimal(1e-6).Solve(engine, BeliefTree(Horizon = 3))
        Assert.Equal(x.Value, cold.Value, 1e-4)

[<Fact>]
let ``The exact posterior over beliefs is that of whole trajectories, past optimality included`` () =
    use engine = inDouble ()
    let alpha = 0.8

    for seed in 1..3 do
        let mdp = randomHidden seed 3 2 2 2 (if seed % 2 = 0 then 0.8 else 1.0)
        use x = mdp.Optimal(alpha, PlanningSemantics.ExactPosterior).Solve(engine, BeliefTree(Horizon = 3))

        let normalised (w: double list) = w |> List.map (fun p -> p / List.sum w)
        let live s = if mdp.EndsAt s then 0.0 else 1.0
        let all = [ 0..2 ]

        let total =
            all
            |> List.sumBy (fun s ->
                mdp.Start[s]
                * (if mdp.EndsAt s then
                       1.0
                   else
                       evidence mdp alpha 3 s 0 + evidence mdp alpha 3 s 1))

        Assert.Equal(alpha * log total, x.Value, 1e-9)

        for o in 0..1 do
            let controller = x.Controller()
            let first = observed mdp mdp.Start o
            act controller o

            let expected =
                [ for a in 0..1 -> all |> List.sumBy (fun s -> live s * first[s] * evidence mdp alpha 3 s a) ]

            close (normalised expected) (controller.Probabilities.ToArray())

            for a in 0..1 do
                for next in 0..1 do
                    controller.Reset()
                    act controller o
                    take controller a
                    let earned = first |> Array.mapi (fun s p -> p * exp (mdp.Reward[a * 3 + s] / alpha))
                    let second = observed mdp (after mdp earned a) next

                    if Array.sum second > 0.0 then
                        act controller next

                        let expected =
                            [ for b in 0..1 -> all |> List.sumBy (fun s -> live s * second[s] * evidence mdp alpha 2 s b) ]

                        close (normalised expected) (controller.Probabilities.ToArray())

[<Fact>]
let ``To see more is worth no less`` () =
    use engine = inDouble ()

    for seed in 1..3 do
        let mdp = randomHidden seed 4 2 2 2 0.9
        let blind = mdp |> FiniteMdp.observing (Array2D.create 4 1 1.0)

        for hard in [ false; true ] do
            let tree = BeliefTree(Horizon = 4, Hard = hard)
            use some = mdp.Optimal(0.3).Solve(engine, tree)
            use none = blind.Optimal(0.3).Solve(engine, tree)
            use all = (FiniteMdp.seen mdp).Optimal(0.3).Solve(engine, BackwardInduction(Steps = 4, Hard = hard))
            let seen = Seq.sum (Seq.map2 (*) mdp.Start (all.Values(0).ToArray()))
            Assert.InRange(some.Value, none.Value - 1e-12, seen + 1e-12)
            Assert.True(none.Value < seen)

[<Fact>]
let ``Where states are observed without error, beliefs are states`` () =
    use engine = inDouble ()
    let mdp = Trajectories.random 3 4 2 2 0.9
    let prior = Array.init 8 (fun k -> if k < 4 then 0.3 else 0.7)
    let mdp = FiniteMdp.withPrior prior mdp
    use known = mdp.Optimal(0.5).Solve(engine, BackwardInduction(Steps = 5))
    let identity = FiniteMdp.observing (Array2D.init 4 4 (fun s o -> if s = o then 1.0 else 0.0)) mdp
    use x = identity.Optimal(0.5).Solve(engine, BeliefTree(Horizon = 5))

    let live =
        [
            for s in 0..3 do
                if not (mdp.EndsAt s) then
                    s
        ]

    Assert.InRange(x.Count, 1, live.Length)

    for s in live do
        Assert.Equal(known.Values(0)[s], x.Beliefs.Values(0)[x.First s], 1e-12)

[<Fact>]
let ``What cannot be solved over beliefs is an error that says why`` () =
    use engine = inDouble ()
    let mdp = randomHidden 1 4 3 3 3 0.9

    refuses "The states of \"random\" are hidden behind its observations; this solution would act on the state itself." (fun () ->
        mdp.Optimal(1.0).Solve(engine))

    refuses "The states of \"random\" are seen: there is nothing to believe." (fun () ->
        (FiniteMdp.seen mdp).Optimal(1.0).Solve(engine, BeliefTree(Horizon = 2)))

    refuses "\"random\" has no start, and what is believed at first is not known." (fun () ->
        (FiniteMdp.startingFrom null mdp).Optimal(1.0).Solve(engine, BeliefTree(Horizon = 2)))

    refuses "BeliefTree has a Horizon of 0 and MaximumBeliefs of 200000." (fun () ->
        mdp.Optimal(1.0).Solve(engine, BeliefTree(Horizon = 0)))

    let uneven =
        mdp
        |> FiniteMdp.withPrior (Array.init 12 (fun k -> if k % 4 = 2 then (if k / 4 = 0 then 1.0 else 0.0) else 1.0 / 3.0))

    refuses
        "The prior policy of \"random\" gives action 0 different probabilities in state 0 and in state 2, which the agent cannot tell apart."
        (fun () -> uneven.Optimal(1.0).Solve(engine, BeliefTree(Horizon = 2)))

    let crowded =
        failure (fun () -> mdp.Optimal(1.0).Solve(engine, BeliefTree(Horizon = 12, MaximumBeliefs = 5000)))

    Assert.Contains("at every further step: some ", crowded.Problem)
    Assert.Contains("within 12 steps", crowded.Problem)
    Assert.Contains("at most 5,000 are taken", crowded.Problem)

    refuses "The observations of \"random\" in state 1 have probabilities that sum to 0.5." (fun () ->
        FiniteMdp.observing (Array2D.init 4 2 (fun s _ -> if s = 1 then 0.25 else 0.5)) mdp)

[<Fact>]
let ``A controller refuses what it cannot have observed, and more steps than were planned`` () =
    use engine = inDouble ()

    let mdp =
        Trajectories.random 3 3 2 2 1.0
        |> FiniteMdp.withPrior (Array.create 6 0.5)
        |> FiniteMdp.startingFrom [| 1.0; 0.0; 0.0 |]

    let mdp = FiniteMdp.observing (Array2D.init 3 2 (fun s o -> if (s > 0) = (o = 1) then 1.0 else 0.0)) mdp
    use x = mdp.Optimal(1.0).Solve(engine, BeliefTree(Horizon = 1))
    let controller = x.Controller()

    let impossible = Assert.Throws<InvalidOperationException>(fun () -> act controller 1)

    Assert.StartsWith("\"random\" cannot be observed as (1) at time 0", impossible.Message)

    Assert.Throws<ArgumentException>(fun () -> act controller 2) |> ignore

    Assert.True controller.Belief.IsEmpty
    act controller 0
    close [ 1.0; 0.0; 0.0 ] (controller.Belief.ToArray())

    let late = Assert.Throws<InvalidOperationException>(fun () -> act controller 0)

    Assert.StartsWith("The plan for \"random\" has ended after its 1 steps.", late.Message)
    controller.Reset()
    Assert.Equal(0, controller.Time)
