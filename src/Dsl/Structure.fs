namespace Inference

open System

/// Constructors of primitives that introduce, contract or bind indices.
[<RequireQualifiedAccess>]
module Structure =
    let private distinctUnion (indices: FreeIndex seq) =
        let seen = ResizeArray<FreeIndex>()

        for i in indices do
            if not (seen.Contains i) then
                seen.Add i

        seen.ToArray()

    let private without (gone: FreeIndex list) (x: FreeIndex[]) = x |> Array.filter (fun i -> not (List.contains i gone))

    let position (i: FreeIndex) = Tensor(Op.Position i, [||], [||], DType.I32, [| i |])

    /// How many values the index takes in this run.
    let extent (i: FreeIndex) =
        match i.Extent.Runtime with
        | None -> Build.scalar DType.I32 (double i.Capacity)
        | Some _ -> Tensor(Op.ExtentOf i, [||], [||], DType.I32, [||])

    /// The leading element axis becomes the index.
    let unstack (i: FreeIndex) (x: Tensor) =
        if x.IsScalar || x.Shape[0] <> i.Capacity then
            Fail.model
                $"Plate \"{i.Name}\" has {i.Capacity} values; the leading axis of shape {Fail.shape x.Shape} does not fit it."
                $"Give a tensor whose leading axis has length {i.Capacity}."

        if Array.contains i x.Indices then
            Fail.model $"The value varies over \"{i.Name}\" already." "Unstack along another plate."

        Tensor(Op.Unstack i, [| x |], Array.tail x.Shape, x.DType, Array.append x.Indices [| i |])

    /// The index becomes the leading element axis. Rows above a run-time extent are `absent`.
    let stackWith (absent: double) (i: FreeIndex) (x: Tensor) =
        let shape = Array.append [| i.Capacity |] x.Shape

        let rows =
            if Array.contains i x.Indices then
                Tensor(Op.Stack i, [| x |], shape, x.DType, without [ i ] x.Indices)
            else
                Build.broadcast (Array.init shape.Length (fun a -> a - 1)) shape x

        match i.Extent.Runtime with
        | None -> rows
        | Some _ ->
            let present = Build.binary BinaryOp.Less (Shapes.iota i.Capacity) (extent i)

            let present = Build.broadcast (Array.init shape.Length (fun a -> if a = 0 then 0 else -1)) shape present

            Build.select present rows (Build.scalar x.DType absent)

    /// The index becomes the leading element axis. Rows above a run-time extent are zero.
    let stack (i: FreeIndex) (x: Tensor) = stackWith 0.0 i x

    let private identityTimes op (count: Tensor) (x: Tensor) =
        let n = Build.convert x.DType count

        match op with
        | ReduceOp.Sum -> Build.binary BinaryOp.Mul x n
        | ReduceOp.Product -> Build.binary BinaryOp.Pow x n
        | ReduceOp.Max
        | ReduceOp.Min -> x

    /// Reduces over element axes and indices. An index that the value does not have counts its repetitions.
    let reduce op (axes: int[]) (indices: FreeIndex list) (x: Tensor) =
        if x.DType = DType.Bool then
            Fail.model $"{op} needs numbers; Bool came." "Convert first, or use All and Any."

        let axes = axes |> Array.map (fun a -> if a < 0 then a + x.Shape.Length else a) |> Array.sort

        if Array.distinct axes <> axes || axes |> Array.exists (fun a -> a < 0 || a >= x.Shape.Length) then
            Fail.model $"{op} over axes {Fail.shape axes} does not fit shape {Fail.shape x.Shape}." "Name axes of the value, each once."

        let held, absent = indices |> List.distinct |> List.partition (fun i -> Array.contains i x.Indices)
        let x = absent |> List.fold (fun v i -> identityTimes op (extent i) v) x

        if axes.Length = 0 && held.IsEmpty then
            x
        else
            let shape =
                [|
                    for a in 0 .. x.Shape.Length - 1 do
                        if not (Array.contains a axes) then
                            x.Shape[a]
                |]

            Tensor(Op.Reduce(op, axes, held), [| x |], shape, x.DType, without held x.Indices)

    let sum axes indices x = reduce ReduceOp.Sum axes indices x
    let max axes indices x = reduce ReduceOp.Max axes indices x

    /// Repeats a reduced value over the axes that were reduced, so that it combines with the operand again.
    let restore (axes: int[]) (shape: int[]) (reduced: Tensor) =
        let kept =
            [|
                for a in 0 .. shape.Length - 1 do
                    if not (Array.contains a axes) then
                        a
            |]

        Build.broadcast (Array.init shape.Length (fun a -> System.Array.IndexOf(kept, a))) shape reduced

    /// log Σ exp over element axes and indices, with a shifted maximum; −∞ if every term is.
    let logSumExp (axes: int[]) (indices: FreeIndex list) (x: Tensor) =
        let axes = axes |> Array.map (fun a -> if a < 0 then a + x.Shape.Length else a)
        let largest = max axes indices x

        let finite =
            Build.binary BinaryOp.Less (Build.unary UnaryOp.Abs largest) (Build.scalar x.DType Double.PositiveInfinity)

        let shift = Build.select finite largest (Build.scalar x.DType 0.0)

        let terms = Build.binary BinaryOp.Sub x (restore axes x.Shape shift) |> Build.unary UnaryOp.Exp

        Build.binary BinaryOp.Add shift (Build.unary UnaryOp.Log (sum axes indices terms))

    /// exp(x) / Σ exp(x) over element axes and indices, with a shifted maximum.
    let softmax (axes: int[]) (indices: FreeIndex list) (x: Tensor) =
        let axes = axes |> Array.map (fun a -> if a < 0 then a + x.Shape.Length else a)
        let shift = max axes indices x
        let e = Build.binary BinaryOp.Sub x (restore axes x.Shape shift) |> Build.unary UnaryOp.Exp
        Build.binary BinaryOp.Div e (restore axes x.Shape (sum axes indices e))

    /// Contracts element axes of two values, pairwise, and indices, over a semiring.
    let dot semiring (left: int[]) (right: int[]) (indices: FreeIndex list) (a: Tensor) (b: Tensor) =
        if a.DType <> b.DType || not a.DType.IsFloat then
            Fail.model $"Dot needs two values of one floating type; {a.DType} and {b.DType} came." "Convert one of them."

        let norm (x: Tensor) = Array.map (fun k -> if k < 0 then k + x.Shape.Length else k)
        let left, right = norm a left, norm b right
        let fits (x: Tensor) k = k >= 0 && k < x.Shape.Length

        if
            left.Length <> right.Length
            || not (Array.forall (fits a) left && Array.forall (fits b) right)
            || Array.exists2 (fun p q -> a.Shape[p] <> b.Shape[q]) left right
        then
            Fail.model
                $"Dot cannot contract axes {Fail.shape left} of {Fail.shape a.Shape} with axes {Fail.shape right} of {Fail.shape b.Shape}."
                "Contracted axes come in pairs of equal length."

        let all = distinctUnion (Seq.append a.Indices b.Indices)
        let held, absent = indices |> List.distinct |> List.partition (fun i -> Array.contains i all)

        let rest (x: Tensor) gone =
            [|
                for k in 0 .. x.Shape.Length - 1 do
                    if not (Array.contains k gone) then
                        x.Shape[k]
            |]

        let product =
            Tensor(Op.Dot(semiring, left, right, held), [| a; b |], Array.append (rest a left) (rest b right), a.DType, without held all)

        match semiring, absent with
        | _, [] -> product
        | Semiring.SumProduct, _ -> absent |> List.fold (fun v i -> identityTimes ReduceOp.Sum (extent i) v) product
        | Semiring.MaxPlus, _ -> product
        | Semiring.LogSumExpPlus, _ ->
            absent
            |> List.fold (fun v i -> Build.binary BinaryOp.Add v (Build.unary UnaryOp.Log (Build.convert v.DType (extent i)))) product

    /// A sequential loop over an index. `step` maps the carried values to their values after one step and to anything else that
    /// leaves the loop, free in the index. It is traced again when the carried values turn out to vary over more indices than
    /// their starts, so it must be pure. `backward` takes the steps from the last to the first.
    let scanIn (backward: bool) (index: FreeIndex) (inits: Tensor[]) (step: Tensor[] -> Tensor[] * 'r) : Tensor[] * 'r =
        let rec trace times (carried: FreeIndex[][]) =
            let scan = Scan(index, backward, inits)

            let carries =
                inits
                |> Array.mapi (fun k x ->
                    Tensor(Op.Carry(scan, k), [||], x.Shape, x.DType, distinctUnion (Seq.append carried[k] [ index ])))

            let nexts, results = step carries

            if nexts.Length <> inits.Length then
                Fail.model
                    $"The loop over \"{index.Name}\" carries {inits.Length} values; its step returned {nexts.Length}."
                    "Return one for each."

            nexts
            |> Array.iteri (fun k n ->
                if n.Shape <> inits[k].Shape || n.DType <> inits[k].DType then
                    Fail.model
                        $"The loop over \"{index.Name}\" starts its value {k} as {inits[k].DType}{Fail.shape inits[k].Shape}; its step returned {n.DType}{Fail.shape n.Shape}."
                        "A carried value keeps its shape and type.")

            let after =
                nexts |> Array.mapi (fun k n -> distinctUnion (Seq.append carried[k] (without [ index ] n.Indices)))

            if Array.forall2 (fun (p: FreeIndex[]) (q: FreeIndex[]) -> p.Length = q.Length) carried after then
                scan.Bind(carries, nexts)
                scan, results
            else
                // an index reaches all carried values within as many steps as there are values
                if times > inits.Length + 1 then
                    let k = Seq.findIndex (fun k -> after[k].Length > carried[k].Length) (seq { 0 .. inits.Length - 1 })
                    let i = Array.last after[k]

                    Fail.model
                        $"The loop over \"{index.Name}\" carries a value {k} that varies over \"{i.Name}\", an index that each step makes anew."
                        $"Reduce it inside the step, or make \"{i.Name}\" outside the loop."

                trace (times + 1) after

        for x in inits do
            if Array.contains index x.Indices then
                Fail.model
                    $"The loop over \"{index.Name}\" starts from a value that varies over \"{index.Name}\"."
                    "Start from a value of one step."

        let scan, results = trace 1 (inits |> Array.map (fun x -> x.Indices))

        let finals =
            inits
            |> Array.mapi (fun k x -> Tensor(Op.Final(scan, k), [||], x.Shape, x.DType, without [ index ] scan.Carries[k].Indices))

        finals, results

    /// A sequential loop from the first step to the last.
    let scan index inits step = scanIn false index inits step

    /// Draws of a key (two U32 words) for every repetition of the plates and times; the key may vary over further indices.
    let random (kind: RandomKind) (plates: FreeIndex list) (times: FreeIndex list) attempt (key: Tensor[]) (shape: int[]) =
        let dtype = if kind = RandomKind.Word then DType.U32 else DType.F32

        let spec = { Kind = kind; Plates = plates; Times = times; Attempt = attempt }

        Tensor(
            Op.Random spec,
            key,
            shape,
            dtype,
            distinctUnion (Seq.append (Seq.collect (fun (k: Tensor) -> k.Indices) key) (plates @ times))
        )

    /// One word of Philox 4×32-10 of four counter words and two key words.
    let philox word (counter: Tensor[]) (key: Tensor[]) = Build.node (Op.Philox word) (Array.append counter key) [||] DType.U32
