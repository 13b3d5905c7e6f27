namespace Inference

open System
open System.Collections.Generic

/// Numbers that are known when a model is built: constants, and what is computed from them alone.
[<RequireQualifiedAccess>]
module internal Known =
    /// True for a number above 0 that single precision neither takes for 0 or nearly 0 nor for infinity.
    let isPositiveSingle (x: double) = x >= 2.0 ** -126.0 && x <= double Single.MaxValue

    let private number (values: double[]) k = if values.Length = 1 then values[0] else values[k]
    let private truth holds = if holds then 1.0 else 0.0

    let private unary op : (double -> double) option =
        match op with
        | UnaryOp.Neg -> Some(fun x -> -x)
        | UnaryOp.Abs -> Some abs
        | UnaryOp.Exp -> Some exp
        | UnaryOp.Log -> Some log
        | UnaryOp.Sin -> Some sin
        | UnaryOp.Cos -> Some cos
        | UnaryOp.Tanh -> Some tanh
        | UnaryOp.Sqrt -> Some sqrt
        | UnaryOp.Floor -> Some floor
        | UnaryOp.Expm1
        | UnaryOp.Log1p
        | UnaryOp.Erf
        | UnaryOp.Not -> None

    let private binary op : (double -> double -> double) option =
        match op with
        | BinaryOp.Add -> Some (+)
        | BinaryOp.Sub -> Some (-)
        | BinaryOp.Mul -> Some (*)
        | BinaryOp.Div -> Some (/)
        | BinaryOp.Pow -> Some(fun a b -> Math.Pow(a, b))
        | BinaryOp.Min -> Some(fun a b -> if a < b then a else b)
        | BinaryOp.Max -> Some(fun a b -> if a > b then a else b)
        | BinaryOp.Less -> Some(fun a b -> truth (a < b))
        | BinaryOp.LessEqual -> Some(fun a b -> truth (a <= b))
        | BinaryOp.Equal -> Some(fun a b -> truth (a = b))
        | BinaryOp.And
        | BinaryOp.Or
        | BinaryOp.Xor
        | BinaryOp.ShiftLeft
        | BinaryOp.ShiftRight -> None

    /// One operation on known operands: elementwise ones in floating point, and moves that keep the order of elements.
    let private apply (x: Tensor) (operands: double[][]) : double[] option =
        let ofFloats = x.Inputs |> Array.forall (fun i -> i.DType.IsFloat)
        let count = operands |> Array.fold (fun n v -> max n v.Length) 1

        match x.Op with
        | Op.Constant values -> Some values
        | Op.Unary op when ofFloats -> unary op |> Option.map (fun f -> Array.map f operands[0])
        | Op.Binary op when ofFloats ->
            binary op
            |> Option.map (fun f -> Array.init count (fun k -> f (number operands[0] k) (number operands[1] k)))
        | Op.Select ->
            let chosen k = if number operands[0] k <> 0.0 then operands[1] else operands[2]
            Some(Array.init count (fun k -> number (chosen k) k))
        | Op.Convert when x.DType.IsFloat -> Some operands[0]
        | Op.Reshape -> Some operands[0]
        | Op.Broadcast _ when operands[0].Length = 1 -> Some operands[0]
        | _ -> None

    /// The numbers of a value, row-major, in double precision (one fills the shape), or None if they are not known. Iterative, and it
    /// gives up at the first operand that is not known: a model may be as large as it likes.
    let numbers (x: Tensor) : double[] option =
        let known = Dictionary<Tensor, double[]>(HashIdentity.Reference)
        let pending = Stack<Tensor>([ x ])
        let mutable failed = false

        while pending.Count > 0 && not failed do
            let next = pending.Peek()

            match next.Inputs |> Array.tryFind (known.ContainsKey >> not) with
            | _ when known.ContainsKey next -> pending.Pop() |> ignore
            | Some operand -> pending.Push operand
            | None ->
                match apply next (next.Inputs |> Array.map (fun i -> known[i])) with
                | Some values -> known[next] <- values
                | None -> failed <- true

        if failed then None else Some known[x]
