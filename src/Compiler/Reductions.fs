namespace Inference.Compiler

open Inference

/// Accumulators, and the terms that go into them.
[<Sealed>]
type Reductions(context: Context, values: Values, loops: ElementLoops) =
    let graph = context.Graph
    let nodes = graph.Nodes
    let zero = Address.Of 0L
    let scalarType (n: Node) = Buffers.ScalarOf n.DType

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

    /// Whether terms lie side by side along the last reduced axis, so that lanes go along it.
    member _.ReducesContiguously(n: Node) =
        let last k (axes: int[]) = axes.Length > 0 && Array.max axes = nodes[n.Inputs[k]].Shape.Length - 1

        match n.Op with
        | Op.Reduce(_, axes, _) -> last 0 axes
        | Op.Dot(_, left, right, _) -> last 0 left && last 1 right && left.Length = 1
        | _ -> false

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

        loops.Around(
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

    /// A reduction or contraction at one coordinate of its result.
    member s.ReduceAt(scope: Scope, item, env: Point, n: Node, outer: Address[]) : Operand =
        let op = s.ReduceOpOf n
        let shape = s.ReducedShape n
        let held = Graph.eliminated graph context.ScanOf n

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

            loops.Around(
                scope,
                env,
                held,
                shape,
                fun inner env coordinates -> s.Add(inner, total, op, s.Term(inner, item, env, n, outer, coordinates))
            )

            Operand.Var total
