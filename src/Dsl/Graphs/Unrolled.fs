namespace Inference

open System.Collections.Generic

/// A graph with a node for each value of the plates and each step of the chains: variable k is a template at some values of its indices.
///
/// Steps are all there, so that what is said of time holds for the length that the chain has. Of a plate there are the values that a
/// question names and one more, `Other`, which stands for all the rest. That is exact. Map every value that is not named to `Other`. Edges
/// relate values of a plate by being equal or not at all, so the map takes edges to edges; what is given is given at all values or at
/// named ones, so it takes given variables to given ones and others to others. Whether a walk is open depends on its edges and on which of
/// its variables are given, so an open walk is mapped to an open walk, and one of the smaller graph is one of the larger, of which it is a
/// part. What is computed from given variables is so for all values that are not named, or for none. And a smallest set that separates
/// two others may be chosen alike at all values that are not named, since the one nearest to the first of the two is unique.
[<Sealed>]
type internal Unrolled(nodes: GraphNode[], edges: GraphEdge[], valuesOf: FreeIndex -> int[]) =
    let limit = 4_000_000L
    let indices = nodes |> Array.map (fun n -> Array.ofList n.Indices)
    let values = Dictionary<FreeIndex, int[]>(HashIdentity.Reference)

    do
        for i in Seq.concat indices do
            if not (values.ContainsKey i) then
                values[i] <- valuesOf i

    let sizes = indices |> Array.map (Array.fold (fun n i -> n * int64 values[i].Length) 1L)

    do
        if Array.sum sizes > limit then
            Fail.model
                $"The graph has {Array.sum sizes} variables over all steps, more than the {limit} that are searched."
                "Ask it of a model with shorter chains."

    let starts = Array.scan (+) 0 (Array.map int sizes)
    let numbers = Dictionary<GraphNode, int>(HashIdentity.Reference)
    do nodes |> Array.iteri (fun k n -> numbers[n] <- k)
    let count = Array.last starts
    let owner = Array.zeroCreate<int> count
    do nodes |> Array.iteri (fun k _ -> System.Array.Fill(owner, k, starts[k], int sizes[k]))

    /// The places of a variable's values among those of its indices.
    let placesOf (v: int) =
        let own = indices[owner[v]]
        let places = Array.zeroCreate own.Length
        let mutable rest = v - starts[owner[v]]

        for k in own.Length - 1 .. -1 .. 0 do
            let n = values[own[k]].Length
            places[k] <- rest % n
            rest <- rest / n

        places

    let find (template: int) (places: int[]) =
        let own = indices[template]
        let mutable at = 0

        for k in 0 .. own.Length - 1 do
            at <- at * values[own[k]].Length + places[k]

        starts[template] + at

    /// The places at which an edge reads one of its indices, for a reader that stands at a place of the same index, or −1.
    let read (i: FreeIndex) (p: Position) (own: int) =
        let last = values[i].Length - 1

        match p with
        | Position.Same -> [| own |]
        | Position.Before steps -> if own >= steps then [| own - steps |] else [||]
        | Position.FromEnd steps -> if last >= steps then [| last - steps |] else [||]
        | Position.Every -> [| 0..last |]

    let rec product (choices: int[] list) =
        match choices with
        | [] -> [ [] ]
        | first :: rest ->
            let others = product rest

            [
                for x in first do
                    for o in others -> x :: o
            ]

    let parents = Array.init count (fun _ -> ResizeArray<int>(0))
    let children = Array.init count (fun _ -> ResizeArray<int>(0))

    // one node may read another by several expressions
    let isRepeated =
        let pairs = HashSet<struct (int * int)>()
        let repeated = HashSet<struct (int * int)>()

        for e in edges do
            let pair = struct (numbers[e.From], numbers[e.To])

            if not (pairs.Add pair) then
                repeated.Add pair |> ignore

        repeated.Contains

    do
        for e in edges do
            let source, reader = numbers[e.From], numbers[e.To]
            let readers = indices[reader]
            let placeOf i = System.Array.FindIndex(readers, fun j -> GraphIndex.isSame i j)
            let at = e.At |> List.map (fun (i, p) -> i, p, placeOf i)
            let isRepeated = isRepeated (struct (source, reader))
            let only = e.Only |> List.map (fun (i, t) -> placeOf i, t)

            for v in starts[reader] .. starts[reader] + int sizes[reader] - 1 do
                let places = placesOf v

                if only |> List.forall (fun (k, t) -> places[k] = t) then
                    for read in at |> List.map (fun (i, p, k) -> read i p (if k < 0 then -1 else places[k])) |> product do
                        let u = find source (Array.ofList read)

                        if not (isRepeated && parents[v].Contains u) then
                            parents[v].Add u
                            children[u].Add v

    /// What stands for all values of a plate that are not named.
    static member Other = -1
    member _.Count = count
    member _.Node(v: int) = nodes[owner[v]]
    member _.Parents(v: int) = parents[v]
    member _.Children(v: int) = children[v]

    /// The values of a variable's indices.
    member _.Values(v: int) : (FreeIndex * int) list =
        let own = indices[owner[v]]
        placesOf v |> Array.mapi (fun k p -> own[k], values[own[k]][p]) |> List.ofArray

    /// The variables of a node at given values of its indices; at all values where none is given.
    member _.Find(node: GraphNode, at: (FreeIndex * int option) list) : int list =
        let template = numbers[node]

        [
            for i in indices[template] ->
                match at |> List.tryPick (fun (j, value) -> if GraphIndex.isSame i j then value else None) with
                | Some value -> values[i] |> Array.indexed |> Array.filter (fun (_, x) -> x = value) |> Array.map fst
                | None -> [| 0 .. values[i].Length - 1 |]
        ]
        |> product
        |> List.map (Array.ofList >> find template)

    /// All that leads to some variables, or all that they lead to, and they themselves.
    static member Reach(next: int -> ResizeArray<int>, count: int, from: int seq) : bool[] =
        let seen = Array.zeroCreate<bool> count
        let pending = Stack<int>(from)

        while pending.Count > 0 do
            let v = pending.Pop()

            if not seen[v] then
                seen[v] <- true

                for u in next v do
                    pending.Push u

        seen

    member g.Ancestors(from: int seq) : bool[] = Unrolled.Reach(g.Parents, count, from)
    member g.Descendants(from: int seq) : bool[] = Unrolled.Reach(g.Children, count, from)

    /// The variables that are functions of some: those themselves, and what is computed from such alone.
    member _.Determined(given: int seq) : bool[] =
        let known = Array.zeroCreate<bool> count
        let missing = Array.init count (fun v -> parents[v].Count)
        let pending = Stack<int>(given)

        for v in 0 .. count - 1 do
            if nodes[owner[v]].IsComputed && missing[v] = 0 then
                pending.Push v

        while pending.Count > 0 do
            let v = pending.Pop()

            if not known[v] then
                known[v] <- true

                for u in children[v] do
                    missing[u] <- missing[u] - 1

                    if missing[u] = 0 && nodes[owner[u]].IsComputed then
                        pending.Push u

        known

    /// Variables each of which the next one reads, and the last the first; none if no variable depends on itself.
    member _.Cycle() : int list =
        let missing = Array.init count (fun v -> parents[v].Count)
        let pending = Stack<int>(Seq.filter (fun v -> missing[v] = 0) (seq { 0 .. count - 1 }))
        let mutable placed = 0

        while pending.Count > 0 do
            placed <- placed + 1

            for u in children[pending.Pop()] do
                missing[u] <- missing[u] - 1

                if missing[u] = 0 then
                    pending.Push u

        if placed = count then
            []
        else
            // every variable that is left has a parent that is left: going from parent to parent must come round
            let trail, at = List<int>(), Dictionary<int, int>()
            let mutable v = seq { 0 .. count - 1 } |> Seq.find (fun v -> missing[v] > 0)

            while not (at.ContainsKey v) do
                at[v] <- trail.Count
                trail.Add v
                v <- parents[v] |> Seq.find (fun u -> missing[u] > 0)

            trail |> Seq.skip at[v] |> Seq.rev |> List.ofSeq
