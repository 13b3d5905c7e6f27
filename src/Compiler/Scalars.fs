namespace Inference.Compiler

open System
open Inference

/// Scalar arithmetic of the language in double precision, for the interpreter and for what is known before a program runs.
[<RequireQualifiedAccess>]
module Scalars =
    /// erf by its Taylor series near 0 and the continued fraction of erfc elsewhere (Abramowitz & Stegun 7.1.5, 7.1.14).
    let erf (x: double) =
        let a = abs x

        if Double.IsNaN x then
            x
        elif a < 2.5 then
            let mutable term, total, n = a, a, 0

            while abs term > 1e-18 * abs total do
                n <- n + 1
                term <- -term * a * a / double n
                total <- total + term / double (2 * n + 1)

            double (sign x) * 2.0 / sqrt Math.PI * total
        elif a > 6.0 then
            double (sign x)
        else
            let mutable fraction = 0.0

            for k in 120..-1..1 do
                fraction <- double k / 2.0 / (a + fraction)

            double (sign x) * (1.0 - exp (-a * a) / sqrt Math.PI / (a + fraction))

    let private expm1 x =
        if abs x < 1e-5 then
            x + x * x / 2.0 + x * x * x / 6.0
        elif abs x > 1.0 then
            // nothing cancels, and the products below would overflow far out
            exp x - 1.0
        else
            2.0 * sinh (x / 2.0) * exp (x / 2.0)

    let private log1p x =
        let y = 1.0 + x

        if y = 1.0 || Double.IsInfinity y then
            (if y = 1.0 then x else y)
        else
            log y * x / (y - 1.0)

    let unary (op: UnaryOp) (x: double) =
        match op with
        | UnaryOp.Neg -> -x
        | UnaryOp.Abs -> abs x
        | UnaryOp.Exp -> exp x
        | UnaryOp.Log -> log x
        | UnaryOp.Expm1 -> expm1 x
        | UnaryOp.Log1p -> log1p x
        | UnaryOp.Sin -> sin x
        | UnaryOp.Cos -> cos x
        | UnaryOp.Tanh -> tanh x
        | UnaryOp.Sqrt -> sqrt x
        | UnaryOp.Erf -> erf x
        | UnaryOp.Floor -> floor x
        | UnaryOp.Not -> if x = 0.0 then 1.0 else 0.0

    /// A number as a whole number: towards zero, to the nearest of the type's where it has none, NaN to 0.
    let whole (t: DType) (v: double) =
        let low, high =
            if t = DType.U32 then
                0.0, double UInt32.MaxValue
            else
                double Int32.MinValue, double Int32.MaxValue

        if Double.IsNaN v then 0.0 else Math.Clamp(Math.Truncate v, low, high)

    let binary (op: BinaryOp) (t: DType) (a: double) (b: double) =
        let truth c = if c then 1.0 else 0.0

        let bits f =
            match t with
            | DType.U32 -> double (uint32 (f (int64 (uint32 a)) (int64 (uint32 b))))
            | DType.I32 -> double (int32 (f (int64 a) (int64 b)))
            | DType.Bool
            | DType.F32
            | DType.F64 -> double (f (int64 a) (int64 b))

        match op with
        | BinaryOp.Add -> a + b
        | BinaryOp.Sub -> a - b
        | BinaryOp.Mul ->
            // products of whole numbers may need more bits than a double holds
            (match t with
             | DType.I32
             | DType.U32 -> bits (*)
             | DType.F32
             | DType.F64
             | DType.Bool -> a * b)
        | BinaryOp.Div -> a / b
        | BinaryOp.Pow -> Math.Pow(a, b)
        | BinaryOp.Min -> if a < b then a else b
        | BinaryOp.Max -> if a > b then a else b
        | BinaryOp.Less -> truth (a < b)
        | BinaryOp.LessEqual -> truth (a <= b)
        | BinaryOp.Equal -> truth (a = b)
        | BinaryOp.And -> bits (&&&)
        | BinaryOp.Or -> bits (|||)
        | BinaryOp.Xor -> bits (^^^)
        | BinaryOp.ShiftLeft -> bits (fun x y -> x <<< int y)
        | BinaryOp.ShiftRight -> bits (fun x y -> x >>> int y)
