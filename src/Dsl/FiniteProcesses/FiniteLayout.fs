namespace Inference

open System
open System.Collections.Generic

/// The tables of a finite process, checked and laid out.
[<RequireQualifiedAccess>]
module internal FiniteLayout =
    /// How far a row's sum may be from 1: what single precision leaves of a sum of many.
    let tolerance = 1e-4

    let private at (mdp: FiniteMdp) state action = $"from {mdp.State state} by {mdp.Action action}"

    let private requireFinite (mdp: FiniteMdp) what (values: double[]) (place: int -> string) mend =
        match values |> Array.tryFindIndex (Double.IsFinite >> not) with
        | Some k -> Fail.model $"The {what} of \"{mdp.Name}\" {place k} is {values[k]}." mend
        | None -> ()

    /// One state and action: its successors, each once, with probabilities that sum to one. `places` is room to count in.
    let private row (mdp: FiniteMdp) (places: Dictionary<int, int>) (entries: struct (int * double)[]) state action =
        let kept = ResizeArray<struct (int * double)>(entries.Length)
        let mutable sum = 0.0
        places.Clear()

        for struct (next, p) in entries do
            if not (p >= 0.0 && Double.IsFinite p) then
                Fail.model $"\"{mdp.Name}\" has a probability of {p} {at mdp state action}." "Probabilities are 0 or more."

            if p > 0.0 && (next < 0 || next >= mdp.States) then
                Fail.model
                    $"\"{mdp.Name}\" leads {at mdp state action} to state {next}, which is missing: there are states 0 … {mdp.States - 1}."
                    "Give each successor's number among the states."

            if p > 0.0 then
                match places.TryGetValue next with
                | true, place ->
                    let struct (_, before) = kept[place]
                    kept[place] <- struct (next, before + p)
                | _ ->
                    places[next] <- kept.Count
                    kept.Add(struct (next, p))

            sum <- sum + p

        if not (abs (sum - 1.0) <= tolerance) then
            Fail.model
                $"The probabilities of \"{mdp.Name}\" {at mdp state action} sum to {sum}."
                "Each state and action needs probabilities that sum to 1; an end may stay where it is."

        Array.init kept.Count (fun k ->
            let struct (next, p) = kept[k]
            struct (next, p / sum))

    /// Lays the successors out by states and checks them; `entries` gives those of a state and an action.
    let private layOut (mdp: FiniteMdp) (entries: int -> int -> struct (int * double)[]) =
        let places = Dictionary<int, int>()

        let rows =
            Array.init (mdp.States * mdp.Actions) (fun k ->
                let state, action = k % mdp.States, k / mdp.States
                row mdp places (entries state action) state action)

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

    /// p(a | s), [actions, states], checked and made to sum to one.
    let normalisedPrior (mdp: FiniteMdp) (prior: double[]) =
        if prior.Length <> mdp.Actions * mdp.States then
            Fail.model
                $"The prior policy of \"{mdp.Name}\" needs {mdp.Actions * mdp.States} numbers; {prior.Length} came."
                "Give one for each state and action."

        let sums =
            Array.init mdp.States (fun s ->
                let row = Array.init mdp.Actions (fun a -> prior[a * mdp.States + s])

                match row |> Array.tryFindIndex (fun p -> not (p >= 0.0 && Double.IsFinite p)) with
                | Some a -> Fail.model $"The prior policy of \"{mdp.Name}\" is {row[a]} {at mdp s a}." "Probabilities are 0 or more."
                | None -> ()

                let sum = Array.sum row

                if not (abs (sum - 1.0) <= tolerance) then
                    Fail.model
                        $"The prior policy of \"{mdp.Name}\" in {mdp.State s} sums to {sum}."
                        "Its probabilities sum to 1 in each state."

                sum)

        prior |> Array.mapi (fun k p -> p / sums[k % mdp.States])

    /// The same process, its parts checked but for successors and prior.
    let checkedParts (mdp: FiniteMdp) =
        let sized what (values: 'x[]) =
            if not (isNull values) && values.Length <> mdp.States then
                Fail.model
                    $"The {what} of \"{mdp.Name}\" has {values.Length} numbers; it has {mdp.States} states."
                    "Give one for each state."

        sized "termination" mdp.Ends
        sized "terminal value" mdp.TerminalValue
        sized "start" mdp.Start

        requireFinite
            mdp
            "reward"
            mdp.Reward
            (fun k -> at mdp (k % mdp.States) (k / mdp.States))
            "Give a finite number; what forbids an action is a prior policy that gives it the probability 0."

        if not (isNull mdp.TerminalValue) then
            requireFinite mdp "terminal value" mdp.TerminalValue (fun s -> $"in {mdp.State s}") "Give a finite number."

        if not (isNull mdp.Start) then
            let sum = Array.sum mdp.Start

            if mdp.Start |> Array.exists (fun p -> not (p >= 0.0)) || not (abs (sum - 1.0) <= tolerance) then
                Fail.model $"The start of \"{mdp.Name}\" has probabilities that sum to {sum}." "They are 0 or more and sum to 1."

        if not (mdp.Discount > 0.0 && mdp.Discount <= 1.0) then
            Fail.model $"The discount of \"{mdp.Name}\" is {mdp.Discount}." "Choose it in (0, 1]."

        mdp

    /// A process of checked parts; `entries` gives the successors of a state and an action and their probabilities.
    let assemble (mdp: FiniteMdp) (entries: int -> int -> struct (int * double)[]) =
        Fail.within mdp.Name (fun () ->
            let mdp = layOut (checkedParts mdp) entries

            if isNull mdp.Prior then
                mdp
            else
                { mdp with Prior = normalisedPrior mdp mdp.Prior })
