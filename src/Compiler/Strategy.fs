namespace Inference.Compiler

open System.Collections.Generic
open Inference

/// How a node's value comes about.
[<RequireQualifiedAccess>]
type Strategy =
    /// Computed where it is read, each time: views, leaves, and elementwise values with one elementwise reader.
    | Inline
    /// Computed once, at a place of its own.
    | Placed

[<RequireQualifiedAccess>]
module Strategy =
    /// Values of at most this many elements are unrolled into registers.
    let unrolled = 8

    let isElementwise (op: Op) =
        match op with
        | Op.Unary _
        | Op.Binary _
        | Op.Select
        | Op.Convert
        | Op.Philox _ -> true
        | _ -> false

    let isView (op: Op) =
        match op with
        | Op.Constant _
        | Op.Input _
        | Op.Position _
        | Op.ExtentOf _
        | Op.Iota
        | Op.Reshape
        | Op.Transpose _
        | Op.Broadcast _
        | Op.Slice _
        | Op.Pad _
        | Op.Concat _
        | Op.Reverse _
        | Op.Window _
        | Op.Gather
        | Op.DynamicSlice
        | Op.Stack _
        | Op.Unstack _
        | Op.Probe _
        | Op.Check _
        | Op.Derivative _ -> true
        | Op.Carry _
        | Op.Final _
        | Op.Random _
        | Op.Philox _
        | Op.Unary _
        | Op.Binary _
        | Op.Select
        | Op.Convert
        | Op.ScatterAdd
        | Op.DynamicUpdate
        | Op.Reduce _
        | Op.ArgMax _
        | Op.Dot _
        | Op.Convolution _
        | Op.CumSum _
        | Op.KthLargest _
        | Op.TopK _ -> false

    let private isCheap (n: Node) =
        match n.Op with
        | Op.Unary(UnaryOp.Neg | UnaryOp.Abs | UnaryOp.Not)
        | Op.Select
        | Op.Convert -> true
        | Op.Binary BinaryOp.Pow -> false
        | Op.Binary BinaryOp.Div -> false
        | Op.Binary _ -> true
        | _ -> false

    /// Values that some reader needs complete in memory: read at computed positions or over again.
    let private needsMemory (graph: Graph) (roles: Roles) =
        let needs = Array.zeroCreate<bool> graph.Nodes.Length

        for n in graph.Nodes do
            match n.Op with
            | Op.Gather
            | Op.DynamicSlice
            | Op.DynamicUpdate
            | Op.ScatterAdd
            | Op.TopK _
            | Op.KthLargest _
            | Op.CumSum _
            | Op.ArgMax _
            | Op.Stack _ -> needs[n.Inputs[0]] <- true
            | _ -> ()

        // through views, the value that is viewed
        for n in Seq.rev graph.Nodes do
            if needs[n.Id] && isView n.Op then
                for i in n.Inputs do
                    needs[i] <- true

        needs

    /// Operands of contractions that are read across rows, lane by lane: laid out once with their lanes side by side, since a
    /// contraction reads them over again.
    let private laidOut (graph: Graph) (roles: Roles) (products: HashSet<int>) : Set<int> =
        let rec unstacks lane id =
            let n = graph.Nodes[id]

            match n.Op with
            | Op.Unstack i when graph.IndexOf i = lane -> true
            | op -> isView op && n.Inputs.Length > 0 && unstacks lane n.Inputs[0]

        /// What a window views, rather than its overlapping windows.
        let viewed id =
            match graph.Nodes[id].Op with
            | Op.Window _ -> graph.Nodes[id].Inputs[0]
            | _ -> id

        let plates (n: Node) =
            Seq.append n.Indices (Graph.eliminated graph (fun _ -> -1) n)
            |> Seq.filter (fun i -> roles.Role[i] = Role.Parallel)

        [
            for n in graph.Nodes do
                match n.Op with
                | Op.Dot _
                | Op.Convolution _ when Lanes.products graph n >= Lanes.manyProducts && not (Seq.isEmpty (plates n)) ->
                    let lane = plates n |> Seq.maxBy (fun i -> roles.Lane[i])

                    for id in n.Inputs do
                        if unstacks lane id && (viewed id <> id || not (products.Contains n.Id)) then
                            viewed id
                | _ -> ()
        ]
        |> Set.ofList

    /// What windows and convolutions read over again but cannot read at affine addresses: it is laid out once.
    let private windowed (graph: Graph) : Set<int> =
        let rec source id =
            let n = graph.Nodes[id]
            let withoutOnes = Array.filter (fun s -> s <> 1)

            match n.Op with
            | Op.Constant _
            | Op.Input _ -> None
            | Op.Slice _
            | Op.Transpose _
            | Op.Reverse _
            | Op.Unstack _
            | Op.Window _ -> source n.Inputs[0]
            | Op.Reshape when withoutOnes graph.Nodes[n.Inputs[0]].Shape = withoutOnes n.Shape -> source n.Inputs[0]
            | op -> if isView op then Some id else None

        graph.Nodes
        |> Seq.collect (fun n ->
            match n.Op with
            | Op.Window _ -> Option.toList (source n.Inputs[0])
            | Op.Convolution _ ->
                let w = graph.Nodes[n.Inputs[1]]

                // weights in the order of their reading
                Option.toList (source n.Inputs[0])
                @ (match w.Op with
                   | Op.Transpose _ -> [ w.Inputs[0] ]
                   | _ -> [])
            | _ -> [])
        |> Set.ofSeq

    /// For each node, how many cheap operations away it is from the one value that it is a function of; −1 if there is none.
    let private distances (graph: Graph) : int[] =
        let source = Array.init graph.Nodes.Length id
        let distance = Array.create graph.Nodes.Length -1

        let isConstant (n: Node) =
            match n.Op with
            | Op.Constant _ -> true
            | _ -> false

        for n in graph.Nodes do
            if isElementwise n.Op && isCheap n then
                let operands = n.Inputs |> Array.filter (fun i -> not (isConstant graph.Nodes[i]))

                match operands |> Array.map (fun i -> source[i]) |> Array.distinct with
                | [| one |] when graph.Nodes[one].Indices = n.Indices && graph.Nodes[one].Count = n.Count ->
                    source[n.Id] <- one
                    distance[n.Id] <- 1 + (operands |> Array.sumBy (fun i -> max 0 distance[i]))
                | _ -> ()

        distance

    /// Values of fewer numbers than this fit a cache, and are kept there.
    let private manyNumbers = 1L <<< 20

    /// Values that vary over far more than what they are computed from, as a table of all pairs does of two lists: to compute them again where
    /// they are summed costs less than to write and to read them, and a long chain's would not fit the memory.
    let private expanding (graph: Graph) : bool[] =
        let numbers (n: Node) =
            n.Indices |> Array.fold (fun size i -> size * int64 graph.Indices[i].Capacity) (int64 n.Count)

        // the numbers of the largest value that one is computed from element by element
        let source = Array.zeroCreate<int64> graph.Nodes.Length
        let expands = Array.zeroCreate<bool> graph.Nodes.Length

        for n in graph.Nodes do
            let isComputed = isElementwise n.Op && n.Inputs.Length > 0

            let largest =
                if isComputed then
                    n.Inputs |> Seq.map (fun i -> source[i]) |> Seq.max
                else
                    numbers n

            expands[n.Id] <- isComputed && numbers n >= manyNumbers && numbers n >= 16L * largest
            source[n.Id] <- if expands[n.Id] then largest else numbers n

        expands

    /// Slices of what one loop's steps compute that another loop's steps read: a copy of the slice is kept for them, not all of it.
    let private keptSlices (graph: Graph) (roles: Roles) : Set<int> =
        let onCycle k (n: int) = roles.Cycle[k].Contains n

        graph.Nodes
        |> Seq.filter (fun n ->
            match n.Op with
            | Op.Slice _ ->
                let source = graph.Nodes[n.Inputs[0]]

                let isElsewhere u =
                    Seq.exists (fun k -> onCycle k u && not (onCycle k source.Id)) (seq { 0 .. roles.Cycle.Length - 1 })

                not (isView source.Op)
                && n.Count > unrolled
                && 2 * n.Count <= source.Count
                && Seq.exists (fun k -> onCycle k source.Id) (seq { 0 .. roles.Cycle.Length - 1 })
                && roles.Users[n.Id] |> Array.exists isElsewhere
            | _ -> false)
        |> Seq.map (fun n -> n.Id)
        |> Set.ofSeq

    /// `forced` nodes are placed whatever they are: outputs, and copies that carried values are taken from.
    let choose (graph: Graph) (roles: Roles) (products: HashSet<int>) (forced: int -> bool) : Strategy[] =
        let needs = needsMemory graph roles
        let laidOut = laidOut graph roles products
        let windowed = windowed graph
        let kept = keptSlices graph roles
        let forced n = forced n || laidOut.Contains n || windowed.Contains n || kept.Contains n

        let reducesIndices (n: Node) =
            match n.Op with
            | Op.Reduce(_, axes, held) -> not held.IsEmpty && axes.Length = 0
            | _ -> false

        let onCycle n = roles.Cycle |> Array.exists (fun c -> c.Contains n)

        /// Reads each element of its operand once: elementwise, or a reduction over axes.
        let readsOnce (reader: Node) (n: Node) =
            reader.Indices = n.Indices
            && (match reader.Op with
                | Op.Reduce(_, _, []) -> true
                | op -> isElementwise op && reader.Count = n.Count)

        // what is off a scan's cycle is not drawn into its loop, unless it costs next to nothing
        let onlyReadOnce (n: Node) =
            match roles.Users[n.Id] with
            | [| u |] -> readsOnce graph.Nodes[u] n && (isCheap n || onCycle n.Id || not (onCycle u))
            | _ -> false

        let strategies = Array.create graph.Nodes.Length Strategy.Placed

        /// Cheap values that only the steps of a scan inside a kernel read are computed in its loop, not stored for it.
        let onlySteps (n: Node) =
            let inStep u =
                graph.Scans
                |> Array.indexed
                |> Array.exists (fun (k, s) ->
                    roles.Cycle[k].Contains u && roles.Role[s.Index] = Role.Inner && Array.contains s.Index n.Indices)

            let users = roles.Users[n.Id]

            isCheap n
            && n.Count <= unrolled
            && not (onCycle n.Id)
            && users.Length > 0
            && users
               |> Array.forall (fun u -> isElementwise graph.Nodes[u].Op && (inStep u || strategies[u] = Strategy.Inline))

        let distances = distances graph

        /// A few cheap operations on a value that is kept anyway: done again by each reader, also in another loop, not kept as well.
        let isNear (n: Node) =
            n.Count > unrolled
            && distances[n.Id] > 0
            && distances[n.Id] <= 3
            && roles.Users[n.Id] |> Array.forall (fun u -> isElementwise graph.Nodes[u].Op)

        let expanding = expanding graph

        let isSummedEachTime (n: Node) =
            let sums u =
                match graph.Nodes[u].Op with
                | Op.Reduce _ -> true
                | op -> isElementwise op && expanding[u] && strategies[u] = Strategy.Inline

            expanding[n.Id] && Array.forall sums roles.Users[n.Id]

        // readers first
        for n in Seq.rev graph.Nodes do
            let elementwise = isElementwise n.Op
            let onCycleNext = graph.Scans |> Array.exists (fun s -> Array.contains n.Id s.Nexts)

            if isView n.Op && not (forced n.Id) then
                strategies[n.Id] <- Strategy.Inline
            elif elementwise && not needs[n.Id] && not (forced n.Id) && not onCycleNext then
                let users = roles.Users[n.Id]

                // cheap factors of a reduction over a plate are computed in its loop, not stored for it
                let onlyReduced =
                    isCheap n
                    && users.Length > 0
                    && users |> Array.forall (fun u -> reducesIndices graph.Nodes[u] && graph.Nodes[u].Inputs[0] = n.Id)
                    && users
                       |> Array.forall (fun u ->
                           Graph.eliminated graph (fun _ -> -1) graph.Nodes[u]
                           |> List.forall (fun i -> roles.Role[i] = Role.Parallel))

                if
                    onlyReduced
                    || onlySteps n
                    || isNear n
                    || isSummedEachTime n
                    || (n.Count > unrolled && onlyReadOnce n)
                then
                    strategies[n.Id] <- Strategy.Inline

        strategies
