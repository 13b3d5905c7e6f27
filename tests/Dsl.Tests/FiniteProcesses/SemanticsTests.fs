module Inference.Dsl.Tests.FiniteProcesses.SemanticsTests

open System
open FsCheck
open FsCheck.FSharp
open Inference
open Inference.Dsl.Tests.FiniteProcesses.Trajectories
open Xunit

// The same programs are asked for again and again: they are kept for as long as the tests run.
type Machine() =
    let folder = IO.Directory.CreateTempSubdirectory("inference-exact-")

    let engine =
        new Engine(EngineOptions(Threads = 2, Precision = Precision.Double, CacheDirectory = folder.FullName, Verify = true))

    member _.Engine = engine

    interface IDisposable with
        member _.Dispose() =
            engine.Dispose()
            folder.Delete true

let private near (a: double) (b: double) = abs (a - b) <= 1e-9 * (1.0 + abs a)

let private steps = 3

/// Random processes with a temperature.
let private forAll (property: FiniteMdp -> double -> bool) =
    let cases =
        gen {
            let! seed = Gen.choose (0, 1_000_000)
            let! successors = Gen.choose (1, 2)
            let! gamma, alpha = Gen.elements [ 1.0, 0.7; 0.8, 0.7; 0.8, 2.5 ]
            return random seed 3 2 successors gamma, alpha
        }

    Check.One(Config.QuickThrowOnFailure.WithMaxTest 60, Prop.forAll (Arb.fromGen cases) (fun (mdp, alpha) -> property mdp alpha))

type SemanticsTests(machine: Machine) =
    let solve semantics alpha (mdp: FiniteMdp) : FiniteSolution =
        mdp.Optimal(alpha, semantics).Solve(machine.Engine, BackwardInduction(Steps = steps))

    let policyOf (x: FiniteSolution) time state action = x.Probabilities((state: int), time)[action]

    interface IClassFixture<Machine>

    [<Fact>]
    member _.``Exact posterior: V is the log-evidence of all trajectories, and π what they say of the first action``() =
        forAll (fun mdp alpha ->
            use x = solve PlanningSemantics.ExactPosterior alpha mdp

            Seq.forall
                (fun s ->
                    let weighed =
                        [
                            for t in ofSteps mdp steps s ->
                                t, t.Probability * weight (fun _ s a -> mdp.PriorOf(s, a)) t * exp (t.Return / alpha)
                        ]

                    let evidence = weighed |> List.sumBy snd

                    let first a =
                        weighed |> List.filter (fun (t, _) -> List.tryHead t.Actions = Some a) |> List.sumBy snd

                    near (alpha * log evidence) (x.Values(0)[s])
                    && (mdp.EndsAt s
                        || Seq.forall (fun a -> near (first a / evidence) (policyOf x 0 s a)) (seq { 0 .. mdp.Actions - 1 })))
                (seq { 0 .. mdp.States - 1 }))

    [<Fact>]
    member _.``Exact posterior: forward messages are the states of trajectories, given that all goes well``() =
        forAll (fun mdp alpha ->
            use x = solve PlanningSemantics.ExactPosterior alpha mdp

            let weighed =
                [
                    for s in 0 .. mdp.States - 1 do
                        for t in ofSteps mdp steps s do
                            t, mdp.Start[s] * t.Probability * weight (fun _ s a -> mdp.PriorOf(s, a)) t * exp (t.Return / alpha)
                ]

            // the start is given: evidence reweighs what follows it, state by state
            let evidence s = weighed |> List.filter (fun (t, _) -> t.States.Head = s) |> List.sumBy snd

            let expected time s =
                weighed
                |> List.filter (fun (t, _) -> List.tryItem time t.States = Some s)
                |> List.sumBy (fun (t, w) -> w * mdp.Start[t.States.Head] / evidence t.States.Head)

            let masses = x.Posterior steps

            Seq.forall
                (fun time -> Seq.forall (fun s -> near (expected time s) (masses[time][s])) (seq { 0 .. mdp.States - 1 }))
                (seq { 0..steps }))

    [<Fact>]
    member _.``Fixed dynamics: V is what its policy earns, less what leaving the prior costs, and no other policy earns more``() =
        forAll (fun mdp alpha ->
            use x = solve PlanningSemantics.FixedDynamics alpha mdp
            let pi = policyOf x
            let random = Random 1

            let earned (policy: int -> int -> int -> double) s =
                ofSteps mdp steps s
                |> List.sumBy (fun t ->
                    match t.Probability * weight policy t with
                    | 0.0 -> 0.0
                    | p -> p * (t.Return - alpha * log (weight policy t / weight (fun _ s a -> mdp.PriorOf(s, a)) t)))

            let other =
                let table =
                    Array3D.init steps mdp.States mdp.Actions (fun time s a -> pi time s a * (0.2 + random.NextDouble()))

                let sum time s = Seq.sum (seq { for a in 0 .. mdp.Actions - 1 -> table[time, s, a] })
                fun time s a -> table[time, s, a] / sum time s

            Seq.forall
                (fun s -> near (earned pi s) (x.Values(0)[s]) && earned other s <= x.Values(0)[s] + 1e-12)
                (seq { 0 .. mdp.States - 1 }))

    [<Fact>]
    member _.``Boltzmann: each action's probability is its prior's times exp of what it and the policy after it earn``() =
        forAll (fun mdp alpha ->
            use x = solve PlanningSemantics.Boltzmann alpha mdp

            Seq.forall
                (fun (time, s) ->
                    let rest = ofSteps mdp (steps - time) s
                    let later k s' a = if k = 0 then 1.0 else policyOf x (time + k) s' a

                    let q a =
                        rest
                        |> List.filter (fun t -> List.tryHead t.Actions = Some a)
                        |> List.sumBy (fun t -> t.Probability * weight later t * t.Return)

                    let weights = [ for a in 0 .. mdp.Actions - 1 -> mdp.PriorOf(s, a) * exp (q a / alpha) ]
                    let expected = weights |> List.map (fun w -> w / List.sum weights)

                    mdp.EndsAt s
                    || Seq.forall
                        (fun a -> near expected[a] (policyOf x time s a) && near (q a) (x.Q(s, time)[a]))
                        (seq { 0 .. mdp.Actions - 1 }))
                (Seq.allPairs (seq { 0 .. steps - 1 }) (seq { 0 .. mdp.States - 1 })))

    [<Fact>]
    member _.``Occupancies and the expected return are those of trajectories under the policy``() =
        forAll (fun mdp alpha ->
            use x = solve PlanningSemantics.ExactPosterior alpha mdp

            let weighed =
                [
                    for s in 0 .. mdp.States - 1 do
                        for t in ofSteps mdp steps s do
                            t, mdp.Start[s] * t.Probability * weight (policyOf x) t
                ]

            let masses = x.Occupancies steps

            let expected time s =
                weighed |> List.filter (fun (t, _) -> List.tryItem time t.States = Some s) |> List.sumBy snd

            near (weighed |> List.sumBy (fun (t, p) -> p * t.Return)) (x.ExpectedReturn())
            && Seq.forall
                (fun time -> Seq.forall (fun s -> near (expected time s) (masses[time][s])) (seq { 0 .. mdp.States - 1 }))
                (seq { 0..steps }))

    [<Fact>]
    member _.``The first two agree where nothing is random and nothing discounted``() =
        for seed in 1..20 do
            let mdp = random seed 3 2 1 1.0
            use fixedDynamics = solve PlanningSemantics.FixedDynamics 0.7 mdp
            use exact = solve PlanningSemantics.ExactPosterior 0.7 mdp

            for s in 0 .. mdp.States - 1 do
                Assert.Equal(fixedDynamics.Values(0)[s], exact.Values(0)[s], 1e-12)

    [<Fact>]
    member _.``In the limit of low temperatures the best trajectory counts alone``() =
        for seed in 1..20 do
            let mdp = random seed 3 2 2 1.0
            let hard = BackwardInduction(Steps = steps, Hard = true)
            use fixedDynamics = mdp.Optimal(1.0).Solve(machine.Engine, hard)
            use exact = mdp.Optimal(1.0, PlanningSemantics.ExactPosterior).Solve(machine.Engine, hard)
            use cold = solve PlanningSemantics.FixedDynamics 1e-5 mdp
            use coldExact = solve PlanningSemantics.ExactPosterior 1e-5 mdp

            for s in 0 .. mdp.States - 1 do
                let allowed =
                    ofSteps mdp steps s |> List.filter (fun t -> weight (fun _ s a -> mdp.PriorOf(s, a)) t > 0.0)

                Assert.Equal(allowed |> List.map (fun t -> t.Return) |> List.max, exact.Values(0)[s], 1e-12)
                Assert.Equal(fixedDynamics.Values(0)[s], cold.Values(0)[s], 1e-3)
                Assert.Equal(exact.Values(0)[s], coldExact.Values(0)[s], 1e-3)
                Assert.True(fixedDynamics.Values(0)[s] <= exact.Values(0)[s] + 1e-12)
