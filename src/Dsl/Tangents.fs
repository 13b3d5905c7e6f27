namespace Inference

open System
open System.Collections.Generic

/// Rules of linearisation: the tangent of each primitive's result from those of its operands. Null stands for zero.
[<RequireQualifiedAccess>]
module internal Tangents =
    let add (a: Tensor) (b: Tensor) =
        if isNull a then b
        elif isNull b then a
        else a + b

    let private times (a: Tensor) (t: Tensor) = if isNull t then null else a * t
    let private negative (t: Tensor) = if isNull t then null else -t
    let private number (like: Tensor) (value: double) = Build.scalar like.DType value

    let zeros (like: Tensor) = Build.constantOf like.DType like.Shape [| 0.0 |]

    /// A tangent that is needed as a tensor.
    let orZeros like (t: Tensor) = if isNull t then zeros like else t

    let private positive (x: Tensor) = Build.binary BinaryOp.Less (number x 0.0) x
    let private isNegative (x: Tensor) = Build.binary BinaryOp.Less x (number x 0.0)

    /// d(op x)/dx · t, with y = op x.
    let private unary op (x: Tensor) (y: Tensor) (t: Tensor) : Tensor =
        let one = number x 1.0

        match op with
        | UnaryOp.Neg -> -t
        // 0 at 0
        | UnaryOp.Abs -> Build.select (positive x) one (Build.select (isNegative x) (-one) (number x 0.0)) * t
        | UnaryOp.Exp -> y * t
        | UnaryOp.Log -> t / x
        | UnaryOp.Expm1 -> (y + one) * t
        | UnaryOp.Log1p -> t / (x + one)
        | UnaryOp.Sin -> Build.unary UnaryOp.Cos x * t
        | UnaryOp.Cos -> -Build.unary UnaryOp.Sin x * t
        | UnaryOp.Tanh -> (one - y * y) * t
        | UnaryOp.Sqrt -> t * number x 0.5 / y
        | UnaryOp.Erf -> Build.unary UnaryOp.Exp (-(x * x)) * number x (2.0 / sqrt Math.PI) * t
        | UnaryOp.Floor
        | UnaryOp.Not -> null

    let private power (a: Tensor) (b: Tensor) (y: Tensor) (ta: Tensor) (tb: Tensor) =
        let one = number a 1.0

        let byBase =
            if isNull ta then
                null
            else
                // 0⁰ is flat there, where 0⁻¹ is infinite
                let isZero (x: Tensor) = Build.binary BinaryOp.Equal x (number x 0.0)
                let isFlat = Build.binary BinaryOp.And (isZero a) (isZero b)
                b * Build.binary BinaryOp.Pow a (Build.select isFlat one (b - one)) * ta

        let byExponent =
            if isNull tb then
                null
            else
                // log 0 only where 0 to a power is flat
                let safe = Build.select (positive a) a one
                y * Build.unary UnaryOp.Log safe * tb

        add byBase byExponent

    let private binary op (a: Tensor) (b: Tensor) (y: Tensor) (ta: Tensor) (tb: Tensor) : Tensor =
        /// The tangent of the operand that the result is taken from; of the first where both are equal, so that Max(0, x) is flat at 0.
        let chosen condition =
            if isNull ta && isNull tb then
                null
            else
                Build.select condition (orZeros y ta) (orZeros y tb)

        match op with
        | BinaryOp.Add -> add ta tb
        | BinaryOp.Sub -> add ta (negative tb)
        | BinaryOp.Mul -> add (times b ta) (times a tb)
        | BinaryOp.Div -> if isNull tb then ta / b else add ta (negative (y * tb)) / b
        | BinaryOp.Pow -> power a b y ta tb
        | BinaryOp.Min -> chosen (Build.binary BinaryOp.LessEqual a b)
        | BinaryOp.Max -> chosen (Build.binary BinaryOp.LessEqual b a)
        | BinaryOp.Less
        | BinaryOp.LessEqual
        | BinaryOp.Equal
        | BinaryOp.And
        | BinaryOp.Or
        | BinaryOp.Xor
        | BinaryOp.ShiftLeft
        | BinaryOp.ShiftRight -> null

    /// The largest or smallest value moves as the operands that reach it do, in equal shares.
    let private extreme (axes: int[]) indices (x: Tensor) (y: Tensor) (t: Tensor) =
        let reached = Build.binary BinaryOp.Equal x (Structure.restore axes x.Shape y)
        let share = Build.select reached (number x 1.0) (number x 0.0)
        Structure.sum axes indices (share * t) / Structure.sum axes indices share

    /// Σ_j t_j · Π_{k≠j} x_k: products of the others, which division by x_j would lose where it is zero.
    let private product (axes: int[]) (indices: FreeIndex list) (x: Tensor) (y: Tensor) (t: Tensor) =
        let stacked absent (v: Tensor) = indices |> List.fold (fun v i -> Structure.stackWith absent i v) v

        let reduced =
            Array.append [| 0 .. indices.Length - 1 |] (axes |> Array.map (fun a -> a + indices.Length))

        let kept =
            [| 0 .. indices.Length + x.Shape.Length - 1 |]
            |> Array.filter (fun a -> not (Array.contains a reduced))

        let rows absent (v: Tensor) =
            let v = stacked absent v |> Shapes.transpose (Array.append kept reduced)
            let shape = Array.take kept.Length v.Shape
            Shapes.reshape (Array.append shape [| Build.size v.Shape / Build.size shape |]) v

        let factors = rows 1.0 x
        let rank, n = factors.Shape.Length, Array.last factors.Shape
        let shape = Array.append factors.Shape [| n |]

        let along axis =
            Build.broadcast (Array.init (rank + 1) (fun a -> if a = axis then 0 else -1)) shape (Shapes.iota n)

        let isOwn = Build.binary BinaryOp.Equal (along (rank - 1)) (along rank)

        let spread =
            Build.broadcast
                (Array.init (rank + 1) (fun a ->
                    if a = rank then rank - 1
                    elif a = rank - 1 then -1
                    else a))
                shape
                factors

        let others = Structure.reduce ReduceOp.Product [| rank |] [] (Build.select isOwn (number x 1.0) spread)
        Structure.sum [| rank - 1 |] [] (others * rows 0.0 t) |> Shapes.reshape y.Shape

    /// A contraction over another semiring than (+, ×), in primitives that have rules.
    let private expanded semiring (left: int[]) (right: int[]) (indices: FreeIndex list) (a: Tensor) (b: Tensor) =
        let rest (x: Tensor) gone =
            [| 0 .. x.Shape.Length - 1 |] |> Array.filter (fun k -> not (Array.contains k gone))

        let restA, restB = rest a left, rest b right
        let outer = restA.Length + restB.Length

        let shape =
            Array.concat
                [
                    restA |> Array.map (fun k -> a.Shape[k])
                    restB |> Array.map (fun k -> b.Shape[k])
                    left |> Array.map (fun k -> a.Shape[k])
                ]

        let axesOf (x: Tensor) (start: int) (kept: int[]) (contracted: int[]) =
            Array.init shape.Length (fun k ->
                if k >= outer then contracted[k - outer]
                elif k >= start && k < start + kept.Length then kept[k - start]
                else -1)
            |> fun axes -> Build.broadcast axes shape x

        let sum = axesOf a 0 restA left + axesOf b restA.Length restB right
        let axes = [| outer .. shape.Length - 1 |]

        match semiring with
        | Semiring.MaxPlus -> Structure.max axes indices sum
        | Semiring.SumProduct
        | Semiring.LogSumExpPlus -> Structure.logSumExp axes indices sum

    /// The tangent of a node from those of its operands. `linearise` gives the tangents of a value that is written in other
    /// primitives: the value, what it is differentiated by, and the tangents of that.
    let rule (linearise: Tensor -> Tensor[] -> Tensor[] -> Tensor) (x: Tensor) (tangents: Tensor[]) : Tensor =
        let operand k = x.Inputs[k]
        let t = if tangents.Length > 0 then tangents[0] else null
        /// A rearrangement moves tangents as it moves values.
        let same () = Build.node x.Op (Array.append [| t |] (Array.skip 1 x.Inputs)) x.Shape x.DType

        match x.Op with
        | Op.Unary op -> unary op (operand 0) x t
        | Op.Binary op -> binary op (operand 0) (operand 1) x tangents[0] tangents[1]
        | Op.Select -> Build.select (operand 0) (orZeros x tangents[1]) (orZeros x tangents[2])
        | Op.Convert -> Build.convert x.DType t
        | Op.Reshape
        | Op.Transpose _
        | Op.Slice _
        | Op.Reverse _
        | Op.Window _
        | Op.CumSum _
        | Op.Gather
        | Op.DynamicSlice -> same ()
        | Op.Broadcast axes -> Build.broadcast axes x.Shape t
        | Op.Pad _ ->
            let inner, fill = orZeros (operand 0) tangents[0], orZeros (operand 1) tangents[1]
            Build.node x.Op [| inner; fill |] x.Shape x.DType
        | Op.Concat _ -> Build.node x.Op (Array.map2 orZeros x.Inputs tangents) x.Shape x.DType
        | Op.ScatterAdd -> Shapes.scatterAdd (orZeros (operand 0) tangents[0]) (operand 1) (orZeros (operand 2) tangents[2])
        | Op.DynamicUpdate ->
            Shapes.dynamicUpdate (Array.skip 2 x.Inputs) (orZeros (operand 1) tangents[1]) (orZeros (operand 0) tangents[0])
        | Op.Stack i ->
            if Array.contains i t.Indices then
                let indices = t.Indices |> Array.filter (fun j -> not (obj.ReferenceEquals(j, i)))
                Tensor(x.Op, [| t |], x.Shape, x.DType, indices)
            else
                Build.broadcast (Array.init x.Shape.Length (fun a -> a - 1)) x.Shape t
        | Op.Unstack i -> Structure.unstack i t
        | Op.Reduce(ReduceOp.Sum, axes, indices) -> Structure.sum axes indices t
        | Op.Reduce(ReduceOp.Product, axes, indices) -> product axes indices (operand 0) x t
        | Op.Reduce((ReduceOp.Max | ReduceOp.Min), axes, indices) -> extreme axes indices (operand 0) x t
        | Op.KthLargest k -> Shapes.gather t (Shapes.at 0 (k - 1) (Shapes.topK k (operand 0)))
        | Op.Dot(Semiring.SumProduct, l, r, i) ->
            let dot a b = Structure.dot Semiring.SumProduct l r i a b
            let first = if isNull tangents[0] then null else dot tangents[0] (operand 1)
            let second = if isNull tangents[1] then null else dot (operand 0) tangents[1]
            add first second
        | Op.Convolution(kind, stride, i) ->
            let convolve a b = Convolutions.apply kind stride i x.Shape a b
            let first = if isNull tangents[0] then null else convolve tangents[0] (operand 1)
            let second = if isNull tangents[1] then null else convolve (operand 0) tangents[1]
            add first second
        | Op.Dot(semiring, l, r, i) -> linearise (expanded semiring l r i (operand 0) (operand 1)) x.Inputs tangents
        | Op.Probe _
        | Op.Check _ -> t
        | Op.Derivative rule -> rule.Tangent (operand 0) (Array.tail x.Inputs) (Array.tail tangents)
        | Op.Constant _
        | Op.Input _
        | Op.Position _
        | Op.ExtentOf _
        | Op.Iota
        | Op.Random _
        | Op.Philox _
        | Op.ArgMax _
        | Op.TopK _
        | Op.Carry _
        | Op.Final _ -> null

    /// The operands that the tangent of a node depends on.
    let operands (x: Tensor) : Tensor[] =
        match x.Op with
        | Op.Unary UnaryOp.Floor
        | Op.ArgMax _
        | Op.TopK _
        | Op.Random _ -> [||]
        | Op.Carry(s, k)
        | Op.Final(s, k) -> [| s.Inits[k]; s.Nexts[k] |]
        | Op.Select -> Array.tail x.Inputs
        | Op.Check _ -> [| x.Inputs[0] |]
        | Op.Derivative _ -> Array.tail x.Inputs
        | _ -> x.Inputs

    /// The values that move when one of the inputs does, carried ones included.
    let moving (order: Tensor[]) (inputs: Tensor[]) : HashSet<Tensor> =
        let moves = HashSet<Tensor>(inputs, HashIdentity.Reference)
        let mutable before = -1

        let visit (x: Tensor) =
            if x.DType.IsFloat && not (moves.Contains x) && operands x |> Array.exists moves.Contains then
                moves.Add x |> ignore

        // a loop's carried values may move only because of what a later step computes
        while moves.Count > before do
            before <- moves.Count

            for x in order do
                visit x

                match x.Op with
                | Op.Carry(s, _)
                | Op.Final(s, _) -> Array.iter visit s.Carries
                | _ -> ()

        moves
