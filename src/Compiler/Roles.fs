namespace Inference.Compiler

open System.Collections.Generic
open Inference

/// Where the loop over an index stands.
[<RequireQualifiedAccess>]
type Role =
    /// A sequential loop that encloses whole kernels.
    | Outer
    /// Split over threads and lanes by a kernel.
    | Parallel
    /// A loop inside a kernel.
    | Inner

/// What the schedule knows of a graph's indices and loops before it places anything.
type Roles =
    {
        Role: Role[]
        /// The nesting order of outer and of inner indices: smaller encloses larger.
        Rank: int[]
        /// The nodes on each scan's cycle: what a carry reaches and what reaches a next.
        Cycle: HashSet<int>[]
        /// What belongs in each scan's own loop: the cycle, and for an outer loop all that varies with it and feeds it.
        Unit: HashSet<int>[]
        Users: int[][]
        /// How much rather one index than another gives the lanes, of the plates that a value varies over: the higher, the rather.
        Lane: int[]
        /// For each index, how many of its values one item of a kernel takes as lanes.
        Tile: int[]
    }

/// The free-index analysis: which loops enclose which.
[<RequireQualifiedAccess>]
module Roles =
    /// A step whose values have at least this many elements is worth kernels of its own.
    let private largeElements = 4096

    /// This many large contractions in a step are worth kernels of their own as well.
    let private manyContractions = 4

    /// The indices that a node eliminates.
    let eliminated (graph: Graph) (scanOf: Scan -> int) (n: Node) =
        match n.Op with
        | Op.Reduce(_, _, held)
        | Op.Dot(_, _, _, held)
        | Op.Convolution(_, _, held) -> held |> List.map graph.IndexOf
        | Op.Stack i -> [ graph.IndexOf i ]
        | Op.Final(s, _) -> [ graph.Scans[scanOf s].Index ]
        | _ -> []

    let private users (graph: Graph) scanOf =
        let lists = Array.init graph.Nodes.Length (fun _ -> ResizeArray<int>())

        for n in graph.Nodes do
            for i in Graph.edges graph scanOf n |> Array.distinct do
                lists[i].Add n.Id

        lists |> Array.map (fun l -> l.ToArray())

    let private reach (start: int seq) (next: int -> int seq) =
        let seen = HashSet<int>()
        let stack = Stack<int>(start)

        while stack.Count > 0 do
            let n = stack.Pop()

            if seen.Add n then
                for m in next n do
                    stack.Push m

        seen

    /// Next values and carried ones of the loops that stand inside a loop over an index.
    let private inside (graph: Graph) index =
        [|
            for s in graph.Scans do
                for next, carry in Array.zip s.Nexts s.Carries do
                    if carry >= 0 && s.Index <> index && Array.contains index graph.Nodes[carry].Indices then
                        next, carry
        |]

    /// What a node is computed from at one step of a loop, whatever the steps of the loops inside it.
    let private sources (graph: Graph) scanOf index =
        let nexts =
            inside graph index
            |> Array.groupBy snd
            |> Array.map (fun (carry, all) -> carry, Array.map fst all)
            |> dict

        fun n ->
            match nexts.TryGetValue n with
            | true, more -> Array.append (Graph.edges graph scanOf graph.Nodes[n]) more
            | _ -> Graph.edges graph scanOf graph.Nodes[n]
            :> int seq

    let private cycle (graph: Graph) scanOf (users: int[][]) (s: GraphScan) =
        let carries =
            inside graph s.Index
            |> Array.groupBy fst
            |> Array.map (fun (next, all) -> next, Array.map snd all)
            |> dict

        let readers n : int seq =
            match carries.TryGetValue n with
            | true, more -> Array.append users[n] more
            | _ -> users[n]

        let forward = reach (s.Carries |> Seq.filter (fun c -> c >= 0)) readers
        let backward = reach s.Nexts (sources graph scanOf s.Index)
        // what a next needs but no carry reaches is off the cycle
        forward.IntersectWith backward
        // what is carried belongs to the loop, whether a step reads it or not
        forward.UnionWith(s.Carries |> Seq.filter (fun c -> c >= 0))

        forward

    /// A next value that no carry reaches belongs to the cycle all the same, unless it is on that of a loop beside it, which computes it.
    let private addNexts (graph: Graph) (cycles: HashSet<int>[]) =
        let isBeside k n =
            Seq.exists
                (fun j -> j <> k && graph.Scans[j].Index = graph.Scans[k].Index && cycles[j].Contains n)
                (seq { 0 .. cycles.Length - 1 })

        let added =
            [
                for k in 0 .. cycles.Length - 1 do
                    for n in graph.Scans[k].Nexts do
                        if Array.contains graph.Scans[k].Index graph.Nodes[n].Indices && not (isBeside k n) then
                            k, n
            ]

        for k, n in added do
            cycles[k].Add n |> ignore

    /// A loop inside another belongs to it as a whole, also what it carries beside the values that need the outer loop's.
    let private enclose (graph: Graph) (cycles: HashSet<int>[]) =
        let isInside (outer: GraphScan) (inner: GraphScan) =
            inner.Index <> outer.Index
            && inner.Carries |> Array.exists (fun c -> c >= 0 && Array.contains outer.Index graph.Nodes[c].Indices)

        let mutable settled = false

        while not settled do
            settled <- true

            for k in 0 .. cycles.Length - 1 do
                for j in 0 .. cycles.Length - 1 do
                    if isInside graph.Scans[k] graph.Scans[j] && cycles[k].Overlaps graph.Scans[j].Carries then
                        let before = cycles[k].Count
                        cycles[k].UnionWith cycles[j]
                        settled <- settled && cycles[k].Count = before

    /// Orders indices so that every (outside, inside) pair holds; a cycle of constraints falls back to the order of creation.
    let private rank count (pairs: (int * int) list) =
        let rank = Array.zeroCreate count

        for _ in 1..count do
            for a, b in pairs do
                if rank[b] <= rank[a] && rank[a] < count then
                    rank[b] <- rank[a] + 1

        rank |> Array.mapi (fun i r -> r * count + i)

    /// A contraction of this many products is worth registers, and lanes, of its own.
    let manyProducts = 256

    /// The number of products of each element of a contraction, and of how many elements.
    let products (graph: Graph) (n: Node) =
        match n.Op with
        | Op.Convolution _ ->
            let y, w = graph.Nodes[n.Inputs[0]], graph.Nodes[n.Inputs[1]]
            y.Count / y.Shape[0] * w.Count
        | Op.Dot(_, left, _, _) -> n.Count * (left |> Array.fold (fun size a -> size * graph.Nodes[n.Inputs[0]].Shape[a]) 1)
        | _ -> 0

    /// The fewest repetitions that are worth lanes where another plate would give more.
    let private enoughLanes = 16

    /// Plates that matrices vary over, where something else is multiplied with each matrix many times: lanes over those other
    /// repetitions share every load of the matrix.
    let private matrixPlates (graph: Graph) (role: Role[]) : Set<int> =
        let shared (matrix: Node) (other: Node) =
            let repeats i =
                role[i] = Role.Parallel
                && graph.Indices[i].Capacity >= enoughLanes
                && not (Array.contains i matrix.Indices)

            if matrix.Shape.Length >= 2 && Array.exists repeats other.Indices then
                matrix.Indices
            else
                [||]

        Set.ofSeq (
            seq {
                for n in graph.Nodes do
                    if products graph n >= manyProducts then
                        let a, b = graph.Nodes[n.Inputs[0]], graph.Nodes[n.Inputs[1]]
                        yield! shared a b
                        yield! shared b a
            }
        )

    /// The largest plate gives the lanes, but for those of matrices.
    let private lanes (graph: Graph) (role: Role[]) : int[] =
        let matrices = matrixPlates graph role
        let order = Array.zeroCreate graph.Indices.Length

        [| 0 .. graph.Indices.Length - 1 |]
        |> Array.sortBy (fun i -> not (matrices.Contains i), graph.Indices[i].Capacity, -i)
        |> Array.iteri (fun place i -> order[i] <- place)

        order

    /// Tables [tiles, rows…, lanes] that a plate sees as [plate, rows…]: the plate, and the lanes of a tile.
    let private tiled (graph: Graph) : (int * int) seq =
        let operand (n: Node) = graph.Nodes[n.Inputs[0]]

        let whole (n: Node) =
            match n.Op with
            | Op.Slice _ -> operand n
            | _ -> n

        seq {
            for n in graph.Nodes do
                match n.Op with
                | Op.Unstack i ->
                    let flat = whole (operand n)

                    if flat.Op.IsReshape then
                        let turned = operand flat

                        match turned.Op with
                        | Op.Transpose p when
                            p.Length >= 2
                            && p[0] = 0
                            && p[1] = p.Length - 1
                            && flat.Shape[0] = turned.Shape[0] * turned.Shape[1]
                            ->
                            yield graph.IndexOf i, turned.Shape[1]
                        | _ -> ()
                | _ -> ()
        }

    /// Enough lanes for any vector to hide latencies; where matrices meet the lanes, so few that what a matrix is multiplied with
    /// stays in the first cache, with more rows at once instead.
    let private tiles (graph: Graph) (role: Role[]) (lane: int[]) : int[] =
        let tile = graph.Indices |> Array.map (fun _ -> 64)

        // so that such a table is read from one end to the other
        for i, lanes in tiled graph do
            if lanes % 16 = 0 && lanes < 64 then
                tile[i] <- lanes

        for n in graph.Nodes do
            if products graph n >= manyProducts then
                let plates =
                    Seq.append n.Indices (eliminated graph (fun _ -> -1) n)
                    |> Seq.filter (fun i -> role[i] = Role.Parallel)

                if not (Seq.isEmpty plates) then
                    tile[plates |> Seq.maxBy (fun i -> lane[i])] <- 32

        tile

    let analyse (graph: Graph) (scanOf: Scan -> int) : Roles =
        let users = users graph scanOf
        let cycles = graph.Scans |> Array.map (cycle graph scanOf users)
        addNexts graph cycles
        enclose graph cycles
        let times = graph.Scans |> Array.map (fun s -> s.Index) |> Set.ofArray

        let carried (s: GraphScan) =
            s.Carries
            |> Seq.filter (fun c -> c >= 0)
            |> Seq.collect (fun c -> graph.Nodes[c].Indices)
            |> Seq.distinct
            |> List.ofSeq

        let crossed k =
            cycles[k]
            |> Seq.collect (fun n -> eliminated graph scanOf graph.Nodes[n])
            |> Seq.distinct
            |> Seq.filter (fun i -> not (times.Contains i))
            |> Set.ofSeq

        // scans that share an index share its loop's role
        let together k =
            graph.Scans
            |> Array.indexed
            |> Array.filter (fun (_, s) -> s.Index = graph.Scans[k].Index)
            |> Array.map fst

        let own = graph.Scans |> Array.mapi (fun k _ -> crossed k)

        let crossings =
            graph.Scans |> Array.mapi (fun k _ -> together k |> Seq.map (fun j -> own[j]) |> Set.unionMany)

        // a plate that a loop crosses stands inside the loops around that one too
        let mutable spreads = true

        while spreads do
            spreads <- false

            for k in 0 .. graph.Scans.Length - 1 do
                for m in 0 .. graph.Scans.Length - 1 do
                    let outer = graph.Scans[m]

                    if outer.Index <> graph.Scans[k].Index && List.contains outer.Index (carried graph.Scans[k]) then
                        let more =
                            Set.intersect
                                crossings[k]
                                (Set.ofList (together m |> Seq.collect (fun j -> carried graph.Scans[j]) |> List.ofSeq))

                        if not (Set.isSubset more crossings[m]) then
                            crossings[m] <- Set.union crossings[m] more
                            spreads <- true

        /// A step that is worth kernels of its own: no plate stands around the loop, and much happens in it or it crosses a plate.
        /// A step with so many large contractions is no kernel's inner loop: compilers see functions that they can optimise, and each
        /// contraction has the registers to itself.
        let isLong k =
            cycles[k] |> Seq.filter (fun n -> products graph graph.Nodes[n] >= largeElements) |> Seq.length
            >= manyContractions

        let isLarge k =
            let s = graph.Scans[k]
            let held = carried s |> List.filter (fun i -> not (times.Contains i || crossings[k].Contains i))

            graph.Indices[s.Index].Kind = IndexKind.Segment
            || isLong k
            || held.IsEmpty
               && (not own[k].IsEmpty || cycles[k] |> Seq.exists (fun n -> graph.Nodes[n].Count >= largeElements))

        let large = graph.Scans |> Array.mapi (fun k _ -> together k |> Array.exists isLarge)
        let role = graph.Indices |> Array.map (fun _ -> Role.Parallel)

        for k in 0 .. graph.Scans.Length - 1 do
            role[graph.Scans[k].Index] <- if large[k] then Role.Outer else Role.Inner

        // a loop inside a loop of a kernel is inside that kernel
        let nestedInside (s: GraphScan) = carried s |> List.exists (fun i -> i <> s.Index && role[i] = Role.Inner)
        let mutable settled = false

        while not settled do
            settled <- true

            for s in graph.Scans do
                if role[s.Index] = Role.Outer && nestedInside s then
                    role[s.Index] <- Role.Inner
                    settled <- false

        for k in 0 .. graph.Scans.Length - 1 do
            if role[graph.Scans[k].Index] = Role.Inner then
                for i in crossings[k] do
                    role[i] <- Role.Inner

        let pairs =
            [
                for k in 0 .. graph.Scans.Length - 1 do
                    let s = graph.Scans[k]

                    for i in carried s do
                        if i <> s.Index && not (crossings[k].Contains i) then
                            yield i, s.Index

                    for i in crossings[k] do
                        yield s.Index, i
            ]

        let ranks = rank graph.Indices.Length pairs

        for a, b in pairs do
            if times.Contains a && times.Contains b && ranks[a] >= ranks[b] then
                let name i = $"\"{graph.Indices[i].Name}\""

                Fail.model
                    $"A loop over {name b} stands in each step of {name a}, and another the other way round."
                    "Give one of the loops an index of its own."


        /// What varies with an outer loop and feeds its cycle, step by step. What it needs complete stands before the loop, and so
        /// does what other loops over the index compute.
        let feeding k =
            let index = graph.Scans[k].Index
            let edges = sources graph scanOf index
            let others = together k |> Array.filter (fun j -> j <> k)

            let isStep n =
                Array.contains index graph.Nodes[n].Indices
                && not (others |> Array.exists (fun j -> cycles[j].Contains n))

            let steps = reach cycles[k] (fun n -> edges n |> Seq.filter isStep)
            let before = reach (steps |> Seq.collect edges |> Seq.filter (isStep >> not)) edges
            steps.ExceptWith before
            steps

        let upstream =
            graph.Scans |> Array.mapi (fun k s -> if role[s.Index] = Role.Outer then feeding k else HashSet())

        let unit k =
            let all = HashSet<int>(upstream[k])

            // what feeds several loops over one index belongs to none of them
            for j in together k do
                if j <> k then
                    all.ExceptWith upstream[j]

            all.UnionWith cycles[k]

            // the end of a loop stands where the loop stands
            let isApart n =
                match graph.Nodes[n].Op with
                | Op.Final(s, _) when not (cycles[k].Contains n) ->
                    graph.Scans[scanOf s].Carries |> Array.forall (fun c -> c < 0 || not (all.Contains c))
                | _ -> false

            all.RemoveWhere isApart |> ignore
            all

        let lane = lanes graph role

        {
            Role = role
            Rank = ranks
            Cycle = cycles
            Unit = graph.Scans |> Array.mapi (fun k _ -> unit k)
            Users = users
            Lane = lane
            Tile = tiles graph role lane
        }
