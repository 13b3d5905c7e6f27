namespace Inference.Compiler

open System
open System.Collections.Generic
open Inference

/// A kernel: a loop over items, split over threads, around statements.
type KernelCode =
    {
        Name: string
        Title: string
        /// What it computes, line by line, for people.
        Nest: string list
        Item: LoopVar
        Body: Statement list
        Step: StepPlan
    }

/// A lowered program: kernels, the order they run in, and memory.
type Lowered =
    {
        Kernels: KernelCode list
        Steps: StepPlan list
        Buffers: Buffers
        Context: Context
        Outputs: int[]
        StateBuffers: (int * int)[]
    }

/// One pass of lowering: walks the schedule and emits kernels. Readers that turn out to need memory are noted in the context.
[<Sealed>]
type Kernels(context: Context, values: Values, statements: Statements, nests: Nests, extentCount: int) =
    let graph = context.Graph
    let nodes = graph.Nodes
    let kernels = ResizeArray<KernelCode>()
    let steps = ResizeArray<StepPlan>()
    /// Lanes of a tile: enough vectors of any width to hide latencies.
    let tile = 64
    let chunk = 4096
    let mutable depth = 0

    let start (outer: Map<int, Address>) =
        {
            At = outer
            Lane = -1
            Local = Address.Of 0L
            Vectorised = false
            Rebound = Set.empty
        }

    let step kind =
        {
            Kind = kind
            Kernel = 0
            Count = 1L
            Extent = -1
            Tile = 1
            Parallel = false
            Variable = 0
        }

    let finish (title: string) (nest: string list) (item: LoopVar) (scope: Scope) (plan: StepPlan) =
        let body = Prune.body scope.Emitter.Statements

        if not body.IsEmpty then
            let work = Cost.statements body * float plan.Count
            let splits = plan.Count > 1L || plan.Extent >= 0

            let plan =
                { plan with
                    Kernel = kernels.Count
                    Parallel = splits && Cost.isWorthThreads work
                }

            steps.Add plan

            kernels.Add
                {
                    Name = $"K{kernels.Count}"
                    Title = title
                    Nest = nest
                    Item = item
                    Body = body
                    Step = plan
                }

    let names (indices: int seq) = indices |> Seq.map (fun i -> graph.Indices[i].Name) |> String.concat " × "
    let capacity i = graph.Indices[i].Capacity

    /// Decodes an item's number into coordinates of several extents, the last one fastest.
    let decode (scope: Scope) (item: LoopVar) (extents: int list) =
        let known = extents |> List.skipWhile (fun n -> n = 1)

        let coordinates =
            Coordinate.unflatten scope.Emitter (Array.ofList known) (Address.Of item) |> List.ofArray

        List.replicate (extents.Length - known.Length) (Address.Of 0L) @ coordinates

    /// A kernel over plates: tiles of the last are lanes, the others and the tiles are items.
    member _.OverPlates(title, nest, plates: int list, outer: Map<int, Address>, parts: (Scope -> Point -> unit) list) =
        let item = LoopVar("item", LoopKind.Sequential)
        let scope = Scope(Emitter(), null, null)

        match List.rev plates with
        | [] ->
            for emit in parts do
                emit scope (start outer)

            finish title nest item scope (step StepKind.Kernel)
        | lane :: others ->
            let others = List.rev others
            let width = min tile ((capacity lane + 15) / 16 * 16)
            let tiles = (capacity lane + width - 1) / width
            let coordinates = decode scope item ((others |> List.map capacity) @ [ tiles ])

            let at =
                List.zip others (List.take others.Length coordinates)
                |> List.fold (fun (m: Map<int, Address>) (i, a) -> m.Add(i, a)) outer

            for emit in parts do
                statements.Lanes(
                    scope,
                    "lane",
                    Bound.Fixed(int64 width),
                    fun inner local ->
                        emit
                            inner
                            { start (at.Add(lane, List.last coordinates * int64 width + local)) with
                                Lane = lane
                                Local = local
                                Vectorised = true
                            }
                )

            let count = others |> List.fold (fun acc i -> acc * int64 (capacity i)) 1L

            let plan =
                match values.BoundOf lane, others with
                | Bound.Extent slot, [] -> { step StepKind.Kernel with Count = count; Extent = slot; Tile = width }
                | _ -> { step StepKind.Kernel with Count = count * int64 tiles }

            finish $"{title} over {names plates}, {width} lanes of {graph.Indices[lane].Name}" nest item scope plan

    /// A kernel for one value without plates: its leading axis, or pieces of its only axis, are items.
    member k.OverElements(title, nest, shape: int[], outer, splits: bool, emit: Scope -> Point -> Address option -> unit) =
        let item = LoopVar("item", LoopKind.Sequential)
        let scope = Scope(Emitter(), null, null)
        let plan = step StepKind.Kernel

        if splits && shape.Length >= 2 then
            emit scope (start outer) (Some(Address.Of item))
            finish title nest item scope { plan with Count = int64 shape[0] }
        elif splits && shape.Length = 1 && shape[0] > chunk then
            let pieces = (shape[0] + chunk - 1) / chunk
            let e = scope.Emitter
            let first = Address.Of item * int64 chunk

            let count =
                if shape[0] % chunk = 0 then
                    Bound.Fixed(int64 chunk)
                else
                    let rest = e.Sub(e.Int(ScalarType.I32, int64 shape[0]), Coordinate.operand e first)

                    match e.Min(e.Int(ScalarType.I32, int64 chunk), rest) with
                    | Operand.Var v -> Bound.Computed v
                    | Operand.Int(_, v) -> Bound.Fixed v
                    | Operand.Float _ -> invalidOp "A count is a whole number."

            statements.Lanes(scope, "e0", count, fun inner a -> emit inner { start outer with Vectorised = true } (Some(first + a)))
            finish title nest item scope { plan with Count = int64 pieces }
        else
            emit scope (start outer) None
            finish title nest item scope plan

    /// A kernel whose items are the outputs of reductions over lanes.
    member private k.Reducing(item: Item, outputs: int list, gone: int list, shape: int list, outer) =
        let number = LoopVar("item", LoopKind.Sequential)
        let scope = Scope(Emitter(), null, null)
        let extents = (outputs |> List.map capacity) @ shape
        let coordinates = decode scope number extents

        let at =
            List.zip outputs (List.take outputs.Length coordinates)
            |> List.fold (fun (m: Map<int, Address>) (i, a) -> m.Add(i, a)) outer

        let elements = List.skip outputs.Length coordinates |> Array.ofList
        let env = start at
        // lanes go along the index that lies side by side in memory
        let plates =
            gone
            |> List.filter (fun i -> context.Roles.Role[i] = Role.Parallel)
            |> List.sortBy (fun i -> capacity i, -i)

        let lane = List.last plates
        let others = gone |> List.filter (fun i -> i <> lane)
        let reducers = item.Children |> Seq.map (fun c -> c, nodes[c.Node]) |> List.ofSeq

        let totals =
            reducers
            |> List.map (fun (_, n) -> statements.Accumulate(scope, env, Buffers.ScalarOf n.DType, statements.ReduceOpOf n))

        let single = reducers |> List.forall (fun (_, n) -> (statements.ReducedShape n).Length = 0)
        let groups = if single then [ reducers ] else reducers |> List.map List.singleton

        for group in groups do
            let reducedShape = statements.ReducedShape(snd group.Head)

            statements.Around(
                scope,
                { env with Vectorised = true },
                others,
                reducedShape,
                fun inner env c ->
                    k.LaneLoop(
                        inner,
                        env,
                        lane,
                        fun part env count first ->
                            let variable = LoopVar("lane", LoopKind.Lane)
                            let body = part.Nested variable

                            let env =
                                { env with
                                    At = env.At.Add(lane, first + Address.Of variable)
                                    Rebound = env.Rebound.Add lane
                                }

                            let terms =
                                group
                                |> List.map (fun (child, n) -> statements.ReduceOpOf n, statements.Term(body, child, env, n, elements, c))

                            let results = statements.LaneReduction(part, body, variable, count, terms)

                            group
                            |> List.iteri (fun g (child, n) ->
                                let total = totals[List.findIndex (fun (c, _) -> obj.ReferenceEquals(c, child)) reducers]
                                statements.Add(part, total, statements.ReduceOpOf n, Operand.Var results[g]))
                    )
            )

        List.iter2 (fun (_, n) (total: Var) -> statements.Keep(scope, env, n, elements, scope.Emitter.Copy total)) reducers totals
        let count = extents |> List.fold (fun acc n -> acc * int64 n) 1L
        let title = $"reduce {names gone}" + (if outputs.IsEmpty then "" else $" for each {names outputs}")
        finish title (Describe.nest graph 0 item) number scope { step StepKind.Kernel with Count = count }

    /// Lanes in chunks of fixed size, so that sums do not depend on threads or vectors.
    member private _.LaneLoop(scope: Scope, env, lane, emit: Scope -> Point -> Bound -> Address -> unit) =
        match values.BoundOf lane with
        | Bound.Fixed n when n <= int64 chunk -> emit scope env (Bound.Fixed n) (Address.Of 0L)
        | Bound.Extent slot when capacity lane <= chunk -> emit scope env (Bound.Extent slot) (Address.Of 0L)
        | bound ->
            let pieces = (capacity lane + chunk - 1) / chunk

            statements.Sequential(
                scope,
                "chunk",
                0L,
                Bound.Fixed(int64 pieces),
                fun inner a ->
                    let e = inner.Emitter

                    let total =
                        match bound with
                        | Bound.Fixed n -> e.Int(ScalarType.I32, n)
                        | Bound.Extent slot ->
                            let v = e.NewVar(ScalarType.I32, false)
                            e.Append(ReadExtent(v, slot))
                            Operand.Var v
                        | Bound.Computed v -> Operand.Var v

                    let rest = e.Sub(total, Coordinate.operand e (a * int64 chunk))
                    let count = e.Max(e.Int(ScalarType.I32, 0L), e.Min(e.Int(ScalarType.I32, int64 chunk), rest))

                    match count with
                    | Operand.Var v -> emit inner env (Bound.Computed v) (a * int64 chunk)
                    | Operand.Int(_, v) -> emit inner env (Bound.Fixed v) (a * int64 chunk)
                    | Operand.Float _ -> invalidOp "A count is a whole number."
            )

    /// Kernels of an item and of what it encloses.
    member k.Emit(item: Item, outer: Map<int, Address>) =
        match item.Key with
        | None ->
            for child in item.Children do
                k.Emit(child, outer)
        | Some(Key.Kernel plates) ->
            k.OverPlates(
                (if plates.IsEmpty then "serial" else "map"),
                Describe.nest graph 0 item,
                plates,
                outer,
                nests.Parts item |> List.map (fun part scope env -> nests.Items(scope, part, env))
            )
        | Some(Key.Elements id) ->
            let n = nodes[id]

            let splits =
                match n.Op with
                | Op.Random _
                | Op.ArgMax _
                | Op.CumSum _
                | Op.KthLargest _
                | Op.TopK _
                | Op.ScatterAdd
                | Op.DynamicUpdate
                | Op.Carry _
                | Op.Final _ -> false
                | Op.Reduce _
                | Op.Dot _ -> n.Shape.Length >= 2 || (statements.ReducesContiguously n && n.Count > chunk)
                | _ -> true

            k.OverElements(
                "elements",
                Describe.nest graph 0 item,
                n.Shape,
                outer,
                splits,
                fun scope env leading -> nests.Node(scope, item.Children[0], env, n, leading)
            )
        | Some(Key.Reducing(outputs, gone, shape)) -> k.Reducing(item, outputs, gone, shape, outer)
        | Some(Key.Around index) -> k.Around(item, index, outer)
        | Some(Key.Within _) -> invalidOp "A loop of a kernel stands outside one."

    /// A sequential loop around kernels, with what its scans carry in memory.
    member private k.Around(item: Item, index: int, outer: Map<int, Address>) =
        let slot = extentCount + depth

        let copies source label =
            for scan in item.Scans do
                let s = graph.Scans[scan]

                for c in 0 .. s.Inits.Length - 1 do
                    context.CarryNeeds.Add(struct (scan, c)) |> ignore
                    k.CopyCarry(item, scan, c, source s c, label, outer)

        copies (fun s c -> s.Inits[c]) "start"
        let bound = values.BoundOf index

        let fixedCount, extent =
            match bound with
            | Bound.Fixed n -> n, -1
            | Bound.Extent e -> 1L, e
            | Bound.Computed _ -> invalidOp "A loop around kernels has a count that is known before it starts."

        steps.Add
            { step StepKind.BeginLoop with
                Count = fixedCount
                Extent = extent
                Variable = slot
            }

        depth <- depth + 1
        let inside = outer.Add(index, Address.Of(LoopVar(graph.Indices[index].Name, LoopKind.Around slot)))

        for child in item.Children do
            k.Emit(child, inside)

        for scan in item.Scans do
            let s = graph.Scans[scan]

            for c in 0 .. s.Inits.Length - 1 do
                k.CopyCarry(item, scan, c, s.Nexts[c], "next", inside)

        depth <- depth - 1
        steps.Add { step StepKind.EndLoop with Variable = slot }

    member private k.CopyCarry(item: Item, scan, c, source: int, label, outer) =
        match context.CarryStorage.TryGetValue(struct (scan, c)) with
        | false, _ ->
            // read once, so that needs are known in the next pass
            let n = nodes[source]

            k.OverElements(
                label,
                [],
                n.Shape,
                outer,
                false,
                fun scope env leading ->
                    statements.ForEach(
                        scope,
                        env,
                        n.Shape,
                        leading,
                        false,
                        fun inner env at -> values.Read(inner, item, env, source, at) |> ignore
                    )
            )
        | true, storage ->
            let n = nodes[source]

            let plates =
                storage.IndexStride
                |> Map.toList
                |> List.map fst
                |> List.filter (fun i -> context.Roles.Role[i] = Role.Parallel)
                |> List.sortBy (fun i -> capacity i, -i)

            let title = $"{label} of a carried value"

            if plates.IsEmpty && n.Count > Strategy.unrolled then
                k.OverElements(
                    title,
                    [],
                    n.Shape,
                    outer,
                    true,
                    fun scope env leading ->
                        statements.ForEach(
                            scope,
                            env,
                            n.Shape,
                            leading,
                            false,
                            fun inner env at ->
                                let value = values.Read(inner, item, env, source, at)
                                inner.Emitter.Append(Store(storage.Buffer, values.AddressIn(storage, env, at), value))
                        )
                )
            else
                k.OverPlates(title, [], plates, outer, [ fun scope env -> nests.CopyCarry(scope, item, env, scan, c, source) ])

    member _.Kernels = List.ofSeq kernels
    member _.Steps = List.ofSeq steps
