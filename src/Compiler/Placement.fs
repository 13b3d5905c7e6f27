namespace Inference.Compiler

open System.Collections.Generic
open Inference

/// What an item of the schedule iterates over.
[<RequireQualifiedAccess>]
type Key =
    /// A sequential loop around kernels.
    | Around of index: int
    /// A kernel over these plates; the last one becomes lanes. No plates: one thread's serial work.
    | Kernel of plates: int list
    /// A kernel of its own for one value without plates: its elements become lanes and items.
    | Elements of node: int
    /// A kernel for values of one shape without plates, each computed element by element from others: elements are lanes and items.
    | Pointwise of shape: int list
    /// A kernel that reduces lanes: outputs are its items.
    | Reducing of outputs: int list * lanes: int list * shape: int list
    /// A kernel that copies values into panels: all plates and steps are its items.
    | Panels of indices: int list
    /// A kernel of one contraction over plates of values in panels: blocks of its elements are items and lanes. Two contractions in one
    /// kernel would take turns in the cache.
    | Products of node: int
    /// A loop inside a kernel.
    | Within of index: int

/// An item of the schedule: a loop, a kernel, or one node.
[<Sealed; AllowNullLiteral>]
type Item(key: Key option, node: int, parent: Item) =
    /// None for a single node.
    member _.Key = key
    member _.Node = node
    member _.Parent = parent
    member val Position = 0 with get, set
    member val Children = ResizeArray<Item>() with get
    /// The scans that this loop steps.
    member val Scans = ResizeArray<int>() with get
    /// For a node inside loops that it reduces over: how many of them.
    member val Accumulates = 0 with get, set
    /// For a pointwise kernel: the values that it reads.
    member val Reads = HashSet<int>() with get
    /// The number of statements, to keep methods small enough for the JIT.
    member val Size = 0 with get, set

/// The schedule as a tree.
type Schedule =
    {
        Root: Item
        /// The item of each placed node.
        Location: Item[]
        Strategies: Strategy[]
        /// For each node, the placed values that it reads at other elements than its own.
        Crossed: IReadOnlySet<int>[]
    }

/// Puts every placed node at the earliest place where all that it needs is complete: a node joins a loop that exists if it reads
/// the loop's values at the same step only, and starts a new one after it otherwise.
[<Sealed>]
type Placement
    (
        graph: Graph,
        scanOf: Scan -> int,
        roles: Roles,
        strategies: Strategy[],
        panels: IReadOnlyDictionary<int, Panels>,
        products: HashSet<int>
    ) =
    let root = Item(None, -1, null)
    let location: Item[] = Array.create graph.Nodes.Length null
    let dependencies: (int * Set<int>) list[] = Array.create graph.Nodes.Length []
    let largestKernel = 500

    /// Values that one pointwise kernel computes: more of them would read and write more streams than processors fetch ahead.
    let mostPointwise = 24

    let crossed = Pointwise.crossed graph strategies

    let isOuter i = roles.Role[i] = Role.Outer
    let isInner i = roles.Role[i] = Role.Inner
    let isPlate i = roles.Role[i] = Role.Parallel
    let ranked (xs: int seq) = xs |> Seq.sortBy (fun i -> roles.Rank[i]) |> List.ofSeq

    let lanesLast (plates: int seq) = plates |> Seq.sortBy (fun i -> roles.Lane[i]) |> List.ofSeq

    /// What is complete before a node; a final value stands behind the loop itself.
    let needs (n: Node) =
        match n.Op with
        | Op.Final(s, _) ->
            graph.Scans[scanOf s].Carries
            |> Array.filter (fun c -> c >= 0)
            |> Array.append (Graph.edges graph scanOf n)
        | _ -> Graph.edges graph scanOf n

    /// The placed nodes that a node reads, through views, with the indices that it reads across: `gone`, and what the views cross.
    let collect (n: Node) (gone: Set<int>) =
        needs n
        |> Seq.collect (fun i ->
            match strategies[i] with
            // what a reduction gives is complete only after the loops that it reduces over
            | Strategy.Placed -> [ i, Set.union gone (Set.ofList (Graph.eliminated graph scanOf graph.Nodes[i])) ]
            | Strategy.Inline -> dependencies[i] |> List.map (fun (d, across) -> d, Set.union gone across))
        |> Seq.groupBy fst
        |> Seq.map (fun (d, all) -> d, all |> Seq.map snd |> Set.unionMany)
        |> List.ofSeq

    let outerOf (indices: int seq) = indices |> Seq.filter isOuter |> ranked |> List.map Key.Around
    let innerOf (indices: int seq) = indices |> Seq.filter isInner |> ranked

    /// The loops around a node, outermost first, and how many of the innermost it reduces over.
    let path (n: Node) : Key list * int =
        let gone = Graph.eliminated graph scanOf n
        let plates = n.Indices |> Seq.filter isPlate |> lanesLast
        let outer = outerOf n.Indices

        let unordered (indices: int seq) = indices |> Seq.filter (fun i -> not (isOuter i)) |> List.ofSeq

        match n.Op with
        | _ when panels.ContainsKey n.Id -> outer @ [ Key.Panels(unordered n.Indices) ], 0
        | _ when products.Contains n.Id -> outer @ [ Key.Products n.Id ], 0
        | Op.Reduce _
        | Op.Dot _ when gone |> List.exists isPlate ->
            let operandLane =
                n.Inputs
                |> Seq.collect (fun i -> graph.Nodes[i].Indices)
                |> Seq.distinct
                |> Seq.filter isPlate
                |> lanesLast
                |> List.last

            if List.contains operandLane gone then
                let outputs = n.Indices |> Seq.filter (fun i -> not (isOuter i)) |> List.ofSeq
                outer @ [ Key.Reducing(outputs, gone, List.ofArray n.Shape) ], 0
            else
                outer @ [ Key.Kernel plates ] @ (innerOf n.Indices |> List.map Key.Within), 0
        | Op.Reduce _ when not gone.IsEmpty && List.forall isInner gone && n.Count <= Strategy.unrolled ->
            let all = innerOf (Seq.append n.Indices gone)
            let kept = innerOf n.Indices

            if List.take kept.Length all = kept then
                outer @ [ Key.Kernel plates ] @ (all |> List.map Key.Within), gone.Length
            else
                outer @ [ Key.Kernel plates ] @ (kept |> List.map Key.Within), 0
        | _ when Pointwise.isPointwise roles n -> outer @ [ Key.Pointwise(List.ofArray n.Shape) ], 0
        | _ when plates.IsEmpty && not (n.Indices |> Array.exists isInner) && n.Count > Strategy.unrolled ->
            outer @ [ Key.Elements n.Id ], 0
        | _ -> outer @ [ Key.Kernel plates ] @ (innerOf n.Indices |> List.map Key.Within), 0

    let rec childOf (sequence: Item) (item: Item) =
        if isNull item || isNull item.Parent then null
        elif obj.ReferenceEquals(item.Parent, sequence) then item
        else childOf sequence item.Parent

    let indicesOf key =
        match key with
        | Key.Around i
        | Key.Within i -> [ i ]
        | Key.Kernel plates -> plates
        | Key.Elements _
        | Key.Pointwise _
        | Key.Panels _
        | Key.Products _
        | Key.Reducing _ -> []

    let append (sequence: Item) key node =
        let item = Item(key, node, sequence)
        item.Position <- sequence.Children.Count
        sequence.Children.Add item
        item

    /// Whether one item may hold a node whose dependency sits in it already.
    let sameStep key (across: Set<int>) =
        match key with
        | Key.Reducing _
        | Key.Panels _
        | Key.Products _
        | Key.Elements _ -> false
        | Key.Pointwise _
        | Key.Around _
        | Key.Within _
        | Key.Kernel _ -> indicesOf key |> List.forall (fun i -> not (across.Contains i))

    let isCrossed key node dependency =
        match key with
        | Key.Pointwise _ -> node >= 0 && crossed[node].Contains dependency
        | Key.Around _
        | Key.Within _
        | Key.Kernel _
        | Key.Elements _
        | Key.Panels _
        | Key.Products _
        | Key.Reducing _ -> false

    let earliest (sequence: Item) key node (deps: (int * Set<int>) list) =
        let mutable first = 0

        for d, across in deps do
            match childOf sequence location[d] with
            | null -> ()
            | child ->
                let joins = child.Key = Some key && sameStep key across && not (isCrossed key node d)
                first <- max first (if joins then child.Position else child.Position + 1)

        first

    let isScanLoop (item: Item) =
        match item.Key with
        | Some(Key.Within _) -> item.Scans.Count > 0
        | _ -> false

    let readsFrom (item: Item) (deps: (int * Set<int>) list) = deps |> List.exists (fun (d, _) -> not (isNull (childOf item location[d])))

    /// Whether a node may join an item: off the cycle of a scan and reading none of its steps, it stays out of the scan's loop.
    let mayJoin (item: Item) key deps (isUnit: bool) =
        item.Key = Some key
        && (match key with
            | Key.Elements _
            | Key.Products _ -> false
            // what has nothing in common would only compete for the cache
            | Key.Pointwise _ ->
                item.Children.Count < mostPointwise
                && (readsFrom item deps
                    || deps |> List.exists (fun (d, _) -> graph.Nodes[d].Count > 1 && item.Reads.Contains d))
            | Key.Within _ -> not (isScanLoop item) || isUnit || readsFrom item deps
            | Key.Kernel _ -> item.Size < largestKernel || readsFrom item deps && item.Size < 4 * largestKernel
            | Key.Around _
            | Key.Panels _
            | Key.Reducing _ -> true)

    let rec grow (item: Item) size =
        if not (isNull item) then
            item.Size <- item.Size + size
            grow item.Parent size

    /// Walks down the path, joining or making items; returns the innermost.
    let rec descend (sequence: Item) keys node deps isUnit : Item =
        match keys with
        | [] -> sequence
        | key :: rest ->
            let first = earliest sequence key node deps

            let found =
                Seq.init (sequence.Children.Count - first) (fun k -> sequence.Children[first + k])
                |> Seq.tryFind (fun item -> mayJoin item key deps isUnit)

            let item = found |> Option.defaultWith (fun () -> append sequence (Some key) -1)
            descend item rest node deps isUnit

    let placeNode (start: Item) (skip: int) (n: Node) isUnit =
        let keys, accumulates = path n

        if keys.Length < skip then
            let around =
                start.Key
                |> Option.map indicesOf
                |> Option.defaultValue []
                |> List.map (fun i -> graph.Indices[i].Name)

            Fail.model
                $"""The loop over {String.concat ", " around} computes a value that needs all steps of a loop around it."""
                "Reduce outside the loop, or give one of the loops an index of its own."

        let home = descend start (List.skip skip keys) n.Id dependencies[n.Id] isUnit
        let item = append home None n.Id
        home.Reads.UnionWith(dependencies[n.Id] |> Seq.map fst)
        item.Accumulates <- accumulates
        location[n.Id] <- item
        grow item (max 1 (min n.Count Strategy.unrolled))

    /// The scan whose unit holds a node, outermost first, below the scans already entered.
    let unitOf (entered: Set<int>) n =
        let candidates =
            [
                for k in 0 .. roles.Unit.Length - 1 do
                    if not (entered.Contains k) && roles.Unit[k].Contains n then
                        k
            ]

        match candidates with
        | [] -> -1
        | ks -> ks |> List.maxBy (fun k -> roles.Unit[k].Count)

    /// Nodes in an order in which each scan's unit stands together.
    let grouped (entered: Set<int>) (nodes: int[]) : (int * int[]) list =
        let unit = Dictionary<int, int>()

        for n in nodes do
            unit[n] <- unitOf entered n

        let representative n =
            match unit[n] with
            | -1 -> n
            | k -> -1 - k

        let members = nodes |> Array.groupBy representative |> dict
        let waiting = Dictionary<int, int>()
        let followers = Dictionary<int, ResizeArray<int>>()

        for r in members.Keys do
            waiting[r] <- 0
            followers[r] <- ResizeArray()

        for n in nodes do
            for d in needs graph.Nodes[n] |> Array.distinct do
                if unit.ContainsKey d && representative d <> representative n then
                    followers[representative d].Add(representative n)
                    waiting[representative n] <- waiting[representative n] + 1

        // what a loop's next values are, computed outside it, stands before it
        for r in members.Keys do
            if r < 0 then
                for d in graph.Scans[-1 - r].Nexts do
                    if unit.ContainsKey d && representative d <> r then
                        followers[representative d].Add r
                        waiting[r] <- waiting[r] + 1

        let ready = PriorityQueue<int, int>()
        let priority r = Array.min members[r]

        for r in members.Keys do
            if waiting[r] = 0 then
                ready.Enqueue(r, priority r)

        let ordered =
            [
                while ready.Count > 0 do
                    let r = ready.Dequeue()
                    yield (if r < 0 then -1 - r else -1), members[r]

                    for f in followers[r] do
                        waiting[f] <- waiting[f] - 1

                        if waiting[f] = 0 then
                            ready.Enqueue(f, priority f)
            ]

        if ordered |> List.sumBy (snd >> Array.length) < nodes.Length then
            Fail.model "Loops need one another's values, and none can stand first." "Carry the values in one loop."

        ordered

    let rec placeAll (start: Item) skip (entered: Set<int>) (nodes: int[]) =
        for scan, members in grouped entered nodes do
            if scan < 0 then
                for id in members do
                    let n = graph.Nodes[id]
                    let gone = Graph.eliminated graph scanOf n |> Set.ofList

                    if strategies[id] = Strategy.Inline then
                        dependencies[id] <- collect n gone
                    else
                        // what accumulates over a loop reads the loop's values step by step
                        dependencies[id] <- collect n (if snd (path n) > 0 then Set.empty else gone)
                        placeNode start skip n (not entered.IsEmpty)
            else
                placeUnit start skip entered scan members

    /// A scan's loop: after all that its unit needs from outside, then its nodes inside.
    and placeUnit (start: Item) skip entered scan members =
        let s = graph.Scans[scan]
        let inside = HashSet<int>(members)

        let outside =
            [
                for n in members do
                    yield! needs graph.Nodes[n]
                yield! s.Nexts
            ]
            |> List.distinct
            |> List.filter (inside.Contains >> not)
            |> List.collect (fun d ->
                match strategies[d] with
                | Strategy.Placed -> [ d, Set.ofList (Graph.eliminated graph scanOf graph.Nodes[d]) ]
                | Strategy.Inline -> dependencies[d])
            |> List.distinct

        // the loop encloses what varies with its index: its path is that of all its carries together, up to the index
        let carries = s.Carries |> Array.filter (fun c -> c >= 0) |> Array.map (fun c -> graph.Nodes[c])

        let keys, _ =
            path
                { carries[0] with
                    Indices = carries |> Array.collect (fun c -> c.Indices) |> Array.distinct
                }

        let isLoop key =
            match key with
            | Key.Around i
            | Key.Within i -> i = s.Index
            | Key.Kernel _
            | Key.Elements _
            | Key.Pointwise _
            | Key.Panels _
            | Key.Products _
            | Key.Reducing _ -> false

        let above = keys |> List.takeWhile (isLoop >> not)
        let key = if isOuter s.Index then Key.Around s.Index else Key.Within s.Index
        let home = descend start (above |> List.skip (min skip above.Length)) -1 outside (not entered.IsEmpty)
        let loop = append home (Some key) -1
        loop.Scans.Add scan
        // the body: paths continue below this loop
        placeAll loop (above.Length + 1) (Set.add scan entered) members

    /// The schedule of the whole graph.
    member _.Run() : Schedule =
        placeAll root 0 Set.empty [| 0 .. graph.Nodes.Length - 1 |]

        { Root = root; Location = location; Strategies = strategies; Crossed = crossed }
