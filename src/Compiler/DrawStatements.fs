namespace Inference.Compiler

open Inference

/// Emits random draws. Four consecutive draws share one call of the generator wherever their place within the four is known.
[<Sealed>]
type DrawStatements(context: Context, values: Values, loops: ElementLoops) =
    let graph = context.Graph
    let zero = Address.Of 0L

    /// Row-major position over a list of indices.
    let flat (env: Point) (indices: FreeIndex list) =
        indices
        |> List.fold (fun acc i -> acc * int64 i.Capacity + (env.At |> Map.tryFind (graph.IndexOf i) |> Option.defaultValue zero)) zero

    /// The place of a draw within its four, if it is known.
    let placeInFour (draw: Address) =
        let known =
            draw.Loops |> List.forall (fun (_, c) -> c % 4L = 0L)
            && draw.Vars |> List.forall (fun (_, c) -> c % 4L = 0L)

        if known then Some(int (draw.Constant % 4L)) else None

    /// Words to numbers in (0, 1): the upper 23 bits in single precision, all 32 in double.
    let uniform (e: Emitter) (t: ScalarType) (word: Operand) =
        if t = ScalarType.F64 then
            e.Fma(e.Convert(word, t), e.Lit(t, 1.0 / 4294967296.0), e.Lit(t, 0.5 / 4294967296.0))
        else
            // below 2²⁴, so the conversion from a signed number is the same and cheaper
            let bits = e.Bits(e.ShiftRight(word, 9), ScalarType.I32)
            e.Fma(e.Convert(bits, t), e.Lit(t, 1.0 / 8388608.0), e.Lit(t, 0.5 / 8388608.0))

    /// The words of the four draws that hold this one. `count` draws are made a time step.
    member private _.Four(e: Emitter, spec: RandomSpec, env, count: int, first: Address, key: Operand[]) =
        let struct (time, element) = Coordinate.divide e first (int64 count)
        let struct (block, _) = Coordinate.divide e element 4L

        let word (a: Address) =
            match Coordinate.operand e a with
            | Operand.Int(_, v) -> e.Int(ScalarType.U32, int64 (uint32 v))
            | o -> e.Bits(o, ScalarType.U32)

        e.PhiloxWords([| word (flat env spec.Plates); word time; word block; e.Int(ScalarType.U32, int64 spec.Attempt) |], key)

    /// The value that draw number `place` of four words gives.
    member private _.Transform(e: Emitter, kind: RandomKind, t: ScalarType, words: Operand[], place: int) =
        match kind with
        | RandomKind.Word -> words[place]
        | RandomKind.Uniform -> uniform e t words[place]
        | RandomKind.Normal ->
            // Box–Muller on consecutive pairs
            let pair = place / 2 * 2
            let radius = e.Sqrt(e.Mul(e.Lit(t, -2.0), Elementary.log01 e (uniform e t words[pair])))
            let struct (sine, cosine) = Elementary.sinCosTurns e (uniform e t words[pair + 1])
            e.Mul(radius, (if place = pair then cosine else sine))

    /// A draw at a position in (time, element) order.
    member d.At(scope: Scope, item, env, n: Node, spec: RandomSpec, draw: Address) =
        let e = scope.Emitter
        let t = Buffers.ScalarOf n.DType

        let key =
            [|
                values.Read(scope, item, env, n.Inputs[0], [||])
                values.Read(scope, item, env, n.Inputs[1], [||])
            |]

        match placeInFour draw with
        | Some place ->
            let words = d.Four(e, spec, env, n.Count, draw + Address.Of(int64 -place), key)
            d.Transform(e, spec.Kind, t, words, place)
        | None ->
            let position = Coordinate.operand e draw
            let within = e.And(position, e.Int(ScalarType.I32, 3L))
            let words = d.Four(e, spec, env, n.Count, Coordinate.ofOperand (e.Sub(position, within)), key)
            let all = [| 0..3 |] |> Array.map (fun place -> d.Transform(e, spec.Kind, t, words, place))

            List.fold
                (fun other place -> e.Select(e.Equal(within, e.Int(ScalarType.I32, int64 place)), all[place], other))
                all[3]
                [ 2; 1; 0 ]

    /// All draws of a node at one step.
    member d.Emit(scope: Scope, item, env: Point, n: Node, spec: RandomSpec) =
        let start = flat env spec.Times * int64 n.Count

        let keep (inner: Scope) (at: Address) =
            let value = d.At(inner, item, env, n, spec, start + at)
            loops.Keep(inner, env, n, Coordinate.unflatten inner.Emitter n.Shape at, value)

        if n.Count <= Strategy.unrolled then
            for k in 0 .. n.Count - 1 do
                keep scope (Address.Of(int64 k))
        else
            loops.Sequential(
                scope,
                "four",
                0L,
                Bound.Fixed(int64 (n.Count / 4)),
                fun inner four ->
                    for k in 0..3 do
                        keep inner (four * 4L + Address.Of(int64 k))
            )

            for k in n.Count / 4 * 4 .. n.Count - 1 do
                keep scope (Address.Of(int64 k))


    /// How many steps of a loop over `index` to unroll so that draws fall into fours.
    member _.Unrolling(index: int, n: Node, spec: RandomSpec) =
        match List.tryLast spec.Times with
        | Some last when graph.IndexOf last = index && n.Count <= Strategy.unrolled ->
            let rec gcd a b = if b = 0 then a else gcd b (a % b)
            let aligned = spec.Times.Length = 1 || last.Capacity * n.Count % 4 = 0
            if aligned then 4 / gcd n.Count 4 else 1
        | _ -> 1
