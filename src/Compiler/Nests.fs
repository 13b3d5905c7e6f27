namespace Inference.Compiler

open System.Collections.Generic
open Inference

/// Emits the loops inside a kernel: maps over an index, scans with their carried values, accumulators.
[<Sealed>]
type Nests
    (
        context: Context,
        values: Values,
        loops: ElementLoops,
        reductions: Reductions,
        blocks: Blocks,
        statements: Statements,
        draws: DrawStatements,
        ranking: Ranking,
        inPlace: HashSet<int>
    ) =
    let graph = context.Graph
    let nodes = graph.Nodes
    let scalarType (n: Node) = Buffers.ScalarOf n.DType
    let accumulators = Dictionary<int, Var[]>()

    let rec climb (item: Item) levels = if levels = 0 then item else climb item.Parent (levels - 1)

    /// The nodes that accumulate over a loop, however deep inside it they stand.
    let rec accumulating (loop: Item) (below: Item) : Item list =
        [
            for child in below.Children do
                if child.Key.IsSome then
                    yield! accumulating loop child
                elif child.Accumulates > 0 && obj.ReferenceEquals(climb child child.Accumulates, loop) then
                    yield child
        ]

    /// The most values that one loop over elements computes.
    let mostTogether = 16

    let innerIndices (n: Node) = n.Indices |> Array.filter (fun i -> context.Roles.Role[i] = Role.Inner)

    member s.Sequence(scope: Scope, sequence: Item, env: Point) = s.Items(scope, sequence.Children, env)

    member s.Items(scope: Scope, items: Item seq, env: Point) =
        for together in s.Together items do
            match together with
            | [ child ] -> s.Item(scope, child, env)
            | _ ->
                let group = together |> List.map (fun child -> child, nodes[child.Node])
                let emit inner env c = statements.EmitPointwise(inner, group, env, c)
                loops.ForEachPart(scope, env, together |> List.map (fun child -> child.Node), emit)

    /// Elementwise values of one shape that stand in a row make one loop, unless one reads another at other elements than its own.
    member private _.Together(items: Item seq) : Item list list =
        let isPointwise (child: Item) =
            child.Key.IsNone
            && child.Accumulates = 0
            && Strategy.isElementwise nodes[child.Node].Op
            && nodes[child.Node].Count > Strategy.unrolled

        let joins (child: Item) (group: Item list) =
            let reads (other: Item) = context.Schedule.Crossed[child.Node].Contains other.Node

            group.Length < mostTogether
            && isPointwise child
            && isPointwise group.Head
            && nodes[child.Node].Shape = nodes[group.Head.Node].Shape
            && not (List.exists reads group)

        let folder (groups: Item list list) (child: Item) =
            match groups with
            | group :: rest when joins child group -> (child :: group) :: rest
            | _ -> [ child ] :: groups

        Seq.fold folder [] items |> List.rev |> List.map List.rev

    member private s.Item(scope: Scope, child: Item, env: Point) =
        match child.Key with
        | None -> s.Node(scope, child, env, nodes[child.Node], None)
        | Some(Key.Within index) -> s.Loop(scope, child, env, index)
        | Some(Key.Around _)
        | Some(Key.Kernel _)
        | Some(Key.Elements _)
        | Some(Key.Pointwise _)
        | Some(Key.Panels _)
        | Some(Key.Products _)
        | Some(Key.Reducing _) -> invalidOp "A kernel stands inside a kernel."

    /// Splits a kernel's items so that each part holds one loop and what follows it, or one contraction of many elements, or what stands
    /// between such: a part is printed as lanes of its own, with as many vectors side by side as its registers allow. What one part
    /// leaves for another goes through the tile's memory.
    member _.Parts(kernel: Item) : Item list list =
        let parts = ResizeArray<ResizeArray<Item>>()
        parts.Add(ResizeArray())

        /// A final value is read from the registers of its loop.
        let loopOf (child: Item) =
            match (if child.Key.IsNone then nodes[child.Node].Op else Op.Iota) with
            | Op.Final(scan, _) -> parts |> Seq.tryFind (Seq.exists (fun c -> c.Scans.Contains(context.ScanOf scan)))
            | _ -> None

        let isContraction (child: Item) =
            child.Key.IsNone && Lanes.products graph nodes[child.Node] >= Lanes.manyProducts

        let isLoop (child: Item) = child.Key.IsSome

        for child in kernel.Children do
            let current = parts[parts.Count - 1]

            match loopOf child with
            | Some part -> part.Add child
            | None when isLoop child && Seq.exists isLoop current -> parts.Add(ResizeArray [ child ])
            | None when current.Count > 0 && (isContraction child || Seq.exists isContraction current) -> parts.Add(ResizeArray [ child ])
            | None -> current.Add child

        parts |> Seq.map List.ofSeq |> List.ofSeq

    /// One node's statement. `leading` fixes the first coordinate of its elements.
    member s.Node(scope: Scope, item: Item, env: Point, n: Node, leading: Address option) =
        match n.Op with
        | Op.Carry(scan, k) -> s.Carry(scope, item, env, n, context.ScanOf scan, k)
        | Op.Final(scan, k) -> s.Final(scope, env, n, context.ScanOf scan, k)
        | Op.Random spec -> draws.Emit(scope, item, env, n, spec)
        | Op.Reduce _ when item.Accumulates > 0 -> s.AccumulateInto(scope, item, env, n)
        | Op.Reduce _
        | Op.Dot _ -> blocks.EmitReduction(scope, item, env, n, leading)
        | Op.Convolution(_, stride, _) -> blocks.EmitTransposedConvolution(scope, item, env, n, stride, leading)
        | Op.ArgMax axis -> statements.EmitArgMax(scope, item, env, n, axis)
        | Op.CumSum axis -> statements.EmitCumSum(scope, item, env, n, axis)
        | Op.KthLargest k -> ranking.EmitKth(scope, item, env, n, k)
        | Op.TopK k -> ranking.EmitTopK(scope, item, env, n, k)
        | Op.ScatterAdd -> ranking.EmitScatterAdd(scope, item, env, n)
        | Op.DynamicUpdate -> ranking.EmitDynamicUpdate(scope, item, env, n, inPlace.Contains n.Id)
        | _ -> statements.EmitElementwise(scope, item, env, n, leading)

    member private _.AccumulateInto(scope: Scope, item, env, n: Node) =
        let total = accumulators[n.Id]
        let op = reductions.ReduceOpOf n

        for flat in 0 .. n.Count - 1 do
            let outer = Coordinate.unflatten scope.Emitter n.Shape (Address.Of(int64 flat))

            loops.ForEach(
                scope,
                env,
                reductions.ReducedShape n,
                None,
                true,
                fun inner env c -> reductions.Add(inner, total[flat], op, reductions.Term(inner, item, env, n, outer, c))
            )

    /// Declares what accumulates over a loop, runs the loop, then keeps the results.
    member private s.WithAccumulators(scope: Scope, loop: Item, env: Point, emit: unit -> unit) =
        let items = accumulating loop loop

        for item in items do
            let n = nodes[item.Node]
            let op = reductions.ReduceOpOf n
            accumulators[n.Id] <- Array.init n.Count (fun _ -> reductions.Accumulate(scope, env, scalarType n, op))

        emit ()

        for item in items do
            let n = nodes[item.Node]

            for flat in 0 .. n.Count - 1 do
                let c = Coordinate.unflatten scope.Emitter n.Shape (Address.Of(int64 flat))
                loops.Keep(scope, env, n, c, scope.Emitter.Copy accumulators[n.Id].[flat])

    member private s.Loop(scope: Scope, item: Item, env: Point, index: int) =
        s.WithAccumulators(
            scope,
            item,
            env,
            fun () ->
                if item.Scans.Count > 0 then
                    s.ScanLoop(scope, item, env, index)
                else
                    s.MapLoop(scope, item, env, index)
        )

    /// A loop whose steps are independent, unrolled so that random draws fall into fours.
    member private s.MapLoop(scope: Scope, item, env, index) =
        let unrolling =
            item.Children
            |> Seq.map (fun c ->
                if c.Key.IsSome then
                    1
                else
                    match nodes[c.Node].Op with
                    | Op.Random spec -> draws.Unrolling(index, nodes[c.Node], spec)
                    | _ -> 1)
            |> Seq.fold max 1

        let at a = { env with At = env.At.Add(index, a) }
        let name = graph.Indices[index].Name

        match values.BoundOf index with
        | Bound.Fixed steps when unrolling > 1 ->
            let whole = steps / int64 unrolling

            if whole > 0L then
                loops.Sequential(
                    scope,
                    name,
                    0L,
                    Bound.Fixed whole,
                    fun inner a ->
                        for k in 0 .. unrolling - 1 do
                            s.Sequence(inner.Beside(), item, at (a * int64 unrolling + Address.Of(int64 k)))
                )

            for k in whole * int64 unrolling .. steps - 1L do
                s.Sequence(scope.Beside(), item, at (Address.Of k))
        | bound -> loops.Sequential(scope, name, 0L, bound, fun inner a -> s.Sequence(inner, item, at a))

    /// Whether what a scan carries stays in registers: few elements, no index of the loop's inside, no reader at computed places.
    member _.InRegisters(scan: int, k: int) =
        let s = graph.Scans[scan]
        let carry = s.Carries[k]
        let small = nodes[s.Inits[k]].Count <= Strategy.unrolled

        let flat =
            carry < 0
            || innerIndices nodes[carry]
               |> Array.forall (fun i -> i = s.Index || context.Roles.Rank[i] < context.Roles.Rank[s.Index])

        small
        && flat
        && not (context.CarryNeeds.Contains(struct (scan, k)))
        && not (context.CarryStorage.ContainsKey(struct (scan, k)))

    /// The step of a scan that is taken at a count of steps.
    member private _.StepTaken(scope: Scope, item: Item, index: int, count: Address) : Address =
        if not graph.Scans[item.Scans[0]].Backward then
            count
        else
            let steps =
                match values.BoundOf index with
                | Bound.Fixed n -> Address.Of n
                | Bound.Extent slot ->
                    let r = scope.Emitter.NewVar(ScalarType.I32, false)
                    scope.Emitter.Append(ReadExtent(r, slot))
                    Address.Of r
                | Bound.Computed n -> Address.Of n

            steps + Address.Of -1L + count * -1L

    member private s.ScanLoop(scope: Scope, item: Item, env, index) =
        let carried =
            [
                for scan in item.Scans do
                    for k in 0 .. graph.Scans[scan].Inits.Length - 1 -> scan, k
            ]

        for scan, k in carried do
            s.StartCarry(scope, item, env, scan, k)

        loops.Sequential(
            scope,
            graph.Indices[index].Name,
            0L,
            values.BoundOf index,
            fun inner a ->
                let env = { env with At = env.At.Add(index, s.StepTaken(inner, item, index, a)) }
                s.Sequence(inner, item, env)

                // all next values are read before any carried one changes
                let nexts = carried |> List.map (fun (scan, k) -> scan, k, s.ReadNext(inner, item, env, scan, k))

                for scan, k, next in nexts do
                    match next with
                    | Some registers ->
                        Array.iter2
                            (fun v value -> inner.Emitter.Append(Assign(v, value)))
                            context.CarryRegisters[struct (scan, k)]
                            registers
                    | None -> s.CopyNext(inner, item, env, scan, k)
        )

    member private s.StartCarry(scope: Scope, item, env, scan, k) =
        let init = nodes[graph.Scans[scan].Inits[k]]

        if s.InRegisters(scan, k) then
            let start flat =
                let c = Coordinate.unflatten scope.Emitter init.Shape (Address.Of(int64 flat))
                let v = scope.Emitter.NewVar(scalarType init, env.Vectorised)
                scope.Emitter.Append(Declare(v, values.Read(scope, item.Parent, env, init.Id, c)))
                v

            context.CarryRegisters[struct (scan, k)] <- Array.init init.Count start
        else
            context.CarryNeeds.Add(struct (scan, k)) |> ignore
            s.CopyCarry(scope, item.Parent, env, scan, k, init.Id)

    /// Copies a node's values to where a scan keeps what it carries.
    member s.CopyCarry(scope: Scope, item, env, scan, k, source: int) =
        match context.CarryStorage.TryGetValue(struct (scan, k)) with
        | false, _ -> ()
        | true, storage ->
            let inner =
                [
                    for KeyValue(i, _) in storage.IndexStride do
                        if not (env.At.ContainsKey i) then
                            i
                ]

            let rec over (scope: Scope) (env: Point) indices =
                match indices with
                | [] ->
                    loops.ForEach(
                        scope,
                        env,
                        nodes[source].Shape,
                        None,
                        false,
                        fun body env c ->
                            let value = values.Read(body, item, env, source, c)
                            body.Emitter.Append(Store(storage.Buffer, values.AddressIn(storage, env, c), value))
                    )
                | i :: rest ->
                    loops.Sequential(
                        scope,
                        graph.Indices[i].Name,
                        0L,
                        values.BoundOf i,
                        fun body a -> over body { env with At = env.At.Add(i, a); Rebound = env.Rebound.Add i } rest
                    )

            over scope env inner

    member private s.ReadNext(scope: Scope, item, env, scan, k) : Operand[] option =
        let next = nodes[graph.Scans[scan].Nexts[k]]

        if s.InRegisters(scan, k) then
            Some(
                Array.init next.Count (fun flat ->
                    values.Read(scope, item, env, next.Id, Coordinate.unflatten scope.Emitter next.Shape (Address.Of(int64 flat))))
            )
        else
            None

    member private s.CopyNext(scope, item, env, scan, k) =
        let next = graph.Scans[scan].Nexts[k]

        if not (inPlace.Contains next) then
            s.CopyCarry(scope, item, env, scan, k, next)

    member private s.Carry(scope: Scope, item: Item, env, n: Node, scan, k) =
        match context.CarryRegisters.TryGetValue(struct (scan, k)) with
        | true, registers when s.InRegisters(scan, k) ->
            for flat in 0 .. n.Count - 1 do
                let c = Coordinate.unflatten scope.Emitter n.Shape (Address.Of(int64 flat))
                loops.Keep(scope, env, n, c, scope.Emitter.Copy registers[flat])
        | _ ->
            // readers in the loop go to the carry's own memory; the value is copied only for readers outside
            match context.Storage.TryGetValue n.Id with
            | true, storage ->
                loops.ForEach(
                    scope,
                    env,
                    n.Shape,
                    None,
                    false,
                    fun inner env c ->
                        let value = values.ReadCarry(inner, env, scan, k, c)
                        inner.Emitter.Append(Store(storage.Buffer, values.AddressIn(storage, env, c), value))
                )
            | _ -> ()

    member private s.Final(scope: Scope, env, n: Node, scan, k) =
        match context.CarryRegisters.TryGetValue(struct (scan, k)) with
        | true, registers when s.InRegisters(scan, k) ->
            for flat in 0 .. n.Count - 1 do
                let c = Coordinate.unflatten scope.Emitter n.Shape (Address.Of(int64 flat))
                loops.Keep(scope, env, n, c, scope.Emitter.Copy registers[flat])
        | _ ->
            loops.ForEach(
                scope,
                env,
                n.Shape,
                None,
                false,
                fun inner env c -> loops.Keep(inner, env, n, c, values.ReadCarry(inner, env, scan, k, c))
            )
