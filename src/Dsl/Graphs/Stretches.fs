namespace Inference

open System.Collections.Generic

/// What long stretches of a chain do to a question of independence: from some length on, what a longer one does repeats.
///
/// Of n steps that are alike, what else there is sees only this: from which of the variables around them a trail may come in, and at which it may
/// come out, for all that may be determined before them. A stretch of n + 1 steps is one of n with a step after it, so its answers follow from those
/// of the stretch of n. There are finitely many answers: where two lengths have the same, they repeat with the difference of these as period.
type internal Repeats =
    {
        /// From this length on it repeats.
        From: int
        Period: int
    }

/// Variables by what a question says of them, whatever the step.
type internal Asked = { IsFirst: int -> bool; IsSecond: int -> bool; IsGiven: int -> bool }

/// A stretch of a chain: `count` steps after `lags` others, which are read but not its own, and what stands outside the chain and reads its steps
/// or is read by them.
[<Sealed>]
type private Stretch
    (time: FreeIndex, nodes: GraphNode[], edges: GraphEdge[], valuesOf: FreeIndex -> int[], ask: Unrolled -> Asked, lags, count) =
    let g =
        Unrolled(nodes, edges, fun i -> if GraphIndex.isSame i time then [| 0 .. lags + count - 1 |] else valuesOf i)

    let asked = ask g

    let step =
        Array.init g.Count (fun v ->
            g.Values v
            |> List.tryPick (fun (i, t) -> if GraphIndex.isSame i time then Some t else None)
            |> Option.defaultValue -1)

    let isOutside v = step[v] < 0
    let isOwn v = step[v] >= lags
    let isBefore v = step[v] >= 0 && step[v] < lags
    let isAfter v = step[v] >= count && isOwn v
    let all = [| 0 .. g.Count - 1 |]
    // an edge belongs to the step that it reads into, or that it is read from by what stands outside
    let isHere u v = isOwn v || isOutside v && isOwn u

    /// What is around the stretch, and may decide what is determined in it.
    let deciding =
        all
        |> Array.filter (fun v -> not (isOwn v) && g.Children v |> Seq.exists (fun u -> isOwn u && g.Node(u).IsComputed))

    let determined (around: HashSet<int>) =
        let known = Array.zeroCreate<bool> g.Count

        for v in all do
            known[v] <- if isOwn v then asked.IsGiven v else around.Contains v

        // parents of the same step may stand after their readers: repeated until nothing changes
        let mutable isDone = false

        while not isDone do
            isDone <- true

            for v in all do
                if isOwn v && not known[v] && g.Node(v).IsComputed && g.Parents v |> Seq.forall (fun u -> known[u]) then
                    known[v] <- true
                    isDone <- false

        known

    /// A trail comes to a variable from one that it reads (1) or from one that reads it (0), as in `Separation`; at one that is given it turns back, which
    /// is to open where arrows meet. What is not of the stretch is only come to, or come from: the numbers of these follow.
    let reached (known: bool[]) (from: (int * int) seq) =
        let seen = HashSet<struct (int * int)>()
        let pending = Stack<struct (int * int)>()

        let visit v way =
            if seen.Add(struct (v, way)) && isOwn v then
                pending.Push(struct (v, way))

        let down v =
            for u in g.Children v do
                if isHere v u then
                    visit u 1

        let up v =
            for u in g.Parents v do
                if isHere u v then
                    visit u 0

        for v, way in from do
            if isOwn v then visit v way
            elif way = 1 then up v
            else down v

        while pending.Count > 0 do
            let struct (v, way) = pending.Pop()

            if not known[v] then
                down v

                if way = 0 then
                    up v
            elif way = 1 && asked.IsGiven v then
                up v

        seen

    // how one may come in: down from what is around, up from what stands outside, from later readers of the last steps, and from the first variable
    let entries =
        [|
            for v in all do
                if not (isOwn v) then
                    [ v, 0 ]

                if isOutside v then
                    [ v, 1 ]

                if isAfter v then
                    [ v, 0 ]
            [
                for v in all do
                    if isOwn v && asked.IsFirst v then
                        v, 0
            ]
        |]

    member _.Entries = entries.Length
    member _.Deciding = deciding.Length

    /// All that can be told of the stretch from around it.
    member _.Answers: bool[] =
        [|
            for bits in 0 .. (1 <<< deciding.Length) - 1 do
                let around = HashSet<int>()

                deciding
                |> Array.iteri (fun k v ->
                    if bits &&& (1 <<< k) <> 0 then
                        around.Add v |> ignore)

                let known = determined around

                for v in all do
                    if isAfter v then
                        known[v]

                for reader in all do
                    if isOutside reader then
                        g.Parents reader |> Seq.forall (fun v -> not (isOwn v) || known[v])

                for entry in entries do
                    let isFirst = entry |> List.forall (fun (v, _) -> isOwn v && asked.IsFirst v)
                    // the first variable is no start where it is determined
                    let seen = reached known (if isFirst then entry |> List.filter (fun (v, _) -> not known[v]) else entry)

                    all
                    |> Array.exists (fun v ->
                        isOwn v
                        && asked.IsSecond v
                        && not known[v]
                        && (seen.Contains(struct (v, 0)) || seen.Contains(struct (v, 1))))

                    for v in all do
                        if not (isOwn v) || isAfter v then
                            seen.Contains(struct (v, 0))
                            seen.Contains(struct (v, 1))
        |]

[<RequireQualifiedAccess>]
module internal Stretches =
    /// More around a stretch than this is not looked at: the steps are all searched.
    let private mostAround, private mostDeciding, private longest = 64, 6, 24

    let private timeOf (time: FreeIndex) (e: GraphEdge) =
        e.At |> List.tryPick (fun (i, p) -> if GraphIndex.isSame i time then Some p else None)

    /// How many steps at the start of a chain, and at its end, differ from those between; and how many steps before it a step reads.
    let ends (time: FreeIndex) (edges: GraphEdge[]) : struct (int * int * int) =
        let most choose = edges |> Seq.choose choose |> Seq.fold max 0

        let lags =
            most (fun e ->
                match timeOf time e with
                | Some(Position.Before n) -> Some n
                | Some(Position.Same | Position.Every | Position.FromEnd _)
                | None -> None)

        let first =
            most (fun e -> e.Only |> List.tryPick (fun (i, t) -> if GraphIndex.isSame i time then Some(t + 1) else None))

        let last =
            most (fun e ->
                match timeOf time e with
                | Some(Position.FromEnd n) -> Some(n + 1)
                | Some(Position.Same | Position.Every | Position.Before _)
                | None -> None)

        struct (max first lags, last, lags)

    /// From which length on the steps of a chain that the question does not name do the same; none if that was not found.
    let repeats (time: FreeIndex) (nodes: GraphNode[]) (edges: GraphEdge[]) valuesOf (ask: Unrolled -> Asked) : Repeats option =
        let isIn (n: GraphNode) = GraphIndex.contains time n.Indices

        // between the ends of the chain, edges of its first and last steps do not stand
        let between =
            edges
            |> Array.filter (fun e ->
                (isIn e.From || isIn e.To)
                && not (e.Only |> List.exists (fun (i, _) -> GraphIndex.isSame i time))
                && (match timeOf time e with
                    | Some(Position.FromEnd _) -> false
                    | Some(Position.Same | Position.Every | Position.Before _)
                    | None -> true))

        // a step that reads all steps, or the last, is near to no other
        let isFar e =
            isIn e.To
            && (match timeOf time e with
                | Some(Position.Every | Position.FromEnd _) -> true
                | Some(Position.Same | Position.Before _)
                | None -> false)

        let near =
            nodes |> Array.filter (fun n -> isIn n || between |> Array.exists (fun e -> e.From = n || e.To = n))

        let struct (_, _, lags) = ends time edges
        let stretch count = Stretch(time, near, between, valuesOf, ask, lags, count)
        let shortest = max 1 lags

        if Array.exists isFar edges then
            None
        else
            let first = stretch shortest

            if first.Entries > mostAround || first.Deciding > mostDeciding then
                None
            else
                let known = List<bool[]>()

                Seq.initInfinite (fun k -> shortest + k)
                |> Seq.takeWhile (fun count -> count <= shortest + longest)
                |> Seq.tryPick (fun count ->
                    let answers = (stretch count).Answers
                    let earlier = known.FindIndex(fun a -> a = answers)
                    known.Add answers

                    if earlier < 0 then
                        None
                    else
                        Some { From = shortest + earlier; Period = count - shortest - earlier })
