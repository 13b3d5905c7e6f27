/// What the expansions of elementary functions do at the edges, and how long they are.
module Inference.Compiler.Tests.ElementarySpecialTests

open System
open Inference.Compiler
open Inference.Compiler.Tests.ElementaryTests
open Xunit

let private infinity = Double.PositiveInfinity

/// By bits, so that 0 and −0 differ and NaN equals itself.
let private same (expected: double) (actual: double) =
    Assert.True(expected.Equals actual && Double.IsNegative expected = Double.IsNegative actual, $"{actual} instead of {expected}")

let private isNaN (value: double) = Assert.True(Double.IsNaN value, string value)

[<Fact>]
let ``NaN_comes_through_every_function`` () =
    for t in types do
        for name in [ "exp"; "expm1"; "log"; "log1p"; "sin"; "cos"; "tanh"; "erf" ] do
            isNaN (at t name Double.NaN)

        isNaN (powAt t Double.NaN 2.5)
        isNaN (powAt t 2.5 Double.NaN)

[<Fact>]
let ``exp_overflows_to_infinity_and_underflows_to_zero`` () =
    for t, over, under in [ ScalarType.F32, 88.723, -88.0; ScalarType.F64, 709.783, -709.0 ] do
        for x in [ over; 1e30; infinity ] do
            same infinity (at t "exp" x)
            same infinity (at t "expm1" x)

        for x in [ under; -1e30; -infinity ] do
            same 0.0 (at t "exp" x)
            same -1.0 (at t "expm1" x)

        same 1.0 (at t "exp" 0.0)

    // the greatest arguments whose exponentials are finite
    Assert.True(Double.IsFinite(at ScalarType.F32 "exp" (double 88.72283f)))
    Assert.True(Double.IsFinite(at ScalarType.F64 "exp" 709.78271289338397))

[<Fact>]
let ``Logarithms_have_their_limits`` () =
    for t in types do
        for zero in [ 0.0; -0.0 ] do
            same -infinity (at t "log" zero)

        same -infinity (at t "log1p" -1.0)
        same infinity (at t "log" infinity)
        same infinity (at t "log1p" infinity)

        for x in [ -1e-40; -1.5; -infinity ] do
            isNaN (at t "log" x)

        for x in [ -1.5; -infinity ] do
            isNaN (at t "log1p" x)

        for name in [ "log"; "log01" ] do
            same 0.0 (at t name 1.0)

[<Fact>]
let ``sin_and_cos_of_infinity_are_NaN_and_cos_0_is_1`` () =
    for t in types do
        for name in [ "sin"; "cos" ] do
            isNaN (at t name infinity)
            isNaN (at t name -infinity)

        same 1.0 (at t "cos" 0.0)

[<Fact>]
let ``Turns_are_exact_at_their_quarters`` () =
    for t in types do
        for u, sine, cosine in [ 0.0, 0.0, 1.0; 0.25, 1.0, 0.0; 0.5, 0.0, -1.0; 0.75, -1.0, 0.0; 1.0, 0.0, 1.0 ] do
            same sine (at t "sinTurns" u)
            same cosine (at t "cosTurns" u)

[<Fact>]
let ``tanh_and_erf_saturate_at_exactly_1`` () =
    for t, tanhFrom, erfFrom in [ ScalarType.F32, 9.1, 4.0; ScalarType.F64, 19.1, 6.0 ] do
        for name, from in [ "tanh", tanhFrom; "erf", erfFrom ] do
            for x in [ from; 1.5 * from; 1e30; infinity ] do
                same 1.0 (at t name x)
                same -1.0 (at t name -x)

[<Fact>]
let ``Tiny_arguments_come_through_unchanged`` () =
    for t, tiny in [ ScalarType.F32, 1e-36; ScalarType.F64, 1e-306 ] do
        for x in [ tiny; -tiny; 1e-20; -1e-20; 0.0 ] do
            let x = if t = ScalarType.F32 then double (float32 x) else x

            for name in [ "sin"; "tanh"; "expm1"; "log1p" ] do
                Assert.Equal(x, at t name x)

[<Fact>]
let ``Anything_to_the_power_0_is_1`` () =
    for t in types do
        for x in [ 0.0; -0.0; 1.0; -2.5; infinity; -infinity; Double.NaN ] do
            same 1.0 (powAt t x 0.0)
            same 1.0 (powAt t x -0.0)

[<Fact>]
let ``Powers_of_zero_and_infinity_follow_the_exponents_sign_and_parity`` () =
    for t in types do
        for y in [ 1e-30; 0.5; 2.0; 3.0; 1e30; infinity ] do
            let odd = (y = 3.0)
            same 0.0 (powAt t 0.0 y)
            same infinity (powAt t 0.0 -y)
            same infinity (powAt t infinity y)
            same 0.0 (powAt t infinity -y)
            same (if odd then -0.0 else 0.0) (powAt t -0.0 y)
            same (if odd then -infinity else infinity) (powAt t -0.0 -y)

        same -infinity (powAt t -infinity 3.0)
        same infinity (powAt t -infinity 2.0)

[<Fact>]
let ``Negative_bases_have_whole_powers_alone`` () =
    for t in types do
        same -8.0 (powAt t -2.0 3.0)
        same 16.0 (powAt t -2.0 4.0)
        same -0.5 (powAt t -2.0 -1.0)
        same 1.0 (powAt t -1.0 infinity)
        same infinity (powAt t -2.0 1e30)

        for y in [ 0.5; -0.5; 2.5; 1e-10 ] do
            isNaN (powAt t -2.0 y)

[<Fact>]
let ``Infinite_exponents_take_a_power_to_its_limit`` () =
    for t in types do
        same infinity (powAt t 1.0000002 infinity)
        same 0.0 (powAt t 1.0000002 -infinity)
        same 0.0 (powAt t 0.9999999 infinity)
        same 1.0 (powAt t 1.0 infinity)

[<Fact>]
let ``Simple_literal_exponents_take_one_operation_at_most`` () =
    for t in types do
        let power y =
            let struct (statements, _, _) = expand t 1 (fun e x -> Elementary.pow e x[0] (Operand.Float(t, y)))

            statements
            |> List.map (fun s ->
                match s with
                | Let(_, op, _) -> op
                | _ -> invalidOp "not straight-line")

        Assert.Equal<Arith list>([], power 0.0)
        Assert.Equal<Arith list>([], power 1.0)
        Assert.Equal<Arith list>([ Arith.Mul ], power 2.0)
        Assert.Equal<Arith list>([ Arith.Sqrt ], power 0.5)
        Assert.Equal<Arith list>([ Arith.Div ], power -1.0)

/// Reading bits as another type costs nothing.
let private operations t name =
    let struct (statements, _, _) = expand t 1 expansions[name]

    statements
    |> List.filter (fun s ->
        match s with
        | Let(_, Arith.Bits _, _) -> false
        | _ -> true)
    |> List.length

[<Fact>]
let ``Frequent_single_precision_functions_have_no_more_operations_than_documented`` () =
    for name, documented in [ "exp", 14; "log01", 15; "log", 26; "sin", 14; "cos", 16; "sinTurns", 16; "tanh", 17; "erf", 25 ] do
        let count = operations ScalarType.F32 name
        Assert.True(count <= documented, $"{name}: {count}")
