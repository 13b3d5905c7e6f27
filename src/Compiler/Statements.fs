namespace Inference.Compiler

open System.Collections.Generic
open Inference

/// Emits the statements of single nodes: loops over their elements, accumulators, stores.
[<Sealed>]
type Statements(context: Context, values: Values) =
    let graph = context.Graph
    let nodes = graph.Nodes
    let zero = Address.Of 0L
    let scalarType (n: Node) = Buffers.ScalarOf n.DType

    /// The most products of one element that are taken at once.
    let longestPart = 256

    /// The most elements of a kernel that a transposed convolution takes at once: with two vectors of a tile side by side, sixteen
    /// accumulators.
    let mostTaps = 8

    /// The most elements of a kernel whose rows are not a loop.
    let largestKernel = 64

    /// An axis shorter than this is not worth vectorising by itself.
    let shortAxis = 8

    member _.Sequential(scope: Scope, name, from: int64, upTo, body: Scope -> Address -> unit) =
        let variable = LoopVar(name, LoopKind.Sequential)
        values.Runs(variable, from, upTo)
        let inner = scope.Nested variable
        body inner (Address.Of variable)

        scope.Emitter.Append(
            Statement.Loop
                {
                    Variable = variable
                    From = from
                    To = upTo
                    Step = 1L
                    Body = inner.Emitter.Statements
                }
        )

    member _.Lanes(scope: Scope, name, count, body: Scope -> Address -> unit) =
        let variable = LoopVar(name, LoopKind.Lane)
        values.Runs(variable, 0L, count)
        let inner = scope.Nested variable
        body inner (Address.Of variable)

        scope.Emitter.Append(
            Statement.Loop
                {
                    Variable = variable
                    From = 0L
                    To = count
                    Step = 1L
                    Body = inner.Emitter.Statements
                }
        )

    /// Every coordinate of a shape: unrolled if there are few, in loops otherwise. Where no plate is lanes, the last axis is,
    /// unless `sequential`. `leading` fixes the first coordinate.
    member s.ForEach
        (scope: Scope, env: Point, shape: int[], leading: Address option, sequential, body: Scope -> Point -> Address[] -> unit)
        =
        let free = if leading.IsSome then Array.tail shape else shape
        let start = Option.toArray leading

        let rec loops (scope: Scope) (env: Point) axis (coordinates: Address[]) =
            if axis = shape.Length then
                body scope env coordinates
            else
                let step inner env (a: Address) = loops inner env (axis + 1) (Array.append coordinates [| a |])

                if shape[axis] = 1 then
                    step scope env zero
                elif axis = shape.Length - 1 && shape[axis] >= shortAxis && not env.Vectorised && not sequential then
                    s.Lanes(scope, $"e{axis}", Bound.Fixed(int64 shape[axis]), fun inner a -> step inner { env with Vectorised = true } a)
                else
                    s.Sequential(scope, $"e{axis}", 0L, Bound.Fixed(int64 shape[axis]), fun inner a -> step inner env a)

        if Build.size free <= Strategy.unrolled then
            for flat in 0 .. Build.size free - 1 do
                let at = Coordinate.unflatten scope.Emitter free (Address.Of(int64 flat))
                body scope env (Array.append start at)
        else
            loops scope env start.Length start

    /// Every coordinate of a shape that some nodes have, in loops that are parted where what the nodes read changes.
    member s.ForEachPart(scope: Scope, env: Point, ofNodes: int list, body: Scope -> Point -> Address[] -> unit) =
        let shape = nodes[ofNodes.Head].Shape

        match Borders.parts graph context.Schedule.Strategies ofNodes with
        | Some(axis, borders) when Build.size shape > Strategy.unrolled ->
            for first, last in List.pairwise borders do
                let shift (c: Address[]) = Array.updateAt axis (c[axis] + Address.Of(int64 first)) c
                let part = Array.updateAt axis (last - first) shape
                s.ForEach(scope, env, part, None, false, (fun inner env c -> body inner env (shift c)))
        | _ -> s.ForEach(scope, env, shape, None, false, body)

    /// Keeps a value: in a register if its place is known now, in memory if anyone needs it there.
    member _.Keep(scope: Scope, env: Point, n: Node, coordinates: Address[], value: Operand) =
        let flat = Coordinate.flatten n.Shape coordinates

        match flat.TryConstant with
        | Some f -> scope.Remember(n.Id, int f, value)
        | None -> ()

        match context.Storage.TryGetValue n.Id with
        | true, storage -> scope.Emitter.Append(Store(storage.Buffer, values.AddressIn(storage, env, coordinates), value))
        | _ -> ()

    /// Folds values that `each` produces, one call a term, into a variable.
    member _.Accumulate(scope: Scope, env: Point, t: ScalarType, op: ReduceOp) =
        let variable = scope.Emitter.NewVar(t, env.Vectorised)
        scope.Emitter.Append(Declare(variable, Arithmetic.identity t op))
        variable

    member _.Add(scope: Scope, variable: Var, op: ReduceOp, value: Operand) =
        let e = scope.Emitter
        let now = Operand.Var variable

        match op, e.ProductOf value with
        | ReduceOp.Sum, Some(p, q) -> e.Update(variable, Arith.Fma, p, q, now)
        | ReduceOp.Sum, None -> e.Update(variable, Arith.Add, now, value)
        | ReduceOp.Product, _ -> e.Update(variable, Arith.Mul, now, value)
        // a NaN term is passed over, in any order
        | ReduceOp.Max, _ -> e.Update(variable, Arith.Max, value, now)
        | ReduceOp.Min, _ -> e.Update(variable, Arith.Min, value, now)

    /// Coordinates of an operand: those of the result with those of the reduced axes put in.
    member _.Merge(rank: int, reduced: int[], outer: Address[], inner: Address[]) =
        let result = Array.create rank zero
        let mutable k = 0

        for a in 0 .. rank - 1 do
            match System.Array.IndexOf(reduced, a) with
            | -1 ->
                result[a] <- outer[k]
                k <- k + 1
            | at -> result[a] <- inner[at]

        result

    /// The term of a reduction or contraction at coordinates of its result and of its reduced axes.
    member s.Term(scope: Scope, item, env, n: Node, outer: Address[], inner: Address[]) : Operand =
        let read k coordinates = values.Read(scope, item, env, n.Inputs[k], coordinates)
        let rank k = nodes[n.Inputs[k]].Shape.Length

        match n.Op with
        | Op.Reduce(_, axes, _) -> read 0 (s.Merge(rank 0, axes, outer, inner))
        | Op.Dot(_, left, right, _) ->
            let split = rank 0 - left.Length
            let a = read 0 (s.Merge(rank 0, left, Array.take split outer, inner))
            let b = read 1 (s.Merge(rank 1, right, Array.skip split outer, inner))
            scope.Emitter.Mul(a, b)
        | _ -> invalidOp "Only reductions and contractions have terms."

    member _.ReducedShape(n: Node) =
        let shape = nodes[n.Inputs[0]].Shape

        match n.Op with
        | Op.Reduce(_, axes, _) -> axes |> Array.map (fun a -> shape[a])
        | Op.Dot(_, left, _, _) -> left |> Array.map (fun a -> shape[a])
        | _ -> [||]

    member _.ReduceOpOf(n: Node) =
        match n.Op with
        | Op.Reduce(op, _, _) -> op
        | _ -> ReduceOp.Sum

    /// Loops over indices one after another, then over axes, calling `body` at each point.
    member s.Around(scope: Scope, env: Point, indices: int list, shape: int[], body: Scope -> Point -> Address[] -> unit) =
        match indices with
        | [] -> s.ForEach(scope, env, shape, None, true, body)
        | i :: rest ->
            s.Sequential(
                scope,
                $"r{i}",
                0L,
                values.BoundOf i,
                fun inner a -> s.Around(inner, { env with At = env.At.Add(i, a); Rebound = env.Rebound.Add i }, rest, shape, body)
            )

    /// Whether terms lie side by side along the last reduced axis, so that lanes go along it.
    member _.ReducesContiguously(n: Node) =
        let last k (axes: int[]) = axes.Length > 0 && Array.max axes = nodes[n.Inputs[k]].Shape.Length - 1

        match n.Op with
        | Op.Reduce(_, axes, _) -> last 0 axes
        | Op.Dot(_, left, right, _) -> last 0 left && last 1 right && left.Length = 1
        | _ -> false

    /// A reduction along its last axis by lanes; for places where no plate is lanes.
    member s.ReduceByLanes(scope: Scope, item, env: Point, n: Node, outer: Address[]) : Operand =
        let op, t, shape = s.ReduceOpOf n, scalarType n, s.ReducedShape n
        let total = scope.Emitter.NewVar(t, false)
        scope.Emitter.Append(Declare(total, Arithmetic.identity t op))

        let axes =
            match n.Op with
            | Op.Reduce(_, a, _) -> a
            | Op.Dot(_, l, _, _) -> l
            | _ -> [||]

        let lastAxis = System.Array.IndexOf(axes, Array.max axes)

        s.Around(
            scope,
            { env with Vectorised = true },
            [],
            Array.updateAt lastAxis 1 shape,
            fun inner env coordinates ->
                let variable = LoopVar("l", LoopKind.Lane)
                let body = inner.Nested variable
                let term = s.Term(body, item, env, n, outer, Array.updateAt lastAxis (Address.Of variable) coordinates)
                let part = s.LaneReduction(inner, [], body, variable, Bound.Fixed(int64 shape[lastAxis]), [ op, term ])
                s.Add(inner, total, op, Operand.Var part[0])
        )

        Operand.Var total

    /// Appends a lane reduction of terms computed in `body`. `around` are the loops between the scope and the body, with the scopes
    /// of what stands in each.
    member _.LaneReduction
        (scope: Scope, around: (LoopVar * Bound * Scope) list, body: Scope, lane, count, terms: (ReduceOp * Operand) list)
        : Var[] =
        let results = terms |> List.map (fun (_, v) -> scope.Emitter.NewVar(v.Type, false))

        let laneTerm (op, value: Operand) result =
            let value, factor =
                match op, body.Emitter.ProductOf value with
                | ReduceOp.Sum, Some(p, q) -> p, Some q
                | _ -> value, None

            {
                Combine = Arithmetic.combine op
                Identity = Arithmetic.identity value.Type op
                Value = value
                Factor = factor
                Result = result
            }

        scope.Emitter.Append(
            ReduceLanes
                {
                    Around =
                        around
                        |> List.map (fun (v, bound, inner) ->
                            {
                                Variable = v
                                From = 0L
                                To = bound
                                Step = 1L
                                Body = inner.Emitter.Statements
                            })
                    Lane = lane
                    Count = count
                    LaneBody = body.Emitter.Statements
                    Terms = List.map2 laneTerm terms results
                }
        )

        Array.ofList results

    /// Nested loops over indices and over the axes of a shape, for a reduction that runs through all of them: the loops, the scope and
    /// the point inside, and the coordinates along the axes.
    member _.Nest(scope: Scope, env: Point, indices: int list, shape: int[]) =
        let loops =
            (indices |> List.map (fun i -> Some i, values.BoundOf i))
            @ (shape |> Array.map (fun n -> None, Bound.Fixed(int64 n)) |> List.ofArray)

        let folder (around, scope: Scope, env: Point, coordinates) (index, bound) =
            match index, bound with
            | None, Bound.Fixed 1L -> around, scope, env, coordinates @ [ zero ]
            | _ ->
                let variable = LoopVar("r", LoopKind.Sequential)
                let inner = scope.Nested variable
                let around = around @ [ variable, bound, inner ]

                match index with
                | Some i ->
                    let env =
                        { env with
                            At = env.At.Add(i, Address.Of variable)
                            Rebound = env.Rebound.Add i
                        }

                    around, inner, env, coordinates
                | None -> around, inner, env, coordinates @ [ Address.Of variable ]

        let around, inner, env, coordinates = List.fold folder ([], scope, env, []) loops
        around, inner, env, Array.ofList coordinates

    /// A reduction or contraction at one coordinate of its result.
    member s.ReduceAt(scope: Scope, item, env: Point, n: Node, outer: Address[]) : Operand =
        let op = s.ReduceOpOf n
        let shape = s.ReducedShape n
        let held = Roles.eliminated graph context.ScanOf n

        let lanesAlong =
            not env.Vectorised
            && s.ReducesContiguously n
            && shape.Length > 0
            && Array.last shape >= 16
            && held.IsEmpty

        if lanesAlong then
            s.ReduceByLanes(scope, item, env, n, outer)
        else
            let total = s.Accumulate(scope, env, scalarType n, op)

            s.Around(
                scope,
                env,
                held,
                shape,
                fun inner env coordinates -> s.Add(inner, total, op, s.Term(inner, item, env, n, outer, coordinates))
            )

            Operand.Var total

    /// The axis of a contraction's result along which several elements are computed at once, each with an accumulator, so that what
    /// they share is loaded once: an axis of the operand that is the same in all lanes.
    member _.BlockedAxis(env: Point, n: Node) : int option =
        match n.Op with
        | Op.Dot(Semiring.SumProduct, left, right, _) when env.Lane >= 0 ->
            let rest k = nodes[n.Inputs[k]].Shape.Length - left.Length
            let isUniform k = not (Array.contains env.Lane nodes[n.Inputs[k]].Indices)

            if isUniform 0 && rest 0 > 0 then Some(rest 0 - 1)
            elif isUniform 1 && rest 1 > 0 then Some(n.Shape.Length - 1)
            else None
        | _ -> None

    /// Elements of a contraction that are computed at once, each with an accumulator. `term` gives a product: of which element, at
    /// which coordinates of the loops that `nest` makes. `keep` takes what comes of an element.
    member s.ContractBlock
        (
            scope: Scope,
            env: Point,
            n: Node,
            nest: Scope -> Point -> (Scope -> Point -> Address[] -> unit) -> unit,
            elements: Address[][],
            start: Address[] -> Operand,
            term: Scope -> Point -> int -> Address[] -> Operand,
            keep: Scope -> Point -> Address[] -> Operand -> unit
        ) =
        let op = s.ReduceOpOf n

        let totals =
            elements
            |> Array.map (fun c ->
                let total = scope.Emitter.NewVar(scalarType n, env.Vectorised)
                scope.Emitter.Append(Declare(total, start c))
                total)

        nest scope env (fun inner env k -> totals |> Array.iteri (fun r total -> s.Add(inner, total, op, term inner env r k)))
        Array.iter2 (fun c total -> keep scope env c (Operand.Var total)) elements totals

    /// Long contractions are taken in parts, all elements a part: what the lanes hold of one part stays in the first cache. The number
    /// of parts, and their length; what is left is one more.
    member private _.Parts(n: Node, reduced: int[]) : (int * int) option =
        match reduced with
        | [| length |] when length > longestPart * 5 / 4 && n.Count > Strategy.unrolled ->
            let fewest = (length + longestPart - 1) / longestPart

            let even = [ fewest .. 2 * fewest ] |> List.tryFind (fun count -> length % count = 0)
            let count = even |> Option.defaultValue fewest
            Some(count, length / count)
        | _ -> None

    /// A contraction whose elements along an axis are computed in blocks.
    member private s.EmitBlocked(scope: Scope, item, env: Point, n: Node, axis: int) =
        let held = Roles.eliminated graph context.ScanOf n
        let reduced = s.ReducedShape n
        let nothing = Arithmetic.identity (scalarType n) (s.ReduceOpOf n)

        let emit (scope: Scope) (start: Scope -> Point -> Address[] -> Operand) (length: int[]) (first: Address) =
            s.EmitBlocks(
                scope,
                env,
                n,
                axis,
                fun inner env elements ->
                    let term body env r (k: Address[]) =
                        let k = if k.Length = 1 then [| k[0] + first |] else k
                        s.Term(body, item, env, n, elements[r], k)

                    let keep scope env c value = s.Keep(scope, env, n, c, value)
                    let nest scope env body = s.Around(scope, env, held, length, body)
                    s.ContractBlock(inner, env, n, nest, elements, start inner env, term, keep)
            )

        match s.Parts(n, reduced) with
        | None -> emit scope (fun _ _ _ -> nothing) reduced zero
        | Some(count, length) ->
            values.NeedOf(n.Id, item, env)

            let sofar (inner: Scope) env c =
                match context.Storage.TryGetValue n.Id with
                | true, storage -> values.LoadFrom(inner, storage, env, c, false, true)
                | _ -> nothing

            s.ForEach(scope, env, n.Shape, None, true, fun inner env c -> s.Keep(inner, env, n, c, nothing))
            let last = reduced[0] - count * length
            s.Sequential(scope, "part", 0L, Bound.Fixed(int64 count), fun inner p -> emit inner sofar [| length |] (p * int64 length))

            if last > 0 then
                emit scope sofar [| last |] (Address.Of(int64 (count * length)))

    /// Blocks of elements along an axis.
    member private s.EmitBlocks(scope: Scope, env: Point, n: Node, axis: int, emit: Scope -> Point -> Address[][] -> unit) =
        let rows = n.Shape[axis]
        // with the vectors of a tile side by side, sixteen accumulators of the widest vectors
        let blockRows = 256 / context.Roles.Tile[env.Lane]

        let block (scope: Scope) env (c: Address[]) (first: Address) count =
            emit scope env (Array.init count (fun r -> Array.updateAt axis (first + Address.Of(int64 r)) c))

        s.ForEach(
            scope,
            env,
            Array.updateAt axis 1 n.Shape,
            None,
            true,
            fun inner env c ->
                let whole = rows / blockRows

                if n.Count <= Strategy.unrolled then
                    for b in 0 .. whole - 1 do
                        block inner env c (Address.Of(int64 (b * blockRows))) blockRows
                elif whole > 0 then
                    s.Sequential(
                        inner,
                        "block",
                        0L,
                        Bound.Fixed(int64 whole),
                        fun body b -> block body env c (b * int64 blockRows) blockRows
                    )

                if rows % blockRows > 0 then
                    block inner env c (Address.Of(int64 (whole * blockRows))) (rows % blockRows)
        )

    member s.EmitReduction(scope, item, env: Point, n: Node, leading: Address option) =
        match leading, s.BlockedAxis(env, n) with
        | None, Some axis -> s.EmitBlocked(scope, item, env, n, axis)
        | _ ->
            let byLanes = not env.Vectorised && s.ReducesContiguously n

            s.ForEach(
                scope,
                env,
                n.Shape,
                leading,
                byLanes,
                fun inner env c -> s.Keep(inner, env, n, c, s.ReduceAt(inner, item, env, n, c))
            )

    /// Whether a value's elements lie in one row like those of all that it is computed from: then one coordinate may run through
    /// several axes.
    member s.IsRow(n: Node) : bool =
        n.Indices.Length = 0
        && Strategy.isElementwise n.Op
        && n.Inputs
           |> Array.forall (fun i ->
               let operand = nodes[i]

               match operand.Op with
               | Op.Constant [| _ |] -> true
               | Op.Broadcast axes when context.Schedule.Strategies[i] = Strategy.Inline -> Array.forall (fun a -> a < 0) axes
               | Op.Constant _
               | Op.Input _ -> operand.Shape = n.Shape
               | _ when operand.Shape <> n.Shape || operand.Indices.Length > 0 -> false
               | _ -> context.Schedule.Strategies[i] = Strategy.Placed || s.IsRow operand)

    member s.EmitElementwise(scope: Scope, item, env: Point, n: Node, leading: Address option) =
        let rank = n.Shape.Length

        // short axes make one that is worth lanes
        let shape =
            if rank > 2 && n.Count > 0 && s.IsRow n then
                Array.init rank (fun a ->
                    if a = 0 then n.Shape[0]
                    elif a = rank - 1 then n.Count / n.Shape[0]
                    else 1)
            else
                n.Shape

        let emit (inner: Scope) (env: Point) (c: Address[]) =
            let value =
                if Strategy.isElementwise n.Op then
                    values.Elementwise(inner, n, (fun k -> values.Read(inner, item, env, n.Inputs[k], c)))
                else
                    // a copy of what is viewed
                    values.View(inner, item, env, n, c)

            s.Keep(inner, env, n, c, value)

        if leading.IsNone && shape = n.Shape then
            s.ForEachPart(scope, env, [ n.Id ], emit)
        else
            s.ForEach(scope, env, shape, leading, false, emit)

    /// Values of one shape, element by element: what one reads of another is in a register.
    member _.EmitPointwise(scope: Scope, items: (Item * Node) seq, env: Point, c: Address[]) =
        for item, n in items do
            let value = values.Elementwise(scope, n, (fun k -> values.Read(scope, item, env, n.Inputs[k], c)))
            scope.RememberAt(n.Id, c, value)

            match context.Storage.TryGetValue n.Id with
            | true, storage -> scope.Emitter.Append(Store(storage.Buffer, values.AddressIn(storage, env, c), value))
            | _ -> ()

    /// The elements of a kernel, at most some of them at once. Large kernels take their rows in a loop.
    member s.Taps(scope: Scope, rows: int, columns: int, most: int, body: Scope -> Address[][] -> unit) =
        let along n = [| 0 .. n - 1 |] |> Array.map (int64 >> Address.Of)

        let blocks (scope: Scope) (rows: Address[]) =
            let taps = Array.allPairs rows (along columns) |> Array.map (fun (i, j) -> [| i; j |])
            taps |> Array.splitInto ((taps.Length + most - 1) / most) |> Array.iter (body scope)

        if rows * columns <= largestKernel then
            blocks scope (along rows)
        else
            s.Sequential(scope, "tap", 0L, Bound.Fixed(int64 rows), (fun inner i -> blocks inner [| i |]))

    /// A transposed convolution: the products of each value with the kernel are added to where the kernel lies over the result, some
    /// of its elements at once, each with an accumulator. No product is with a zero.
    member s.EmitTransposedConvolution(scope, item, env: Point, n: Node, stride, leading: Address option) =
        let y, w = nodes[n.Inputs[0]].Shape, nodes[n.Inputs[1]].Shape
        let nothing = Arithmetic.identity (scalarType n) ReduceOp.Sum
        values.NeedOf(n.Id, item, env)

        let put (inner: Scope) env c value =
            match context.Storage.TryGetValue n.Id with
            | true, storage -> inner.Emitter.Append(Store(storage.Buffer, values.AddressIn(storage, env, c), value))
            | _ -> ()

        let sofar (inner: Scope) env c =
            match context.Storage.TryGetValue n.Id with
            | true, storage -> values.LoadFrom(inner, storage, env, c, false, true)
            | _ -> nothing

        let add (inner: Scope) env (channel: Address) (row: Address) (column: Address) (taps: Address[][]) =
            let elements =
                taps
                |> Array.map (fun tap -> [| channel; row * int64 stride + tap[0]; column * int64 stride + tap[1] |])

            let term (body: Scope) env r (k: Address[]) =
                let weight = values.Read(body, item, env, n.Inputs[1], [| k[0]; channel; taps[r].[0]; taps[r].[1] |])
                body.Emitter.Mul(weight, values.Read(body, item, env, n.Inputs[0], [| k[0]; row; column |]))

            let nest scope env body = s.Around(scope, env, [], [| y[0] |], body)
            s.ContractBlock(inner, env, n, nest, elements, sofar inner env, term, put)

        s.ForEach(scope, env, n.Shape, leading, true, (fun inner env c -> put inner env c nothing))
        // what meets one value stands together: its channels stay in the first cache
        let channels = if leading.IsSome then 1 else n.Shape[0]

        s.ForEach(
            scope,
            env,
            [| y[1]; y[2]; channels |],
            None,
            true,
            fun inner env at ->
                let channel = leading |> Option.defaultValue at[2]
                s.Taps(inner, w[2], w[3], mostTaps, (fun inner taps -> add inner env channel at[0] at[1] taps))
        )

    /// The first position of the largest value along an axis.
    member s.EmitArgMax(scope, item, env, n: Node, axis) =
        let length = nodes[n.Inputs[0]].Shape[axis]

        s.ForEach(
            scope,
            env,
            n.Shape,
            None,
            false,
            fun inner env c ->
                let e = inner.Emitter
                let read (scope: Scope) at = values.Read(scope, item, env, n.Inputs[0], Array.insertAt axis at c)
                let first = read inner zero
                let best = e.NewVar(first.Type, env.Vectorised)
                let where = e.NewVar(ScalarType.I32, env.Vectorised)
                e.Append(Declare(best, first))
                e.Append(Declare(where, e.Int(ScalarType.I32, 0L)))

                s.Sequential(
                    inner,
                    "k",
                    1L,
                    Bound.Fixed(int64 length),
                    fun body at ->
                        let b = body.Emitter
                        let value = read body at
                        let now, place = b.Copy best, b.Copy where
                        let better = b.Less(now, value)
                        b.Append(Assign(best, b.Select(better, value, now)))
                        b.Append(Assign(where, b.Select(better, Coordinate.operand b at, place)))
                )

                s.Keep(inner, env, n, c, e.Copy where)
        )

    member s.EmitCumSum(scope, item, env, n: Node, axis) =
        values.NeedOf(n.Id, item, env)

        s.ForEach(
            scope,
            env,
            Array.removeAt axis n.Shape,
            None,
            false,
            fun inner env c ->
                let total = s.Accumulate(inner, env, scalarType n, ReduceOp.Sum)

                s.Sequential(
                    inner,
                    "k",
                    0L,
                    Bound.Fixed(int64 n.Shape[axis]),
                    fun body at ->
                        let place = Array.insertAt axis at c
                        s.Add(body, total, ReduceOp.Sum, values.Read(body, item, env, n.Inputs[0], place))
                        s.Keep(body, env, n, place, body.Emitter.Copy total)
                )
        )
