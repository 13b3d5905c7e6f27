namespace Inference

open System

/// Rules of transposition: what each linear primitive's operands receive of the cotangent of its result.
[<RequireQualifiedAccess>]
module internal Transposes =
    let private zeros (like: Tensor) = Build.constantOf like.DType like.Shape [| 0.0 |]

    /// Indices of a result that an operand does not have: it is used at each of their values, so its cotangent is their sum.
    let private summed (used: FreeIndex seq) (x: Tensor) =
        used |> Seq.filter (fun i -> not (Array.contains i x.Indices)) |> Seq.distinct |> List.ofSeq

    let private rest (x: Tensor) gone =
        [| 0 .. x.Shape.Length - 1 |] |> Array.filter (fun k -> not (Array.contains k gone))

    /// The cotangent of one operand of a contraction, by contraction with the other: one product, whatever the indices.
    let private ofDot (y: Tensor) (left: int[]) (right: int[]) (isFirst: bool) (cotangent: Tensor) =
        let own, other = if isFirst then y.Inputs[0], y.Inputs[1] else y.Inputs[1], y.Inputs[0]
        let ownAxes, otherAxes = if isFirst then left, right else right, left
        let ownRest, otherRest = rest own ownAxes, rest other otherAxes
        // the axes of the result are those left of the first operand, then of the second
        let start = if isFirst then ownRest.Length else 0
        let shared = [| start .. start + otherRest.Length - 1 |]
        let indices = summed (Seq.append own.Indices other.Indices) own
        let product = Structure.dot Semiring.SumProduct shared otherRest indices cotangent other
        let remaining = Array.sort otherAxes |> Array.map (fun a -> ownAxes[Array.IndexOf(otherAxes, a)])
        let order = Array.append ownRest remaining
        Shapes.transpose (Array.init order.Length (fun a -> Array.IndexOf(order, a))) product

    /// Puts elements back to where a slice took them from.
    let private unslice (starts: int[]) (steps: int[]) (shape: int[]) (cotangent: Tensor) =
        let zero = Build.scalar cotangent.DType 0.0

        /// Zeros between the elements of an axis.
        let dilate (x: Tensor) axis =
            let step = steps[axis]

            if step = 1 then
                x
            else
                let split = Array.insertAt (axis + 1) 1 x.Shape
                let none = Array.zeroCreate split.Length
                let wide = Shapes.reshape split x |> Shapes.pad none (Array.updateAt (axis + 1) (step - 1) none) zero
                let length = x.Shape[axis] * step
                let whole = Shapes.reshape (Array.updateAt axis length x.Shape) wide
                Shapes.part axis 0 (min length (shape[axis] - starts[axis])) whole

        let x = Seq.fold dilate cotangent [ 0 .. shape.Length - 1 ]
        Shapes.pad starts (Array.init shape.Length (fun a -> shape[a] - starts[a] - x.Shape[a])) zero x

    let private unbroadcast (axes: int[]) (x: Tensor) (cotangent: Tensor) =
        let repeated = [| 0 .. axes.Length - 1 |] |> Array.filter (fun a -> axes[a] < 0)
        let sum = Structure.sum repeated [] cotangent
        let kept = axes |> Array.filter (fun a -> a >= 0)
        Shapes.transpose (Array.init x.Shape.Length (fun a -> Array.IndexOf(kept, a))) sum

    /// Rows that a gather read: their cotangents are added up, those of repetitions the table does not have included.
    let private ungather (table: Tensor) (positions: Tensor) (cotangent: Tensor) (indices: FreeIndex list) =
        let last = Build.scalar DType.I32 (double (table.Shape[0] - 1))
        let zero = Build.scalar DType.I32 0.0
        let inside = Build.binary BinaryOp.Min last (Build.binary BinaryOp.Max zero positions)
        let stack (v: Tensor) = indices |> List.fold (fun v i -> Structure.stack i v) v
        Shapes.scatterAdd (zeros table) (stack inside) (stack cotangent)

    let private unscatter (target: Tensor) (positions: Tensor) (updates: Tensor) (cotangent: Tensor) =
        let rows = Shapes.gather cotangent positions
        let low = Build.binary BinaryOp.LessEqual (Build.scalar DType.I32 0.0) positions
        let high = Build.binary BinaryOp.Less positions (Build.scalar DType.I32 (double target.Shape[0]))

        let inside =
            Build.binary BinaryOp.And low high
            |> Build.broadcast (Array.init updates.Shape.Length (fun a -> if a < positions.Shape.Length then a else -1)) updates.Shape

        Build.select inside rows (Build.scalar rows.DType 0.0)

    let private pad (low: int[]) (operand: Tensor) (cotangent: Tensor) =
        let stops = Array.map2 (+) low operand.Shape
        Shapes.slice low stops (Array.create low.Length 1) cotangent

    /// What the operands of a linear node receive, by number, not yet summed over indices that they lack, with the indices that
    /// are summed already left out. `isLinear` tells the operands that cotangents flow to.
    let rule (y: Tensor) (isLinear: Tensor -> bool) (cotangent: Tensor) : (int * Tensor) list =
        let operand k = y.Inputs[k]
        let linear k = isLinear (operand k)
        let when' k value = if linear k then [ k, value () ] else []
        let summedOver k (value: Tensor) = Structure.sum [||] (summed y.Indices (operand k)) value

        let product (a: int) (b: int) =
            if linear a && linear b then
                invalidOp $"The product {y} is not linear in one of its factors."

            when' a (fun () -> summedOver a (cotangent * operand b))

        match y.Op with
        | Op.Unary UnaryOp.Neg -> when' 0 (fun () -> -cotangent)
        | Op.Binary BinaryOp.Add -> when' 0 (fun () -> summedOver 0 cotangent) @ when' 1 (fun () -> summedOver 1 cotangent)
        | Op.Binary BinaryOp.Sub -> when' 0 (fun () -> summedOver 0 cotangent) @ when' 1 (fun () -> -(summedOver 1 cotangent))
        | Op.Binary BinaryOp.Mul -> product 0 1 @ product 1 0
        | Op.Binary BinaryOp.Div -> when' 0 (fun () -> summedOver 0 (cotangent / operand 1))
        | Op.Select ->
            let zero = Build.scalar y.DType 0.0

            when' 1 (fun () -> summedOver 1 (Build.select (operand 0) cotangent zero))
            @ when' 2 (fun () -> summedOver 2 (Build.select (operand 0) zero cotangent))
        | Op.Convert -> when' 0 (fun () -> Build.convert (operand 0).DType cotangent)
        | Op.Reshape -> when' 0 (fun () -> Shapes.reshape (operand 0).Shape cotangent)
        | Op.Transpose p -> when' 0 (fun () -> Shapes.transpose (Array.init p.Length (fun a -> Array.IndexOf(p, a))) cotangent)
        | Op.Broadcast axes -> when' 0 (fun () -> unbroadcast axes (operand 0) cotangent)
        | Op.Slice(starts, steps) -> when' 0 (fun () -> unslice starts steps (operand 0).Shape cotangent)
        | Op.Reverse axes -> when' 0 (fun () -> Shapes.reverse axes cotangent)
        | Op.Pad low ->
            let inner = pad low (operand 0)
            let all (v: Tensor) = Structure.sum [| 0 .. v.Shape.Length - 1 |] [] v

            when' 0 (fun () -> summedOver 0 (inner cotangent))
            @ when' 1 (fun () -> summedOver 1 (all cotangent - all (inner cotangent)))
        | Op.Concat axis ->
            let starts = y.Inputs |> Array.map (fun p -> p.Shape[axis]) |> Array.scan (+) 0

            [ 0 .. y.Inputs.Length - 1 ]
            |> List.collect (fun k -> when' k (fun () -> summedOver k (Shapes.part axis starts[k] starts[k + 1] cotangent)))
        | Op.Gather -> when' 0 (fun () -> ungather (operand 0) (operand 1) cotangent (summed y.Indices (operand 0)))
        | Op.ScatterAdd ->
            when' 0 (fun () -> summedOver 0 cotangent)
            @ when' 2 (fun () -> summedOver 2 (unscatter (operand 0) (operand 1) (operand 2) cotangent))
        | Op.DynamicSlice -> when' 0 (fun () -> summedOver 0 (Shapes.dynamicUpdate (Array.skip 1 y.Inputs) cotangent (zeros (operand 0))))
        | Op.DynamicUpdate ->
            let at = Array.skip 2 y.Inputs

            when' 0 (fun () -> summedOver 0 (Shapes.dynamicUpdate at (zeros (operand 1)) cotangent))
            @ when' 1 (fun () -> summedOver 1 (Shapes.dynamicSlice (operand 1).Shape at cotangent))
        | Op.Stack i -> when' 0 (fun () -> Structure.unstack i cotangent)
        | Op.Unstack i -> when' 0 (fun () -> Structure.stack i cotangent)
        | Op.Reduce(ReduceOp.Sum, axes, _) -> when' 0 (fun () -> Structure.restore axes (operand 0).Shape cotangent)
        | Op.Dot(Semiring.SumProduct, l, r, _) ->
            if linear 0 && linear 1 then
                invalidOp $"The contraction {y} is not linear in one of its operands."

            when' 0 (fun () -> ofDot y l r true cotangent) @ when' 1 (fun () -> ofDot y l r false cotangent)
        | Op.Convolution(kind, stride, _) ->
            if linear 0 && linear 1 then
                invalidOp $"The convolution {y} is not linear in one of its operands."

            let indices k = summed (Seq.append (operand 0).Indices (operand 1).Indices) (operand k)

            when' 0 (fun () -> Convolutions.cotangent y kind stride (indices 0) true cotangent)
            @ when' 1 (fun () -> Convolutions.cotangent y kind stride (indices 1) false cotangent)
        | Op.CumSum axis -> when' 0 (fun () -> Shapes.reverse [| axis |] cotangent |> Shapes.cumSum axis |> Shapes.reverse [| axis |])
        | Op.Probe _
        | Op.Check _
        | Op.Derivative _ -> when' 0 (fun () -> cotangent)
        | _ -> invalidOp $"{y} is not linear in what it is transposed by."
