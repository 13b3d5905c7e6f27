namespace Inference

open System

/// Finite processes that are given as tables.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module FiniteMdp =
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

    /// The same process under a prior policy, [actions, states].
    let withPrior (prior: double[]) (mdp: FiniteMdp) =
        Fail.within mdp.Name (fun () -> { mdp with Prior = FiniteLayout.normalisedPrior mdp prior })

    let private empty name states actions (reward: double[,]) discount =
        if Array2D.length1 reward <> states || Array2D.length2 reward <> actions then
            Fail.within name (fun () ->
                Fail.model
                    $"The reward of \"{name}\" is [{Array2D.length1 reward}, {Array2D.length2 reward}]; it has {states} states and {actions} actions."
                    "Give one number for each state and action, a row for each state.")

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

        FiniteLayout.assemble (empty name states actions reward discount) (fun s a ->
            Array.init states (fun k -> struct (k, transition[s, a, k])))

    /// From the states that may follow and their probabilities, both [states, actions, successors], and r(s, a) as [states, actions].
    let ofSuccessors (name: string) (next: int[,,]) (probability: double[,,]) (reward: double[,]) (discount: double) : FiniteMdp =
        let size (x: 'x[,,]) = Array3D.length1 x, Array3D.length2 x, Array3D.length3 x
        let states, actions, successors = size next

        Fail.within name (fun () ->
            if size probability <> size next || states < 1 || actions < 1 || successors < 1 then
                Fail.model
                    $"The successors of \"{name}\" are {size next}, their probabilities {size probability}."
                    "Both are [states, actions, successors].")

        FiniteLayout.assemble (empty name states actions reward discount) (fun s a ->
            Array.init successors (fun k -> struct (next[s, a, k], probability[s, a, k])))

    /// The same process with another reward, [actions, states].
    let withReward (reward: double[]) (mdp: FiniteMdp) =
        if reward.Length <> mdp.Actions * mdp.States then
            Fail.within mdp.Name (fun () ->
                Fail.model
                    $"The reward of \"{mdp.Name}\" needs {mdp.Actions * mdp.States} numbers; {reward.Length} came."
                    "Give one for each action and state.")

        Fail.within mdp.Name (fun () -> FiniteLayout.checkedParts { mdp with Reward = reward })

    /// States that end an episode: the reward of the step that leads to one counts; later ones do not.
    let terminating (ends: bool[]) (mdp: FiniteMdp) =
        Fail.within mdp.Name (fun () -> FiniteLayout.checkedParts { mdp with Ends = ends })

    /// What the state in which a plan of finite horizon ends is worth.
    let terminalValue (values: double[]) (mdp: FiniteMdp) =
        Fail.within mdp.Name (fun () -> FiniteLayout.checkedParts { mdp with TerminalValue = values })

    /// How probable it is that an episode starts in each state.
    let startingFrom (probabilities: double[]) (mdp: FiniteMdp) =
        Fail.within mdp.Name (fun () -> FiniteLayout.checkedParts { mdp with Start = probabilities })

    /// Hides the states behind observations of such numbers: `probability` is p(o | s), [observations, states].
    let internal hidden (observations: double[][]) (probability: double[]) (mdp: FiniteMdp) =
        let sums = Array.zeroCreate<double> mdp.States
        probability |> Array.iteri (fun k p -> sums[k % mdp.States] <- sums[k % mdp.States] + p)

        let wrong s =
            not (abs (sums[s] - 1.0) <= FiniteLayout.tolerance)
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
