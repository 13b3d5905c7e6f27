/// Elementary functions against System.Math (single precision) and against long fixed-point series (double precision).
module Inference.Compiler.Tests.ElementaryTests

open System
open Inference.Compiler
open Inference.Compiler.Tests
open Xunit

let unary (f: Emitter -> Operand -> Operand) (e: Emitter) (operands: Operand[]) = f e operands[0]

let private sineOfTurns (e: Emitter) (operands: Operand[]) =
    let struct (sine, _) = Elementary.sinCosTurns e operands[0]
    sine

let private cosineOfTurns (e: Emitter) (operands: Operand[]) =
    let struct (_, cosine) = Elementary.sinCosTurns e operands[0]
    cosine

let expansions =
    Map
        [
            "exp", unary Elementary.exp
            "expm1", unary Elementary.expm1
            "log", unary Elementary.log
            "log01", unary Elementary.log01
            "log1p", unary Elementary.log1p
            "sin", unary Elementary.sin
            "cos", unary Elementary.cos
            "tanh", unary Elementary.tanh
            "erf", unary Elementary.erf
            "sinTurns", sineOfTurns
            "cosTurns", cosineOfTurns
            "pow", (fun e operands -> Elementary.pow e operands[0] operands[1])
        ]

/// The statements of an expansion, the variables that it reads, and its result.
let expand t count (f: Emitter -> Operand[] -> Operand) =
    let e = Emitter()
    let variables = Array.init count (fun _ -> e.NewVar(t, true))
    let result = f e (Array.map Operand.Var variables)
    struct (e.Statements, variables, result)

let private evaluate fused t name (inputs: double[][]) =
    let struct (statements, variables, result) = expand t inputs.Length expansions[name]
    StraightLine.run fused statements (List.ofArray (Array.zip variables inputs)) result

let at t name x = Array.head (evaluate true t name [| [| x |] |])
let powAt t x y = Array.head (evaluate true t "pow" [| [| x |]; [| y |] |])
let types = [ ScalarType.F32; ScalarType.F64 ]
let private round t (x: double) = if t = ScalarType.F32 then double (float32 x) else x

// References.

/// 2/√π·exp(−x²)·Σ 2ⁿ·x^(2n+1)/(1·3·…·(2n+1)), all terms of one sign.
let private erfInDouble (x: double) =
    let a = min (abs x) 6.0

    let rec go total term n =
        if term <= total * 1e-18 then
            total
        else
            let next = term * 2.0 * a * a / (2.0 * n + 1.0)
            go (total + next) next (n + 1.0)

    Math.CopySign(2.0 / Math.Sqrt Math.PI * Math.Exp(-a * a) * go a a 1.0, x)

let private log1pInDouble (x: double) =
    let sum = 1.0 + x

    if sum = 1.0 then x
    elif abs x > 1e6 then Math.Log sum
    else Math.Log sum * x / (sum - 1.0)

let private expm1InDouble (x: double) =
    if abs x > 1.0 then
        Math.Exp x - 1.0
    else
        2.0 * Math.Sinh(x / 2.0) * Math.Exp(x / 2.0)

/// sin(2πw) for w = u − h/2 and the nearest whole h, which is exact.
let private sinTurnsInDouble (u: double) =
    let halves = Math.Round(2.0 * u)
    let sine = Math.Sin(2.0 * Math.PI * (u - halves / 2.0))
    if halves = 1.0 then -sine else sine

let private cosTurnsInDouble (u: double) = Math.Sin(2.0 * Math.PI * (0.25 - min u (1.0 - u)))

let private references: Map<string, (double -> double) * (double -> Reference.Exact)> =
    Map
        [
            "exp", (Math.Exp, Reference.exp)
            "expm1", (expm1InDouble, Reference.expm1)
            "log", (Math.Log, Reference.log)
            "log01", (Math.Log, Reference.log)
            "log1p", (log1pInDouble, Reference.log1p)
            "sin", (Math.Sin, Reference.sin)
            "cos", (Math.Cos, Reference.cos)
            "tanh", (Math.Tanh, Reference.tanh)
            "erf", (erfInDouble, Reference.erf)
            "sinTurns", (sinTurnsInDouble, Reference.sinTurns)
            "cosTurns", (cosTurnsInDouble, Reference.cosTurns)
        ]

let private singleUlps (value: double) (expected: double) =
    let place = Math.ScaleB(1.0, max (Math.ILogB expected) -126 - 23)
    let error = abs (value - expected) / place

    if expected = 0.0 && value = 0.0 then 0.0
    elif Double.IsNaN error then Double.PositiveInfinity
    else error

// Operands.

/// Evenly spaced, and evenly spaced in magnitude on either side of 0, in a range and with both of its ends.
let private grid t count (from: double) (upTo: double) =
    let smallest = if t = ScalarType.F32 then 1e-37 else 1e-30
    let even = Array.init count (fun i -> from + (upTo - from) * (double i / double (count - 1)))

    let magnitudes low high =
        let low, high = Math.Log low, Math.Log high
        Array.init (count / 2) (fun i -> Math.Exp(low + (high - low) * (double i / double (count / 2 - 1))))

    let positive =
        if upTo > 0.0 then
            magnitudes (if from > 0.0 then from else smallest) upTo
        else
            [||]

    let negative =
        if from < 0.0 then
            magnitudes smallest -from |> Array.map (fun v -> -v)
        else
            [||]

    Array.concat [ even; positive; negative ]
    |> Array.map (round t)
    |> Array.filter (fun x -> x >= from && x <= upTo)

/// Bases and exponents whose power is 2 to a number in a range.
let private powers t count (from: double) (upTo: double) =
    let random = Random 1
    let between a b = a + (b - a) * random.NextDouble()

    Array.init count (fun i ->
        let logarithm = Math.ScaleB(between 0.5 1.0, (if i % 2 = 0 then 0 else random.Next(-10, 7)))
        let x = round t (Math.Pow(2.0, (if i % 3 = 0 then -logarithm else logarithm)))
        x, round t (between from upTo / Math.Log2 x))
    |> Array.filter (fun (x, y) -> y * Math.Log2 x >= from && y * Math.Log2 x <= upTo)
    |> Array.unzip

let private worst (b: ElementaryBound) fused =
    let single = (b.Type = ScalarType.F32)

    if b.Function = "pow" then
        let x, y = powers b.Type (if single then 100000 else 5000) b.From b.To
        let values = evaluate fused b.Type "pow" [| x; y |]

        Array.init x.Length (fun i ->
            if single then
                singleUlps values[i] (Math.Pow(x[i], y[i]))
            else
                Reference.ulps 53 values[i] (Reference.pow x[i] y[i]))
    else
        let inDouble, exactly = references[b.Function]
        let x = grid b.Type (if single then 100000 else 2000) b.From b.To
        let values = evaluate fused b.Type b.Function [| x |]
        Array.map2 (fun x v -> if single then singleUlps v (inDouble x) else Reference.ulps 53 v (exactly x)) x values
    |> Array.max

let private holds t name =
    let rows = Elementary.bounds |> List.filter (fun b -> b.Function = name && b.Type = t)
    Assert.NotEmpty rows

    for b in rows do
        let found = worst b true
        Assert.True(found <= b.Ulps, $"{name} {t} from {b.From} to {b.To}: {found} ulp, stated {b.Ulps}")

[<Fact>]
let ``Single_precision_exp_is_within_its_stated_bound`` () = holds ScalarType.F32 "exp"

[<Fact>]
let ``Single_precision_expm1_is_within_its_stated_bound`` () = holds ScalarType.F32 "expm1"

[<Fact>]
let ``Single_precision_log_is_within_its_stated_bound`` () = holds ScalarType.F32 "log"

[<Fact>]
let ``Single_precision_log01_is_within_its_stated_bound`` () = holds ScalarType.F32 "log01"

[<Fact>]
let ``Single_precision_log1p_is_within_its_stated_bound`` () = holds ScalarType.F32 "log1p"

[<Fact>]
let ``Single_precision_sin_is_within_its_stated_bound`` () = holds ScalarType.F32 "sin"

[<Fact>]
let ``Single_precision_cos_is_within_its_stated_bound`` () = holds ScalarType.F32 "cos"

[<Fact>]
let ``Single_precision_tanh_is_within_its_stated_bound`` () = holds ScalarType.F32 "tanh"

[<Fact>]
let ``Single_precision_erf_is_within_its_stated_bound`` () = holds ScalarType.F32 "erf"

[<Fact>]
let ``Single_precision_pow_is_within_its_stated_bound`` () = holds ScalarType.F32 "pow"

[<Fact>]
let ``Single_precision_sine_and_cosine_of_turns_are_within_their_stated_bounds`` () =
    holds ScalarType.F32 "sinTurns"
    holds ScalarType.F32 "cosTurns"

[<Fact>]
let ``Double_precision_exp_is_within_its_stated_bound`` () = holds ScalarType.F64 "exp"

[<Fact>]
let ``Double_precision_expm1_is_within_its_stated_bound`` () = holds ScalarType.F64 "expm1"

[<Fact>]
let ``Double_precision_log_is_within_its_stated_bound`` () = holds ScalarType.F64 "log"

[<Fact>]
let ``Double_precision_log01_is_within_its_stated_bound`` () = holds ScalarType.F64 "log01"

[<Fact>]
let ``Double_precision_log1p_is_within_its_stated_bound`` () = holds ScalarType.F64 "log1p"

[<Fact>]
let ``Double_precision_sin_is_within_its_stated_bound`` () = holds ScalarType.F64 "sin"

[<Fact>]
let ``Double_precision_cos_is_within_its_stated_bound`` () = holds ScalarType.F64 "cos"

[<Fact>]
let ``Double_precision_tanh_is_within_its_stated_bound`` () = holds ScalarType.F64 "tanh"

[<Fact>]
let ``Double_precision_erf_is_within_its_stated_bound`` () = holds ScalarType.F64 "erf"

[<Fact>]
let ``Double_precision_pow_is_within_its_stated_bounds`` () = holds ScalarType.F64 "pow"

[<Fact>]
let ``Double_precision_sine_and_cosine_of_turns_are_within_their_stated_bounds`` () =
    holds ScalarType.F64 "sinTurns"
    holds ScalarType.F64 "cosTurns"

[<Fact>]
let ``Every_stated_bound_is_of_a_tested_function`` () =
    for b in Elementary.bounds do
        Assert.True(expansions.ContainsKey b.Function, b.Function)

[<Fact>]
let ``The_sine_of_a_turn_on_the_grid_of_random_draws_is_within_1_75_ulp`` () =
    let u = Array.init 400000 (fun i -> (double (i * 20) + 0.5) / 8388608.0)
    let values = evaluate true ScalarType.F32 "sinTurns" [| u |]
    let found = Array.map2 (fun u v -> singleUlps v (sinTurnsInDouble u)) u values |> Array.max
    Assert.True(found <= 1.75, string found)

[<Fact>]
let ``Without_fused_multiplication_and_addition_the_bounds_grow_by_at_most_one_ulp_except_for_sin_and_cos`` () =
    for b in Elementary.bounds |> List.filter (fun b -> b.Function <> "sin" && b.Function <> "cos") do
        let found = worst b false
        Assert.True(found <= b.Ulps + 1.0, $"{b.Function} {b.Type} from {b.From} to {b.To}: {found} ulp")

[<Fact>]
let ``Without_fused_multiplication_and_addition_sin_and_cos_are_within_2_5_ulp_for_moderate_angles`` () =
    for t, limit in [ ScalarType.F32, 6e3; ScalarType.F64, 1.6e6 ] do
        for name in [ "sin"; "cos" ] do
            let b = { Function = name; Type = t; Ulps = 2.5; From = -limit; To = limit }
            let found = worst b false
            Assert.True(found <= b.Ulps, $"{name} {t}: {found} ulp")
