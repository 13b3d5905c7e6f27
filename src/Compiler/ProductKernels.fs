namespace Inference.Compiler

open System.Collections.Generic
open Inference

/// Where in a kernel of products one panel of each operand stands.
type private Panel =
    {
        /// The number of the panel along each axis of the result, and the first element in it.
        Number: Address[]
        Start: Address[]
    }

/// Contractions over plates of values in panels: a panel of the first operand meets one of the second, whose width is lanes.
[<Sealed>]
type ProductKernels
    (context: Context, panels: IReadOnlyDictionary<int, Panels>, values: Values, loops: ElementLoops, blocks: Blocks, frames: Frames) =
    let graph = context.Graph
    let nodes = graph.Nodes
    let capacity i = graph.Indices[i].Capacity
    let split (n: Node) = nodes[n.Inputs[0]].Shape.Length
    let scalarType (n: Node) = Buffers.ScalarOf n.DType

    /// The axes of the result along which the panels of the first and of the second operand lie.
    let axes (n: Node) = split n - 1, n.Shape.Length - 1

    let widthOf (n: Node) axis =
        let first, last = axes n

        if axis = last then panels[n.Inputs[1]].Width
        elif axis = first then panels[n.Inputs[0]].Width
        else 1

    let counts (n: Node) =
        n.Shape |> Array.mapi (fun axis size -> (size + widthOf n axis - 1) / widthOf n axis)

    /// About so many terms of a product at once: what meets them of both operands stays in the first cache.
    let chunk = 320

    /// The items that a long product is split into, at least, where there are as many panels.
    let fewestItems = 8

    /// The indices of the loops over what is contracted, the lane innermost.
    let summed (gone: int list) =
        let lane = Layouts.laneOf graph context.Roles gone
        (gone |> List.filter (fun i -> Some i <> lane)) @ Option.toList lane

    /// How many turns of the outermost loop one chunk takes; None where all terms make one.
    let turnsOfChunk (gone: int list) : int option =
        match summed gone with
        | outermost :: inner ->
            let within = inner |> List.fold (fun size i -> size * capacity i) 1

            match values.BoundOf outermost with
            | Bound.Fixed turns when int64 within * turns > int64 (2 * chunk) ->
                seq { max 1 (min (int turns) (chunk / within)) .. -1 .. 1 }
                |> Seq.tryFind (fun part -> int turns % part = 0)
                |> Option.filter (fun part -> int64 part < turns)
            | _ -> None
        | [] -> None

    /// How many groups the panels of both operands make, so that what is read from far memory is least: a group of one meets all of a
    /// group of the other.
    let groups rows columns (rowWidth: int) (columnWidth: int) : int * int =
        let most = min fewestItems (rows * columns)

        Seq.allPairs [ 1 .. min rows fewestItems ] [ 1 .. min columns fewestItems ]
        |> Seq.filter (fun (a, b) -> a * b >= most)
        |> Seq.minBy (fun (a, b) -> b * rows * rowWidth + a * columns * columnWidth, a * b)

    /// The sums of one panel by another, as many rows as the first is wide.
    member private _.Block(scope: Scope, child, n: Node, env, panel: Panel, column: Address, nest, start, keep) =
        let first, last = axes n
        let rows = widthOf n first

        let elements =
            Array.init rows (fun r ->
                panel.Start
                |> Array.mapi (fun axis a ->
                    if axis = last then a + column
                    elif axis = first then a + Address.Of(int64 r)
                    else a))

        let term (body: Scope) env r _ =
            let read side (c: Address[]) (within: Address) =
                let id = n.Inputs[side]
                values.NeedOf(id, child, env)

                match context.Storage.TryGetValue id with
                | true, storage ->
                    let t = scalarType nodes[id]
                    body.Load(storage.Buffer, t, values.AddressIn(storage, env, c) + within, true, false)
                | _ -> body.Emitter.Lit(scalarType nodes[id], 0.0)

            let a = read 0 (Array.take (split n) panel.Number) (Address.Of(int64 r))
            let b = read 1 (Array.skip (split n) panel.Number) column
            body.Emitter.Mul(a, b)

        blocks.ContractBlock(scope, env, n, nest, elements, start, term, keep)

    /// One item for each pair of panels.
    member private k.Short(scope: Scope, number: LoopVar, child: Item, n: Node, outputs: int list, gone: int list, outer) =
        let first, last = axes n
        let counts = counts n

        // what meets one panel of the second stands together: that panel stays in the cache
        let order =
            [ 0..last ]
            |> List.sortBy (fun axis ->
                if axis = first then 2
                elif axis = last then 1
                else 0)

        let extents = (outputs |> List.map capacity) @ (order |> List.map (fun axis -> counts[axis]))
        let coordinates = frames.Decode(scope, number, extents)

        let at =
            List.zip outputs (List.take outputs.Length coordinates)
            |> List.fold (fun m (i, a) -> Map.add i a m) outer

        let panel =
            let number =
                Array.init n.Shape.Length (fun axis -> coordinates[outputs.Length + List.findIndex ((=) axis) order])

            {
                Number = number
                Start = number |> Array.mapi (fun axis a -> PanelPlace.start (scope, a, widthOf n axis, n.Shape[axis]))
            }

        loops.Lanes(
            scope,
            "column",
            Bound.Fixed(int64 (widthOf n last)),
            fun inner column ->
                let env = { frames.Start at with Vectorised = true }
                let nest scope env body = loops.Around(scope, env, summed gone, [||], body)
                let keep scope env c value = loops.Keep(scope, env, n, c, value)
                k.Block(inner, child, n, env, panel, column, nest, (fun _ -> Arithmetic.identity (scalarType n) ReduceOp.Sum), keep)
        )

        extents

    /// Products of many terms, a chunk of them at a time: an item takes some panels of each operand, and its sums lie in scratch
    /// meanwhile. Terms are added in the same order as all at once.
    member private k.Long(scope: Scope, number: LoopVar, child: Item, n: Node, outputs: int list, gone: int list, turns: int, outer) =
        let first, last = axes n
        let counts, t = counts n, scalarType n
        let height, width = widthOf n first, widthOf n last
        let byRow, byColumn = groups counts[first] counts[last] height width
        let others = [ 0..last ] |> List.filter (fun axis -> axis <> first && axis <> last)

        let extents =
            (outputs |> List.map capacity)
            @ (others |> List.map (fun axis -> counts[axis]))
            @ [ byColumn; byRow ]

        let coordinates = frames.Decode(scope, number, extents)

        let at =
            List.zip outputs (List.take outputs.Length coordinates)
            |> List.fold (fun m (i, a) -> Map.add i a m) outer

        let e = scope.Emitter

        /// The first panel of a group and how many there are in it.
        let range (group: Address) groups count =
            let border (g: Address) =
                e.Op(Arith.Div, Coordinate.operand e (g * int64 count), e.Int(ScalarType.I32, int64 groups))

            let from = border group

            let size =
                match e.Sub(border (group + Address.Of 1L), from) with
                | Operand.Var v -> Bound.Computed v
                | known -> Bound.Fixed (Coordinate.ofOperand known).Constant

            Coordinate.ofOperand from, size

        let fromRow, rows = range coordinates[coordinates.Length - 1] byRow counts[first]
        let fromColumn, columns = range coordinates[coordinates.Length - 2] byColumn counts[last]
        let most count groups = (count + groups - 1) / groups

        let sums =
            context.Buffers.Add
                {
                    Name = $"sums of n{n.Id}"
                    Type = t
                    Elements = int64 (most counts[first] byRow * most counts[last] byColumn * height * width)
                    Slack = 64L
                    Kind = BufferKind.Temporary
                    Scratch = true
                    Initial = null
                }

        /// All pairs of panels of an item: `emit` gets each pair and where its sums lie.
        let pairs (scope: Scope) emit =
            loops.Sequential(
                scope,
                "right",
                0L,
                columns,
                fun inner b ->
                    loops.Sequential(
                        inner,
                        "left",
                        0L,
                        rows,
                        fun inner a ->
                            let number =
                                Array.init n.Shape.Length (fun axis ->
                                    if axis = first then fromRow + a
                                    elif axis = last then fromColumn + b
                                    else coordinates[outputs.Length + List.findIndex ((=) axis) others])

                            let start =
                                number |> Array.mapi (fun axis c -> PanelPlace.start (inner, c, widthOf n axis, n.Shape[axis]))

                            emit
                                inner
                                { Number = number; Start = start }
                                ((b * int64 (most counts[first] byRow) + a) * int64 (height * width))
                    )
            )

        let lanes (scope: Scope) body = loops.Lanes(scope, "column", Bound.Fixed(int64 width), body)
        let env = { frames.Start at with Vectorised = true }

        let zero =
            fun (inner: Scope) _ (place: Address) ->
                loops.Sequential(
                    inner,
                    "row",
                    0L,
                    Bound.Fixed(int64 height),
                    fun inner r ->
                        lanes inner (fun body column ->
                            body.Emitter.Append(Store(sums, place + r * int64 width + column, Arithmetic.identity t ReduceOp.Sum)))
                )

        let outermost, within = List.head (summed gone), List.tail (summed gone)

        let addPart (part: Address) (inner: Scope) (panel: Panel) (place: Address) =
            lanes inner (fun body column ->
                let nest (scope: Scope) (env: Point) emit =
                    loops.Sequential(
                        scope,
                        "turn",
                        0L,
                        Bound.Fixed(int64 turns),
                        fun inner turn ->
                            let position = part * int64 turns + turn

                            let env =
                                { env with
                                    At = env.At.Add(outermost, position)
                                    Rebound = env.Rebound.Add outermost
                                }

                            loops.Around(inner, env, within, [||], emit)
                    )

                let placeOf (c: Address[]) = place + (c[first] + panel.Start[first] * -1L) * int64 width + column
                let start c = body.Load(sums, t, placeOf c, false, true)
                let keep (scope: Scope) _ c value = scope.Emitter.Append(Store(sums, placeOf c, value))
                k.Block(body, child, n, env, panel, column, nest, start, keep))

        let finish (inner: Scope) (panel: Panel) (place: Address) =
            match context.Storage.TryGetValue n.Id with
            | false, _ -> ()
            | true, storage ->
                loops.Sequential(
                    inner,
                    "row",
                    0L,
                    Bound.Fixed(int64 height),
                    fun inner r ->
                        let c = panel.Start |> Array.mapi (fun axis start -> if axis = first then start + r else start)

                        let into = values.AddressIn(storage, env, c)

                        lanes inner (fun body column ->
                            let value = body.Load(sums, t, place + r * int64 width + column, false, true)
                            body.Emitter.Append(Store(storage.Buffer, into + column, value)))
                )

        let parts = int64 (capacity outermost / turns)
        pairs scope zero
        loops.Sequential(scope, "part", 0L, Bound.Fixed parts, (fun inner part -> pairs inner (addPart part)))
        pairs scope finish
        extents

    /// The kernel of one contraction.
    member k.Product(item: Item, n: Node, outer) =
        let number = LoopVar("item", LoopKind.Sequential)
        let scope = Scope(Emitter(), null, null)
        let outputs, gone = PanelPlace.outputsAndGone context n
        let child = item.Children[0]

        let extents =
            match turnsOfChunk gone with
            | Some turns -> k.Long(scope, number, child, n, outputs, gone, turns, outer)
            | None -> k.Short(scope, number, child, n, outputs, gone, outer)

        let count = extents |> List.fold (fun acc n -> acc * int64 n) 1L
        let title = $"products over {frames.Names gone}"
        frames.Finish(title, Describe.nest graph 0 item, number, scope, { frames.Step StepKind.Kernel with Count = count })
