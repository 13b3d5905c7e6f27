namespace Inference.Compiler

open Inference

/// Emits the statements of single nodes that are no contractions.
[<Sealed>]
type Statements(context: Context, values: Values, loops: ElementLoops, reductions: Reductions) =
    let graph = context.Graph
    let nodes = graph.Nodes
    let zero = Address.Of 0L
    let scalarType (n: Node) = Buffers.ScalarOf n.DType

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

            loops.Keep(inner, env, n, c, value)

        if leading.IsNone && shape = n.Shape then
            loops.ForEachPart(scope, env, [ n.Id ], emit)
        else
            loops.ForEach(scope, env, shape, leading, false, emit)

    /// Values of one shape, element by element: what one reads of another is in a register.
    member _.EmitPointwise(scope: Scope, items: (Item * Node) seq, env: Point, c: Address[]) =
        for item, n in items do
            let value = values.Elementwise(scope, n, (fun k -> values.Read(scope, item, env, n.Inputs[k], c)))
            scope.RememberAt(n.Id, c, value)

            match context.Storage.TryGetValue n.Id with
            | true, storage -> scope.Emitter.Append(Store(storage.Buffer, values.AddressIn(storage, env, c), value))
            | _ -> ()

    /// The first position of the largest value along an axis.
    member _.EmitArgMax(scope, item, env, n: Node, axis) =
        let length = nodes[n.Inputs[0]].Shape[axis]

        loops.ForEach(
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

                loops.Sequential(
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

                loops.Keep(inner, env, n, c, e.Copy where)
        )

    member _.EmitCumSum(scope, item, env, n: Node, axis) =
        values.NeedOf(n.Id, item, env)

        loops.ForEach(
            scope,
            env,
            Array.removeAt axis n.Shape,
            None,
            false,
            fun inner env c ->
                let total = reductions.Accumulate(inner, env, scalarType n, ReduceOp.Sum)

                loops.Sequential(
                    inner,
                    "k",
                    0L,
                    Bound.Fixed(int64 n.Shape[axis]),
                    fun body at ->
                        let place = Array.insertAt axis at c
                        reductions.Add(body, total, ReduceOp.Sum, values.Read(body, item, env, n.Inputs[0], place))
                        loops.Keep(body, env, n, place, body.Emitter.Copy total)
                )
        )
