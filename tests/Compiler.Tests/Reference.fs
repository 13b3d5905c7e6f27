/// Elementary functions to some 280 bits, as judges of double-precision ones: fixed-point series in whole numbers.
module Inference.Compiler.Tests.Reference

open System
open System.Numerics

/// Bits after the binary point.
let private digits = 320

let private one = 1I <<< digits
let private multiply (a: BigInteger) (b: BigInteger) = (a * b) >>> digits
let private divide (a: BigInteger) (b: BigInteger) = (a <<< digits) / b

/// Mantissa·2^(exponent − digits).
[<Struct>]
type Exact = { Mantissa: BigInteger; Exponent: int }

let private fixedPoint m = { Mantissa = m; Exponent = 0 }
let private shift (m: BigInteger) (by: int) = if by >= 0 then m <<< by else m >>> -by

/// A finite number in fixed point; exact down to the last digit kept.
let ofDouble (x: double) =
    let bits = BitConverter.DoubleToInt64Bits x
    let field = int ((bits >>> 52) &&& 0x7ffL)
    let fraction = bits &&& 0xfffffffffffffL
    let significand = if field = 0 then fraction else fraction ||| 0x10000000000000L
    let magnitude = shift (BigInteger(significand: int64)) ((max field 1) - 1075 + digits)
    if bits < 0L then -magnitude else magnitude

/// Terms of a series, each from the one before, until they vanish.
let private sum (first: BigInteger) (next: int -> BigInteger -> BigInteger) =
    let rec go total term n =
        if BigInteger.Abs term <= 1I then
            total
        else
            let term = next n term
            go (total + term) term (n + 1)

    go first first 1

/// ½·log((1 + s)/(1 − s)) for small s.
let private atanh (s: BigInteger) =
    let square = multiply s s

    let rec go total power (n: int) =
        if BigInteger.Abs power <= 1I then
            total
        else
            let power = multiply power square
            go (total + power / BigInteger(2 * n + 1)) power (n + 1)

    go s s 1

let private atan (inverse: int) =
    let square = BigInteger(inverse * inverse)

    let rec go total power (n: int) =
        if power = 0I then
            total
        else
            let power = power / square
            let term = power / BigInteger(2 * n + 1)
            go (if n % 2 = 1 then total - term else total + term) power (n + 1)

    let first = one / BigInteger inverse
    go first first 1

let private ln2 = 2I * atanh (one / 3I)
let private pi = 4I * (4I * atan 5 - atan 239)

let private nearestMultiple (x: BigInteger) (unit: BigInteger) =
    int (BigInteger.Divide(2I * x + (if x.Sign < 0 then -unit else unit), 2I * unit))

let private expFixed x =
    let k = nearestMultiple x ln2
    let r = x - BigInteger k * ln2
    let value = one + sum r (fun n term -> multiply term r / BigInteger(n + 1))
    { Mantissa = value; Exponent = k }

/// x = m·2^shifted in fixed point.
let private logFixed (m: BigInteger) shifted =
    let k = int (m.GetBitLength()) - 1 - digits
    let m = shift m -k
    BigInteger(k + shifted) * ln2 + 2I * atanh (divide (m - one) (m + one))

let private sine x =
    let square = multiply x x
    sum x (fun n term -> -(multiply term square) / BigInteger(2 * n * (2 * n + 1)))

let private sineOf x quarters =
    let half = pi / 2I
    let k = nearestMultiple x half
    let r = x - BigInteger k * half

    let cosine r =
        let square = multiply r r
        sum one (fun n term -> -(multiply term square) / BigInteger(2 * n * (2 * n - 1)))

    match (k + quarters) &&& 3 with
    | 0 -> sine r
    | 1 -> cosine r
    | 2 -> -(sine r)
    | _ -> -(cosine r)

let private expm1Fixed x =
    let value = expFixed x
    shift value.Mantissa value.Exponent - one

let private squareRoot (x: BigInteger) =
    let scaled = x <<< digits

    let rec newton (guess: BigInteger) =
        let next = (guess + scaled / guess) / 2I
        if BigInteger.Abs(next - guess) <= 1I then next else newton next

    newton x

let private rootPi = squareRoot pi

let exp x = expFixed (ofDouble x)

let private logOf x =
    let k = Math.ILogB x
    logFixed (ofDouble (Math.ScaleB(x, -k))) k

let log x = fixedPoint (logOf x)
let expm1 x = fixedPoint (expm1Fixed (ofDouble x))
let log1p x = fixedPoint (logFixed (one + ofDouble x) 0)
let sin x = fixedPoint (sineOf (ofDouble x) 0)
let cos x = fixedPoint (sineOf (ofDouble x) 1)
let sinTurns u = fixedPoint (sineOf (multiply (2I * pi) (ofDouble u)) 0)
let cosTurns u = fixedPoint (sineOf (multiply (2I * pi) (ofDouble u)) 1)
let pow x y = expFixed (multiply (ofDouble y) (logOf x))

let tanh x =
    let t = expm1Fixed (2I * ofDouble x)
    fixedPoint (divide t (t + 2I * one))

/// 2/√π·Σ (−1)^n·x^(2n+1)/(n!·(2n+1)).
let erf x =
    let x = ofDouble x
    let square = multiply x x

    let rec go total power (n: int) =
        if BigInteger.Abs power <= 1I then
            total
        else
            let power = -(multiply power square) / BigInteger n
            go (total + power / BigInteger(2 * n + 1)) power (n + 1)

    fixedPoint (divide (2I * go x x 1) rootPi)

/// The distance of a value from the true one, in units of the true one's last place in a type with that many digits.
let ulps (significantBits: int) (value: double) (expected: Exact) =
    if not (Double.IsFinite value) then
        Double.PositiveInfinity
    else
        let exactly = ofDouble (Math.ScaleB(value, -expected.Exponent))
        let place = int (BigInteger.Abs(expected.Mantissa).GetBitLength()) - significantBits
        let error = BigInteger.Abs(exactly - expected.Mantissa)

        if error.IsZero then 0.0
        elif expected.Mantissa.IsZero then Double.PositiveInfinity
        else double (shift error (64 - place)) / 18446744073709551616.0
