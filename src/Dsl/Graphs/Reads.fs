namespace Inference

open System.Collections.Generic

/// A carried value of a chain.
[<Struct>]
type internal Carried = { Chain: ChainRecord; Number: int }

/// Where in the expressions of a model its nodes are to be found.
type internal Landmarks =
    {
        /// The tensors that stand for nodes.
        Nodes: Dictionary<Tensor, GraphNode>
        /// Known values of observed sites: whoever reads such a value later reads the site. What is unstacked has a key of its own.
        Given: Dictionary<struct (FreeIndex * Tensor), GraphNode>
        /// When a node was made: what is known is read from its site only by those that come later.
        Order: Dictionary<GraphNode, int>
        /// Loops that are chains of the model.
        Chains: Dictionary<Scan, ChainRecord>
        /// An input or a parameter as a node.
        Leaf: InputSlot -> Tensor -> GraphNode
    }

/// That a node is read: at which of its positions, and at which of the reader's steps.
type internal Read =
    {
        Source: GraphNode
        At: (FreeIndex * Position) list
        Only: (FreeIndex * int) list
        StandsFor: (GraphNode * FreeIndex * int) option
    }

/// Where a search through expressions stands, as seen from the reader's own plate values and steps.
type private Standing =
    {
        /// Indices at other positions than the reader's.
        Away: (FreeIndex * Position) list
        Only: (FreeIndex * int) list
        StandsFor: (GraphNode * FreeIndex * int) option
        /// Element axes of which one position is needed: that of an index which was unstacked from it.
        Axes: (int * FreeIndex * Position) list
    }

/// What the value of an expression is computed from, found through its nodes. Where it cannot be told which positions of a plate are read, all
/// are: no dependence is missed.
[<RequireQualifiedAccess>]
module internal Reads =
    let private nowhere = { Away = []; Only = []; StandsFor = None; Axes = [] }

    let private put (i: FreeIndex) p (s: Standing) =
        let others = s.Away |> List.filter (fun (j, _) -> not (GraphIndex.isSame i j))
        { s with Away = if p = Position.Same then others else (i, p) :: others }

    let private position (reader: FreeIndex list) (i: FreeIndex) (s: Standing) =
        match s.Away |> List.tryFind (fun (j, _) -> GraphIndex.isSame i j) with
        | Some(_, p) -> p
        | None when GraphIndex.contains i reader -> Position.Same
        | None -> Position.Every

    let private everywhere (indices: FreeIndex list) s = List.fold (fun s i -> put i Position.Every s) s indices

    /// The axes of an operand that stand for axes of the result: `axisOf` gives the operand's, or −1 where it has none.
    let private moved (axisOf: int -> int) (s: Standing) =
        { s with
            Axes = s.Axes |> List.map (fun (a, i, p) -> axisOf a, i, p) |> List.filter (fun (a, _, _) -> a >= 0)
        }

    let private within (first: int) (kept: int[]) a = if a >= first && a < first + kept.Length then kept[a - first] else -1

    let private rest (x: Tensor) (gone: int[]) =
        [| 0 .. x.Shape.Length - 1 |] |> Array.filter (fun a -> not (Array.contains a gone))

    let private unstacked reader (i: FreeIndex) (s: Standing) =
        let p = position reader i s
        let s = moved (fun a -> a + 1) s

        { put i Position.Same s with
            Axes = if p = Position.Every then s.Axes else (0, i, p) :: s.Axes
        }

    let private stacked (i: FreeIndex) (s: Standing) =
        let p =
            s.Axes
            |> List.tryPick (fun (a, j, p) -> if a = 0 && GraphIndex.isSame i j then Some p else None)
            |> Option.defaultValue Position.Every

        put i p (moved (fun a -> a - 1) s)

    /// The operands of a value that is no chain's, each with where it is needed.
    let private operands reader (y: Tensor) (s: Standing) : (Tensor * Standing) list =
        let all s = [ for x in y.Inputs -> x, s ]

        match y.Op with
        | Op.Unary _
        | Op.Binary _
        | Op.Select
        | Op.Convert -> all s
        // a check tests, and a derivative's arguments are differentiated; the value is the first operand's
        | Op.Probe _
        | Op.Check _
        | Op.Derivative _ -> [ y.Inputs[0], s ]
        | Op.Broadcast axes -> all (moved (fun a -> axes[a]) s)
        | Op.Transpose permutation -> all (moved (fun a -> permutation[a]) s)
        | Op.Concat axis -> all (moved (fun a -> if a = axis then -1 else a) s)
        | Op.Slice _ -> all (moved (fun a -> if y.Shape[a] = y.Inputs[0].Shape[a] then a else -1) s)
        | Op.Reshape ->
            let x = y.Inputs[0]
            let isKept a = a = 0 && x.Shape.Length > 0 && x.Shape[0] = y.Shape[0]
            all (moved (fun a -> if isKept a then 0 else -1) s)
        | Op.Unstack i -> all (unstacked reader i s)
        | Op.Stack i -> all (stacked i s)
        | Op.Reduce(_, axes, indices) -> all (moved (within 0 (rest y.Inputs[0] axes)) s |> everywhere indices)
        | Op.Dot(_, left, right, indices) ->
            let s = everywhere indices s
            let a, b = rest y.Inputs[0] left, rest y.Inputs[1] right
            [ y.Inputs[0], moved (within 0 a) s; y.Inputs[1], moved (within a.Length b) s ]
        | Op.Convolution(_, _, indices) -> all ({ s with Axes = [] } |> everywhere indices)
        | Op.Carry(scan, _)
        | Op.Final(scan, _) ->
            let inside = everywhere [ scan.Index ] { s with Axes = [] }
            let nexts = if isNull scan.Nexts then [||] else scan.Nexts
            [ for x in scan.Inits -> x, { s with Axes = [] } ] @ [ for x in nexts -> x, inside ]
        | Op.Constant _
        | Op.Input _
        | Op.Position _
        | Op.ExtentOf _
        | Op.Iota
        | Op.Random _
        | Op.Philox _
        | Op.Pad _
        | Op.Reverse _
        | Op.Gather
        | Op.ScatterAdd
        | Op.DynamicSlice
        | Op.DynamicUpdate
        | Op.ArgMax _
        | Op.Window _
        | Op.CumSum _
        | Op.TopK _
        | Op.KthLargest _ -> all { s with Axes = [] }

    /// Whether a step hands a carried value on as it is.
    let isConstant (chain: ChainRecord) number = obj.ReferenceEquals(chain.Nexts[number], chain.Carries[number])

    /// What a chain's carried value is before a step: what the step before it made of it, or at the first step its start.
    let private carried (marks: Landmarks) (chain: ChainRecord) number at (s: Standing) : (Tensor * Standing) list =
        let steps = chain.Index.Capacity
        let s = { s with Axes = [] }
        let start = chain.Starts[number], put chain.Index Position.Same s
        let next p = chain.Nexts[number], put chain.Index p s

        match at with
        | _ when isConstant chain number -> [ start ]
        | Position.Same
        | Position.Before _ ->
            let lag =
                match at with
                | Position.Before l -> l
                | _ -> 0

            // another start of the same chain is read at another step of the reader: never both
            let isPossible = s.Only |> List.forall (fun (i, t) -> not (GraphIndex.isSame i chain.Index) || t = lag)

            let later =
                match marks.Nodes.TryGetValue chain.Nexts[number] with
                | true, node -> Some(node, chain.Index, lag + 1)
                | _ -> s.StandsFor

            [
                if isPossible then
                    fst start,
                    { snd start with
                        Only = List.distinct ((chain.Index, lag) :: s.Only)
                        StandsFor = later
                    }
                if lag + 1 < steps then
                    next (Position.Before(lag + 1))
            ]
        | Position.Every ->
            [
                start
                if steps > 1 then
                    next Position.Every
            ]
        | Position.FromEnd back -> [ (if back + 1 = steps then start else next (Position.FromEnd(back + 1))) ]

    let private sources (marks: Landmarks) (y: Tensor) =
        let key =
            match y.Op with
            | Op.Unstack i -> struct (i, y.Inputs[0])
            | _ -> struct (null, y)

        match marks.Nodes.TryGetValue y, marks.Given.TryGetValue key with
        | (true, node), _ -> Some(node, false)
        | _, (true, node) when node.Indices |> List.forall (fun i -> Array.contains i y.Indices) -> Some(node, true)
        | _ -> None

    /// Whether a known value is read later than its site observes it.
    let private isLater (marks: Landmarks) (reader: GraphNode) (node: GraphNode) (at: (FreeIndex * Position) list) =
        let isBefore (_, p) =
            match p with
            | Position.Before l -> l > 0
            | Position.Same
            | Position.Every
            | Position.FromEnd _ -> false

        let isMixed (i, p) = p = Position.Every && GraphIndex.contains i reader.Indices

        List.exists isBefore at || (marks.Order[node] < marks.Order[reader] && not (List.exists isMixed at))

    /// The carried values that an expression reads before it meets a node: those that cannot be told from what they are computed from.
    let carriesOf (marks: Landmarks) (roots: Tensor seq) : Carried list =
        let found, seen, pending =
            HashSet<Carried>(), HashSet<Tensor>(HashIdentity.Reference), Stack<Tensor>(roots)

        while pending.Count > 0 do
            let y = pending.Pop()

            if seen.Add y && not (marks.Nodes.ContainsKey y) then
                match y.Op with
                | Op.Carry(scan, k)
                | Op.Final(scan, k) when marks.Chains.ContainsKey scan -> found.Add { Chain = marks.Chains[scan]; Number = k } |> ignore
                | _ ->
                    for x, _ in operands [] y nowhere do
                        pending.Push x

        List.ofSeq found

    /// The nodes that a reader reads by the operands of a value (`isDefinition`: the value is the reader's own) or by the value itself.
    let find (marks: Landmarks) (reader: GraphNode) (isDefinition: bool) (root: Tensor) : Read list =
        let found = HashSet<Read>()
        let seen = HashSet<struct (Tensor * Standing)>()
        let pending = Stack<struct (Tensor * Standing)>()
        pending.Push(struct (root, nowhere))

        let further (y: Tensor) (s: Standing) =
            match y.Op with
            | Op.Input slot -> found.Add { Source = marks.Leaf slot y; At = []; Only = s.Only; StandsFor = s.StandsFor } |> ignore
            | Op.Carry(scan, k) when marks.Chains.ContainsKey scan ->
                for x, t in carried marks marks.Chains[scan] k (position reader.Indices scan.Index s) s do
                    pending.Push(struct (x, t))
            | Op.Final(scan, k) when marks.Chains.ContainsKey scan ->
                pending.Push(struct (marks.Chains[scan].Nexts[k], put scan.Index (Position.FromEnd 0) { s with Axes = [] }))
            | _ ->
                for x, t in operands reader.Indices y s do
                    pending.Push(struct (x, t))

        while pending.Count > 0 do
            let struct (y, s) = pending.Pop()

            if seen.Add(struct (y, s)) then
                let source =
                    if isDefinition && obj.ReferenceEquals(y, root) && s = nowhere then
                        None
                    else
                        sources marks y

                match source with
                | Some(node, isGiven) ->
                    let at = node.Indices |> List.map (fun i -> i, position reader.Indices i s)

                    if not isGiven || isLater marks reader node at then
                        found.Add { Source = node; At = at; Only = s.Only; StandsFor = s.StandsFor } |> ignore
                    else
                        further y s
                | None -> further y s

        List.ofSeq found
