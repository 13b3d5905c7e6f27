namespace Inference

/// What the programs of a linear-quadratic process are compiled for: its sizes.
type LinearQuadraticShape =
    {
        /// n: numbers of a state.
        States: int
        /// m: numbers of an action.
        Actions: int
        /// k: standard normals that a step draws.
        Noises: int
        /// p: numbers of an observation; 0 where the state is seen.
        Observations: int
        /// T: steps of a finite horizon; 0 for an infinite one.
        Horizon: int
    }

    /// n + 1: a state and a 1, so that one matrix holds a quadratic form with its linear and constant parts.
    member internal shape.Extended = shape.States + 1

/// A linear-quadratic process as a program that gives its numbers, by the calculus of the language.
type LinearQuadraticProgram =
    {
        Name: string
        /// Input: settings. Outputs, with T as a leading axis for a finite horizon: dynamics [n+1, n+1+m+k], (s′, 1) from (s, 1, a, ε);
        /// reward [n+1+m, n+1+m], r = ½·zᵀ·R·z with z = (s, 1, a). Without it: terminal [n+1, n+1]; where the state is observed, observation [p, n+1],
        /// observationNoise [p, p], start [n] and startCovariance [n, n].
        Coefficients: Program
        Shape: LinearQuadraticShape
        /// The sites that step, start and observation draw, each as errors name it, in the order of the output spreads, [sites], which are finite where
        /// covariances are positive definite.
        Draws: string[]
        StateSpace: Space
        ActionSpace: Space
        SettingsSpace: Space
        Discount: double
        Temperature: double
        Semantics: PlanningSemantics
    }

/// Takes a linear-quadratic process apart. Its value, its gradient and its Hessian at 0 say all there is to say of it.
[<RequireQualifiedAccess>]
module LinearQuadratic =
    let private double' x = Build.convert DType.F64 x

    /// The quadratic form in (x, 1) that a scalar has at x = 0: [[H, g], [gᵀ, 2c]].
    let internal form (y: Tensor) (x: Tensor) : Tensor =
        let gradient = (Calculus.gradient y [| x |])[0]
        let hessian = double' (Calculus.jacobian [||] gradient x)
        let g = double' gradient

        Matrices.below
            [
                Matrices.beside [ hessian; Matrices.column g ]
                Matrices.beside [ Matrices.row g; Matrices.row (2.0 * double' y) ]
            ]

    /// The form in (s, a, 1) as one in (s, 1, a).
    let internal reordered n m (form: Tensor) =
        let parts rows =
            Matrices.beside
                [
                    Matrices.block rows (0, n) form
                    Matrices.block rows (n + m, n + m + 1) form
                    Matrices.block rows (n, n + m) form
                ]

        Matrices.below [ parts (0, n); parts (n + m, n + m + 1); parts (n, n + m) ]

    /// The map (s, 1, …) → (y, 1) of a function that is affine in the variables.
    let internal extended n (offset: Tensor) (slopes: Tensor) =
        let columns = slopes.Shape[1]

        let top =
            Matrices.beside
                [
                    Matrices.block (0, n) (0, n) slopes
                    Matrices.column offset
                    Matrices.block (0, n) (n, columns) slopes
                ]

        Matrices.below [ top; Matrices.constant 1 (columns + 1) (fun _ j -> if j = n then 1.0 else 0.0) ]

    /// The vector that everything is differentiated by, held at 0.
    let private point (b: ProgramBuilder) name count = b.State(name, [| max 1 count |], DType.F32, [| 0.0 |])

    let private reads (target: Tensor) (x: Tensor) =
        Traverse.postOrder [ x ] |> Array.exists (fun node -> obj.ReferenceEquals(node, target))

    let private requireStationary name (time: Tensor) (values: Tensor list) =
        if values |> List.exists (reads time) then
            Fail.model
                $"\"{name}\" reads the time; over an infinite horizon each step must be like the others."
                "Give a horizon: new Riccati { Horizon = … }."

    let private observed (b: ProgramBuilder) (mdp: Mdp<'S, 'A, 'G>) (observe: 'S -> Distribution) =
        let n = mdp.StateSpace.Count
        let state = point b "state" n

        let program =
            Prob.sampleAt "observation" (observe (Flat.toRecord mdp.StateSpace state)) Location.unknown

        let noise = point b "observation noise" (GaussianDraws.count "observation" mdp.Name program)
        let seen, trace = GaussianDraws.apply noise program
        let y = Matrices.vector seen |> Build.convert DType.F32
        let factor = double' (Calculus.jacobian [||] y noise)
        b.Output("observation", Matrices.beside [ double' (Calculus.jacobian [||] y state); Matrices.column (double' y) ])
        b.Output("observationNoise", Matrices.productByTransposed factor factor)
        y.Count, trace

    let private started (b: ProgramBuilder) (mdp: Mdp<'S, 'A, 'G>) (start: Prob<'S>) =
        let noise = point b "start noise" (GaussianDraws.count "start" mdp.Name start)
        let state, trace = GaussianDraws.apply noise start
        let s = Flat.ofRecord mdp.StateSpace state
        let factor = double' (Calculus.jacobian [||] s noise)
        b.Output("start", double' s)
        b.Output("startCovariance", Matrices.productByTransposed factor factor)
        trace

    let private coefficients (mdp: Mdp<'S, 'A, 'G>) (horizon: int) =
        let n, m = mdp.StateSpace.Count, mdp.ActionSpace.Count
        let b = ProgramBuilder(mdp.Name + " coefficients")

        let g: 'G =
            Flat.toRecord mdp.SettingsSpace (b.Input("settings", [| max 1 mdp.SettingsSpace.Count |], DType.F32))

        let steps = FreeIndex("step", Extent.Fixed(max 1 horizon), IndexKind.Plate)

        let time =
            if horizon = 0 then
                Tensor(Op.Input(InputSlot("time", false, Location.unknown)), [||], [||], DType.F32, [||])
            else
                Build.convert DType.F32 (Structure.position steps)

        let at (x: Tensor) =
            Flat.toRecord<'S> mdp.StateSpace (Shapes.part 0 0 n x), Flat.toRecord<'A> mdp.ActionSpace (Shapes.part 0 n (n + m) x)

        /// One for each step: a gradient that is asked for at all steps together would be their sum.
        let pointOfStep name count =
            if horizon = 0 then
                point b name count
            else
                Structure.unstack steps (b.State(name, [| horizon; max 1 count |], DType.F32, [| 0.0 |]))

        let both = pointOfStep "state and action" (n + m)
        let s, a = at both
        let noises = GaussianDraws.count "step" mdp.Name (Mdp.stepOf mdp s a g time)
        let all = pointOfStep "state, action and noise" (n + m + noises)
        let s', a' = at all
        let draws = Shapes.part 0 (n + m) (n + m + noises) all

        let stepped, stepTrace = GaussianDraws.apply draws (Mdp.stepOf mdp s' a' g time)
        let next = Flat.ofRecord mdp.StateSpace stepped

        let reward = (Mdp.part mdp "Reward" mdp.Reward) s a g time |> Build.convert DType.F32

        if horizon = 0 then
            requireStationary mdp.Name time [ next; reward ]

        let over x = if horizon = 0 then x else Structure.stack steps x
        b.Output("dynamics", over (extended n (double' next) (double' (Calculus.jacobian [||] next all))))
        b.Output("reward", over (reordered n m (form reward both)))

        mdp.TerminalValue
        |> Option.iter (fun value ->
            let last = point b "last state" n
            b.Output("terminal", form (value (Flat.toRecord mdp.StateSpace last) g |> Build.convert DType.F32) last))

        let observations, hidden =
            match mdp.Observation with
            | None -> 0, []
            | Some observe ->
                let count, trace = observed b mdp observe
                count, [ "start", started b mdp (Mdp.part mdp "Start" mdp.Start); "observation", trace ]

        let spreads =
            [
                for part, trace in ("step", stepTrace) :: hidden do
                    for path, spread in GaussianDraws.spreads trace do
                        $"the site \"{path}\" in the {part}", Matrices.vector spread
            ]

        if not spreads.IsEmpty then
            b.Output("spreads", Shapes.concat 0 (spreads |> List.map snd |> Array.ofList))

        b.Build(),
        spreads |> List.map fst |> Array.ofList,
        {
            States = n
            Actions = m
            Noises = noises
            Observations = observations
            Horizon = horizon
        }

    /// Under the exact posterior a discount leaves no quadratic form, unless nothing comes after the first step.
    let internal requireQuadraticValue (horizon: int) (o: Optimal<'S, 'A, 'G>) =
        let mdp = o.Mdp
        let isLast = horizon = 1 && mdp.TerminalValue.IsNone

        if o.Semantics = PlanningSemantics.ExactPosterior && mdp.Discount < 1.0 && not isLast then
            Fail.model
                $"\"{mdp.Name}\" has a discount of {mdp.Discount}: under the exact posterior it is a probability of going on, and the value, r + α·log(γ·E[exp(V′/α)] + 1 − γ), is no quadratic form."
                "Leave the discount out, or choose PlanningSemantics.FixedDynamics."

    /// The program that gives a linear-quadratic process's numbers; horizon 0 is an infinite one. Refuses others, naming the part and the
    /// operation that is not linear-quadratic.
    let derive (horizon: int) (o: Optimal<'S, 'A, 'G>) : LinearQuadraticProgram =
        let mdp = o.Mdp

        Fail.within mdp.Name (fun () ->
            Recognition.require mdp
            requireQuadraticValue horizon o
            let program, draws, shape = coefficients mdp horizon

            {
                Name = mdp.Name
                Coefficients = program
                Shape = shape
                Draws = draws
                StateSpace = mdp.StateSpace
                ActionSpace = mdp.ActionSpace
                SettingsSpace = mdp.SettingsSpace
                Discount = mdp.Discount
                Temperature = o.Temperature
                Semantics = o.Semantics
            })
