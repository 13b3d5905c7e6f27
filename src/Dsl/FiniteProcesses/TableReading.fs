namespace Inference

open System

/// The numbers that the programs of a finite process give, checked and read into tables.
[<RequireQualifiedAccess>]
module internal TableReading =
    /// Refuses a state that the process may come to, by a place of the table that counts, and that is none of its values.
    let private requireInside (mdp: Mdp<'S, 'A, 'G>) (counts: int -> bool) (from: int -> string) (read: Func<string, double[]>) =
        let stray, values, probability =
            read.Invoke "stray", read.Invoke "strayValue", read.Invoke "probability"

        match Seq.tryFind (fun k -> stray[k] >= 0.0 && probability[k] > 0.0 && counts k) (seq { 0 .. stray.Length - 1 }) with
        | Some k ->
            let field, count = FiniteSpace.field mdp.StateSpace (int stray[k])

            Fail.model
                $"{from k} the field \"{field}\" becomes {values[k]}; its values are 0 … {count - 1}."
                "Hold the next state to its field's values, as Clip does, or give the field more."
        | None -> ()

    /// Values that are equal, whatever the state, are one observation.
    let private observed states (values: double[]) (probability: double[]) (mdp: FiniteMdp) =
        let size = values.Length / probability.Length

        let entries =
            probability
            |> Array.mapi (fun k p -> List.ofArray values[k * size .. (k + 1) * size - 1], k % states, p)
            |> Array.filter (fun (_, _, p) -> p > 0.0)

        let distinct = entries |> Array.map (fun (value, _, _) -> value) |> Array.distinct
        let table = Array.zeroCreate<double>(distinct.Length * states)
        let counts = distinct |> Array.mapi (fun k value -> value, k) |> dict

        for value, state, p in entries do
            let place = counts[value] * states + state
            table[place] <- table[place] + p

        FiniteMdp.hidden (distinct |> Array.map Array.ofList) table mdp

    /// Where an episode starts, as the start's program tells.
    let private startOf (mdp: Mdp<'S, 'A, 'G>) states (start: Func<string, double[]>) =
        requireInside mdp (fun _ -> true) (fun _ -> $"The start of \"{mdp.Name}\":") start
        let p = Array.zeroCreate<double> states

        Array.iter2
            (fun (s: double) q ->
                if q > 0.0 then
                    p[int s] <- p[int s] + q)
            (start.Invoke "next")
            (start.Invoke "probability")

        let sum = Array.sum p
        p |> Array.map (fun x -> x / sum)

    /// The prior policy of log-weights, [actions, states].
    let private priorOf (mdp: Mdp<'S, 'A, 'G>) states (weights: double[]) =
        let actions = weights.Length / states
        let prior = Array.zeroCreate<double> weights.Length

        for s in 0 .. states - 1 do
            let row = Array.init actions (fun a -> weights[a * states + s])
            let largest = Array.max row

            match row |> Array.tryFindIndex (fun w -> Double.IsNaN w || w = Double.PositiveInfinity) with
            | Some a ->
                Fail.model
                    $"The prior policy of \"{mdp.Name}\" has a log-weight of {row[a]} in {FiniteSpace.label mdp.StateSpace s} for {FiniteSpace.label mdp.ActionSpace a}."
                    "A log-weight is a number, or −∞ to forbid the action."
            | None -> ()

            if Double.IsNegativeInfinity largest then
                Fail.model
                    $"The prior policy of \"{mdp.Name}\" forbids every action in {FiniteSpace.label mdp.StateSpace s}."
                    "Leave at least one a log-weight above −∞."

            let sum = row |> Array.sumBy (fun w -> exp (w - largest))
            row |> Array.iteri (fun a w -> prior[a * states + s] <- exp (w - largest) / sum)

        prior

    let read (mdp: Mdp<'S, 'A, 'G>) states actions outcomes (steps: Func<string, double[]>) (start: Func<string, double[]>) : FiniteMdp =
        Fail.within mdp.Name (fun () ->
            let ends = steps.Invoke "ends" |> fun e -> if isNull e then null else Array.map (fun x -> x > 0.5) e

            // no step is taken from an end: what the specification says of it there does not count
            let goesOn s = isNull ends || not ends[s]

            let counted (x: double[]) =
                if isNull x then
                    null
                else
                    x |> Array.mapi (fun k number -> if goesOn (k % states) then number else 0.0)

            let at k =
                $"The step of \"{mdp.Name}\" from {FiniteSpace.label mdp.StateSpace (k % states)} by {FiniteSpace.label mdp.ActionSpace (k / states / outcomes)}:"

            requireInside mdp (fun k -> goesOn (k % states)) at steps
            let next, probability = steps.Invoke "next", steps.Invoke "probability"

            let parts: FiniteMdp =
                {
                    Name = mdp.Name
                    States = states
                    Actions = actions
                    Successors = 1
                    Next = [||]
                    Probability = [||]
                    Reward = steps.Invoke "reward" |> counted
                    Prior = steps.Invoke "prior" |> fun w -> if isNull w then null else priorOf mdp states w
                    Ends = ends
                    TerminalValue = steps.Invoke "terminal" |> counted
                    Start = if isNull start then null else startOf mdp states start
                    Observation = null
                    Observations = null
                    Discount = mdp.Discount
                    StateSpace = mdp.StateSpace
                    ActionSpace = mdp.ActionSpace
                }

            let successors s a =
                if goesOn s then
                    Array.init outcomes (fun k ->
                        let place = (a * outcomes + k) * states + s
                        struct (int next[place], probability[place]))
                else
                    [| struct (s, 1.0) |]

            let table = FiniteLayout.assemble parts successors

            match steps.Invoke "observed" with
            | null -> table
            | values -> observed states values (steps.Invoke "observation") table)
