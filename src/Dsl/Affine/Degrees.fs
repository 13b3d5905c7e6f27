namespace Inference

open System
open System.Collections.Generic

/// The degree of values as polynomials of some variables, as the graph shows it: no numbers are tried. It is an upper bound: what cancels
/// is not seen to.
[<RequireQualifiedAccess>]
module internal Degrees =
    /// Stands for every degree above 2, and for what is no polynomial.
    let private beyond = 3

    let private power (degree: int) (exponent: Tensor) =
        match Known.numbers exponent with
        | Some values when values |> Array.forall (fun p -> p = 0.0 || p = 1.0 || p = 2.0) -> degree * int (Array.max values)
        | _ -> beyond

    let private binary op (x: Tensor) (a: int) (b: int) =
        match op with
        | BinaryOp.Add
        | BinaryOp.Sub -> max a b
        | BinaryOp.Mul -> a + b
        | BinaryOp.Div -> if b = 0 then a else beyond
        | BinaryOp.Pow -> if b = 0 then power a x.Inputs[1] else beyond
        | BinaryOp.Min
        | BinaryOp.Max
        | BinaryOp.Less
        | BinaryOp.LessEqual
        | BinaryOp.Equal
        | BinaryOp.And
        | BinaryOp.Or
        | BinaryOp.Xor
        | BinaryOp.ShiftLeft
        | BinaryOp.ShiftRight -> beyond

    /// The degree of an operation, some operand of which moves.
    let private ofOperation (x: Tensor) (d: int[]) =
        /// Linear in the first few operands; the others, positions and conditions, must not move.
        let linearIn count =
            if Array.forall ((=) 0) (Array.skip count d) then
                Array.max (Array.take count d)
            else
                beyond

        match x.Op with
        | Op.Unary UnaryOp.Neg
        | Op.Reshape
        | Op.Transpose _
        | Op.Broadcast _
        | Op.Slice _
        | Op.Reverse _
        | Op.Stack _
        | Op.Unstack _
        | Op.Window _
        | Op.CumSum _
        | Op.Reduce(ReduceOp.Sum, _, _)
        | Op.Probe _ -> d[0]
        | Op.Convert -> if x.DType.IsFloat then d[0] else beyond
        | Op.Binary op -> binary op x d[0] d[1]
        | Op.Pad _
        | Op.Concat _ -> Array.max d
        | Op.Select -> if d[0] = 0 then max d[1] d[2] else beyond
        // what it tests is no part of the value
        | Op.Check _ -> d[0]
        // the value's own derivative, written another way, but for those that are not
        | Op.Derivative rule -> if Calculus.isOfValue rule then d[0] else beyond
        | Op.Gather
        | Op.DynamicSlice -> linearIn 1
        | Op.ScatterAdd -> if d[1] = 0 then max d[0] d[2] else beyond
        | Op.DynamicUpdate -> linearIn 2
        | Op.Dot(Semiring.SumProduct, _, _, _)
        | Op.Convolution _ -> d[0] + d[1]
        | Op.Dot((Semiring.MaxPlus | Semiring.LogSumExpPlus), _, _, _)
        | Op.Unary _
        | Op.Reduce((ReduceOp.Product | ReduceOp.Max | ReduceOp.Min), _, _)
        | Op.ArgMax _
        | Op.TopK _
        | Op.KthLargest _
        | Op.Random _
        | Op.Philox _ -> beyond
        | Op.Constant _
        | Op.Input _
        | Op.Position _
        | Op.ExtentOf _
        | Op.Iota
        | Op.Carry _
        | Op.Final _ -> 0

    /// Degrees of everything that the roots need, operands first; 3 for all that is above 2.
    let private all (variables: Tensor[]) (order: Tensor[]) : Dictionary<Tensor, int> =
        let degrees = Dictionary<Tensor, int>(HashIdentity.Reference)

        for v in variables do
            degrees[v] <- 1

        let known (x: Tensor) = degrees.GetValueOrDefault(x, 0)
        let mutable changed = true

        // a loop's carried values may rise with what a later step computes
        while changed do
            changed <- false

            for x in order do
                let degree =
                    match x.Op with
                    | Op.Carry(s, k)
                    | Op.Final(s, k) -> max (known s.Inits[k]) (known s.Nexts[k])
                    | _ ->
                        let operands = x.Inputs |> Array.map known
                        if Array.forall ((=) 0) operands then 0 else ofOperation x operands

                if min beyond degree > known x then
                    degrees[x] <- min beyond degree
                    changed <- true

        degrees

    /// The first value, operands first, whose degree in the variables is above what is allowed; None if none is.
    let tryExceed (allowed: int) (variables: Tensor[]) (value: Tensor) : Tensor option =
        let order = Traverse.postOrderUntil variables [ value ]
        let degrees = all variables order
        let exceeds (x: Tensor) = degrees.GetValueOrDefault(x, 0) > allowed

        if exceeds value then
            order |> Array.tryFind exceeds |> Option.orElse (Some value)
        else
            None

    /// What a value's own operation is, for people.
    let name (x: Tensor) : string =
        match x.Op with
        | Op.Input _ -> "the value"
        | Op.Binary(BinaryOp.Less | BinaryOp.LessEqual | BinaryOp.Equal)
        | Op.Select -> "a comparison"
        | Op.Binary BinaryOp.Mul
        | Op.Dot(Semiring.SumProduct, _, _, _)
        | Op.Convolution _ -> "a product"
        | Op.Binary BinaryOp.Div -> "a quotient"
        | Op.Derivative rule ->
            if rule.Name = "stop" then
                "a stopped gradient"
            else
                $"a derivative of its own ({rule.Name})"
        | _ when not x.DType.IsFloat -> $"a value of type {x.DType}"
        | op -> (OpText.ofOp (fun _ -> 0) (fun _ -> 0) (fun slot -> slot.Name) op).Split('(', ' ')[0]

    /// What an operation does to which variables, for people: sin of what moves with "Angle".
    let describe (variables: (string * Tensor)[]) (x: Tensor) : string =
        let read =
            variables
            |> Array.filter (fun (_, v) -> Dependence.needs v x)
            |> Array.map (fun (name, _) -> $"\"{name}\"")

        $"""{name x} of what moves with {String.Join(", ", read)}"""
