namespace Inference

open System

/// What a solution along a trajectory is compiled for.
type TrajectoryProgram =
    {
        Name: string
        /// Inputs: start [n], settings. States: actions [T, m], damping. Outputs: see `IterativeLqr.derive`.
        Iteration: Program
        /// Looks a state up; see `IterativeLqr.decide`.
        Decision: Program
        /// Output: start, the mean of the process's start. None where it has none.
        Start: Program option
        Horizon: int
        StateSpace: Space
        ActionSpace: Space
        SettingsSpace: Space
    }

/// Iterative LQR, a Gauss-Newton method: the step to first order along a trajectory, the reward to second, a Riccati recursion, and a search along
/// the change that it proposes (Li and Todorov, 2004). Levenberg-Marquardt damping on the actions and the line search are those of Tassa, Erez and
/// Todorov, "Synthesis and stabilization of complex behaviors through online trajectory optimization", 2012; actions with limits those of
/// Tassa, Mansard and Todorov, "Control-limited differential dynamic programming", 2014, with a fixed number of projected Newton steps in place of
/// their search. Noise is held at its mean along the trajectory and counts in V alone.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module IterativeLqr =
    /// Step sizes 1, ½, …, 2⁻⁹: all are tried at once.
    let private sizes = 10

    /// How much of what is promised must be kept.
    let private kept = 1e-4

    let private number (x: double) = Build.scalar DType.F64 x
    let private double' x = Build.convert DType.F64 x

    /// The actions' limits as vectors, if any number has one.
    let private limits (space: Space) =
        if space.Leaves |> Array.exists (fun l -> l.IsBounded) then
            let of' (pick: Leaf -> double) =
                Build.constantOf DType.F64 [| space.Count |] (space.Leaves |> Array.collect (fun l -> Array.create l.Count (pick l)))

            Some(of' (fun l -> l.Low), of' (fun l -> l.High))
        else
            None

    /// A process under actions, noise at its mean.
    type private Rollout<'S, 'A, 'G>(o: Optimal<'S, 'A, 'G>, settings: 'G, noises: int, horizon: int) =
        let mdp = o.Mdp
        let n = mdp.StateSpace.Count
        member _.Horizon = horizon
        member _.Noises = noises

        /// The next state, a vector, from vectors of state, action and normals.
        member _.Next (s: Tensor) (a: Tensor) (e: Tensor) (time: Tensor) =
            Mdp.stepOf mdp (Flat.toRecord mdp.StateSpace s) (Flat.toRecord mdp.ActionSpace a) settings time
            |> GaussianDraws.apply e
            |> fst
            |> Flat.ofRecord mdp.StateSpace

        member _.Reward (s: Tensor) (a: Tensor) (time: Tensor) =
            (Mdp.part mdp "Reward" mdp.Reward) (Flat.toRecord mdp.StateSpace s) (Flat.toRecord mdp.ActionSpace a) settings time
            |> Build.convert DType.F32

        member _.Terminal(s: Tensor) =
            match mdp.TerminalValue with
            | Some value -> value (Flat.toRecord mdp.StateSpace s) settings |> Build.convert DType.F32
            | None -> 0.0 * Structure.sum [| 0 |] [] s

        member _.Still = Build.constantOf DType.F32 [| max 1 noises |] [| 0.0 |]

        /// States at the steps of an index, the last state, the discounted return in double precision, and the actions, from `act`.
        member r.Follow (index: FreeIndex) (start: Tensor) (act: Tensor -> Tensor) =
            let time = Build.convert DType.F32 (Structure.position index)

            let finals, (states, actions) =
                Structure.scan index [| start; number 0.0; number 1.0 |] (fun c ->
                    let a = act c[0]
                    let total = c[1] + c[2] * double' (r.Reward c[0] a time)
                    [| r.Next c[0] a r.Still time; total; c[2] * number mdp.Discount |], (c[0], a))

            states, actions, finals[0], finals[1] + finals[2] * double' (r.Terminal finals[0])

        /// Derivatives along a trajectory [T, n] and [T, m]: dynamics, noise (null for none) and reward, free in an index of steps.
        member r.Expand (steps: FreeIndex) (states: Tensor) (actions: Tensor) =
            let m = mdp.ActionSpace.Count
            let point = Structure.unstack steps (Shapes.concat 1 [| states; actions |])
            let normals = Structure.unstack steps (Build.constantOf DType.F32 [| horizon; max 1 noises |] [| 0.0 |])
            let time = Build.convert DType.F32 (Structure.position steps)
            let s, a = Shapes.part 0 0 n point, Shapes.part 0 n (n + m) point
            let next = r.Next s a normals time
            let none = Build.constantOf DType.F64 [| n |] [| 0.0 |]
            let dynamics = LinearQuadratic.extended n none (double' (LinearQuadratic.jacobian next point))
            let noise = if noises = 0 then null else double' (LinearQuadratic.jacobian next normals)
            dynamics, noise, LinearQuadratic.reordered n m (LinearQuadratic.form (r.Reward s a time) point)

    /// Damping after an iteration: less where it went well, more where it did not.
    let private damp (damping: Tensor) (went: Tensor) =
        let less' = Build.select (less damping (number 1e-7)) (number 0.0) (0.1 * damping)
        Build.select went less' (larger (number 1e-6) (10.0 * damping))

    /// One iteration. Outputs, of the trajectory that the iteration began with: states [T, n], last [n], actions [T, m], return; around it gains
    /// [T, m, n+1], covariances [T, m, m], values [T+1, n+1, n+1]; promise, what a whole step is to gain at first order; size, of the step taken, 0
    /// where none was; improved, the return after it.
    let private iteration (o: Optimal<'S, 'A, 'G>) (horizon: int) : Program =
        let mdp = o.Mdp
        let n, m = mdp.StateSpace.Count, mdp.ActionSpace.Count
        let b = ProgramBuilder(mdp.Name + " iterative LQR")
        let start = b.Input("start", [| n |], DType.F32)

        let settings: 'G =
            Flat.toRecord mdp.SettingsSpace (b.Input("settings", [| max 1 mdp.SettingsSpace.Count |], DType.F32))

        let plan = b.State("actions", [| horizon; m |], DType.F32, [| 0.0 |])
        let damping = b.State("damping", [||], DType.F64, [| 0.0 |])

        let noises =
            GaussianDraws.count
                "step"
                mdp.Name
                (Mdp.stepOf
                    mdp
                    (Flat.toRecord mdp.StateSpace start)
                    (Flat.toRecord mdp.ActionSpace (Shapes.at 0 0 plan))
                    settings
                    (Build.scalar DType.F32 0.0))

        let rollout = Rollout(o, settings, noises, horizon)
        let time = FreeIndex("step", Extent.Fixed horizon, IndexKind.Time)
        let planned = Structure.unstack time plan
        let states, _, last, earned = rollout.Follow time start (fun _ -> planned)
        let trajectory = Structure.stack time states

        let points = FreeIndex("point", Extent.Fixed horizon, IndexKind.Plate)
        let dynamics, noise, reward = rollout.Expand points trajectory plan
        let back = FreeIndex("back", Extent.Fixed horizon, IndexKind.Time)
        let at (x: Tensor) = if isNull x then null else Structure.unstack back (Structure.stack points x)

        let bounds =
            limits mdp.ActionSpace
            |> Option.map (fun (low, high) -> let a = double' (at (Structure.unstack points plan)) in low - a, high - a)

        let ending = LinearQuadratic.form (rollout.Terminal last) last

        let finals, each =
            Structure.scanIn true back [| ending; number 0.0; number 0.0 |] (fun c ->
                let i = Improvement.step o bounds damping (at dynamics) (at noise) (at reward) c[0]
                [| i.Value; i.Slope + mdp.Discount * c[1]; i.Bend + mdp.Discount * c[2] |], i)

        let size = FreeIndex("size", Extent.Fixed sizes, IndexKind.Plate)

        let scale =
            Structure.unstack size (Build.constantOf DType.F64 [| sizes |] (Array.init sizes (fun k -> 0.5 ** double k)))

        let search = FreeIndex("search", Extent.Fixed horizon, IndexKind.Time)
        let gains = Structure.stack back each.Gain

        let gain, nominal, before =
            Structure.unstack search gains, Structure.unstack search trajectory, Structure.unstack search plan

        let _, tried, _, found =
            rollout.Follow search start (fun s ->
                let away = Shapes.concat 0 [| double' (s - nominal); Build.fill [| 1 |] scale |]

                Matrices.product gain away + double' before
                |> Build.convert DType.F32
                |> Flat.toRecord<'A> mdp.ActionSpace
                |> Flat.clip mdp.ActionSpace
                |> Flat.ofRecord mdp.ActionSpace)

        let promise = scale * finals[1] - 0.5 * scale * scale * finals[2]
        let good = both (less (number 0.0) promise) (atMost (earned + kept * promise) found)
        let score = Build.select good scale (number 0.0) |> Structure.stack size
        let best = Shapes.argMax 0 score
        let taken = Shapes.gather score best
        let went = less (number 0.0) taken
        let chosen (x: Tensor) = Shapes.gather (Structure.stack size x) best
        b.Output("states", trajectory)
        b.Output("last", last)
        b.Output("actions", plan)
        b.Output("return", earned)
        b.Output("gains", gains)
        b.Output("covariances", Structure.stack back each.Covariance)
        b.Output("values", Shapes.concat 0 [| Structure.stack back each.Value; Shapes.reshape [| 1; n + 1; n + 1 |] ending |])
        b.Output("promise", finals[1])
        b.Output("size", taken)
        b.Output("improved", Build.select went (chosen found) earned)
        b.Next(plan, Build.select went (chosen (Structure.stack search tried)) plan)
        b.Next(damping, damp damping went)
        b.Build()

    /// Looks a state up. Inputs: state [n], nominal [n], planned [m], gain [m, n+1], value [n+1, n+1]. Outputs: best, the action, held to its limits;
    /// valueOf.
    let private decision (stateSpace: Space) (actionSpace: Space) : Program =
        let b = ProgramBuilder "decision beside a trajectory"
        let n, m = stateSpace.Count, actionSpace.Count
        let vector name count = b.Input(name, [| count |], DType.F64)
        let away = vector "state" n - vector "nominal" n
        let gain = Matrices.block (0, m) (0, n) (b.Input("gain", [| m; n + 1 |], DType.F64))
        let action = vector "planned" m + Matrices.product gain away
        let x = Shapes.concat 0 [| away; Build.constantOf DType.F64 [| 1 |] [| 1.0 |] |]
        let value = b.Input("value", [| n + 1; n + 1 |], DType.F64)

        b.Output(
            "best",
            match limits actionSpace with
            | Some(low, high) -> smaller high (larger low action)
            | None -> action
        )

        b.Output("valueOf", 0.5 * Structure.sum [| 0 |] [] (x * Matrices.product value x))
        b.Build()

    let private startOf (mdp: Mdp<'S, 'A, 'G>) (start: Prob<'S>) =
        let b = ProgramBuilder(mdp.Name + " start")
        let s, _ = Prob.trace (fun _ d -> d.Typical) start
        b.Output("start", Flat.ofRecord mdp.StateSpace s)
        b.Build()

    let private requireSemantics (o: Optimal<'S, 'A, 'G>) =
        let mdp = o.Mdp

        if o.Semantics = PlanningSemantics.ExactPosterior && (mdp.IsStochastic || mdp.Discount < 1.0) then
            Fail.model
                $"IterativeLqr plans \"{mdp.Name}\" with its noise at the mean; under the exact posterior luck would have to be inferred, and the discount be a chance to end."
                "Choose PlanningSemantics.FixedDynamics, or plan by sampling: Plan(new Mppi(), engine)."

    /// The programs that improve a trajectory of a process whose states and actions are real numbers.
    let derive (horizon: int) (o: Optimal<'S, 'A, 'G>) : TrajectoryProgram =
        let mdp = o.Mdp

        Fail.within mdp.Name (fun () ->
            if horizon < 1 then
                Fail.model $"IterativeLqr.Horizon is {horizon}." "Plan at least 1 step."

            Recognition.requireContinuous "state" mdp.StateSpace
            Recognition.requireContinuous "action" mdp.ActionSpace
            Recognition.requireEndless mdp
            requireSemantics o

            {
                Name = mdp.Name
                Iteration = iteration o horizon
                Decision = decision mdp.StateSpace mdp.ActionSpace
                Start = mdp.Start |> Option.map (startOf mdp)
                Horizon = horizon
                StateSpace = mdp.StateSpace
                ActionSpace = mdp.ActionSpace
                SettingsSpace = mdp.SettingsSpace
            })
