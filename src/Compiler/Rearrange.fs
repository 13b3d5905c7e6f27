namespace Inference.Compiler

open System
open Inference

/// Element positions and the operations that only move or rank elements, for the interpreter.
[<RequireQualifiedAccess>]
module Rearrange =
    let strides (shape: int[]) = Array.scanBack (*) (Array.append shape [||]) 1 |> Array.tail
    let coordinates (shape: int[]) (flat: int) = Array.map2 (fun s n -> flat / s % n) (strides shape) shape
    let flatten (shape: int[]) (c: int[]) = Array.fold2 (fun acc s k -> acc + s * k) 0 (strides shape) c

    /// The elements of a value, given the elements of its operands.
    let evaluate (x: Tensor) (operand: int -> double[]) : double[] =
        let source (c: int[] -> int[]) =
            let v, shape = operand 0, x.Inputs[0].Shape
            Array.init x.Count (fun flat -> v[flatten shape (c (coordinates x.Shape flat))])

        let starts first =
            Array.init x.Inputs[0].Shape.Length (fun a ->
                let size = if first = 1 then x.Shape[a] else x.Inputs[1].Shape[a]
                int (Array.head (operand (first + a))) |> max 0 |> min (x.Inputs[0].Shape[a] - size))

        let rows (shape: int[]) = Build.size (Array.tail shape)

        match x.Op with
        | Op.Reshape -> operand 0
        | Op.Transpose p ->
            source (fun c ->
                let s = Array.zeroCreate p.Length in
                p |> Array.iteri (fun k a -> s[a] <- c[k])
                s)
        | Op.Broadcast axes ->
            source (fun c ->
                let s = Array.zeroCreate x.Inputs[0].Shape.Length

                axes
                |> Array.iteri (fun k a ->
                    if a >= 0 then
                        s[a] <- c[k])

                s)
        | Op.Slice(first, steps) -> source (fun c -> Array.map3 (fun f d k -> f + d * k) first steps c)
        | Op.Reverse axes -> source (fun c -> c |> Array.mapi (fun a k -> if Array.contains a axes then x.Shape[a] - 1 - k else k))
        | Op.Pad low ->
            let v, shape, fill = operand 0, x.Inputs[0].Shape, Array.head (operand 1)

            Array.init x.Count (fun flat ->
                let c = Array.map2 (-) (coordinates x.Shape flat) low

                if Array.forall2 (fun k n -> k >= 0 && k < n) c shape then
                    v[flatten shape c]
                else
                    fill)
        | Op.Concat axis ->
            Array.init x.Count (fun flat ->
                let c = coordinates x.Shape flat

                let rec pick k =
                    let n = x.Inputs[k].Shape[axis]

                    if c[axis] < n then
                        (operand k).[flatten x.Inputs[k].Shape c]
                    else
                        c[axis] <- c[axis] - n
                        pick (k + 1)

                pick 0)
        | Op.Gather ->
            let table, width = operand 0, rows x.Inputs[0].Shape
            let clamp p = int p |> max 0 |> min (x.Inputs[0].Shape[0] - 1)
            operand 1 |> Array.collect (fun p -> Array.sub table (clamp p * width) width)
        | Op.ScatterAdd ->
            let result, width, updates = Array.copy (operand 0), rows x.Shape, operand 2

            operand 1
            |> Array.iteri (fun r p ->
                if p >= 0.0 && int p < x.Shape[0] then
                    for k in 0 .. width - 1 do
                        result[int p * width + k] <- result[int p * width + k] + updates[r * width + k])

            result
        | Op.DynamicSlice -> let first = starts 1 in source (fun c -> Array.map2 (+) first c)
        | Op.DynamicUpdate ->
            let result, update, first = Array.copy (operand 0), operand 1, starts 2

            update
            |> Array.iteri (fun flat v -> result[flatten x.Shape (Array.map2 (+) first (coordinates x.Inputs[1].Shape flat))] <- v)

            result
        | Op.ArgMax axis ->
            let v, shape = operand 0, x.Inputs[0].Shape

            Array.init x.Count (fun flat ->
                let entry k = v[flatten shape (Array.insertAt axis k (coordinates x.Shape flat))]

                Seq.fold (fun best k -> if entry k > entry best then k else best) 0 [ 1 .. shape[axis] - 1 ]
                |> double)
        | Op.CumSum axis ->
            let v = operand 0

            Array.init x.Count (fun flat ->
                let c = coordinates x.Shape flat
                Seq.sumBy (fun k -> v[flatten x.Shape (Array.updateAt axis k c)]) [ 0 .. c[axis] ])
        | Op.KthLargest k ->
            let ranked =
                operand 0
                |> Array.map (fun v -> if Double.IsNaN v then Double.NegativeInfinity else v)
                |> Array.sortDescending

            [| ranked[k - 1] |]
        | Op.TopK k ->
            operand 0
            |> Array.indexed
            |> Array.sortBy (fun (p, v) -> (if Double.IsNaN v then Double.PositiveInfinity else -v), p)
            |> Array.take k
            |> Array.map (fst >> double)
        | _ -> invalidOp $"{x.Op} rearranges nothing."
