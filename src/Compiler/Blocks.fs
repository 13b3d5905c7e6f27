namespace Inference.Compiler

open Inference

/// Contractions and transposed convolutions: elements in blocks, each with an accumulator, so that what they share is loaded once.
[<Sealed>]
type Blocks(context: Context, values: Values, loops: ElementLoops, reductions: Reductions) =
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
    member _.ContractBlock
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
        let op = reductions.ReduceOpOf n

        let totals =
            elements
            |> Array.map (fun c ->
                let total = scope.Emitter.NewVar(scalarType n, env.Vectorised)
                scope.Emitter.Append(Declare(total, start c))
                total)

        nest scope env (fun inner env k -> totals |> Array.iteri (fun r total -> reductions.Add(inner, total, op, term inner env r k)))
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

    /// Blocks of elements along an axis.
    member private _.EmitBlocks(scope: Scope, env: Point, n: Node, axis: int, emit: Scope -> Point -> Address[][] -> unit) =
        let rows = n.Shape[axis]
        // with the vectors of a tile side by side, sixteen accumulators of the widest vectors
        let blockRows = 256 / context.Roles.Tile[env.Lane]

        let block (scope: Scope) env (c: Address[]) (first: Address) count =
            emit scope env (Array.init count (fun r -> Array.updateAt axis (first + Address.Of(int64 r)) c))

        loops.ForEach(
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
                    loops.Sequential(
                        inner,
                        "block",
                        0L,
                        Bound.Fixed(int64 whole),
                        fun body b -> block body env c (b * int64 blockRows) blockRows
                    )

                if rows % blockRows > 0 then
                    block inner env c (Address.Of(int64 (whole * blockRows))) (rows % blockRows)
        )

    /// A contraction whose elements along an axis are computed in blocks.
    member private s.EmitBlocked(scope: Scope, item, env: Point, n: Node, axis: int) =
        let held = Graph.eliminated graph context.ScanOf n
        let reduced = reductions.ReducedShape n
        let nothing = Arithmetic.identity (scalarType n) (reductions.ReduceOpOf n)

        let emit (scope: Scope) (start: Scope -> Point -> Address[] -> Operand) (length: int[]) (first: Address) =
            s.EmitBlocks(
                scope,
                env,
                n,
                axis,
                fun inner env elements ->
                    let term body env r (k: Address[]) =
                        let k = if k.Length = 1 then [| k[0] + first |] else k
                        reductions.Term(body, item, env, n, elements[r], k)

                    let keep scope env c value = loops.Keep(scope, env, n, c, value)
                    let nest scope env body = loops.Around(scope, env, held, length, body)
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

            loops.ForEach(scope, env, n.Shape, None, true, fun inner env c -> loops.Keep(inner, env, n, c, nothing))
            let last = reduced[0] - count * length
            loops.Sequential(scope, "part", 0L, Bound.Fixed(int64 count), fun inner p -> emit inner sofar [| length |] (p * int64 length))

            if last > 0 then
                emit scope sofar [| last |] (Address.Of(int64 (count * length)))

    member s.EmitReduction(scope, item, env: Point, n: Node, leading: Address option) =
        match leading, s.BlockedAxis(env, n) with
        | None, Some axis -> s.EmitBlocked(scope, item, env, n, axis)
        | _ ->
            let byLanes = not env.Vectorised && reductions.ReducesContiguously n

            loops.ForEach(
                scope,
                env,
                n.Shape,
                leading,
                byLanes,
                fun inner env c -> loops.Keep(inner, env, n, c, reductions.ReduceAt(inner, item, env, n, c))
            )

    /// The elements of a kernel, at most some of them at once. Large kernels take their rows in a loop.
    member _.Taps(scope: Scope, rows: int, columns: int, most: int, body: Scope -> Address[][] -> unit) =
        let along n = [| 0 .. n - 1 |] |> Array.map (int64 >> Address.Of)

        let blocks (scope: Scope) (rows: Address[]) =
            let taps = Array.allPairs rows (along columns) |> Array.map (fun (i, j) -> [| i; j |])
            taps |> Array.splitInto ((taps.Length + most - 1) / most) |> Array.iter (body scope)

        if rows * columns <= largestKernel then
            blocks scope (along rows)
        else
            loops.Sequential(scope, "tap", 0L, Bound.Fixed(int64 rows), (fun inner i -> blocks inner [| i |]))

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

            let nest scope env body = loops.Around(scope, env, [], [| y[0] |], body)
            s.ContractBlock(inner, env, n, nest, elements, sofar inner env, term, put)

        loops.ForEach(scope, env, n.Shape, leading, true, (fun inner env c -> put inner env c nothing))
        // what meets one value stands together: its channels stay in the first cache
        let channels = if leading.IsSome then 1 else n.Shape[0]

        loops.ForEach(
            scope,
            env,
            [| y[1]; y[2]; channels |],
            None,
            true,
            fun inner env at ->
                let channel = leading |> Option.defaultValue at[2]
                s.Taps(inner, w[2], w[3], mostTaps, (fun inner taps -> add inner env channel at[0] at[1] taps))
        )
