namespace Inference.Compiler

open System
open System.Collections.Generic
open Inference

/// One pass of lowering: walks the schedule and emits kernels. Readers that turn out to need memory are noted in the context.
[<Sealed>]
type Kernels
    (
        context: Context,
        panels: IReadOnlyDictionary<int, Panels>,
        values: Values,
        statements: Statements,
        nests: Nests,
        frames: Frames,
        extentCount: int
    ) =
    let graph = context.Graph
    let nodes = graph.Nodes
    let mutable depth = 0
    let capacity i = graph.Indices[i].Capacity

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
            |> Array.map (fun _ -> statements.Accumulate(scope, env, Buffers.ScalarOf n.DType, statements.ReduceOpOf n))

        let totals = reducers |> List.map (fun (_, n) -> n.Id, totalsOf n) |> dict

        let single =
            elements.Length = 1
            && reducers |> List.forall (fun (_, n) -> (statements.ReducedShape n).Length = 0)

        let groups = if single then [ reducers ] else reducers |> List.map List.singleton

        for group in groups do
            let reducedShape = statements.ReducedShape(snd group.Head)

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
                    |> List.map (fun (child, n, e) -> statements.ReduceOpOf n, statements.Term(body, child, env, n, elements[e], c))

                let results = statements.LaneReduction(scope, around, body, variable, count, terms)

                each
                |> List.iteri (fun r (_, n, e) -> statements.Add(scope, totals[n.Id].[e], statements.ReduceOpOf n, Operand.Var results[r]))

            let terms = List.fold (fun count i -> count * int64 (capacity i)) (int64 (Build.size reducedShape)) gone

            let env = { env with Vectorised = true }

            if capacity lane <= Frames.Chunk && terms <= int64 Frames.Terms then
                let around, inner, env, c = statements.Nest(scope, env, others, reducedShape)
                reduce scope around inner env (values.BoundOf lane) (Address.Of 0L) c
            else
                statements.Around(
                    scope,
                    env,
                    others,
                    reducedShape,
                    fun inner env c -> frames.LaneLoop(inner, env, lane, fun part env count first -> reduce part [] part env count first c)
                )

        for _, n in reducers do
            totals[n.Id]
            |> Array.iteri (fun e total -> statements.Keep(scope, env, n, elements[e], scope.Emitter.Copy total))

        let count = extents |> List.fold (fun acc n -> acc * int64 n) 1L

        let title =
            $"reduce {frames.Names gone}"
            + (if outputs.IsEmpty then "" else $" for each {frames.Names outputs}")

        frames.Finish(title, Describe.nest graph 0 item, number, scope, { frames.Step StepKind.Kernel with Count = count })

    /// Where a panel begins along its axis: the last one overlaps the one before it rather than reach behind the end.
    member private _.PanelStart(scope: Scope, panel: Address, width: int, length: int) : Address =
        if length % width = 0 then
            panel * int64 width
        else
            let e = scope.Emitter

            let start =
                e.Min(Coordinate.operand e (panel * int64 width), e.Int(ScalarType.I32, int64 (length - width)))

            Coordinate.ofOperand start

    /// Copies of values into panels, a block of lanes at a time.
    member private k.Panels(item: Item, indices: int list, outer) =
        let block = 16
        let number = LoopVar("item", LoopKind.Sequential)
        let scope = Scope(Emitter(), null, null)
        let lane = (Layouts.laneOf graph context.Roles indices).Value
        let others = indices |> List.filter (fun i -> i <> lane)
        let extents = (others |> List.map capacity) @ [ (capacity lane + block - 1) / block ]
        let coordinates = frames.Decode(scope, number, extents)

        let at =
            List.zip others (List.take others.Length coordinates)
            |> List.fold (fun (m: Map<int, Address>) (i, a) -> m.Add(i, a)) outer

        let first = List.last coordinates * int64 block
        let env = frames.Start(at.Add(lane, first))

        for child in item.Children do
            let n = nodes[child.Node]
            let width, axis = panels[n.Id].Width, panels[n.Id].Axis

            match context.Storage.TryGetValue n.Id with
            | false, _ -> values.Read(scope, child, env, n.Inputs[0], Array.create n.Shape.Length (Address.Of 0L)) |> ignore
            | true, target ->
                let counts = Array.updateAt axis ((n.Shape[axis] + width - 1) / width) n.Shape

                statements.Around(
                    scope,
                    env,
                    [],
                    counts,
                    fun inner env c ->
                        let elements = Array.updateAt axis (k.PanelStart(inner, c[axis], width, n.Shape[axis])) c

                        if panels[n.Id].Transposed then
                            k.TransposePanel(inner, child, env, n, width, block, lane, target, elements, c)
                        else
                            statements.Sequential(
                                inner,
                                "row",
                                0L,
                                Bound.Fixed(int64 block),
                                fun body row ->
                                    let env = { env with At = env.At.Add(lane, first + row) }

                                    statements.Lanes(
                                        body,
                                        "element",
                                        Bound.Fixed(int64 width),
                                        fun lanes a ->
                                            let from = Array.updateAt axis (elements[axis] + a) elements
                                            let value = values.Read(lanes, child, { env with Vectorised = true }, n.Inputs[0], from)
                                            lanes.Emitter.Append(Store(target.Buffer, values.AddressIn(target, env, c) + a, value))
                                    )
                            )
                )

        let count = extents |> List.fold (fun acc n -> acc * int64 n) 1L
        let title = $"panels over {frames.Names indices}"
        frames.Finish(title, Describe.nest graph 0 item, number, scope, { frames.Step StepKind.Kernel with Count = count })

    member private _.TransposePanel(scope: Scope, item, env, n: Node, width, block: int, lane, target: Storage, elements, panel) =
        values.NeedOf(n.Inputs[0], item, env)

        match context.Storage.TryGetValue n.Inputs[0] with
        | false, _ -> ()
        | true, source ->
            scope.Emitter.Append(
                TransposeBlock
                    {
                        Source = source.Buffer
                        From = values.AddressIn(source, env, elements)
                        SourceStride = source.ElementStride[panels[n.Id].Axis]
                        Target = target.Buffer
                        To = values.AddressIn(target, env, panel)
                        TargetStride = target.IndexStride[lane]
                        Rows = int64 width
                        Columns = int64 block
                        Type = Buffers.ScalarOf n.DType
                    }
            )

    /// The indices of the items of a contraction over plates, and those that it contracts.
    member private _.OutputsAndGone(n: Node) =
        n.Indices |> Seq.filter (fun i -> context.Roles.Role[i] <> Role.Outer) |> List.ofSeq, Roles.eliminated graph context.ScanOf n

    /// A contraction over plates of values in panels: each item multiplies a panel of the first with one of the second, whose width is
    /// lanes.
    member private k.Products(item: Item, n: Node, outer) =
        let number = LoopVar("item", LoopKind.Sequential)
        let scope = Scope(Emitter(), null, null)
        let child = item.Children[0]
        let outputs, gone = k.OutputsAndGone n
        let shape, split = n.Shape, nodes[n.Inputs[0]].Shape.Length
        let width side = panels[n.Inputs[side]].Width
        let first, last = split - 1, shape.Length - 1

        let widthOf axis =
            if axis = last then width 1
            elif axis = first then width 0
            else 1

        let counts = shape |> Array.mapi (fun axis n -> (n + widthOf axis - 1) / widthOf axis)

        // what meets one panel of the second stands together: that panel stays in the cache
        let order =
            [ 0..last ]
            |> List.sortBy (fun axis ->
                if axis = first then 2
                elif axis = last then 1
                else 0)

        let extents = (outputs |> List.map capacity) @ (order |> List.map (fun axis -> counts[axis]))
        let coordinates = frames.Decode(scope, number, extents)

        let panel =
            Array.init shape.Length (fun axis -> coordinates[outputs.Length + List.findIndex ((=) axis) order])

        let starts =
            Array.init shape.Length (fun axis -> k.PanelStart(scope, panel[axis], widthOf axis, shape[axis]))

        let at =
            List.zip outputs (List.take outputs.Length coordinates)
            |> List.fold (fun (m: Map<int, Address>) (i, a) -> m.Add(i, a)) outer

        let lane = Layouts.laneOf graph context.Roles gone
        let loops = (gone |> List.filter (fun i -> Some i <> lane)) @ Option.toList lane

        statements.Lanes(
            scope,
            "column",
            Bound.Fixed(int64 (width 1)),
            fun inner column ->
                let env = { frames.Start at with Vectorised = true }

                let elements =
                    Array.init (width 0) (fun r ->
                        starts
                        |> Array.mapi (fun axis a ->
                            if axis = last then a + column
                            elif axis = first then a + Address.Of(int64 r)
                            else a))

                let term (body: Scope) env r =
                    let read side (c: Address[]) (within: Address) =
                        let id = n.Inputs[side]
                        values.NeedOf(id, child, env)

                        match context.Storage.TryGetValue id with
                        | true, storage ->
                            let t = Buffers.ScalarOf nodes[id].DType
                            body.Load(storage.Buffer, t, values.AddressIn(storage, env, c) + within, true, false)
                        | _ -> body.Emitter.Lit(Buffers.ScalarOf nodes[id].DType, 0.0)

                    let a = read 0 (Array.take split panel) (Address.Of(int64 r))
                    let b = read 1 (Array.skip split panel) column
                    body.Emitter.Mul(a, b)

                let start _ = Arithmetic.identity (Buffers.ScalarOf n.DType) ReduceOp.Sum
                let keep scope env c value = statements.Keep(scope, env, n, c, value)
                let nest scope env body = statements.Around(scope, env, loops, [||], body)
                statements.ContractBlock(inner, env, n, nest, elements, start, (fun body env r _ -> term body env r), keep)
        )

        let count = extents |> List.fold (fun acc n -> acc * int64 n) 1L
        let title = $"products over {frames.Names gone}"
        frames.Finish(title, Describe.nest graph 0 item, number, scope, { frames.Step StepKind.Kernel with Count = count })

    /// The weights of convolutions over plates: each item multiplies a panel of the outputs, which are lanes, with the windows of one
    /// channel, row by row, each time with some elements of the kernel. Sums over rows are added up in scratch, which keeps errors small.
    member private k.Weights(item: Item, n: Node, outer) =
        let outputs, gone = k.OutputsAndGone n
        let shape = n.Shape
        let number = LoopVar("item", LoopKind.Sequential)
        let scope = Scope(Emitter(), null, null)
        let width = panels[n.Inputs[0]].Width
        let extents = (outputs |> List.map capacity) @ [ (shape[0] + width - 1) / width; shape[1] ]
        let coordinates = frames.Decode(scope, number, extents)
        let panel, channel = coordinates[outputs.Length], coordinates[outputs.Length + 1]
        let first = k.PanelStart(scope, panel, width, shape[0])
        let lane = Layouts.laneOf graph context.Roles gone
        let loops = (gone |> List.filter (fun i -> Some i <> lane)) @ Option.toList lane

        let at =
            List.zip outputs (List.take outputs.Length coordinates)
            |> List.fold (fun (m: Map<int, Address>) (i, a) -> m.Add(i, a)) outer

        let env = { frames.Start at with Vectorised = true }

        let child = item.Children[0]
        let y, t = nodes[n.Inputs[0]], Buffers.ScalarOf n.DType
        let taps = shape[2] * shape[3]

        let sums =
            context.Buffers.Add
                {
                    Name = $"sums of n{n.Id}"
                    Type = t
                    Elements = int64 (taps * width)
                    Slack = 64L
                    Kind = BufferKind.Temporary
                    Scratch = true
                    Initial = null
                }

        let place (tap: Address[]) within = (tap[0] * int64 shape[3] + tap[1]) * int64 width + within

        statements.Lanes(
            scope,
            "output",
            Bound.Fixed(int64 width),
            fun inner within ->
                statements.Sequential(
                    inner,
                    "tap",
                    0L,
                    Bound.Fixed(int64 taps),
                    fun body tap -> body.Emitter.Append(Store(sums, tap * int64 width + within, Arithmetic.identity t ReduceOp.Sum))
                )

                statements.Sequential(
                    inner,
                    "row",
                    0L,
                    Bound.Fixed(int64 y.Shape[1]),
                    fun inner row ->
                        statements.Taps(
                            inner,
                            shape[2],
                            shape[3],
                            256 / width,
                            fun inner taps ->
                                let nest scope env body =
                                    statements.Sequential(
                                        scope,
                                        "column",
                                        0L,
                                        Bound.Fixed(int64 y.Shape[2]),
                                        fun inner column ->
                                            statements.Around(inner, env, loops, [||], fun inner env _ -> body inner env [| column |])
                                    )

                                let term (body: Scope) env r (c: Address[]) =
                                    values.NeedOf(y.Id, child, env)
                                    let x = [| channel; taps[r].[0]; taps[r].[1]; row; c[0] |]

                                    match context.Storage.TryGetValue y.Id with
                                    | true, storage ->
                                        let from = values.AddressIn(storage, env, [| panel; row; c[0] |]) + within
                                        let factor = values.Read(body, child, env, n.Inputs[1], x)
                                        body.Emitter.Mul(factor, body.Load(storage.Buffer, t, from, true, false))
                                    | _ -> values.Read(body, child, env, n.Inputs[1], x)

                                let start _ = Arithmetic.identity t ReduceOp.Sum

                                let keep (inner: Scope) _ tap value =
                                    let sofar = inner.Load(sums, t, place tap within, false, true)
                                    inner.Emitter.Append(Store(sums, place tap within, inner.Emitter.Add(sofar, value)))

                                statements.ContractBlock(inner, env, n, nest, taps, start, term, keep)
                        )
                )
        )

        match context.Storage.TryGetValue n.Id with
        | false, _ -> ()
        | true, storage ->
            let zero = Address.Of 0L

            statements.Sequential(
                scope,
                "output",
                0L,
                Bound.Fixed(int64 width),
                fun inner output ->
                    let into = values.AddressIn(storage, env, [| first + output; channel; zero; zero |])

                    statements.Lanes(
                        inner,
                        "tap",
                        Bound.Fixed(int64 taps),
                        fun body tap ->
                            let value = body.Load(sums, t, tap * int64 width + output, false, true)
                            body.Emitter.Append(Store(storage.Buffer, into + tap, value))
                    )
            )

        let count = extents |> List.fold (fun acc n -> acc * int64 n) 1L
        let title = $"weights over {frames.Names gone}"
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
                statements.ForEach(scope, env, shape, leading, false, (fun inner env c -> statements.EmitPointwise(inner, items, env, c)))

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
                | Op.Dot _ -> n.Shape.Length >= 2 || (statements.ReducesContiguously n && n.Count > Frames.Chunk)
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
        | Some(Key.Panels indices) -> k.Panels(item, indices, outer)
        | Some(Key.Products node) when panels.ContainsKey nodes[node].Inputs[1] -> k.Products(item, nodes[node], outer)
        | Some(Key.Products node) -> k.Weights(item, nodes[node], outer)
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
                frames.OverElements(
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
                frames.OverPlates(title, [], plates, outer, [ fun scope env -> nests.CopyCarry(scope, item, env, scan, c, source) ])
