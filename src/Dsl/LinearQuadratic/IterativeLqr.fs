namespace Inference

open System

/// What a solution along a trajectory is compiled for.
type TrajectoryProgram =
    {
        Name: string
        /// Inputs: start [n], settings. States: actions [T, m], damping; under the exact posterior noise [T, k]. Outputs: see `IterativeLqr.derive`.
        Iteration: Program
        /// Looks a state up; see `IterativeLqr.decide`.
        Decision: Program
        /// Output: start, the mean of the process's start. None where it has none.
        Start: Program option
        Horizon: int
        Semantics: PlanningSemantics
        StateSpace: Space
        ActionSpace: Space
        SettingsSpace: Space
    }

/// Iterative LQR, a Gauss-Newton method: the step to first order along a trajectory, the reward to second, a Riccati recursion, and a search along
/// the change that it proposes (Li and Todorov, 2004). Levenberg-Marquardt damping on the actions and the line search are those of Tassa, Erez and
/// Todorov, "Synthesis and stabilization of complex behaviors through online trajectory optimization", 2012; actions with limits those of
/// Tassa, Mansard and Todorov, "Control-limited differential dynamic programming", 2014, with a fixed number of projected Newton steps in place of
/// their search. Noise is held at its mean along the trajectory and counts in V alone; under the exact posterior it is chosen beside the actions, at a
/// cost of −½·α·ε², so that the trajectory is the most likely one.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module IterativeLqr =
    /// Step sizes 1, ½, …, 2⁻⁹: all are tried at once.
    let private sizes = 10

    /// How much of what is promised must be kept.
    let private kept = 1e-4

    let private number (x: double) = Build.scalar DType.F64 x
    let private double' x = Build.convert DType.F64 x

    /// The actions' limits as vectors, if any number has one; further numbers have none.
    let private limits (space: Space) (further: int) =
        if space.Leaves |> Array.exists (fun l -> l.IsBounded) then
            let of' (pick: Leaf -> double) none =
                let own = space.Leaves |> Array.collect (fun l -> Array.create l.Count (pick l))
                Build.constantOf DType.F64 [| space.Count + further |] (Array.append own (Array.create further none))

            Some(of' (fun l -> l.Low) Double.NegativeInfinity, of' (fun l -> l.High) Double.PositiveInfinity)
        else
            None

    /// A process under what is chosen: actions and, where noise is inferred, standard normals after them.
    type private Rollout<'S, 'A, 'G>(o: Optimal<'S, 'A, 'G>, settings: 'G, noises: int, horizon: int) =
        let mdp = o.Mdp
        let n, m = mdp.StateSpace.Count, mdp.ActionSpace.Count
        let inferred = if o.Semantics = PlanningSemantics.ExactPosterior then noises else 0
        let none (shape: int[]) = Build.constantOf DType.F32 shape [| 0.0 |]
        let stateOf (s: Tensor) : 'S = Flat.toRecord mdp.StateSpace s
        let actionOf (u: Tensor) : 'A = Flat.toRecord mdp.ActionSpace (Shapes.part 0 0 m u)
        let noiseOf (u: Tensor) = Shapes.part 0 m (m + inferred) u

        /// k: how many standard normals are chosen.
        member _.Inferred = inferred

        /// The next state, a vector, from vectors of state, of what is chosen, and of normals that are not.
        member _.Next (s: Tensor) (u: Tensor) (e: Tensor) (time: Tensor) =
            Mdp.stepOf mdp (stateOf s) (actionOf u) settings time
            |> GaussianDraws.apply (if inferred > 0 then noiseOf u else e)
            |> fst
            |> Flat.ofRecord mdp.StateSpace

        member _.Reward (s: Tensor) (u: Tensor) (time: Tensor) =
            let earned =
                (Mdp.part mdp "Reward" mdp.Reward) (stateOf s) (actionOf u) settings time |> Build.convert DType.F32

            if inferred > 0 then
                earned - 0.5 * o.Temperature * Structure.sum [| 0 |] [] (noiseOf u * noiseOf u)
            else
                earned

        member _.Terminal(s: Tensor) =
            match mdp.TerminalValue with
            | Some value -> value (stateOf s) settings |> Build.convert DType.F32
            | None -> 0.0 * Structure.sum [| 0 |] [] s

        /// What is chosen, its actions within their limits.
        member _.Clip(u: Tensor) =
            let action = actionOf u |> Flat.clip mdp.ActionSpace |> Flat.ofRecord mdp.ActionSpace
            if inferred > 0 then Shapes.concat 0 [| action; noiseOf u |] else action

        /// States at the steps of an index, the last state, the discounted return in double precision, and what was chosen, from `act`.
        member r.Follow (index: FreeIndex) (start: Tensor) (act: Tensor -> Tensor) =
            let time = Build.convert DType.F32 (Structure.position index)

            let finals, (states, chosen) =
                Structure.scan index [| start; number 0.0; number 1.0 |] (fun c ->
                    let u = act c[0]
                    let total = c[1] + c[2] * double' (r.Reward c[0] u time)
                    [| r.Next c[0] u (none [| max 1 noises |]) time; total; c[2] * number mdp.Discount |], (c[0], u))

            states, chosen, finals[0], finals[1] + finals[2] * double' (r.Terminal finals[0])

        /// Derivatives along a trajectory [T, n] and [T, q]: dynamics, the noise that is not chosen (null for none) and reward, free in an index of steps.
        member r.Expand (steps: FreeIndex) (states: Tensor) (chosen: Tensor) =
            let q = m + inferred
            let point = Structure.unstack steps (Shapes.concat 1 [| states; chosen |])
            let normals = Structure.unstack steps (none [| horizon; max 1 noises |])
            let time = Build.convert DType.F32 (Structure.position steps)
            let s, u = Shapes.part 0 0 n point, Shapes.part 0 n (n + q) point
            let next = r.Next s u normals time
            let still = Build.constantOf DType.F64 [| n |] [| 0.0 |]
            let dynamics = LinearQuadratic.extended n still (double' (Calculus.jacobian [||] next point))

            let noise =
                if noises = inferred then
                    null
                else
                    double' (Calculus.jacobian [||] next normals)

            dynamics, noise, LinearQuadratic.reordered n q (LinearQuadratic.form (r.Reward s u time) point)

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

        let actions = b.State("actions", [| horizon; m |], DType.F32, [| 0.0 |])
        let damping = b.State("damping", [||], DType.F64, [| 0.0 |])

        let noises =
            GaussianDraws.count
                "step"
                mdp.Name
                (Mdp.stepOf
                    mdp
                    (Flat.toRecord mdp.StateSpace start)
                    (Flat.toRecord mdp.ActionSpace (Shapes.at 0 0 actions))
                    settings
                    (Build.scalar DType.F32 0.0))

        let rollout = Rollout(o, settings, noises, horizon)
        let k = rollout.Inferred

        let noise = if k = 0 then null else b.State("noise", [| horizon; k |], DType.F32, [| 0.0 |])

        let plan = if k = 0 then actions else Shapes.concat 1 [| actions; noise |]
        let time = FreeIndex("step", Extent.Fixed horizon, IndexKind.Time)
        let planned = Structure.unstack time plan
        let states, _, last, earned = rollout.Follow time start (fun _ -> planned)
        let trajectory = Structure.stack time states

        let points = FreeIndex("point", Extent.Fixed horizon, IndexKind.Plate)
        let dynamics, spread, reward = rollout.Expand points trajectory plan
        let back = FreeIndex("back", Extent.Fixed horizon, IndexKind.Time)
        let at (x: Tensor) = if isNull x then null else Structure.unstack back (Structure.stack points x)

        let bounds =
            limits mdp.ActionSpace k
            |> Option.map (fun (low, high) -> let a = double' (at (Structure.unstack points plan)) in low - a, high - a)

        let ending = LinearQuadratic.form (rollout.Terminal last) last

        let finals, each =
            Structure.scanIn true back [| ending; number 0.0; number 0.0 |] (fun c ->
                let i = Improvement.step o bounds damping (at dynamics) (at spread) (at reward) c[0]
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

                Matrices.product gain away + double' before |> Build.convert DType.F32 |> rollout.Clip)

        let promise = scale * finals[1] - 0.5 * scale * scale * finals[2]
        let good = both (less (number 0.0) promise) (atMost (earned + kept * promise) found)
        let score = Build.select good scale (number 0.0) |> Structure.stack size
        let best = Shapes.argMax 0 score
        let taken = Shapes.gather score best
        let went = less (number 0.0) taken
        let chosen (x: Tensor) = Shapes.gather (Structure.stack size x) best
        b.Output("states", trajectory)
        b.Output("last", last)
        b.Output("actions", actions)
        b.Output("return", earned)
        b.Output("gains", Shapes.part 1 0 m gains)
        b.Output("covariances", Structure.stack back (Matrices.block (0, m) (0, m) each.Covariance))
        b.Output("values", Shapes.concat 0 [| Structure.stack back each.Value; Shapes.reshape [| 1; n + 1; n + 1 |] ending |])
        b.Output("promise", finals[1])
        b.Output("size", taken)
        b.Output("improved", Build.select went (chosen found) earned)
        let next = Build.select went (chosen (Structure.stack search tried)) plan
        b.Next(actions, Shapes.part 1 0 m next)

        if k > 0 then
            b.Next(noise, Shapes.part 1 m (m + k) next)

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
            match limits actionSpace 0 with
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

    /// The programs that improve a trajectory of a process whose states and actions are real numbers.
    let derive (horizon: int) (o: Optimal<'S, 'A, 'G>) : TrajectoryProgram =
        let mdp = o.Mdp

        Fail.within mdp.Name (fun () ->
            if horizon < 1 then
                Fail.model $"IterativeLqr.Horizon is {horizon}." "Plan at least 1 step."

            Recognition.requireContinuous "state" mdp.StateSpace
            Recognition.requireContinuous "action" mdp.ActionSpace
            Recognition.requireEndless mdp
            LinearQuadratic.requireQuadraticValue horizon o

            {
                Name = mdp.Name
                Iteration = iteration o horizon
                Decision = decision mdp.StateSpace mdp.ActionSpace
                Start = mdp.Start |> Option.map (startOf mdp)
                Horizon = horizon
                Semantics = o.Semantics
                StateSpace = mdp.StateSpace
                ActionSpace = mdp.ActionSpace
                SettingsSpace = mdp.SettingsSpace
            })
