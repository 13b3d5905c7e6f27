namespace Inference

open System

/// A finite process as programs that tabulate it: the specification, evaluated at every state and action at once.
type TableProgram =
    {
        Name: string
        /// Inputs: settings; time, where a part reads it. Outputs: next, stray, strayValue, probability [actions, outcomes, states]; reward [actions, states]; where there are such
        /// parts prior (log-weights, [actions, states]), ends and terminal [states]; observed [values, states, numbers] and observation [values, states].
        Steps: Program
        /// Outputs: next, stray, strayValue and probability [outcomes]. None where the process has no start.
        Start: Program option
        /// The numbers that each program gives, read into a process.
        Read: Func<Func<string, double[]>, Func<string, double[]>, FiniteMdp>
        SettingsSpace: Space
        /// Whether Steps has the input "time": tables differ from step to step.
        ReadsTime: bool
        States: int
        Actions: int
        /// Joint values of the sites that a step draws.
        Outcomes: int
    }

/// Tabulates a finite process: a plate over each number of the state and of the action, and an index over the values of each site
/// that a step draws.
[<RequireQualifiedAccess>]
module FiniteTables =
    /// The most numbers in a table.
    let private capacity = 1L <<< 28

    /// How many values a site takes, and the value at a position.
    let private values (d: Distribution) : (int * (Tensor -> Tensor)) option =
        let asDrawn (x: Tensor) = Build.convert d.DType x

        match d.Support with
        | Support.Integers(Some n) when d.Shape.Length = 0 -> Some(n, asDrawn)
        | Support.Binary when d.Shape.Length = 0 -> Some(2, asDrawn)
        | Support.OneHot when d.Shape.Length = 1 -> Some(d.Shape[0], oneHot (Build.constantOf d.DType d.Shape [| 0.0 |]))
        | Support.Point -> d.Closed Statistic.Mean |> Option.map (fun x -> 1, (fun _ -> x))
        | Support.Integers _
        | Support.Binary
        | Support.OneHot
        | Support.Real
        | Support.Positive
        | Support.UnitInterval
        | Support.Interval _
        | Support.Simplex -> None

    /// Refuses sites that have no finite list of values, each where it stands.
    let private requireFinite part (mdp: Mdp<'S, 'A, 'G>) (program: Prob<'T>) =
        let _, trace = Prob.trace (fun _ d -> d.Typical) program

        for site in trace.Sites do
            if not (List.isEmpty (site.Plates @ site.Times)) then
                Fail.at
                    site.Location
                    $"The {part} of \"{mdp.Name}\" draws \"{site.Path}\" within a plate or chain, which exact solutions do not enumerate."
                    "Draw each value by a site of its own."

            let d = site.Distribution

            let isTogether =
                match d.Support with
                | Support.Integers(Some _)
                | Support.Binary -> d.Shape.Length > 0
                | Support.OneHot -> d.Shape.Length > 1
                | Support.Integers None
                | Support.Real
                | Support.Positive
                | Support.UnitInterval
                | Support.Interval _
                | Support.Simplex
                | Support.Point -> false

            if isTogether then
                Fail.at
                    site.Location
                    $"The {part} of \"{mdp.Name}\" draws several values of \"{site.Path}\" together, which exact solutions do not enumerate."
                    "Draw each value by a site of its own."

            if (values d).IsNone then
                Fail.at
                    site.Location
                    $"The {part} of \"{mdp.Name}\" draws \"{site.Path}\" from a {d.Name}, whose values cannot be listed."
                    "Draw from Categorical or Bernoulli for an exact solution, or plan by sampling: Plan(new Mppi(), engine)."

    /// A program's value at every joint value of its sites, the indices of these, and the joint probability.
    let private enumerate (program: Prob<'T>) : 'T * FreeIndex list * Tensor =
        let indices = ResizeArray<FreeIndex>()

        let choose path d =
            match values d with
            | Some(n, value) ->
                let index = FreeIndex(path, Extent.Fixed n, IndexKind.Enumerated)
                indices.Add index
                value (Structure.position index)
            | None -> Fail.model $"\"{path}\" draws from a {d.Name}, whose values cannot be listed." "Draw from Categorical or Bernoulli."

        let value, trace = Prob.trace (fun path d -> choose path d) program

        let probability =
            trace.Sites
            |> Seq.fold (fun total site -> total + Build.convert DType.F32 site.LogDensity.Value) (Build.scalar DType.F32 0.0)
            |> exp

        value, List.ofSeq indices, probability

    let private capacityOf (indices: FreeIndex list) = indices |> List.fold (fun n (i: FreeIndex) -> n * int64 i.Capacity) 1L

    /// Indices become one axis each group, outermost first.
    let private table (groups: FreeIndex list list) (x: Tensor) =
        let stacked = List.foldBack Structure.stack (List.concat groups) x
        Shapes.reshape [| for g in groups -> int (capacityOf g) |] stacked

    let private outputs (b: ProgramBuilder) (space: Space) groups (next: 'S) probability =
        let count, stray, value = FiniteSpace.count space next
        b.Output("next", table groups count)
        b.Output("stray", table groups stray)
        b.Output("strayValue", table groups value)
        b.Output("probability", table groups probability)

    /// The values that an observation may have, and their probabilities.
    let private observationTables (b: ProgramBuilder) (mdp: Mdp<'S, 'A, 'G>) states (seen: Distribution) =
        let program = Prob.sampleAt "observation" seen Location.unknown
        requireFinite "observation" mdp program
        let value, values, probability = enumerate program
        let flat = Build.convert DType.F32 value |> Shapes.reshape [| value.Count |]
        let every = List.foldBack Structure.stack (values @ states) flat
        b.Output("observed", Shapes.reshape [| int (capacityOf values); int (capacityOf states); value.Count |] every)
        b.Output("observation", table [ values; states ] probability)

    let private plates space =
        FiniteSpace.indices (fun name n -> FreeIndex(name, Extent.Fixed n, IndexKind.Plate)) space

    let private reads (time: Tensor) (program: Program) =
        let isRead x =
            Traverse.postOrder [ x ] |> Array.exists (fun node -> obj.ReferenceEquals(node, time))

        program.Outputs |> Array.exists (snd >> isRead)

    let private stepProgram (mdp: Mdp<'S, 'A, 'G>) (prior: ('S -> 'A -> Tensor) option) =
        let b = ProgramBuilder(mdp.Name + " tables")
        let settings = b.Input("settings", [| max 1 mdp.SettingsSpace.Count |], DType.F32)
        let time = b.Input("time", [||], DType.F32)
        let states, actions = plates mdp.StateSpace, plates mdp.ActionSpace
        let s: 'S = FiniteSpace.ofIndices mdp.StateSpace states
        let a: 'A = FiniteSpace.ofIndices mdp.ActionSpace actions
        let g: 'G = Flat.toRecord mdp.SettingsSpace settings
        let step = Mdp.stepOf mdp s a g time
        requireFinite "step" mdp step
        let next, sites, probability = enumerate step
        let entries = capacityOf states * capacityOf actions * capacityOf sites

        if entries > capacity then
            Fail.model
                $"The tables of \"{mdp.Name}\" need {entries} entries ({capacityOf states} states × {capacityOf actions} actions × {capacityOf sites} outcomes), some {entries * 16L / 1_000_000_000L} GB."
                $"Keep them below {capacity}: fewer values of fields, or fewer sites in a step."

        outputs b mdp.StateSpace [ actions; sites; states ] next probability

        b.Output(
            "reward",
            (Mdp.part mdp "Reward" mdp.Reward) s a g time
            |> Build.convert DType.F32
            |> table [ actions; states ]
        )

        prior
        |> Option.iter (fun f ->
            let weight = f s a

            if not weight.IsScalar then
                Fail.model
                    $"The prior policy of \"{mdp.Name}\" must be a scalar; {Fail.shape weight.Shape} came."
                    "Give one log-weight for a state and an action."

            b.Output("prior", weight |> Build.convert DType.F32 |> table [ actions; states ]))

        mdp.Termination
        |> Option.iter (fun test ->
            let ends = Build.select (test s g) (Build.scalar DType.F32 1.0) (Build.scalar DType.F32 0.0)
            b.Output("ends", table [ states ] ends))

        mdp.TerminalValue
        |> Option.iter (fun value -> b.Output("terminal", value s g |> Build.convert DType.F32 |> table [ states ]))

        mdp.Observation |> Option.iter (fun seen -> observationTables b mdp states (seen s))
        let program = b.Build()
        program, reads time program, int (capacityOf sites)

    let private startProgram (mdp: Mdp<'S, 'A, 'G>) (start: Prob<'S>) =
        requireFinite "start" mdp start
        let b = ProgramBuilder(mdp.Name + " start")
        let state, sites, probability = enumerate start
        outputs b mdp.StateSpace [ sites ] state probability
        b.Build()

    /// The programs that tabulate a process. `prior` gives log-weights of actions in states, which need not be normalised.
    let derive (prior: ('S -> 'A -> Tensor) option) (mdp: Mdp<'S, 'A, 'G>) : TableProgram =
        Fail.within mdp.Name (fun () ->
            let states = FiniteSpace.require "state" mdp.StateSpace
            let actions = FiniteSpace.require "action" mdp.ActionSpace
            let steps, readsTime, outcomes = stepProgram mdp prior

            {
                Name = mdp.Name
                Steps = steps
                Start = mdp.Start |> Option.map (startProgram mdp)
                Read = Func<_, _, _>(TableReading.read mdp states actions outcomes)
                SettingsSpace = mdp.SettingsSpace
                ReadsTime = readsTime
                States = states
                Actions = actions
                Outcomes = outcomes
            })
