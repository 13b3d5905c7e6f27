namespace Inference

open System

/// A Markov decision process of finitely many states and actions as numbers. Tables are laid out as sweeps read them: states last.
type FiniteMdp =
    {
        Name: string
        States: int
        Actions: int
        /// The most states that may follow a state and an action.
        Successors: int
        /// [actions, successors, states]: the states that may follow.
        Next: int[]
        /// [actions, successors, states]: how probable each is; 0 where there are fewer.
        Probability: double[]
        /// [actions, states]
        Reward: double[]
        /// [actions, states]: the prior policy p(a | s); null where it is uniform.
        Prior: double[]
        /// [states]: whether a state ends the episode; null where none does.
        Ends: bool[]
        /// [states]: what the state in which a plan of finite horizon ends is worth; null for nothing.
        TerminalValue: double[]
        /// [states]: how probable it is that an episode starts there; null where that is not known.
        Start: double[]
        /// [observations, states]: p(o | s), how probable each observation is in a state; null where the state is seen.
        Observation: double[]
        /// The numbers of each observation; null where the state is seen.
        Observations: double[][]
        Discount: double
        StateSpace: Space
        ActionSpace: Space
    }

    member mdp.EndsAt state = not (isNull mdp.Ends) && mdp.Ends[state]

    /// p(a | s)
    member mdp.PriorOf(state, action) =
        if isNull mdp.Prior then
            1.0 / double mdp.Actions
        else
            mdp.Prior[action * mdp.States + state]

    /// A state in words.
    member mdp.State(state: int) = FiniteSpace.label mdp.StateSpace state
    /// An action in words.
    member mdp.Action(action: int) = FiniteSpace.label mdp.ActionSpace action

/// A finite process whose optimality at each step has p(O = 1 | s, a) ∝ exp(r(s, a)/α).
type FiniteOptimal =
    {
        Mdp: FiniteMdp
        /// α
        Temperature: double
        Semantics: PlanningSemantics
    }

[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module FiniteMdp =
    /// How far a row's sum may be from 1: what single precision leaves of a sum of many.
    let private tolerance = 1e-4

    /// A field of so many values, for tables that come without records.
    let private counted name (path: string) count : Space =
        {
            Name = name
            Leaves =
                [|
                    {
                        Path = path
                        Shape = [||]
                        Low = 0.0
                        High = double (count - 1)
                        Discrete = count
                    }
                |]
        }

    let private at (mdp: FiniteMdp) state action = $"from {mdp.State state} by {mdp.Action action}"

    let private requireFinite (mdp: FiniteMdp) what (values: double[]) (place: int -> string) =
        match values |> Array.tryFindIndex (Double.IsFinite >> not) with
        | Some k ->
            Fail.model $"The {what} of \"{mdp.Name}\" {place k} is {values[k]}." "Give a finite number; a prior of 0 forbids an action."
        | None -> ()

    /// One state and action: its successors, each once, with probabilities that sum to one.
    let private row (mdp: FiniteMdp) (entries: struct (int * double)[]) state action =
        let mutable sum = 0.0

        for struct (next, p) in entries do
            if not (p >= 0.0 && Double.IsFinite p) then
                Fail.model $"\"{mdp.Name}\" has a probability of {p} {at mdp state action}." "Probabilities are 0 or more."

            if p > 0.0 && (next < 0 || next >= mdp.States) then
                Fail.model
                    $"\"{mdp.Name}\" leads {at mdp state action} to state {next}, which is missing: there are states 0 … {mdp.States - 1}."
                    "Give each successor's number among the states."

            sum <- sum + p

        if not (abs (sum - 1.0) <= tolerance) then
            Fail.model
                $"The probabilities of \"{mdp.Name}\" {at mdp state action} sum to {sum}."
                "Each state and action needs probabilities that sum to 1."

        entries
        |> Array.filter (fun (struct (_, p)) -> p > 0.0)
        |> Array.groupBy (fun (struct (next, _)) -> next)
        |> Array.map (fun (next, same) -> struct (next, (same |> Array.sumBy (fun (struct (_, p)) -> p)) / sum))

    /// Lays the successors out by states and checks them; `entries` gives those of a state and an action.
    let private layOut (mdp: FiniteMdp) (entries: int -> int -> struct (int * double)[]) =
        let rows =
            Array.init (mdp.States * mdp.Actions) (fun k ->
                row mdp (entries (k % mdp.States) (k / mdp.States)) (k % mdp.States) (k / mdp.States))

        let successors = rows |> Array.fold (fun most r -> max most r.Length) 1
        let size = mdp.Actions * successors * mdp.States
        // what pads a row stays where it is, with probability 0
        let next = Array.init size (fun k -> k % mdp.States)
        let probability = Array.zeroCreate<double> size

        rows
        |> Array.iteri (fun k r ->
            let state, action = k % mdp.States, k / mdp.States

            r
            |> Array.iteri (fun j (struct (successor, p)) ->
                let place = (action * successors + j) * mdp.States + state
                next[place] <- successor
                probability[place] <- p))

        { mdp with Successors = successors; Next = next; Probability = probability }

    /// The same process with room for so many successors of each state and action; what pads a row has probability 0.
    let padded (successors: int) (mdp: FiniteMdp) =
        let entry pad (table: 'x[]) k =
            let state, row = k % mdp.States, k / mdp.States
            let action, successor = row / successors, row % successors

            if successor < mdp.Successors then
                table[(action * mdp.Successors + successor) * mdp.States + state]
            else
                pad state

        let size = mdp.Actions * successors * mdp.States

        { mdp with
            Successors = successors
            Next = Array.init size (entry id mdp.Next)
            Probability = Array.init size (entry (fun _ -> 0.0) mdp.Probability)
        }

    let private normalisedPrior (mdp: FiniteMdp) (prior: double[]) =
        if prior.Length <> mdp.Actions * mdp.States then
            Fail.model
                $"The prior policy of \"{mdp.Name}\" needs {mdp.Actions * mdp.States} numbers; {prior.Length} came."
                "Give one for each state and action."

        for s in 0 .. mdp.States - 1 do
            let row = Array.init mdp.Actions (fun a -> prior[a * mdp.States + s])

            match row |> Array.tryFindIndex (fun p -> not (p >= 0.0 && Double.IsFinite p)) with
            | Some a -> Fail.model $"The prior policy of \"{mdp.Name}\" is {row[a]} {at mdp s a}." "Probabilities are 0 or more."
            | None -> ()

            let sum = Array.sum row

            if not (abs (sum - 1.0) <= tolerance) then
                Fail.model $"The prior policy of \"{mdp.Name}\" in {mdp.State s} sums to {sum}." "Its probabilities sum to 1 in each state."

        prior
        |> Array.mapi (fun k p ->
            let s = k % mdp.States
            p / Seq.sum (seq { for a in 0 .. mdp.Actions - 1 -> prior[a * mdp.States + s] }))

    /// The same process under a prior policy, [actions, states].
    let withPrior (prior: double[]) (mdp: FiniteMdp) = Fail.within mdp.Name (fun () -> { mdp with Prior = normalisedPrior mdp prior })

    /// The same process with states that end an episode, and values of those in which a plan of finite horizon ends.
    let private checkedParts (mdp: FiniteMdp) =
        let sized what (values: 'x[]) =
            if not (isNull values) && values.Length <> mdp.States then
                Fail.model
                    $"The {what} of \"{mdp.Name}\" has {values.Length} numbers; it has {mdp.States} states."
                    "Give one for each state."

        sized "termination" mdp.Ends
        sized "terminal value" mdp.TerminalValue
        sized "start" mdp.Start
        requireFinite mdp "reward" mdp.Reward (fun k -> at mdp (k % mdp.States) (k / mdp.States))

        if not (isNull mdp.TerminalValue) then
            requireFinite mdp "terminal value" mdp.TerminalValue (fun s -> $"in {mdp.State s}")

        if not (isNull mdp.Start) then
            let sum = Array.sum mdp.Start

            if mdp.Start |> Array.exists (fun p -> not (p >= 0.0)) || not (abs (sum - 1.0) <= tolerance) then
                Fail.model $"The start of \"{mdp.Name}\" has probabilities that sum to {sum}." "They are 0 or more and sum to 1."

        if not (mdp.Discount > 0.0 && mdp.Discount <= 1.0) then
            Fail.model $"The discount of \"{mdp.Name}\" is {mdp.Discount}." "Choose it in (0, 1]."

        mdp

    let internal assemble (mdp: FiniteMdp) (entries: int -> int -> struct (int * double)[]) =
        Fail.within mdp.Name (fun () ->
            let mdp = checkedParts mdp |> fun checked' -> layOut checked' entries

            if isNull mdp.Prior then
                mdp
            else
                { mdp with Prior = normalisedPrior mdp mdp.Prior })

    let private empty name states actions (reward: double[,]) discount =
        if Array2D.length1 reward <> states || Array2D.length2 reward <> actions then
            Fail.model
                $"The reward of \"{name}\" is [{Array2D.length1 reward}, {Array2D.length2 reward}]; it has {states} states and {actions} actions."
                "Give one number for each state and action, a row for each state."

        {
            Name = name
            States = states
            Actions = actions
            Successors = 1
            Next = [||]
            Probability = [||]
            Reward = Array.init (actions * states) (fun k -> reward[k % states, k / states])
            Prior = null
            Ends = null
            TerminalValue = null
            Start = null
            Observation = null
            Observations = null
            Discount = discount
            StateSpace = counted "state" "state" states
            ActionSpace = counted "action" "action" actions
        }

    /// From p(s′ | s, a) as [states, actions, states] and r(s, a) as [states, actions].
    let ofTransition (name: string) (transition: double[,,]) (reward: double[,]) (discount: double) : FiniteMdp =
        let states, actions = Array3D.length1 transition, Array3D.length2 transition

        Fail.within name (fun () ->
            if states < 1 || actions < 1 || Array3D.length3 transition <> states then
                Fail.model
                    $"The transition of \"{name}\" is [{states}, {actions}, {Array3D.length3 transition}]."
                    "It is [states, actions, states]: a row of probabilities for each state and action.")

        assemble (empty name states actions reward discount) (fun s a -> Array.init states (fun k -> struct (k, transition[s, a, k])))

    /// From the states that may follow and their probabilities, both [states, actions, successors], and r(s, a) as [states, actions].
    let ofSuccessors (name: string) (next: int[,,]) (probability: double[,,]) (reward: double[,]) (discount: double) : FiniteMdp =
        let size (x: 'x[,,]) = Array3D.length1 x, Array3D.length2 x, Array3D.length3 x
        let states, actions, successors = size next

        Fail.within name (fun () ->
            if size probability <> size next || states < 1 || actions < 1 || successors < 1 then
                Fail.model
                    $"The successors of \"{name}\" are {size next}, their probabilities {size probability}."
                    "Both are [states, actions, successors].")

        assemble (empty name states actions reward discount) (fun s a ->
            Array.init successors (fun k -> struct (next[s, a, k], probability[s, a, k])))

    /// The same process with another reward, [actions, states].
    let withReward (reward: double[]) (mdp: FiniteMdp) =
        if reward.Length <> mdp.Actions * mdp.States then
            Fail.within mdp.Name (fun () ->
                Fail.model
                    $"The reward of \"{mdp.Name}\" needs {mdp.Actions * mdp.States} numbers; {reward.Length} came."
                    "Give one for each action and state.")

        Fail.within mdp.Name (fun () -> checkedParts { mdp with Reward = reward })

    /// States that end an episode: the reward of the step that leads to one counts; later ones do not.
    let terminating (ends: bool[]) (mdp: FiniteMdp) = Fail.within mdp.Name (fun () -> checkedParts { mdp with Ends = ends })

    /// What the state in which a plan of finite horizon ends is worth.
    let terminalValue (values: double[]) (mdp: FiniteMdp) =
        Fail.within mdp.Name (fun () -> checkedParts { mdp with TerminalValue = values })

    /// How probable it is that an episode starts in each state.
    let startingFrom (probabilities: double[]) (mdp: FiniteMdp) =
        Fail.within mdp.Name (fun () -> checkedParts { mdp with Start = probabilities })

    /// Hides the states behind observations of such numbers: `probability` is p(o | s), [observations, states].
    let internal hidden (observations: double[][]) (probability: double[]) (mdp: FiniteMdp) =
        let sums = Array.zeroCreate<double> mdp.States
        probability |> Array.iteri (fun k p -> sums[k % mdp.States] <- sums[k % mdp.States] + p)

        let wrong s =
            not (abs (sums[s] - 1.0) <= tolerance)
            || Seq.exists (fun o -> not (probability[o * mdp.States + s] >= 0.0)) (seq { 0 .. observations.Length - 1 })

        match Seq.tryFind wrong (seq { 0 .. mdp.States - 1 }) with
        | Some s ->
            Fail.model
                $"The observations of \"{mdp.Name}\" in {mdp.State s} have probabilities that sum to {sums[s]}."
                "In each state they are 0 or more and sum to 1."
        | None ->
            { mdp with
                Observations = observations
                Observation = probability |> Array.mapi (fun k p -> p / sums[k % mdp.States])
            }

    /// The same process whose states are hidden: p(o | s) as [states, observations]. An observation is one number, its count. What is seen of a
    /// step may depend on the action if the state holds it.
    let observing (probability: double[,]) (mdp: FiniteMdp) =
        let observations = Array2D.length2 probability

        Fail.within mdp.Name (fun () ->
            if Array2D.length1 probability <> mdp.States || observations < 1 then
                Fail.model
                    $"The observations of \"{mdp.Name}\" are [{Array2D.length1 probability}, {observations}]; it has {mdp.States} states."
                    "They are [states, observations]: a row of probabilities for each state."

            hidden
                (Array.init observations (fun o -> [| double o |]))
                (Array.init (observations * mdp.States) (fun k -> probability[k % mdp.States, k / mdp.States]))
                mdp)

    /// The same process whose states are seen.
    let seen (mdp: FiniteMdp) = { mdp with Observation = null; Observations = null }

    /// Says at which temperature, and in which sense, the process is to be optimal.
    let optimal semantics temperature (mdp: FiniteMdp) : FiniteOptimal =
        if not (temperature > 0.0 && Double.IsFinite temperature && Known.isPositiveSingle temperature) then
            Fail.within mdp.Name (fun () ->
                Fail.model
                    $"The temperature of \"{mdp.Name}\" is {temperature}."
                    "Choose it between 1.2e-38 and 3.4e38; for the limit of ever smaller ones, solve with Hard = true.")

        { Mdp = mdp; Temperature = temperature; Semantics = semantics }
