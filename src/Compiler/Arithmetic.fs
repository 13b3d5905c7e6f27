namespace Inference.Compiler

open Inference

/// The language's scalar functions as operations of the loops.
[<RequireQualifiedAccess>]
module Arithmetic =
    let unary (e: Emitter) (op: UnaryOp) (x: Operand) =
        match op with
        | UnaryOp.Neg -> e.Neg x
        | UnaryOp.Abs -> e.Abs x
        | UnaryOp.Exp -> Elementary.exp e x
        | UnaryOp.Log -> Elementary.log e x
        | UnaryOp.Expm1 -> Elementary.expm1 e x
        | UnaryOp.Log1p -> Elementary.log1p e x
        | UnaryOp.Sin -> Elementary.sin e x
        | UnaryOp.Cos -> Elementary.cos e x
        | UnaryOp.Tanh -> Elementary.tanh e x
        | UnaryOp.Sqrt -> e.Sqrt x
        | UnaryOp.Erf -> Elementary.erf e x
        | UnaryOp.Floor -> e.Floor x
        | UnaryOp.Not -> e.Not x

    /// a·b + c with one rounding, if either operand of a sum is a product that was just computed.
    let private sum (e: Emitter) (a: Operand) (b: Operand) =
        match e.ProductOf a, e.ProductOf b with
        | _, Some(p, q) -> e.Fma(p, q, a)
        | Some(p, q), None -> e.Fma(p, q, b)
        | None, None -> e.Add(a, b)

    let private difference (e: Emitter) (a: Operand) (b: Operand) =
        match e.ProductOf a, e.ProductOf b with
        | _, Some(p, q) -> e.Fma(e.Neg p, q, a)
        | Some(p, q), None -> e.Fma(p, q, e.Neg b)
        | None, None -> e.Sub(a, b)

    /// Shifts by a computed count: one bit of the count after another.
    let private shift (e: Emitter) left (x: Operand) (count: Operand) =
        let by (v: Operand) k = if left then e.ShiftLeft(v, k) else e.ShiftRight(v, k)

        match count with
        | Operand.Int(_, k) -> by x (int k)
        | Operand.Float _
        | Operand.Var _ ->
            List.fold
                (fun v bit ->
                    let one = e.Int(count.Type, 1L <<< bit)
                    e.Select(e.Equal(e.And(count, one), one), by v (1 <<< bit), v))
                x
                [ 0..4 ]

    let binary (e: Emitter) (op: BinaryOp) (a: Operand) (b: Operand) =
        match op with
        | BinaryOp.Add -> sum e a b
        | BinaryOp.Sub -> difference e a b
        | BinaryOp.Mul -> e.Mul(a, b)
        | BinaryOp.Div -> e.Div(a, b)
        | BinaryOp.Pow -> Elementary.pow e a b
        | BinaryOp.Min -> e.Min(a, b)
        | BinaryOp.Max -> e.Max(a, b)
        | BinaryOp.Less -> e.Less(a, b)
        | BinaryOp.LessEqual -> e.LessEqual(a, b)
        | BinaryOp.Equal -> e.Equal(a, b)
        | BinaryOp.And -> e.And(a, b)
        | BinaryOp.Or -> e.Or(a, b)
        | BinaryOp.Xor -> e.Xor(a, b)
        | BinaryOp.ShiftLeft -> shift e true a b
        | BinaryOp.ShiftRight -> shift e false a b

    let convert (e: Emitter) (t: ScalarType) (x: Operand) =
        match x.Type, t with
        | ScalarType.Bool, (ScalarType.F32 | ScalarType.F64) -> e.Select(x, e.Lit(t, 1.0), e.Lit(t, 0.0))
        | ScalarType.Bool, ScalarType.Bool -> x
        | ScalarType.Bool, _ -> e.Select(x, e.Int(t, 1L), e.Int(t, 0L))
        | (ScalarType.F32 | ScalarType.F64), ScalarType.Bool -> e.Not(e.Equal(x, e.Lit(x.Type, 0.0)))
        | _, ScalarType.Bool -> e.Not(e.Equal(x, e.Int(x.Type, 0L)))
        | _ -> e.Convert(x, t)

    let combine op =
        match op with
        | ReduceOp.Sum -> Arith.Add
        | ReduceOp.Product -> Arith.Mul
        | ReduceOp.Max -> Arith.Max
        | ReduceOp.Min -> Arith.Min

    /// What a reduction starts from.
    let identity (t: ScalarType) op =
        let isFloat = t = ScalarType.F32 || t = ScalarType.F64
        let unsigned = t = ScalarType.U32

        match op with
        | ReduceOp.Sum -> if isFloat then Operand.Float(t, 0.0) else Operand.Int(t, 0L)
        | ReduceOp.Product -> if isFloat then Operand.Float(t, 1.0) else Operand.Int(t, 1L)
        | ReduceOp.Max ->
            if isFloat then Operand.Float(t, -infinity)
            elif unsigned then Operand.Int(t, 0L)
            else Operand.Int(t, int64 System.Int32.MinValue)
        | ReduceOp.Min ->
            if isFloat then Operand.Float(t, infinity)
            elif unsigned then Operand.Int(t, int64 System.UInt32.MaxValue)
            else Operand.Int(t, int64 System.Int32.MaxValue)
