namespace Inference

open System.Collections.Generic

/// d-separation (Pearl, Probabilistic Reasoning in Intelligent Systems, 1988, §3.3) where some variables are functions of others
/// (D-separation: Geiger, Verma and Pearl, Identifying independence in Bayesian networks, Networks 20, 1990): a trail is open if each
/// variable on it at which two arrows meet is given or leads to one that is, and no other variable on it is determined by what is given.
[<RequireQualifiedAccess>]
module internal Separation =
    /// How a trail comes to a variable: against an arrow, from one that the variable is read by, or along one.
    [<Literal>]
    let private FromChild = 0

    [<Literal>]
    let private FromParent = 1

    /// The shortest open trail from one of some variables to one of others, or none. In time and space linear in the graph (the search of
    /// Koller and Friedman, Probabilistic Graphical Models, 2009, algorithm 3.1).
    let openTrail (g: Unrolled) (first: int list) (second: int list) (given: int list) : int list option =
        let isDetermined = g.Determined given
        let leads = g.Ancestors given
        let isGoal = Array.zeroCreate<bool> g.Count

        for v in second do
            isGoal[v] <- not isDetermined[v]

        // a state is a variable and the way in which it is come to; each remembers the one before it
        let before = Array.create (2 * g.Count) -2
        let pending = Queue<int>()

        let visit from v way =
            let state = 2 * v + way

            if before[state] = -2 then
                before[state] <- from
                pending.Enqueue state

        for v in first do
            if not isDetermined[v] then
                visit -1 v FromChild

        let mutable found = -1

        while found < 0 && pending.Count > 0 do
            let state = pending.Dequeue()
            let v, way = state / 2, state % 2

            if isGoal[v] then
                found <- state
            else
                if not isDetermined[v] then
                    for u in g.Children v do
                        visit state u FromParent

                let passesUp = if way = FromChild then not isDetermined[v] else leads[v]

                if passesUp then
                    for u in g.Parents v do
                        visit state u FromChild

        if found < 0 then
            None
        else
            Some(
                List.unfold (fun state -> if state < 0 then None else Some(state / 2, before[state])) found
                |> List.rev
            )

    /// The variables of a trail at which two arrows meet.
    let colliders (g: Unrolled) (trail: int list) : int list =
        let reads v u = g.Parents(v).Contains u

        trail
        |> List.windowed 3
        |> List.choose (fun three ->
            match three with
            | [ a; v; b ] when reads v a && reads v b -> Some v
            | _ -> None)
