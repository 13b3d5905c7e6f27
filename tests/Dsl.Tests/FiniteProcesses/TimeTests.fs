/// Processes whose parts read the time, beside the same with the time as a field of the state.
module Inference.Dsl.Tests.FiniteProcesses.TimeTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

type Place =
    {
        [<Discrete(3)>]
        Where: Tensor
    }

type Dated =
    {
        [<Discrete(5)>]
        Time: Tensor
        [<Discrete(3)>]
        At: Tensor
    }

type Turn =
    {
        [<Discrete(2)>]
        Way: Tensor
    }

let private steps = 4
let private real (x: Tensor) = L.Convert(x, DType.F32)

/// Early on a turn leads anywhere, later to fewer places.
let private next (where: Tensor) (turn: Turn) (time: Tensor) =
    let odds k =
        L.Select(
            L.Less(scalar (1.5 + 1.25 * double k), time * real turn.Way),
            scalar -infinity,
            L.Sin(1.3 * real where + double k + 0.4 * time)
        )

    L.Sample("next", L.Categorical(L.Pack(odds 0, odds 1, odds 2)))

let private reward (where: Tensor) (turn: Turn) (time: Tensor) = L.Cos(0.9 * time + real where - 1.7 * real turn.Way)
let private worth (where: Tensor) = 0.5 * real where

let private dated: Mdp<Place, Turn, NoSettings> =
    Mdp.define "dated"
    |> Mdp.start (
        L.Sample("first", L.Categorical(L.Constant [| 0.1; 0.7; 0.4 |]))
        |> Prob.map (fun x -> { Where = x })
    )
    |> Mdp.transitionWith (fun s a () time -> next s.Where a time |> Prob.map (fun x -> { Where = x }))
    |> Mdp.rewardWith (fun s a () time -> reward s.Where a time)
    |> Mdp.terminalValue (fun s () -> worth s.Where)
    |> Mdp.discount 0.9

let private counted: Mdp<Dated, Turn, NoSettings> =
    let one = Build.scalar DType.I32 1.0

    Mdp.define "counted"
    |> Mdp.start (
        L.Sample("first", L.Categorical(L.Constant [| 0.1; 0.7; 0.4 |]))
        |> Prob.map (fun x -> { Time = L.Convert(scalar 0.0, DType.I32); At = x })
    )
    |> Mdp.transition (fun s a ->
        next s.At a (real s.Time)
        |> Prob.map (fun x -> { Time = L.Min(s.Time + one, Build.scalar DType.I32 4.0); At = x }))
    |> Mdp.reward (fun s a -> reward s.At a (real s.Time))
    |> Mdp.terminalValue (fun s () -> worth s.At)
    |> Mdp.discount 0.9

[<Fact>]
let ``Parts may read the time of a finite horizon, as though it were a field of the state`` () =
    use engine =
        new Engine(EngineOptions(Threads = 2, Precision = Precision.Double, Cache = false, Verify = true))

    for semantics in [ PlanningSemantics.FixedDynamics; PlanningSemantics.ExactPosterior; PlanningSemantics.Boltzmann ] do
        use x = (Mdp.optimalIn semantics 0.6 dated).Solve(engine, BackwardInduction(Steps = steps))
        use known = (Mdp.optimalIn semantics 0.6 counted).Solve(engine, BackwardInduction(Steps = steps))

        for time in 0 .. steps - 1 do
            for s in 0..2 do
                Assert.Equal(known.Values(time)[3 * time + s], x.Values(time)[s], 1e-12)
                close (List.ofArray (known.Probabilities(3 * time + s, time))) (x.Probabilities(s, time))

        Assert.Equal(known.ExpectedReturn(), x.ExpectedReturn(), 1e-12)

        for found, expected in [ x.Occupancies steps, known.Occupancies steps; x.Posterior steps, known.Posterior steps ] do
            for time in 0..steps do
                close [ for s in 0..2 -> expected[time].[3 * time + s] ] found[time]

        Assert.Contains("it reads the time, and has tables for each", x.Explain())

[<Fact>]
let ``Where there is no horizon, or episodes are drawn, a process that reads the time is refused`` () =
    use engine = new Engine(EngineOptions(Threads = 1, Cache = false))
    let problem = "\"dated\" reads the time, and its tables would differ from step to step."
    refuses problem (fun () -> (Mdp.optimal 1.0 dated).Solve(engine, ValueIteration()))
    refuses problem (fun () -> (Mdp.optimal 1.0 dated).Solve(engine))
    refuses problem (fun () -> dated.Tabulate(engine))
    use x = (Mdp.optimal 1.0 dated).Solve(engine, BackwardInduction(Steps = 2))
    let e = Assert.Throws<InvalidOperationException>(fun () -> x.Demonstrate(2, 2) |> ignore)
    Assert.StartsWith("Episodes of \"dated\", which reads the time, are not drawn", e.Message)
