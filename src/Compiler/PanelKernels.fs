namespace Inference.Compiler

open System.Collections.Generic
open Inference

/// Where panels lie.
[<RequireQualifiedAccess>]
module internal PanelPlace =
    /// Where a panel begins along its axis: the last one overlaps the one before it rather than reach behind the end.
    let start (scope: Scope, panel: Address, width: int, length: int) : Address =
        if length % width = 0 then
            panel * int64 width
        else
            let e = scope.Emitter

            let start =
                e.Min(Coordinate.operand e (panel * int64 width), e.Int(ScalarType.I32, int64 (length - width)))

            Coordinate.ofOperand start

    /// The indices of the items of a contraction over plates, and those that it contracts.
    let outputsAndGone (context: Context) (n: Node) =
        n.Indices |> Seq.filter (fun i -> context.Roles.Role[i] <> Role.Outer) |> List.ofSeq,
        Graph.eliminated context.Graph context.ScanOf n

/// Kernels around panels: copies of values into them, and the weights of convolutions.
[<Sealed>]
type PanelKernels
    (context: Context, panels: IReadOnlyDictionary<int, Panels>, values: Values, loops: ElementLoops, blocks: Blocks, frames: Frames) =
    let graph = context.Graph
    let nodes = graph.Nodes
    let capacity i = graph.Indices[i].Capacity

    /// Copies of values into panels, a block of lanes at a time.
    member k.Panels(item: Item, indices: int list, outer) =
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

                loops.Around(
                    scope,
                    env,
                    [],
                    counts,
                    fun inner env c ->
                        let elements = Array.updateAt axis (PanelPlace.start (inner, c[axis], width, n.Shape[axis])) c

                        if panels[n.Id].Transposed then
                            k.TransposePanel(inner, child, env, n, width, block, lane, target, elements, c)
                        else
                            loops.Sequential(
                                inner,
                                "row",
                                0L,
                                Bound.Fixed(int64 block),
                                fun body row ->
                                    let env = { env with At = env.At.Add(lane, first + row) }

                                    loops.Lanes(
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

    /// The weights of convolutions over plates: each item multiplies a panel of the outputs, which are lanes, with the windows of one
    /// channel, row by row, each time with some elements of the kernel. Sums over rows are added up in scratch, which keeps errors small.
    member k.Weights(item: Item, n: Node, outer) =
        let outputs, gone = PanelPlace.outputsAndGone context n
        let shape = n.Shape
        let number = LoopVar("item", LoopKind.Sequential)
        let scope = Scope(Emitter(), null, null)
        let width = panels[n.Inputs[0]].Width
        let extents = (outputs |> List.map capacity) @ [ (shape[0] + width - 1) / width; shape[1] ]
        let coordinates = frames.Decode(scope, number, extents)
        let panel, channel = coordinates[outputs.Length], coordinates[outputs.Length + 1]
        let first = PanelPlace.start (scope, panel, width, shape[0])
        let lane = Layouts.laneOf graph context.Roles gone
        let summed = (gone |> List.filter (fun i -> Some i <> lane)) @ Option.toList lane

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

        loops.Lanes(
            scope,
            "output",
            Bound.Fixed(int64 width),
            fun inner within ->
                loops.Sequential(
                    inner,
                    "tap",
                    0L,
                    Bound.Fixed(int64 taps),
                    fun body tap -> body.Emitter.Append(Store(sums, tap * int64 width + within, Arithmetic.identity t ReduceOp.Sum))
                )

                loops.Sequential(
                    inner,
                    "row",
                    0L,
                    Bound.Fixed(int64 y.Shape[1]),
                    fun inner row ->
                        blocks.Taps(
                            inner,
                            shape[2],
                            shape[3],
                            256 / width,
                            fun inner taps ->
                                let nest scope env body =
                                    loops.Sequential(
                                        scope,
                                        "column",
                                        0L,
                                        Bound.Fixed(int64 y.Shape[2]),
                                        fun inner column ->
                                            loops.Around(inner, env, summed, [||], fun inner env _ -> body inner env [| column |])
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

                                blocks.ContractBlock(inner, env, n, nest, taps, start, term, keep)
                        )
                )
        )

        match context.Storage.TryGetValue n.Id with
        | false, _ -> ()
        | true, storage ->
            let zero = Address.Of 0L

            loops.Sequential(
                scope,
                "output",
                0L,
                Bound.Fixed(int64 width),
                fun inner output ->
                    let into = values.AddressIn(storage, env, [| first + output; channel; zero; zero |])

                    loops.Lanes(
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
