namespace Inference

open System.Collections.Generic

/// Smallest sets to adjust for: van der Zander, Liśkiewicz and Textor, Separators and adjustment sets in causal graphs, Artificial
/// Intelligence 270, 2019. A set may be adjusted for if it separates cause and effect once the first arrow of each causal way between them
/// is taken away, and holds nothing that comes after such a way's variables (their theorem 7).
[<RequireQualifiedAccess>]
module internal Adjusting =
    /// Parents without what a chain computes from its parts: whoever reads such a value reads what it is computed from.
    let private parentsBut (isComputed: int -> bool) (g: Unrolled) : HashSet<int>[] =
        let direct = Array.init g.Count (fun v -> HashSet<int>(g.Parents v))
        let waiting = Array.init g.Count (fun v -> g.Parents(v).Count)
        let pending = Queue<int>(Seq.filter (fun v -> waiting[v] = 0) (seq { 0 .. g.Count - 1 }))

        while pending.Count > 0 do
            let v = pending.Dequeue()

            for u in g.Children v do
                if isComputed v then
                    direct[u].Remove v |> ignore
                    direct[u].UnionWith direct[v]

                waiting[u] <- waiting[u] - 1

                if waiting[u] = 0 then
                    pending.Enqueue u

        direct

    let private reach count (next: int -> int seq) (from: int seq) =
        let seen = Array.zeroCreate<bool> count
        let pending = Stack<int>(from)

        while pending.Count > 0 do
            let v = pending.Pop()

            if not seen[v] then
                seen[v] <- true

                for u in next v do
                    pending.Push u

        seen

    let private childrenOf (parents: HashSet<int>[]) =
        let children = Array.init parents.Length (fun _ -> ResizeArray<int>())

        for v in 0 .. parents.Length - 1 do
            for u in parents[v] do
                children[u].Add v

        children

    /// Neighbours in the moral graph of some variables: those that a variable reads, is read by, or is read with.
    let private moral (parents: HashSet<int>[]) (isKept: bool[]) =
        let near = Array.init parents.Length (fun _ -> HashSet<int>())

        let join a b =
            if a <> b then
                near[a].Add b |> ignore
                near[b].Add a |> ignore

        for v in 0 .. parents.Length - 1 do
            if isKept[v] then
                let family = Array.append [| v |] (Array.ofSeq parents[v])

                for a in family do
                    for b in family do
                        join a b

        near

    /// A smallest set of variables, by the sum of their costs, without which no way leads from some variables to others; the one nearest
    /// to the first. None if each way has one without variables that may be taken. Ford and Fulkerson: variable v is an arc from 2v to
    /// 2v + 1 with its cost as the capacity.
    let private cut (near: HashSet<int>[]) (first: HashSet<int>) (second: HashSet<int>) (cost: int -> int64 option) =
        let endless = System.Int64.MaxValue / 4L
        let flow = Dictionary<struct (int * int), int64>()

        let flowOf a b =
            match flow.TryGetValue(struct (a, b)) with
            | true, f -> f
            | _ -> 0L

        let capacity a b =
            if a / 2 = b / 2 then
                if b <> a + 1 then 0L
                else if first.Contains(a / 2) || second.Contains(a / 2) then endless
                else cost (a / 2) |> Option.defaultValue endless
            elif a % 2 = 1 && b % 2 = 0 then
                endless
            else
                0L

        let next a =
            seq {
                a ^^^ 1

                for u in near[a / 2] do
                    if a % 2 = 1 then 2 * u else 2 * u + 1
            }

        /// What can still be reached, each with where from.
        let search () =
            let before = Dictionary<int, int>()
            let pending = Queue<int>()

            for v in first do
                before[2 * v + 1] <- -1
                pending.Enqueue(2 * v + 1)

            while pending.Count > 0 do
                let a = pending.Dequeue()

                for b in next a do
                    if not (before.ContainsKey b) && capacity a b - flowOf a b > 0L then
                        before[b] <- a
                        pending.Enqueue b

            before

        let rec augment () =
            let before = search ()

            match second |> Seq.tryFind (fun v -> before.ContainsKey(2 * v)) with
            | None -> Some before
            | Some goal ->
                let arcs =
                    List.unfold (fun b -> if before[b] < 0 then None else Some(struct (before[b], b), before[b])) (2 * goal)

                let amount = arcs |> List.map (fun (struct (a, b)) -> capacity a b - flowOf a b) |> List.min

                if amount >= endless / 2L then
                    None
                else
                    for struct (a, b) in arcs do
                        flow[struct (a, b)] <- flowOf a b + amount
                        flow[struct (b, a)] <- flowOf b a - amount

                    augment ()

        augment ()
        |> Option.map (fun reached ->
            [
                for v in 0 .. near.Length - 1 do
                    if reached.ContainsKey(2 * v) && not (reached.ContainsKey(2 * v + 1)) then
                        v
            ])

    /// A smallest set to adjust for when the effect of some variables on others is asked, or none. `cost` is that of a variable which may be
    /// adjusted for.
    let smallest (g: Unrolled) (cause: int list) (effect: int list) (cost: int -> int64 option) : int list option =
        let isComputed v = g.Node(v).Kind = NodeKind.Deterministic
        let parents = parentsBut isComputed g
        let children = childrenOf parents
        let x, y = HashSet<int> cause, HashSet<int> effect
        let butCause (next: int seq) = next |> Seq.filter (x.Contains >> not)

        let after =
            reach g.Count (fun v -> butCause children[v]) (Seq.collect (fun v -> butCause children[v]) cause)

        let leads = reach g.Count (fun v -> if x.Contains v then Seq.empty else parents[v]) effect
        let isOnWay v = after[v] && leads[v] && not (x.Contains v)
        let forbidden = reach g.Count (fun v -> children[v]) (seq { 0 .. g.Count - 1 } |> Seq.filter isOnWay)

        for v in 0 .. g.Count - 1 do
            if isOnWay v then
                parents[v].ExceptWith x

        let kept = reach g.Count (fun v -> parents[v]) (Seq.append cause effect)
        let near = moral parents kept
        cut near x y (fun v -> if forbidden[v] || not kept[v] then None else cost v)
