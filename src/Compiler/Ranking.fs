namespace Inference.Compiler

open Inference

/// Emits order statistics and updates at computed positions. Their conditions are on single values, so a kernel that has them
/// under lanes is printed without vectors.
[<Sealed>]
type Ranking(context: Context, values: Values, loops: ElementLoops, reductions: Reductions) =
    let nodes = context.Graph.Nodes
    let i32 (e: Emitter) v = e.Int(ScalarType.I32, int64 v)

    let signBit (t: ScalarType) = if t = ScalarType.F64 then System.Int64.MinValue else 0x80000000L

    /// A whole number that orders as the value does; NaN is below everything.
    let ordered (e: Emitter) (x: Operand) : Operand =
        let wide = x.Type = ScalarType.F64
        let unsigned = if wide then ScalarType.U64 else ScalarType.U32

        match x.Type with
        | ScalarType.F32
        | ScalarType.F64 ->
            let bits = e.Bits(x, unsigned)
            let signed = e.Bits(x, (if wide then ScalarType.I64 else ScalarType.I32))
            let spread = e.Bits(e.ShiftRight(signed, (if wide then 63 else 31)), unsigned)
            let key = e.Xor(bits, e.Or(spread, e.Int(unsigned, signBit x.Type)))
            e.Select(e.Equal(x, x), key, e.Int(unsigned, 0L))
        | ScalarType.I32 -> e.Xor(e.Bits(x, unsigned), e.Int(unsigned, 0x80000000L))
        | ScalarType.U32
        | ScalarType.I64
        | ScalarType.U64
        | ScalarType.Bool -> x

    /// How many of a vector's keys are at least (or above) each of some bounds, in one pass.
    let counts (scope: Scope) item (env: Point) (n: Node) strict (bounds: Operand list) : Operand list =
        let length = Bound.Fixed(int64 nodes[n.Inputs[0]].Shape[0])

        let tests (body: Scope) (at: Address) =
            let b = body.Emitter
            let key = ordered b (values.Read(body, item, env, n.Inputs[0], [| at |]))
            let holds bound = if strict then b.Less(bound, key) else b.LessEqual(bound, key)
            bounds |> List.map (fun bound -> b.Select(holds bound, i32 b 1, i32 b 0))

        if env.Vectorised then
            let totals =
                bounds |> List.map (fun _ -> reductions.Accumulate(scope, env, ScalarType.I32, ReduceOp.Sum))

            loops.Sequential(
                scope,
                "k",
                0L,
                length,
                fun body at -> List.iter2 (fun total one -> reductions.Add(body, total, ReduceOp.Sum, one)) totals (tests body at)
            )

            totals |> List.map scope.Emitter.Copy
        else
            let lane = LoopVar("l", LoopKind.Lane)
            let body = scope.Nested lane
            let terms = tests body (Address.Of lane) |> List.map (fun one -> ReduceOp.Sum, one)
            reductions.LaneReduction(scope, [], body, lane, length, terms) |> Seq.map Operand.Var |> List.ofSeq

    let count scope item env n bound strict = counts scope item env n strict [ bound ] |> List.head

    /// The key of the k-th largest, found from the top, two bits a pass: a pass costs about the same for three bounds as for one.
    let threshold (scope: Scope) item (env: Point) (n: Node) k : Operand =
        let e = scope.Emitter
        let wide = nodes[n.Inputs[0]].DType = DType.F64
        let t, bits = if wide then ScalarType.U64, 64 else ScalarType.U32, 32
        let found = e.NewVar(t, env.Vectorised)
        let low = e.NewVar(t, false)
        e.Append(Declare(found, e.Int(t, 0L)))
        e.Append(Declare(low, e.Int(t, 1L <<< (bits - 2))))

        loops.Sequential(
            scope,
            "bits",
            0L,
            Bound.Fixed(int64 (bits / 2)),
            fun body _ ->
                let b = body.Emitter
                let now, one = b.Copy found, b.Copy low
                let first = b.Or(now, one)
                let second = b.Or(now, b.ShiftLeft(one, 1))
                let bounds = [ first; second; b.Or(first, second) ]

                // the largest bound that k keys reach
                let reached =
                    List.zip bounds (counts body item env n false bounds)
                    |> List.fold (fun best (bound, held) -> b.Select(b.LessEqual(i32 b k, held), bound, best)) now

                b.Append(Assign(found, reached))
                b.Append(Assign(low, b.ShiftRight(one, 2)))
        )

        e.Copy found

    member _.EmitKth(scope: Scope, item, env, n: Node, k) =
        let e = scope.Emitter
        let key = threshold scope item env n k
        let t = Buffers.ScalarOf n.DType

        let value =
            match t with
            | ScalarType.F32
            | ScalarType.F64 ->
                let wide = t = ScalarType.F64
                let sign = e.Int(key.Type, signBit t)
                let positive = e.Equal(e.And(key, sign), sign)
                let all = e.Int(key.Type, (if wide then -1L else 0xFFFFFFFFL))
                let bits = e.Bits(e.Select(positive, e.Xor(key, sign), e.Xor(key, all)), t)
                // the key of NaN stands for the smallest
                e.Select(e.Equal(key, e.Int(key.Type, 0L)), e.Lit(t, -infinity), bits)
            | ScalarType.I32 -> e.Bits(e.Xor(key, e.Int(key.Type, 0x80000000L)), t)
            | ScalarType.U32
            | ScalarType.I64
            | ScalarType.U64
            | ScalarType.Bool -> key

        loops.Keep(scope, env, n, [||], value)

    /// The positions of the k largest: each value's rank is the count of those before it.
    member _.EmitTopK(scope: Scope, item, env, n: Node, k) =
        values.NeedOf(n.Id, item, env)

        match context.Storage.TryGetValue n.Id with
        | false, _ -> ()
        | true, storage ->
            let limit = threshold scope item env n k
            let length = nodes[n.Inputs[0]].Shape[0]

            loops.Sequential(
                scope,
                "candidate",
                0L,
                Bound.Fixed(int64 length),
                fun outer at ->
                    let e = outer.Emitter
                    let key = ordered e (values.Read(outer, item, env, n.Inputs[0], [| at |]))
                    let mine = Coordinate.operand e at
                    let inner = outer.Nested null
                    let above = count inner item env n key true
                    let b = inner.Emitter
                    let ties = reductions.Accumulate(inner, env, ScalarType.I32, ReduceOp.Sum)

                    // equal ones that stand before it come before it
                    loops.Sequential(
                        inner,
                        "tie",
                        0L,
                        Bound.Fixed(int64 length),
                        fun body other ->
                            let t = body.Emitter
                            let same = t.Equal(ordered t (values.Read(body, item, env, n.Inputs[0], [| other |])), key)
                            let before = t.Less(Coordinate.operand t other, mine)
                            reductions.Add(body, ties, ReduceOp.Sum, t.Select(t.And(same, before), i32 t 1, i32 t 0))
                    )

                    let rank = b.Add(above, b.Copy ties)
                    let place = values.AddressIn(storage, env, [| Coordinate.ofOperand rank |])
                    b.Append(When(b.Less(rank, i32 b k), [ Store(storage.Buffer, place, mine) ]))
                    e.Append(When(e.LessEqual(limit, key), b.Statements))
            )

    /// Copies what is about to be changed, to memory alone: registers would keep what it was.
    member private _.CopyTarget(scope: Scope, item, env, n: Node, storage: Storage) =
        loops.ForEach(
            scope,
            env,
            n.Shape,
            None,
            false,
            fun inner env c ->
                let value = values.Read(inner, item, env, n.Inputs[0], c)
                inner.Emitter.Append(Store(storage.Buffer, values.AddressIn(storage, env, c), value))
        )

    /// Copies the target, then adds rows at positions, in order; rows outside are dropped.
    member r.EmitScatterAdd(scope: Scope, item, env, n: Node) =
        values.NeedOf(n.Id, item, env)

        match context.Storage.TryGetValue n.Id with
        | false, _ -> ()
        | true, storage ->
            r.CopyTarget(scope, item, env, n, storage)
            let positions = nodes[n.Inputs[1]].Shape
            let row = Array.tail n.Shape

            loops.ForEach(
                scope,
                env,
                positions,
                None,
                true,
                fun outer env p ->
                    let e = outer.Emitter
                    let position = values.Read(outer, item, env, n.Inputs[1], p)
                    let inside = e.And(e.LessEqual(i32 e 0, position), e.Less(position, i32 e n.Shape[0]))
                    let inner = outer.Nested null

                    loops.ForEach(
                        inner,
                        env,
                        row,
                        None,
                        true,
                        fun body env c ->
                            let b = body.Emitter
                            let target = Array.append [| Coordinate.ofOperand position |] c
                            let old = values.LoadFrom(body, storage, env, target, false, true)
                            let sum = b.Add(old, values.Read(body, item, env, n.Inputs[2], Array.append p c))
                            b.Append(Store(storage.Buffer, values.AddressIn(storage, env, target), sum))
                    )

                    e.Append(When(inside, inner.Emitter.Statements))
            )

    /// Writes an update over a copy of the target, or over the target itself where it is the only reader.
    member r.EmitDynamicUpdate(scope: Scope, item, env, n: Node, inPlace: bool) =
        values.NeedOf(n.Id, item, env)

        match context.Storage.TryGetValue n.Id with
        | false, _ -> ()
        | true, storage ->
            if not inPlace then
                r.CopyTarget(scope, item, env, n, storage)

            let size = nodes[n.Inputs[1]].Shape
            let e = scope.Emitter

            let starts =
                n.Shape
                |> Array.mapi (fun a length ->
                    Coordinate.clamp e (length - size[a]) (values.Read(scope, item, env, n.Inputs[a + 2], [||]))
                    |> Coordinate.ofOperand)

            loops.ForEach(
                scope,
                env,
                size,
                None,
                false,
                fun inner env c ->
                    let value = values.Read(inner, item, env, n.Inputs[1], c)
                    inner.Emitter.Append(Store(storage.Buffer, values.AddressIn(storage, env, Array.map2 (+) starts c), value))
            )
