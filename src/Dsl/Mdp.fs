namespace Inference

open System

/// What planning as inference means; docs/design.md says how the three differ.
type PlanningSemantics =
    /// The variational family keeps the dynamics: Q(s, a) = r + γ·E[V(s′)].
    | FixedDynamics = 0
    /// p(a | s, O = 1) with the dynamics inferred as well: optimistic under noise.
    | ExactPosterior = 1
    /// π(a | s) ∝ p(a)·exp(Q(s, a)/α) with Q the expected return of π itself.
    | Boltzmann = 2

/// A record without fields, for models without run-time settings.
type NoSettings = unit

/// How a state is followed by the next.
[<RequireQualifiedAccess>]
type Transition<'S, 'A, 'G> =
    | Deterministic of ('S -> 'A -> 'G -> Tensor -> 'S)
    | Stochastic of ('S -> 'A -> 'G -> Tensor -> Prob<'S>)

/// A Markov decision process. 'S, 'A and 'G are records of tensors: state, action and run-time settings. Every part may read the
/// time: the number of steps since the start, f32.
type Mdp<'S, 'A, 'G> =
    {
        Name: string
        Start: Prob<'S> option
        Transition: Transition<'S, 'A, 'G> option
        Reward: ('S -> 'A -> 'G -> Tensor -> Tensor) option
        /// Value of the state in which a plan ends, if the episode goes on.
        TerminalValue: ('S -> 'G -> Tensor) option
        /// Whether a state ends the episode. The reward of the step that leads to it counts; later ones do not.
        Termination: ('S -> 'G -> Tensor) option
        Observation: ('S -> Distribution) option
        Discount: double
        StateSpace: Space
        ActionSpace: Space
        SettingsSpace: Space
    }

    member mdp.IsStochastic =
        match mdp.Transition with
        | Some(Transition.Stochastic _) -> true
        | Some(Transition.Deterministic _)
        | None -> false

/// An MDP whose optimality at each step has p(O = 1 | s, a) ∝ exp(r(s, a)/α).
type Optimal<'S, 'A, 'G> =
    {
        Mdp: Mdp<'S, 'A, 'G>
        /// α: small makes the best plan win, large keeps the prior.
        Temperature: double
        Semantics: PlanningSemantics
    }

/// Builds an MDP part by part: `Mdp.define "pendulum" |> Mdp.step (fun s u -> …) |> Mdp.reward (fun s u -> …)`.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module Mdp =
    let define<'S, 'A, 'G> (name: string) : Mdp<'S, 'A, 'G> =
        Fail.within name (fun () ->
            {
                Name = name
                Start = None
                Transition = None
                Reward = None
                TerminalValue = None
                Termination = None
                Observation = None
                Discount = 1.0
                StateSpace = Record.space<'S>()
                ActionSpace = Record.space<'A>()
                SettingsSpace = Record.space<'G>()
            })

    /// A record of unknown values.
    let private unknown<'T> (space: Space) : 'T =
        space.Leaves
        |> Array.map (fun l -> Tensor(Op.Input(InputSlot(l.Path, false, Location.unknown)), [||], l.Shape, l.DType, [||]))
        |> Record.ofTensors<'T>

    let private unknownTime () =
        Tensor(Op.Input(InputSlot("time", false, Location.unknown)), [||], [||], DType.F32, [||])

    /// What was traced of unknown values without indices: an index of the result is one that the part itself has made.
    let private closed (mdp: Mdp<'S, 'A, 'G>) part (values: Tensor[]) =
        for x in values do
            match Array.tryHead x.Indices with
            | Some i ->
                Fail.model
                    $"{part} of \"{mdp.Name}\" still varies over \"{i.Name}\", which it has made itself."
                    $"Reduce it: a sum, mean, maximum or expectation over \"{i.Name}\"."
            | None -> ()

    /// Traces a program once, every draw at its mean or where it has none at some value, over the site's plates.
    let private dryRun (mdp: Mdp<'S, 'A, 'G>) part (program: Prob<'T>) =
        let value, trace = Prob.trace (fun _ d -> d.Typical) program
        closed mdp part (Record.toTensors value)

        if trace.Factors.Count > 0 then
            Fail.model
                $"{part} of \"{mdp.Name}\" has a factor or an observation, which would have no effect on its decisions."
                "Put what is to be weighed into the reward: planning weighs rewards alone."

    /// Traces a part once, when it is defined, so that what is wrong with it is found there.
    let private tried (mdp: Mdp<'S, 'A, 'G>) (trace: 'S -> 'A -> 'G -> Tensor -> unit) =
        Fail.within mdp.Name (fun () ->
            trace (unknown<'S> mdp.StateSpace) (unknown<'A> mdp.ActionSpace) (unknown<'G> mdp.SettingsSpace) (unknownTime ()))

    let private scalar (mdp: Mdp<_, _, _>) part (x: Tensor) =
        if not x.IsScalar then
            Fail.model $"The {part} of \"{mdp.Name}\" must be a scalar; {Fail.shape x.Shape} came." "Reduce it: Sum(x)."

        x

    let private state (mdp: Mdp<'S, _, _>) what (s: 'S) =
        Record.check $"{what} of \"{mdp.Name}\"" mdp.StateSpace s |> ignore
        s

    let start program (mdp: Mdp<'S, 'A, 'G>) =
        let program = Prob.map (state mdp "The start") program
        tried mdp (fun _ _ _ _ -> dryRun mdp "The start" program)
        { mdp with Start = Some program }

    let stepWith (f: 'S -> 'A -> 'G -> Tensor -> 'S) (mdp: Mdp<'S, 'A, 'G>) =
        let f s a g t = f s a g t |> state mdp "The step"
        tried mdp (fun s a g t -> f s a g t |> Record.toTensors |> closed mdp "The step")
        { mdp with Transition = Some(Transition.Deterministic f) }

    let transitionWith (f: 'S -> 'A -> 'G -> Tensor -> Prob<'S>) (mdp: Mdp<'S, 'A, 'G>) =
        let f s a g t = f s a g t |> Prob.map (state mdp "The step")
        tried mdp (fun s a g t -> dryRun mdp "The step" (f s a g t))
        { mdp with Transition = Some(Transition.Stochastic f) }

    let rewardWith (f: 'S -> 'A -> 'G -> Tensor -> Tensor) (mdp: Mdp<'S, 'A, 'G>) =
        let f s a g t = f s a g t |> scalar mdp "reward"
        tried mdp (fun s a g t -> closed mdp "The reward" [| f s a g t |])
        { mdp with Reward = Some f }

    /// The next state, a function of state and action.
    let step (f: 'S -> 'A -> 'S) mdp = stepWith (fun s a (_: 'G) _ -> f s a) mdp
    /// The next state, a program of state and action.
    let transition (f: 'S -> 'A -> Prob<'S>) mdp = transitionWith (fun s a (_: 'G) _ -> f s a) mdp
    let reward (f: 'S -> 'A -> Tensor) mdp = rewardWith (fun s a (_: 'G) _ -> f s a) mdp

    let terminalValue (f: 'S -> 'G -> Tensor) (mdp: Mdp<'S, 'A, 'G>) =
        let f s g = f s g |> scalar mdp "terminal value"
        tried mdp (fun s _ g _ -> closed mdp "The terminal value" [| f s g |])
        { mdp with TerminalValue = Some f }

    let termination (f: 'S -> 'G -> Tensor) (mdp: Mdp<'S, 'A, 'G>) =
        let test s g =
            let x = f s g |> scalar mdp "termination"

            if x.DType <> DType.Bool then
                Fail.model $"The termination of \"{mdp.Name}\" must be a Bool; {x.DType} came." "Compare: s.Height < 0."

            x

        tried mdp (fun s _ g _ -> closed mdp "The termination" [| test s g |])
        { mdp with Termination = Some test }

    let observe (f: 'S -> Distribution) (mdp: Mdp<'S, 'A, 'G>) =
        tried mdp (fun s _ _ _ -> dryRun mdp "The observation" (Prob.sampleAt "observation" (f s) Location.unknown))
        { mdp with Observation = Some f }

    let discount gamma (mdp: Mdp<'S, 'A, 'G>) =
        if not (gamma > 0.0 && gamma <= 1.0) then
            Fail.within mdp.Name (fun () -> Fail.model $"The discount of \"{mdp.Name}\" is {gamma}." "Choose it in (0, 1].")

        { mdp with Discount = gamma }

    /// Says at which temperature, and in which sense, the process is to be optimal.
    let optimalIn semantics temperature (mdp: Mdp<'S, 'A, 'G>) : Optimal<'S, 'A, 'G> =
        let refuse mend =
            Fail.within mdp.Name (fun () -> Fail.model $"The temperature of \"{mdp.Name}\" is {temperature}." mend)

        if not (temperature > 0.0 && Double.IsFinite temperature) then
            refuse "Choose it above 0; small makes the best plan win."

        if not (Known.isPositiveSingle temperature) then
            refuse "Choose it between 1.2e-38 and 3.4e38: single precision does not reach further."

        { Mdp = mdp; Temperature = temperature; Semantics = semantics }

    /// Optimal at a temperature, with fixed dynamics.
    let optimal temperature mdp = optimalIn PlanningSemantics.FixedDynamics temperature mdp

    let internal part (mdp: Mdp<'S, 'A, 'G>) name (value: 'p option) : 'p =
        match value with
        | Some p -> p
        | None -> Fail.model $"\"{mdp.Name}\" has no {name}." $"Define it before it is used: .{name}(…)."

    /// One step as a program, whatever kind of step the process has.
    let internal stepOf (mdp: Mdp<'S, 'A, 'G>) s a g t : Prob<'S> =
        match part mdp "Step" mdp.Transition with
        | Transition.Deterministic f -> Prob<'S>(fun _ -> f s a g t)
        | Transition.Stochastic f -> f s a g t

/// Records as flat vectors of numbers, leaf after leaf, row-major.
[<RequireQualifiedAccess>]
module Flat =
    let private parts (space: Space) = space.Leaves |> Array.map (fun l -> l.Count) |> Array.scan (+) 0

    /// The record in a vector.
    let toRecord<'T> (space: Space) (vector: Tensor) : 'T =
        let starts = parts space

        space.Leaves
        |> Array.mapi (fun k l -> Shapes.part 0 starts[k] starts[k + 1] vector |> Shapes.reshape l.Shape |> Build.convert l.DType)
        |> Record.ofTensors<'T>

    /// The vector of a record.
    let ofRecord<'T> (space: Space) (value: 'T) : Tensor =
        let tensors = Record.check "A record" space value

        if tensors.Length = 0 then
            Build.constantOf DType.F32 [| 1 |] [| 0.0 |]
        else
            tensors
            |> Array.map (fun x -> Build.convert DType.F32 x |> Shapes.reshape [| x.Count |])
            |> Shapes.concat 0

    /// Values held to a space's limits; NaN stays NaN.
    let clip (space: Space) (value: 'T) : 'T =
        Array.map2
            (fun (l: Leaf) (x: Tensor) ->
                if l.IsBounded then
                    Language.Clip(x, Build.scalar x.DType l.Low, Build.scalar x.DType l.High)
                else
                    x)
            space.Leaves
            (Record.toTensors value)
        |> Record.ofTensors<'T>
