namespace Inference.Compiler

open System

/// Constant folding and the identities that are exact in floating point.
[<RequireQualifiedAccess>]
module Fold =
    let resultType op (args: Operand[]) =
        match op with
        | Arith.Less
        | Arith.LessEqual
        | Arith.Equal -> ScalarType.Bool
        | Arith.Select -> args[1].Type
        | Arith.Convert t
        | Arith.Bits t -> t
        | Arith.Neg
        | Arith.Abs
        | Arith.Sqrt
        | Arith.Floor
        | Arith.Round
        | Arith.Not
        | Arith.Add
        | Arith.Sub
        | Arith.Mul
        | Arith.Div
        | Arith.Rem
        | Arith.Min
        | Arith.Max
        | Arith.And
        | Arith.Or
        | Arith.Xor
        | Arith.ShiftLeft
        | Arith.ShiftRight
        | Arith.Fma -> args[0].Type

    /// Wraps a whole number to its type.
    let wrap t (v: int64) =
        match t with
        | ScalarType.I32 -> int64 (int32 v)
        | ScalarType.U32 -> int64 (uint32 v)
        | ScalarType.Bool -> v &&& 1L
        | ScalarType.I64
        | ScalarType.U64
        | ScalarType.F32
        | ScalarType.F64 -> v

    let private round t (v: double) = if t = ScalarType.F32 then double (float32 v) else v
    let private ofBool b = Some(Operand.Int(ScalarType.Bool, (if b then 1L else 0L)))

    let private floats op t (x: double) (y: double) =
        match op with
        | Arith.Add -> Some(Operand.Float(t, round t (x + y)))
        | Arith.Sub -> Some(Operand.Float(t, round t (x - y)))
        | Arith.Mul -> Some(Operand.Float(t, round t (x * y)))
        | Arith.Div -> Some(Operand.Float(t, round t (x / y)))
        | Arith.Min -> Some(Operand.Float(t, (if x < y then x else y)))
        | Arith.Max -> Some(Operand.Float(t, (if x > y then x else y)))
        | Arith.Less -> ofBool (x < y)
        | Arith.LessEqual -> ofBool (x <= y)
        | Arith.Equal -> ofBool (x = y)
        | _ -> None

    let private ints op t (x: int64) (y: int64) =
        let whole v = Some(Operand.Int(t, wrap t v))

        match op with
        | Arith.Add -> whole (x + y)
        | Arith.Sub -> whole (x - y)
        | Arith.Mul -> whole (x * y)
        | Arith.Div when y <> 0L -> whole (x / y)
        | Arith.Rem when y <> 0L -> whole (x % y)
        | Arith.And -> whole (x &&& y)
        | Arith.Or -> whole (x ||| y)
        | Arith.Xor -> whole (x ^^^ y)
        | Arith.Min when t <> ScalarType.U64 -> whole (min x y)
        | Arith.Max when t <> ScalarType.U64 -> whole (max x y)
        | Arith.Less when t <> ScalarType.U64 -> ofBool (x < y)
        | Arith.LessEqual when t <> ScalarType.U64 -> ofBool (x <= y)
        | Arith.Equal -> ofBool (x = y)
        | _ -> None

    let private isOne (a: Operand) =
        match a with
        | Operand.Float(_, 1.0)
        | Operand.Int((ScalarType.I32 | ScalarType.U32 | ScalarType.I64 | ScalarType.U64), 1L) -> true
        | _ -> false

    let private isZeroInt (a: Operand) =
        match a with
        | Operand.Int(_, 0L) -> true
        | _ -> false

    let private identities op (args: Operand[]) =
        match op, args with
        | Arith.Mul, [| a; b |] when isOne a -> Some b
        | (Arith.Mul | Arith.Div), [| a; b |] when isOne b -> Some a
        | (Arith.Add | Arith.Or | Arith.Xor), [| a; b |] when isZeroInt a -> Some b
        | (Arith.Add | Arith.Sub | Arith.Or | Arith.Xor | Arith.ShiftLeft | Arith.ShiftRight), [| a; b |] when isZeroInt b -> Some a
        | (Arith.Mul | Arith.And), [| a; b |] when isZeroInt a -> Some a
        | (Arith.Mul | Arith.And), [| a; b |] when isZeroInt b -> Some b
        | Arith.And, [| Operand.Int(ScalarType.Bool, 1L); b |] -> Some b
        | Arith.And, [| a; Operand.Int(ScalarType.Bool, 1L) |] -> Some a
        | Arith.Select, [| Operand.Int(_, c); a; b |] -> Some(if c <> 0L then a else b)
        | Arith.Select, [| _; a; b |] when a.Equals b -> Some a
        | _ -> None

    let private convert t (a: Operand) =
        match a with
        | Operand.Float(_, v) when t = ScalarType.F32 || t = ScalarType.F64 -> Some(Operand.Float(t, round t v))
        | Operand.Int(s, v) when (t = ScalarType.F32 || t = ScalarType.F64) && s <> ScalarType.U64 ->
            Some(Operand.Float(t, round t (double v)))
        | Operand.Int(_, v) when t <> ScalarType.Bool && t <> ScalarType.F32 && t <> ScalarType.F64 -> Some(Operand.Int(t, wrap t v))
        | _ -> None

    /// The value of an operation whose operands are known, or one operand that it must equal.
    let tryFold op (args: Operand[]) : Operand option =
        match op, args with
        | Arith.Convert t, [| a |] when a.Type = t -> Some a
        | Arith.Convert t, [| a |] -> convert t a
        | Arith.Neg, [| Operand.Float(t, v) |] -> Some(Operand.Float(t, -v))
        | Arith.Neg, [| Operand.Int(t, v) |] -> Some(Operand.Int(t, wrap t (-v)))
        | Arith.Not, [| Operand.Int(ScalarType.Bool, v) |] -> Some(Operand.Int(ScalarType.Bool, 1L - v))
        | Arith.Sqrt, [| Operand.Float(t, v) |] -> Some(Operand.Float(t, round t (Math.Sqrt v)))
        | _, [| Operand.Float(t, x); Operand.Float(_, y) |] ->
            (match floats op t x y with
             | Some v -> Some v
             | None -> identities op args)
        | _, [| Operand.Int(t, x); Operand.Int(_, y) |] ->
            (match ints op t x y with
             | Some v -> Some v
             | None -> identities op args)
        | _ -> identities op args
