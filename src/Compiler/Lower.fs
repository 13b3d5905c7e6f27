namespace Inference.Compiler

open System
open System.Collections.Generic
open Inference

/// One pass of lowering: walks the schedule and emits kernels. Readers that turn out to need memory are noted in the context.
[<Sealed>]
type Kernels
    (
        context: Context,
        values: Values,
        loops: ElementLoops,
        reductions: Reductions,
        statements: Statements,
        nests: Nests,
        frames: Frames,
        copies: PanelKernels,
        products: ProductKernels,
        extentCount: int
    ) =
    let graph = context.Graph
    let nodes = graph.Nodes
    let mutable depth = 0
    let capacity i = graph.Indices[i].Capacity

    let isWindow (n: Node) =
        match n.Op with
        | Op.Window _ -> true
        | _ -> false

    /// How many outputs of reductions, along each of their axes, one item computes: a contraction of two values that both have axes
    /// left computes some elements of each against each, so that a load serves several products.
    member private _.Blocks(reducers: Node list, shape: int list) : int list =
        let axes (n: Node) =
            match n.Op with
            | Op.Dot(_, left, right, _) ->
                let rest k (gone: int[]) = nodes[n.Inputs[k]].Shape.Length - gone.Length
                Some(rest 0 left, rest 1 right)
            | _ -> None

        match reducers |> List.map axes |> List.distinct with
        | [ Some(a, b) ] when a + b > 0 ->
            let side = if a > 0 && b > 0 then 4 else 8

            shape
            |> List.mapi (fun axis n -> if a > 0 && axis = a - 1 || b > 0 && axis = a + b - 1 then min side n else 1)
        | _ -> shape |> List.map (fun _ -> 1)

    /// A kernel whose items are the outputs of reductions over lanes.
    member private k.Reducing(item: Item, outputs: int list, gone: int list, shape: int list, outer) =
        let number = LoopVar("item", LoopKind.Sequential)
        let scope = Scope(Emitter(), null, null)
        let reducers = item.Children |> Seq.map (fun c -> c, nodes[c.Node]) |> List.ofSeq
        let blocks = k.Blocks(List.map snd reducers, shape)
        let extents = (outputs |> List.map capacity) @ List.map2 (fun n b -> (n + b - 1) / b) shape blocks
        let coordinates = frames.Decode(scope, number, extents)

        /// Where a block begins: the last one overlaps the one before it rather than reach behind the end.
        let first (c: Address) n b =
            if n % b = 0 then
                c * int64 b
            else
                let e = scope.Emitter
                Coordinate.ofOperand (e.Min(Coordinate.operand e (c * int64 b), e.Int(ScalarType.I32, int64 (n - b))))

        let at =
            List.zip outputs (List.take outputs.Length coordinates)
            |> List.fold (fun (m: Map<int, Address>) (i, a) -> m.Add(i, a)) outer

        let starts = List.map3 first (List.skip outputs.Length coordinates) shape blocks |> Array.ofList
        let block = Array.ofList blocks

        /// The elements of a block, by their coordinates.
        let elements =
            Array.init (Build.size block) (fun flat ->
                Coordinate.unflatten scope.Emitter block (Address.Of(int64 flat)) |> Array.map2 (+) starts)

        let env = frames.Start at
        // lanes go along the index that lies side by side in memory
        let plates =
            gone
            |> List.filter (fun i -> context.Roles.Role[i] = Role.Parallel)
            |> List.sortBy (fun i -> capacity i, -i)

        let lane = List.last plates
        let others = gone |> List.filter (fun i -> i <> lane)

        let totalsOf (n: Node) =
            elements
            |> Array.map (fun _ -> reductions.Accumulate(scope, env, Buffers.ScalarOf n.DType, reductions.ReduceOpOf n))

        let totals = reducers |> List.map (fun (_, n) -> n.Id, totalsOf n) |> dict

        let single =
            elements.Length = 1
            && reducers |> List.forall (fun (_, n) -> (reductions.ReducedShape n).Length = 0)

        let groups = if single then [ reducers ] else reducers |> List.map List.singleton

        for group in groups do
            let reducedShape = reductions.ReducedShape(snd group.Head)

            let each =
                [
                    for child, n in group do
                        for e in 0 .. elements.Length - 1 -> child, n, e
                ]

            /// The lanes from a start on, within loops whose terms go into the same accumulators.
            let reduce (scope: Scope) around (inner: Scope) env count first (c: Address[]) =
                let variable = LoopVar("lane", LoopKind.Lane)
                let body = inner.Nested variable

                let env =
                    { env with
                        At = env.At.Add(lane, first + Address.Of variable)
                        Rebound = env.Rebound.Add lane
                    }

                let terms =
                    each
                    |> List.map (fun (child, n, e) -> reductions.ReduceOpOf n, reductions.Term(body, child, env, n, elements[e], c))

                let results = reductions.LaneReduction(scope, around, body, variable, count, terms)

                each
                |> List.iteri (fun r (_, n, e) -> reductions.Add(scope, totals[n.Id].[e], reductions.ReduceOpOf n, Operand.Var results[r]))

            let terms = List.fold (fun count i -> count * int64 (capacity i)) (int64 (Build.size reducedShape)) gone

            let env = { env with Vectorised = true }

            if capacity lane <= Frames.Chunk && terms <= int64 Frames.Terms then
                let around, inner, env, c = loops.Nest(scope, env, others, reducedShape)
                reduce scope around inner env (values.BoundOf lane) (Address.Of 0L) c
            else
                loops.Around(
                    scope,
                    env,
                    others,
                    reducedShape,
                    fun inner env c -> frames.LaneLoop(inner, env, lane, fun part env count first -> reduce part [] part env count first c)
                )

        for _, n in reducers do
            totals[n.Id]
            |> Array.iteri (fun e total -> loops.Keep(scope, env, n, elements[e], scope.Emitter.Copy total))

        let count = extents |> List.fold (fun acc n -> acc * int64 n) 1L

        let title =
            $"reduce {frames.Names gone}"
            + (if outputs.IsEmpty then "" else $" for each {frames.Names outputs}")

        frames.Finish(title, Describe.nest graph 0 item, number, scope, { frames.Step StepKind.Kernel with Count = count })

    /// Values computed element by element; where all lie in rows, axes make one.
    member private _.Pointwise(item: Item, shape: int[], outer) =
        let items = item.Children |> Seq.map (fun child -> child, nodes[child.Node]) |> Array.ofSeq
        let nest = Describe.nest graph 0 item

        if items |> Array.forall (fun (_, n) -> statements.IsRow n) then
            let at a = Array.append (Array.create (shape.Length - 1) (Address.Of 0L)) [| a |]

            frames.OverRow(
                "elements",
                nest,
                Build.size shape,
                outer,
                (fun scope env a -> statements.EmitPointwise(scope, items, env, at a))
            )
        else
            let emit scope env leading =
                loops.ForEach(scope, env, shape, leading, false, (fun inner env c -> statements.EmitPointwise(inner, items, env, c)))

            frames.OverElements("elements", nest, shape, outer, true, emit)

    /// Kernels of an item and of what it encloses.
    member k.Emit(item: Item, outer: Map<int, Address>) =
        match item.Key with
        | None ->
            for child in item.Children do
                k.Emit(child, outer)
        | Some(Key.Kernel plates) ->
            frames.OverPlates(
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
                | Op.Dot _ -> n.Shape.Length >= 2 || (reductions.ReducesContiguously n && n.Count > Frames.Chunk)
                | _ -> true

            frames.OverElements(
                "elements",
                Describe.nest graph 0 item,
                n.Shape,
                outer,
                splits,
                fun scope env leading -> nests.Node(scope, item.Children[0], env, n, leading)
            )
        | Some(Key.Pointwise shape) -> k.Pointwise(item, Array.ofList shape, outer)
        | Some(Key.Reducing(outputs, gone, shape)) -> k.Reducing(item, outputs, gone, shape, outer)
        | Some(Key.Around index) -> k.Around(item, index, outer)
        | Some(Key.Panels indices) -> copies.Panels(item, indices, outer)
        | Some(Key.Products node) when isWindow nodes[nodes[node].Inputs[1]] -> copies.Weights(item, nodes[node], outer)
        | Some(Key.Products node) -> products.Product(item, nodes[node], outer)
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

        frames.Append
            { frames.Step StepKind.BeginLoop with
                Count = fixedCount
                Extent = extent
                Variable = slot
                Descending = item.Scans.Exists(fun s -> graph.Scans[s].Backward)
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
        frames.Append { frames.Step StepKind.EndLoop with Variable = slot }

    member private k.CopyCarry(item: Item, scan, c, source: int, label, outer) =
        match context.CarryStorage.TryGetValue(struct (scan, c)) with
        | false, _ ->
            // read once, so that needs are known in the next pass
            let n = nodes[source]

            frames.OverElements(
                label,
                [],
                n.Shape,
                outer,
                false,
                fun scope env leading ->
                    loops.ForEach(
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
                frames.OverElements(
                    title,
                    [],
                    n.Shape,
                    outer,
                    true,
                    fun scope env leading ->
                        loops.ForEach(
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
                frames.OverPlates(title, [], plates, outer, [ fun scope env -> nests.CopyCarry(scope, item, env, scan, c, source) ])
