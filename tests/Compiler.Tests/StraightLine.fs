namespace Inference.Compiler.Tests

open System
open System.Collections.Generic
open Inference.Compiler

/// The values of one operand in every lane. Single-precision values are held as doubles, whole numbers wrapped to their type
/// (U64 by its bits).
[<RequireQualifiedAccess>]
type Lanes =
    | Floats of double[]
    | Wholes of int64[]

/// Runs straight-line statements lane by lane, each operation in the arithmetic of its own type.
module StraightLine =
    let private single (f: float32 -> float32 -> float32) x y = double (f (float32 x) (float32 y))

    let private arithmetic op (t: ScalarType) : double -> double -> double =
        let isSingle = (t = ScalarType.F32)

        match op with
        | Arith.Add -> if isSingle then single (fun x y -> x + y) else (fun x y -> x + y)
        | Arith.Sub -> if isSingle then single (fun x y -> x - y) else (fun x y -> x - y)
        | Arith.Mul -> if isSingle then single (fun x y -> x * y) else (fun x y -> x * y)
        | Arith.Div -> if isSingle then single (fun x y -> x / y) else (fun x y -> x / y)
        | Arith.Min -> fun x y -> if x < y then x else y
        | Arith.Max -> fun x y -> if x > y then x else y
        | _ -> invalidArg (nameof op) $"{op} of floating numbers"

    let private function1 op (t: ScalarType) : double -> double =
        match op with
        | Arith.Neg -> fun x -> -x
        | Arith.Abs -> Math.Abs
        | Arith.Floor -> Math.Floor
        | Arith.Round -> fun x -> Math.Round(x, MidpointRounding.ToEven)
        | Arith.Sqrt when t = ScalarType.F32 -> fun x -> double (MathF.Sqrt(float32 x))
        | Arith.Sqrt -> Math.Sqrt
        | _ -> invalidArg (nameof op) $"{op} of a floating number"

    let private multiplyAdd fused (t: ScalarType) (a: double) (b: double) (c: double) =
        match t, fused with
        | ScalarType.F32, true -> double (MathF.FusedMultiplyAdd(float32 a, float32 b, float32 c))
        | ScalarType.F32, false -> double (float32 a * float32 b + float32 c)
        | _, true -> Math.FusedMultiplyAdd(a, b, c)
        | _, false -> a * b + c

    let private compare op (x: double) (y: double) =
        let holds =
            match op with
            | Arith.Less -> x < y
            | Arith.LessEqual -> x <= y
            | Arith.Equal -> x = y
            | _ -> invalidArg (nameof op) $"{op} is no comparison"

        if holds then 1L else 0L

    let private whole op t (x: int64) (y: int64) =
        match op with
        | Arith.Add -> x + y
        | Arith.Sub -> x - y
        | Arith.Mul -> x * y
        | Arith.And -> x &&& y
        | Arith.Or -> x ||| y
        | Arith.Xor -> x ^^^ y
        | Arith.Equal -> if x = y then 1L else 0L
        | Arith.ShiftLeft -> x <<< int y
        | Arith.ShiftRight when t = ScalarType.U64 -> int64 (uint64 x >>> int y)
        | Arith.ShiftRight -> x >>> int y
        | _ -> invalidArg (nameof op) $"{op} of whole numbers"
        |> Fold.wrap t

    let private bitsOf t (x: double) =
        if t = ScalarType.F32 then
            int64 (BitConverter.SingleToInt32Bits(float32 x))
        else
            BitConverter.DoubleToInt64Bits x

    let private ofBits t (x: int64) =
        if t = ScalarType.F32 then
            double (BitConverter.Int32BitsToSingle(int32 x))
        else
            BitConverter.Int64BitsToDouble x

    let private isFloat t = (t = ScalarType.F32 || t = ScalarType.F64)

    let private cast op fromType (value: Lanes) =
        match op, value with
        | Arith.Bits t, Lanes.Floats x -> Lanes.Wholes(x |> Array.map (fun v -> Fold.wrap t (bitsOf fromType v)))
        | Arith.Bits t, Lanes.Wholes x when isFloat t -> Lanes.Floats(Array.map (ofBits t) x)
        | (Arith.Bits t | Arith.Convert t), Lanes.Wholes x when not (isFloat t) -> Lanes.Wholes(Array.map (Fold.wrap t) x)
        | Arith.Convert ScalarType.F32, Lanes.Wholes x -> Lanes.Floats(x |> Array.map (fun v -> double (float32 v)))
        | Arith.Convert t, Lanes.Floats x when not (isFloat t) -> Lanes.Wholes(x |> Array.map (fun v -> Fold.wrap t (int64 v)))
        | _ -> invalidArg (nameof op) $"{op} is not evaluated"

    let private apply fused op (t: ScalarType) (args: Lanes[]) =
        match op, args with
        | (Arith.Bits _ | Arith.Convert _), [| x |] -> cast op t x
        | Arith.Not, [| Lanes.Wholes x |] -> Lanes.Wholes(x |> Array.map (fun v -> 1L - v))
        | Arith.Select, [| Lanes.Wholes c; Lanes.Floats x; Lanes.Floats y |] ->
            Lanes.Floats(Array.map3 (fun c x y -> if c <> 0L then x else y) c x y)
        | Arith.Select, [| Lanes.Wholes c; Lanes.Wholes x; Lanes.Wholes y |] ->
            Lanes.Wholes(Array.map3 (fun c x y -> if c <> 0L then x else y) c x y)
        | Arith.Fma, [| Lanes.Floats a; Lanes.Floats b; Lanes.Floats c |] -> Lanes.Floats(Array.map3 (multiplyAdd fused t) a b c)
        | (Arith.Less | Arith.LessEqual | Arith.Equal), [| Lanes.Floats x; Lanes.Floats y |] -> Lanes.Wholes(Array.map2 (compare op) x y)
        | _, [| Lanes.Floats x; Lanes.Floats y |] -> Lanes.Floats(Array.map2 (arithmetic op t) x y)
        | _, [| Lanes.Floats x |] -> Lanes.Floats(Array.map (function1 op t) x)
        | _, [| Lanes.Wholes x; Lanes.Wholes y |] -> Lanes.Wholes(Array.map2 (whole op t) x y)
        | _ -> invalidArg (nameof op) $"{op} is not evaluated"

    /// What an operand holds after the statements, given the values of the variables that they read.
    let run fused (statements: Statement list) (inputs: (Var * double[]) list) : Operand -> double[] =
        let count = (snd (List.head inputs)).Length
        let values = Dictionary<int, Lanes>()

        for variable, lanes in inputs do
            values[variable.Id] <- Lanes.Floats lanes

        let valueOf operand =
            match operand with
            | Operand.Var v -> values[v.Id]
            | Operand.Float(_, v) -> Lanes.Floats(Array.replicate count v)
            | Operand.Int(_, v) -> Lanes.Wholes(Array.replicate count v)

        for statement in statements do
            match statement with
            | Let(variable, op, args) -> values[variable.Id] <- apply fused op args[0].Type (Array.map valueOf args)
            | _ -> invalidArg (nameof statements) "not straight-line"

        fun operand ->
            match valueOf operand with
            | Lanes.Floats x -> x
            | Lanes.Wholes x -> Array.map double x
