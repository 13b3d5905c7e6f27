namespace Inference

/// What a planner's derivation may use.
type Planning<'S, 'A, 'G> =
    {
        Optimal: Optimal<'S, 'A, 'G>
        State: 'S
        Settings: 'G
        /// The time of the first planned step, f32.
        Now: Tensor
        /// The steps planned.
        Time: FreeIndex
        /// The plan of the last solve, shifted: free in `Time`.
        Mean: 'A
    }

/// A new plan, free in the planner's time index, and numbers to report.
type Plan<'A> = { Mean: 'A; Diagnostics: (string * Tensor) list }

/// A derivation closed to a program: state in, first action out, the plan kept.
type PlannerProgram =
    {
        Program: Program
        Name: string
        Horizon: int
        StateSpace: Space
        ActionSpace: Space
        SettingsSpace: Space
        Diagnostics: string[]
        /// The process, its sites and the objective, as text.
        Model: string
    }

/// Standard deviations of actions: one for all, one for each action, or one for each step and action (row by row).
type Noise private (values: double[]) =
    member _.Values = values

    static member Of(values: double[]) =
        match values |> Array.tryFind (Known.isPositiveSingle >> not) with
        | Some bad -> Fail.model $"A noise is a standard deviation above 0; {bad} came." "Choose it in the action's own units."
        | None when values.Length = 0 -> Fail.model "A noise needs at least one number." "Give one for all actions, or one for each."
        | None -> Noise values

    static member op_Implicit(value: double) : Noise = Noise.Of [| value |]
    static member op_Implicit(values: double[]) : Noise = Noise.Of values
    override _.ToString() = System.String.Join(", ", values)

/// Planners: functions from the optimal process and the last plan to a better plan.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Planner =
    /// Numbers for the fields of an action at the steps of an index: one for all, one for each number of an action, or one for each step and number.
    let internal fields what (values: double[]) (space: Space) (time: FreeIndex) : Tensor[] =
        let n = space.Count
        let starts = space.Leaves |> Array.map (fun l -> l.Count) |> Array.scan (+) 0

        let row =
            match values.Length with
            | 1 -> Build.constantOf DType.F32 [| n |] values
            | k when k = n -> Build.constantOf DType.F32 [| n |] values
            | k when k = time.Capacity * n -> Structure.unstack time (Build.constantOf DType.F32 [| time.Capacity; n |] values)
            | k ->
                let counts =
                    match List.distinct [ 1; n; time.Capacity * n ] with
                    | [ one; each; all ] -> $"{one}, {each} or {all}"
                    | few -> few |> List.map string |> String.concat " or "

                Fail.model
                    $"The {what} has {k} numbers; the action has {n} and the horizon {time.Capacity} steps."
                    $"Give {counts} of them."

        space.Leaves
        |> Array.mapi (fun k l -> Shapes.part 0 starts[k] starts[k + 1] row |> Shapes.reshape l.Shape)

    /// The standard deviation of each field of an action at the steps of an index.
    let deviations (noise: Noise) (space: Space) (time: FreeIndex) : Tensor[] = fields "noise" noise.Values space time

    /// Action sequences from a Gaussian around a mean, whatever the actions' limits.
    let internal drawActions (name: string) (p: Planning<'S, 'A, 'G>) (mean: 'A) (noise: Noise) : Prob<'A> =
        let deviations = deviations noise p.Optimal.Mdp.ActionSpace p.Time
        let draw k (m: Tensor) = Prob.sampleAt $"{name}.{k}" (Normal(m, deviations[k])) Location.unknown
        Prob.steps p.Time (Prob(fun c -> Record.toTensors mean |> Array.mapi (fun k m -> (draw k m).Run c) |> Record.ofTensors<'A>))

    /// Action sequences from a Gaussian around a mean, held to the actions' limits; free in the planner's time.
    let sampleActions (name: string) (p: Planning<'S, 'A, 'G>) (mean: 'A) (noise: Noise) : Prob<'A> =
        drawActions name p mean noise |> Prob.map (Flat.clip p.Optimal.Mdp.ActionSpace)

    let private words (b: ProgramBuilder) name =
        let x = b.Input(name, [| 2 |], DType.U32)
        [| Shapes.at 0 0 x; Shapes.at 0 1 x |]

    /// For each number of an action the one nearest to 0 within its limits.
    let private rest (space: Space) : double[] =
        space.Leaves |> Array.collect (fun l -> Array.create l.Count (min l.High (max l.Low 0.0)))

    /// Closes a derivation. `solve` maps what is known to a new plan. The means are held to the actions' limits; the first plan is
    /// the one nearest to 0 within them.
    let define name horizon (o: Optimal<'S, 'A, 'G>) (solve: Planning<'S, 'A, 'G> -> Prob<Plan<'A>>) : PlannerProgram =
        let mdp = o.Mdp

        Fail.within mdp.Name (fun () ->
            if horizon < 1 then
                Fail.model $"The planner \"{name}\" has a horizon of {horizon} steps." "Plan at least 1 step."

            match mdp.ActionSpace.Leaves |> Array.tryFind (fun l -> l.Discrete > 0) with
            | Some l ->
                Fail.model
                    $"The planner \"{name}\" moves continuous actions; the field \"{l.Path}\" is discrete."
                    "Solve finite processes exactly."
            | None -> ()

            let b = ProgramBuilder name
            let actions = mdp.ActionSpace.Count
            let state = b.Input("state", [| max 1 mdp.StateSpace.Count |], DType.F32)
            let settings = b.Input("settings", [| max 1 mdp.SettingsSpace.Count |], DType.F32)
            let seed = words b "seed"
            let step = b.State("step", [||], DType.U32, [| 0.0 |])

            let start =
                match Array.distinct (rest mdp.ActionSpace) with
                | [| one |] -> [| one |]
                | _ -> rest mdp.ActionSpace |> Array.replicate horizon |> Array.concat

            let plan = b.State("plan", [| horizon; actions |], DType.F32, start)
            let time = Language.TimeIndex("step", horizon)

            let planning =
                {
                    Optimal = o
                    State = Flat.toRecord mdp.StateSpace state
                    Settings = Flat.toRecord mdp.SettingsSpace settings
                    Now = Build.convert DType.F32 step
                    Time = time
                    Mean = Flat.toRecord mdp.ActionSpace (Structure.unstack time plan)
                }

            let solved, trace = Prob.draw seed [| step; Build.scalar DType.U32 0.0 |] [] [] (solve planning)
            let means = Structure.stack time (Flat.ofRecord mdp.ActionSpace (Flat.clip mdp.ActionSpace solved.Mean))
            let last = Shapes.part 0 (horizon - 1) horizon means
            b.Next(plan, Shapes.concat 0 [| Shapes.part 0 1 horizon means; last |])
            b.Next(step, Build.binary BinaryOp.Add step (Build.scalar DType.U32 1.0))
            b.Output("action", Shapes.at 0 0 means)
            b.Output("means", means)

            for diagnostic, value in solved.Diagnostics do
                b.Output(diagnostic, Build.convert DType.F32 value)

            {
                Program = b.Build()
                Name = name
                Horizon = horizon
                StateSpace = mdp.StateSpace
                ActionSpace = mdp.ActionSpace
                SettingsSpace = mdp.SettingsSpace
                Diagnostics = solved.Diagnostics |> List.map fst |> Array.ofList
                Model = ModelText.ofTrace o horizon trace
            })
