namespace Inference.Compiler

open System.Globalization

/// Types, literals and operations on single values, in C#.
[<RequireQualifiedAccess>]
module CSharpScalars =
    let typeName t =
        match t with
        | ScalarType.F32 -> "float"
        | ScalarType.F64 -> "double"
        | ScalarType.I32 -> "int"
        | ScalarType.U32 -> "uint"
        | ScalarType.I64 -> "long"
        | ScalarType.U64 -> "ulong"
        | ScalarType.Bool -> "bool"

    let private float (v: double) suffix typeName =
        if System.Double.IsNaN v then
            $"{typeName}.NaN"
        elif System.Double.IsPositiveInfinity v then
            $"{typeName}.PositiveInfinity"
        elif System.Double.IsNegativeInfinity v then
            $"{typeName}.NegativeInfinity"
        else
            (if suffix = "f" then
                 (float32 v).ToString("R", CultureInfo.InvariantCulture)
             else
                 v.ToString("R", CultureInfo.InvariantCulture))
            + suffix

    let literal (o: Operand) =
        match o with
        | Operand.Float(ScalarType.F32, v) -> float v "f" "float"
        | Operand.Float(_, v) -> float v "d" "double"
        | Operand.Int(ScalarType.Bool, v) -> if v <> 0L then "true" else "false"
        | Operand.Int(ScalarType.U32, v) -> $"{uint32 v}u"
        | Operand.Int(ScalarType.I64, v) -> if v = System.Int64.MinValue then "long.MinValue" else $"{v}L"
        | Operand.Int(ScalarType.U64, v) -> $"{uint64 v}ul"
        | Operand.Int(_, v) -> if v = -2147483648L then "int.MinValue" else string v
        | Operand.Var _ -> invalidOp "A variable is no literal."

    let isFloat t = t = ScalarType.F32 || t = ScalarType.F64
    let infix (op: string) (a: string[]) = $"({a[0]} {op} {a[1]})"

    let private bits from into (a: string) =
        match from, into with
        | ScalarType.F32, ScalarType.I32 -> $"BitConverter.SingleToInt32Bits({a})"
        | ScalarType.F32, _ -> $"BitConverter.SingleToUInt32Bits({a})"
        | ScalarType.F64, ScalarType.I64 -> $"BitConverter.DoubleToInt64Bits({a})"
        | ScalarType.F64, _ -> $"BitConverter.DoubleToUInt64Bits({a})"
        | ScalarType.I32, ScalarType.F32 -> $"BitConverter.Int32BitsToSingle({a})"
        | ScalarType.U32, ScalarType.F32 -> $"BitConverter.UInt32BitsToSingle({a})"
        | ScalarType.I64, ScalarType.F64 -> $"BitConverter.Int64BitsToDouble({a})"
        | ScalarType.U64, ScalarType.F64 -> $"BitConverter.UInt64BitsToDouble({a})"
        | _ -> $"unchecked(({typeName into}){a})"

    /// An operation; fused: with fused products.
    let operation fused op t (a: string[]) =
        let math = if t = ScalarType.F32 then "MathF" else "Math"

        match op with
        | Arith.Neg -> $"(-{a[0]})"
        | Arith.Abs -> if isFloat t then $"{math}.Abs({a[0]})" else $"({a[0]} < 0 ? -{a[0]} : {a[0]})"
        | Arith.Sqrt -> $"{math}.Sqrt({a[0]})"
        | Arith.Floor -> $"{math}.Floor({a[0]})"
        | Arith.Round -> $"{math}.Round({a[0]})"
        | Arith.Not -> $"(!{a[0]})"
        | Arith.Add -> infix "+" a
        | Arith.Sub -> infix "-" a
        | Arith.Mul -> infix "*" a
        | Arith.Div -> infix "/" a
        | Arith.Rem -> infix "%" a
        | Arith.Min -> $"({a[0]} < {a[1]} ? {a[0]} : {a[1]})"
        | Arith.Max -> $"({a[0]} > {a[1]} ? {a[0]} : {a[1]})"
        | Arith.And -> infix "&" a
        | Arith.Or -> infix "|" a
        | Arith.Xor -> infix "^" a
        | Arith.ShiftLeft -> infix "<<" a
        | Arith.ShiftRight -> infix ">>" a
        | Arith.Less -> infix "<" a
        | Arith.LessEqual -> infix "<=" a
        | Arith.Equal -> infix "==" a
        | Arith.Select -> $"({a[0]} ? {a[1]} : {a[2]})"
        | Arith.Fma ->
            if fused then
                $"{math}.FusedMultiplyAdd({a[0]}, {a[1]}, {a[2]})"
            else
                $"({a[0]} * {a[1]} + {a[2]})"
        | Arith.Convert into -> $"unchecked(({typeName into}){a[0]})"
        | Arith.Bits into -> bits t into a[0]
