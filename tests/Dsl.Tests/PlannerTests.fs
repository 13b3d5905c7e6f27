module Inference.Dsl.Tests.PlannerTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

type Point = { X: Tensor }

type Move =
    {
        [<Size(2); Within(-1.0, 1.0)>]
        By: Tensor
        Turn: Tensor
    }

type Gear =
    {
        [<Discrete(3)>]
        Number: Tensor
    }

let private walk: Mdp<Point, Move, NoSettings> =
    Mdp.define "walk" |> Mdp.step (fun s _ -> s) |> Mdp.reward (fun _ _ -> scalar 0.0)

/// A planner that adds to the last plan.
let private add (define: Planning<Point, Move, NoSettings> -> Move) horizon (mdp: Mdp<Point, Move, NoSettings>) =
    Planner.define "add" horizon (Mdp.optimal 1.0 mdp) (fun p -> Prob.result { Mean = define p; Diagnostics = [] })

let private solve inputs (p: PlannerProgram) =
    interpret [] (List.append [ "state", [| 0.0 |]; "settings", [| 0.0 |]; "seed", [| 1.0; 0.0 |] ] inputs) p.Program

[<Fact>]
let ``A noise is one or more standard deviations above 0`` () =
    Assert.Equal<double[]>([| 0.5 |], (Noise.op_Implicit 0.5).Values)
    Assert.Equal<double[]>([| 0.5; 2.0 |], (Noise.op_Implicit [| 0.5; 2.0 |]).Values)

    // also what single precision takes for 0 or infinity
    for bad in [ 0.0; -1.0; nan; infinity; 1e-50; 1e39 ] do
        refuses $"A noise is a standard deviation above 0; {bad} came." (fun () -> Noise.Of [| 1.0; bad |])

    refuses "A noise needs at least one number." (fun () -> Noise.Of [||])

[<Fact>]
let ``Deviations are one for all, one for each number of an action, or one for each step and number`` () =
    let t = L.TimeIndex("t", 2)

    let deviations values =
        Planner.deviations (Noise.Of values) walk.ActionSpace t
        |> Array.map (fun x -> numbers (L.Stack(x, t)))

    let one = deviations [| 0.5 |]
    close [ 0.5; 0.5; 0.5; 0.5 ] one[0]
    close [ 0.5; 0.5 ] one[1]
    let each = deviations [| 1.0; 2.0; 3.0 |]
    close [ 1.0; 2.0; 1.0; 2.0 ] each[0]
    close [ 3.0; 3.0 ] each[1]
    let all = deviations [| 1.0; 2.0; 3.0; 4.0; 5.0; 6.0 |]
    close [ 1.0; 2.0; 4.0; 5.0 ] all[0]
    close [ 3.0; 6.0 ] all[1]
    let e = failure (fun () -> deviations [| 1.0; 2.0 |])
    Assert.Equal("The noise has 2 numbers; the action has 3 and the horizon 2 steps.", e.Problem)
    Assert.Equal("Give 1, 3 or 6 of them.", e.Mend)

    for space, steps, mend in
        [
            (Record.space<Point>()), 1, "Give 1 of them."
            Record.space<Point>(), 7, "Give 1 or 7 of them."
            walk.ActionSpace, 1, "Give 1 or 3 of them."
        ] do
        let e = failure (fun () -> Planner.deviations (Noise.Of [| 1.0; 2.0 |]) space (L.TimeIndex("t", steps)))

        Assert.Equal(mend, e.Mend)

[<Fact>]
let ``A new plan is kept shifted by one, its last entry repeated, and its first is the action`` () =
    let planner =
        walk
        |> add
            (fun p ->
                let step = L.Convert(L.Position p.Time, DType.F32)

                {
                    By = p.Mean.By + L.Pack(0.125 * step, 0.25 * step)
                    Turn = p.Mean.Turn + 100.0
                })
            3

    let first = solve [] planner
    close [ 0.0; 0.0; 100.0; 0.125; 0.25; 100.0; 0.25; 0.5; 100.0 ] first["means"]
    close [ 0.0; 0.0; 100.0 ] first["action"]
    close [ 0.125; 0.25; 100.0; 0.25; 0.5; 100.0; 0.25; 0.5; 100.0 ] first["plan"]
    close [ 1.0 ] first["step"]
    let second = solve [ "plan", first["plan"]; "step", first["step"] ] planner
    close [ 0.125; 0.25; 200.0; 0.375; 0.75; 200.0; 0.5; 1.0; 200.0 ] second["means"]
    close [ 2.0 ] second["step"]

[<Fact>]
let ``A plan of one step is kept as it is`` () =
    let planner = walk |> add (fun p -> { By = p.Mean.By + 1.0; Turn = p.Mean.Turn + 2.0 }) 1
    close [ 1.0; 1.0; 2.0 ] (solve [] planner).["plan"]

[<Fact>]
let ``Means outside the limits are held to them, only where there are limits`` () =
    let planner =
        walk
        |> add
            (fun p ->
                let step = L.Convert(L.Position p.Time, DType.F32)
                { By = L.Pack(step - 1.5, 3.0 * step); Turn = 100.0 * step })
            3

    let result = solve [] planner
    close [ -1.0; 0.0; 0.0; -0.5; 1.0; 100.0; 0.5; 1.0; 200.0 ] result["means"]
    close [ -1.0; 0.0; 0.0 ] result["action"]
    close [ -0.5; 1.0; 100.0; 0.5; 1.0; 200.0; 0.5; 1.0; 200.0 ] result["plan"]

type Valve =
    {
        [<Within(2.0, 5.0)>]
        Flow: Tensor
        [<Within(-3.0, -1.0)>]
        Drain: Tensor
        Free: Tensor
    }

[<Fact>]
let ``The first plan is the one nearest to 0 within the limits`` () =
    let valves = Mdp.define<Point, Valve, NoSettings> "valves" |> Mdp.step (fun s _ -> s)

    let planner =
        Planner.define "keep" 2 (Mdp.optimal 1.0 valves) (fun p -> Prob.result { Mean = p.Mean; Diagnostics = [] })

    close [ 2.0; -1.0; 0.0; 2.0; -1.0; 0.0 ] (solve [] planner).["means"]

[<Fact>]
let ``A derivation knows the state, the settings and the time of its first step`` () =
    let mdp =
        Mdp.define<Point, Move, Point> "walk"
        |> Mdp.step (fun s _ -> s)
        |> Mdp.reward (fun _ _ -> scalar 0.0)

    let planner =
        Planner.define "echo" 2 (Mdp.optimal 1.0 mdp) (fun p ->
            Prob.result
                {
                    Mean = p.Mean
                    Diagnostics = [ "state", p.State.X; "settings", p.Settings.X; "now", p.Now ]
                })

    let result =
        interpret [] [ "state", [| 3.0 |]; "settings", [| 4.0 |]; "seed", [| 0.0; 0.0 |]; "step", [| 17.0 |] ] planner.Program

    Assert.Equal<double list>([ 3.0; 4.0; 17.0; 18.0 ], [ for name in [ "state"; "settings"; "now"; "step" ] -> result[name].[0] ])
    Assert.Equal<string[]>([| "state"; "settings"; "now" |], planner.Diagnostics)
    Assert.Equal(("echo", 2), (planner.Name, planner.Horizon))

[<Fact>]
let ``Sampled actions are held to their limits, and only where there are limits`` () =
    let planner =
        Planner.define "sample" 50 (Mdp.optimal 1.0 walk) (fun p ->
            prob {
                let! u = Planner.sampleActions "u" p p.Mean (Noise.Of [| 3.0 |])
                return { Mean = u; Diagnostics = [] }
            })

    let means = (solve [] planner).["means"] |> Array.chunkBySize 3
    let by, turn = means |> Array.collect (fun m -> m[0..1]), means |> Array.map (fun m -> m[2])
    Assert.All(by, fun x -> Assert.InRange(x, -1.0, 1.0))
    Assert.Contains(-1.0, by)
    Assert.Contains(1.0, by)
    Assert.True(Array.exists (fun x -> abs x < 1.0) by)
    Assert.True(Array.exists (fun x -> abs x > 3.0) turn)

[<Fact>]
let ``Every solve draws anew`` () =
    let planner =
        Planner.define "sample" 2 (Mdp.optimal 1.0 walk) (fun p ->
            prob {
                let! u = Planner.sampleActions "u" p p.Mean (Noise.Of [| 0.1 |])
                return { Mean = u; Diagnostics = [] }
            })

    let means step seed = (solve [ "step", [| step |]; "seed", [| seed; 0.0 |] ] planner).["means"]
    Assert.Equal<double[]>(means 0.0 1.0, means 0.0 1.0)
    Assert.Equal(18, Array.concat [ means 0.0 1.0; means 1.0 1.0; means 0.0 2.0 ] |> Array.distinct |> Array.length)

[<Fact>]
let ``A planner that cannot be is an error that names it and the process`` () =
    let wrong problem (make: unit -> PlannerProgram) =
        let e = failure make
        Assert.Equal(problem, e.Problem)
        Assert.Equal("walk", e.Model)

    wrong "The planner \"add\" has a horizon of 0 steps." (fun () -> walk |> add (fun p -> p.Mean) 0)

    wrong "The planner \"shift\" moves continuous actions; the field \"Number\" is discrete." (fun () ->
        let mdp = Mdp.define<Point, Gear, NoSettings> "walk"
        Planner.define "shift" 3 (Mdp.optimal 1.0 mdp) (fun p -> Prob.result { Mean = p.Mean; Diagnostics = [] }))

    wrong "A record: the field \"Turn\" of Move is declared with shape [] (a scalar); [2] came." (fun () ->
        walk |> add (fun p -> { p.Mean with Turn = p.Mean.By }) 3)

    wrong "The output \"loose\" of program \"loose\" still varies over \"rollout\"." (fun () ->
        Planner.define "loose" 3 (Mdp.optimal 1.0 walk) (fun p ->
            prob {
                let! x = L.Plate("rollout", 5, L.Sample("x", L.Normal(0.0, 1.0)))
                return { Mean = p.Mean; Diagnostics = [ "loose", x.Value ] }
            }))
