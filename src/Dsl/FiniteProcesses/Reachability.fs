namespace Inference

open System.Collections.Generic

/// Which states of a finite process lead to which, whatever the probabilities.
[<RequireQualifiedAccess>]
module Reachability =
    /// The steps that may be taken: each state's possible successors, by actions that the prior policy allows. None from an end.
    let private successors (mdp: FiniteMdp) state =
        seq {
            if not (mdp.EndsAt state) then
                for a in 0 .. mdp.Actions - 1 do
                    if mdp.PriorOf(state, a) > 0.0 then
                        for k in 0 .. mdp.Successors - 1 do
                            let place = (a * mdp.Successors + k) * mdp.States + state

                            if mdp.Probability[place] > 0.0 then
                                mdp.Next[place]
        }

    let private spread (follow: int -> int seq) (from: int seq) (count: int) =
        let seen = Array.zeroCreate<bool> count
        let pending = Queue<int>()

        let visit state =
            if not seen[state] then
                seen[state] <- true
                pending.Enqueue state

        Seq.iter visit from

        while pending.Count > 0 do
            Seq.iter visit (follow (pending.Dequeue()))

        seen

    let private missing (seen: bool[]) =
        [|
            for s in 0 .. seen.Length - 1 do
                if not seen[s] then
                    s
        |]

    /// States that no episode comes to. Empty where the start is not known.
    let unreachable (mdp: FiniteMdp) : int[] =
        if isNull mdp.Start then
            [||]
        else
            let starts = seq { 0 .. mdp.States - 1 } |> Seq.filter (fun s -> mdp.Start[s] > 0.0)
            spread (successors mdp) starts mdp.States |> missing

    /// The states from which a step may lead to each.
    let private predecessors (mdp: FiniteMdp) =
        let before = Array.init mdp.States (fun _ -> ResizeArray<int>())

        for s in 0 .. mdp.States - 1 do
            for next in successors mdp s do
                before[next].Add s

        before

    let private idle (mdp: FiniteMdp) state =
        mdp.EndsAt state
        || Seq.forall (fun a -> mdp.PriorOf(state, a) = 0.0 || mdp.Reward[a * mdp.States + state] = 0.0) (seq { 0 .. mdp.Actions - 1 })

    let private restingBy (mdp: FiniteMdp) (before: ResizeArray<int>[]) =
        let busy = seq { 0 .. mdp.States - 1 } |> Seq.filter (idle mdp >> not)
        spread (fun s -> before[s]) busy mdp.States |> Array.map not

    /// Which states are as good as ends: nothing is earned there nor anywhere they lead to.
    let resting (mdp: FiniteMdp) : bool[] = restingBy mdp (predecessors mdp)

    /// States from which no policy comes to an end, nor to where nothing is earned any more: without a discount their value is infinite, or none.
    let endless (mdp: FiniteMdp) : int[] =
        let before = predecessors mdp
        let resting = restingBy mdp before

        spread (fun s -> before[s]) (seq { 0 .. mdp.States - 1 } |> Seq.filter (fun s -> resting[s])) mdp.States
        |> missing

    /// A list of states for people: the first few in words, and how many there are.
    let describe (mdp: FiniteMdp) (states: int[]) : string =
        let few = 8
        let shown = states |> Seq.truncate few |> Seq.map (fun s -> $"({mdp.State s})") |> String.concat ", "
        if states.Length > few then $"{shown} and {states.Length - few} more" else shown
