namespace Inference

/// Whether a process is linear-quadratic: its step affine in state and action with Gaussian noise of constant covariance, its reward
/// quadratic, its actions unbounded. Read from the graph of its parts; what is not says which part and which operation.
[<RequireQualifiedAccess>]
module internal Recognition =
    let private mend =
        "Solve around a trajectory, new IterativeLqr { Horizon = … }, or plan by sampling: Plan(new Mppi(), engine)."

    let private unknown (name: string) shape =
        Tensor(Op.Input(InputSlot(name, false, Location.unknown)), [||], shape, DType.F32, [||])

    let private unknowns (space: Space) = space.Leaves |> Array.map (fun l -> l.Path, unknown l.Path l.Shape)
    let private record<'T> (variables: (string * Tensor)[]) : 'T = variables |> Array.map snd |> Record.ofTensors<'T>

    /// Refuses a space with a field that is discrete.
    let requireContinuous (what: string) (space: Space) : unit =
        for l in space.Leaves do
            if l.Discrete > 0 then
                Fail.model
                    $"The field \"{l.Path}\" of the {what} {space.Name} is discrete; a linear-quadratic process has real numbers."
                    "Leave [Discrete] out, or make every field of state and action discrete for an exact solution by tables."

    let private requireUnbounded (mdp: Mdp<'S, 'A, 'G>) =
        for l in mdp.ActionSpace.Leaves do
            if l.IsBounded then
                Fail.model
                    $"The action \"{l.Path}\" of \"{mdp.Name}\" is held to {l.Low} … {l.High}; the Gaussian policy of a linear-quadratic process knows no limits."
                    "Leave [Within] out and let the reward cost what is too much, or solve with limits: new IterativeLqr { Horizon = … }."

    /// Refuses a process that may end early.
    let requireEndless (mdp: Mdp<'S, 'A, 'G>) : unit =
        if mdp.Termination.IsSome then
            Fail.model
                $"\"{mdp.Name}\" has a termination, where its value breaks off: no quadratic form has such an edge."
                "Leave the termination out and give a horizon, or plan by sampling: Plan(new Mppi(), engine)."

    let private requireAffine (mdp: Mdp<'S, 'A, 'G>) what (variables: (string * Tensor)[]) (space: Space) (values: Tensor[]) =
        for l, x in Array.zip space.Leaves values do
            Degrees.tryExceed 1 (Array.map snd variables) x
            |> Option.iter (fun term ->
                Fail.model
                    $"The {what} of \"{mdp.Name}\" is not affine: its field \"{l.Path}\" takes {Degrees.describe variables term}."
                    mend)

    let private requireQuadratic (mdp: Mdp<'S, 'A, 'G>) what variables (x: Tensor) =
        Degrees.tryExceed 2 (Array.map snd variables) x
        |> Option.iter (fun term ->
            Fail.model $"The {what} of \"{mdp.Name}\" is not quadratic: it takes {Degrees.describe variables term}." mend)

    /// The standard normals that a program draws, as variables, and what it makes of them.
    let private gaussian part (mdp: Mdp<'S, 'A, 'G>) variables (program: Prob<'T>) =
        let count = GaussianDraws.count part mdp.Name program
        let noise = unknown "noise" [| max 1 count |]
        let variables = Array.append variables [| "noise", noise |]
        let value, trace = GaussianDraws.apply noise program
        GaussianDraws.requireLinear part mdp.Name variables trace
        variables, value

    let private requireObservation (mdp: Mdp<'S, 'A, 'G>) (state: (string * Tensor)[]) (observe: 'S -> Distribution) =
        let program = Prob.sampleAt "observation" (observe (record<'S> state)) Location.unknown
        gaussian "observation" mdp state program |> ignore

    let private requireStart (mdp: Mdp<'S, 'A, 'G>) (start: Prob<'S>) =
        let variables, value = gaussian "start" mdp [||] start
        requireAffine mdp "start" variables mdp.StateSpace (Record.toTensors value)

    /// Refuses a process that is not linear-quadratic.
    let require (mdp: Mdp<'S, 'A, 'G>) : unit =
        requireContinuous "state" mdp.StateSpace
        requireContinuous "action" mdp.ActionSpace
        requireUnbounded mdp
        requireEndless mdp

        let state, action, settings =
            unknowns mdp.StateSpace, unknowns mdp.ActionSpace, unknowns mdp.SettingsSpace

        let s, a, g, time = record<'S> state, record<'A> action, record<'G> settings, unknown "time" [||]
        let both = Array.append state action
        let variables, next = gaussian "step" mdp both (Mdp.stepOf mdp s a g time)
        requireAffine mdp "step" variables mdp.StateSpace (Record.toTensors next)
        requireQuadratic mdp "reward" both ((Mdp.part mdp "Reward" mdp.Reward) s a g time)

        mdp.TerminalValue
        |> Option.iter (fun value -> requireQuadratic mdp "terminal value" state (value s g))

        mdp.Observation |> Option.iter (requireObservation mdp state)

        if mdp.Observation.IsSome then
            match mdp.Start with
            | Some start -> requireStart mdp start
            | None ->
                Fail.model
                    $"\"{mdp.Name}\" is seen through observations and has no start: nothing says what is believed before the first."
                    "Give it a Gaussian start: .Start(…)."
