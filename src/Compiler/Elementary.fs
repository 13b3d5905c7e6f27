/// Elementary functions as straight-line, branch-free operations on one lane width.
/// Bounds hold where Fma rounds once; see docs/elementary.md for the rest.
module Inference.Compiler.Elementary

open System
open Inference.Compiler.ElementaryTables

let private literal (p: Precision) (v: double) =
    Operand.Float(p.Type, (if p.Type = ScalarType.F32 then double (float32 v) else v))

let private whole (p: Precision) (v: int64) = Operand.Int(p.Signed, Fold.wrap p.Signed v)

/// c0 + c1·x + c2·x² + …
let private polynomial (e: Emitter) p (coefficients: double list) x =
    match List.rev coefficients with
    | [] -> literal p 0.0
    | last :: rest -> (literal p last, rest) ||> List.fold (fun sum c -> e.Fma(sum, x, literal p c))

/// x held between the bounds. x is the second operand both times, so that a NaN passes.
let private clamp (e: Emitter) p low high x = e.Max(literal p low, e.Min(literal p high, x))

/// The nearest whole number to what is added to the magic constant, as a float, and the sum, which holds that number in its
/// low bits on top of `bias`.
let private nearest (e: Emitter) (p: Precision) bias (addTo: Operand -> Operand) =
    let magic = literal p (p.Magic + double bias)
    let sum = addTo magic
    struct (e.Sub(sum, magic), sum)

/// 2^k, given a sum whose low bits hold k plus the exponent's bias.
let private powerOfTwo (e: Emitter) (p: Precision) sum = e.Bits(e.ShiftLeft(e.Bits(sum, p.Signed), p.Fraction), p.Type)

/// x with its sign flipped if the low bit of a sum from `nearest` is set.
let private flipIfOdd (e: Emitter) (p: Precision) sum x =
    let sign = e.ShiftLeft(e.Bits(sum, p.Signed), (if p.Type = ScalarType.F32 then 31 else 63))
    e.Bits(e.Xor(e.Bits(x, p.Signed), sign), p.Type)

let private signMask (p: Precision) =
    whole p (if p.Type = ScalarType.F32 then int64 Int32.MinValue else Int64.MinValue)

let private log2E = 1.4426950408889634
let private ln2 = 0.6931471805599453

/// exp(r) times 2^(k − 1) times 2: the doubled polynomial leaves k = 128 (1024) within reach of a scale that is finite, and
/// overflow is then the multiplication's. At the other end the scale's bits are 0 for k = −126 (−1022), and so is the result.
let private scaledExp (e: Emitter) (p: Precision) r sum =
    let doubled = 2.0 :: 2.0 :: List.map (fun c -> 2.0 * c) p.Expm1
    e.Mul(polynomial e p doubled r, powerOfTwo e p sum)

/// x − k·ln 2 for the nearest k, and the sum that holds k − 1.
let private reduceExp (e: Emitter) (p: Precision) x =
    let struct (low, high) = p.ExpRange
    let x = clamp e p low high x
    let struct (k, sum) = nearest e p (p.Bias - 1L) (fun magic -> e.Fma(x, literal p log2E, magic))
    let struct (ln2High, ln2Low) = p.Ln2
    struct (e.Fma(k, literal p -ln2Low, e.Fma(k, literal p -ln2High, x)), sum)

/// exp x. Results below 2^-125.5 (2^-1021.5) are 0.
let exp (e: Emitter) (x: Operand) =
    let p = precision x.Type
    let struct (r, sum) = reduceExp e p x
    scaledExp e p r sum

/// exp(r) − 1 for |r| up to ½·ln 2, with the relative accuracy of r.
let private expm1Reduced (e: Emitter) (p: Precision) r = e.Fma(e.Mul(r, r), polynomial e p p.Expm1 r, r)

/// exp(x) − 1.
let expm1 (e: Emitter) (x: Operand) =
    let p = precision x.Type
    let struct (r, sum) = reduceExp e p x
    let half = powerOfTwo e p sum
    let halved = e.Fma(half, expm1Reduced e p r, e.Sub(half, literal p 0.5))
    e.Add(halved, halved)

/// exp(x) − 1 for arguments of moderate size, from functions that flatten as it grows: ln 2 in one part is enough for them.
let private expm1Moderate (e: Emitter) (p: Precision) x =
    let struct (k, sum) = nearest e p p.Bias (fun magic -> e.Fma(x, literal p log2E, magic))
    let r = e.Fma(k, literal p -ln2, x)
    let scale = powerOfTwo e p sum
    e.Fma(scale, expm1Reduced e p r, e.Sub(scale, literal p 1.0))

/// tanh x = t/(t + 2) with t = exp(2x) − 1.
let tanh (e: Emitter) (x: Operand) =
    let p = precision x.Type
    let x = clamp e p -p.TanhRange p.TanhRange x
    let t = expm1Moderate e p (e.Add(x, x))
    e.Div(t, e.Add(t, literal p 2.0))

/// erf x = sign(x)·(1 − exp(log(erfc |x|))), where log(erfc a)/a is one polynomial.
let erf (e: Emitter) (x: Operand) =
    let p = precision x.Type
    let a = e.Min(literal p p.ErfRange, e.Abs x)
    let magnitude = e.Abs(expm1Moderate e p (e.Mul(a, polynomial e p p.Erf a)))
    let sign = e.And(e.Bits(x, p.Signed), signMask p)
    e.Bits(e.Or(e.Bits(magnitude, p.Signed), sign), p.Type)

/// A normal positive number as 2^k·(1 + f) with 1 + f from √½ to √2.
[<NoComparison; NoEquality; Struct>]
type private Split =
    {
        /// k times 2^23 in single precision, where this saves a shift; k in double precision.
        Exponent: Operand
        /// The exponent of 2^k, in place, with the bias only in double precision.
        InPlace: Operand
        /// 1 + f.
        Mantissa: Operand
    }

let private exponentUnit (p: Precision) = if p.Type = ScalarType.F32 then Math.ScaleB(1.0, 23) else 1.0

/// Double precision has no cheap conversion from whole numbers, so its exponent is put into the fraction of 2^52.
let private split (e: Emitter) (p: Precision) x =
    let exponentMask = -1L <<< p.Fraction

    if p.Type = ScalarType.F32 then
        let bits = e.Bits(x, p.Signed)
        let inPlace = e.And(e.Sub(bits, whole p p.RootHalf), whole p exponentMask)

        {
            Exponent = e.Convert(inPlace, p.Type)
            InPlace = inPlace
            Mantissa = e.Bits(e.Sub(bits, inPlace), p.Type)
        }
    else
        let number v = Operand.Int(p.Unsigned, v)
        let biased = e.Add(e.Bits(x, p.Unsigned), number ((p.Bias <<< p.Fraction) - p.RootHalf))

        let inFraction =
            e.Or(e.ShiftRight(biased, p.Fraction), number (BitConverter.DoubleToInt64Bits 4503599627370496.0))

        {
            Exponent = e.Sub(e.Bits(inFraction, p.Type), literal p (4503599627370496.0 + double p.Bias))
            InPlace = e.And(biased, number exponentMask)
            Mantissa = e.Bits(e.Add(e.And(biased, number ~~~exponentMask), number p.RootHalf), p.Type)
        }

/// k·ln 2 + log(1 + f).
let private logOfParts (e: Emitter) (p: Precision) exponent f =
    let fraction = e.Fma(e.Mul(f, f), polynomial e p p.Log1p f, f)
    e.Fma(exponent, literal p (ln2 / exponentUnit p), fraction)

/// log u for normal u in (0, 1], without special cases.
let log01 (e: Emitter) (u: Operand) =
    let p = precision u.Type
    let parts = split e p u
    logOfParts e p parts.Exponent (e.Sub(parts.Mantissa, literal p 1.0))

/// A logarithm whose operand reaches −∞ at `edge`: below it NaN, infinity and NaN as they are.
let private aboveEdge (e: Emitter) p edge x value =
    let finite = e.Select(e.Less(x, literal p Double.PositiveInfinity), value, x)
    let rest = e.Select(e.Equal(x, literal p edge), literal p Double.NegativeInfinity, literal p Double.NaN)
    e.Select(e.Less(literal p edge, x), finite, rest)

/// `split` of any positive number: subnormal ones are scaled first.
let private splitAny (e: Emitter) (p: Precision) x =
    let small = e.Less(x, literal p p.MinNormal)
    let scale = Math.ScaleB(1.0, p.DenormalShift)
    let parts = split e p (e.Select(small, e.Mul(x, literal p scale), x))
    let shift = -(double p.DenormalShift) * exponentUnit p

    { parts with
        Exponent = e.Add(parts.Exponent, e.Select(small, literal p shift, literal p 0.0))
    }

/// log x: −∞ at 0, NaN below it.
let log (e: Emitter) (x: Operand) =
    let p = precision x.Type
    let parts = splitAny e p x
    logOfParts e p parts.Exponent (e.Sub(parts.Mantissa, literal p 1.0)) |> aboveEdge e p 0.0 x

/// log(1 + x). The exponent is that of the rounded sum; f = 2^-k·(1 + x) − 1 is then formed from x itself, rounded once.
/// 2^-k may be subnormal, so 4·2^-k and x/4 take its place.
let log1p (e: Emitter) (x: Operand) =
    let p = precision x.Type
    let parts = split e p (e.Add(x, literal p 1.0))
    let bias = if p.Type = ScalarType.F32 then p.Bias else 2L * p.Bias
    let four = Operand.Int(parts.InPlace.Type, (bias + 2L) <<< p.Fraction)
    let scale = e.Bits(e.Sub(four, parts.InPlace), p.Type)
    let quarter = literal p 0.25
    let f = e.Fma(e.Mul(x, quarter), scale, e.Fma(scale, quarter, literal p -1.0))
    logOfParts e p parts.Exponent f |> aboveEdge e p -1.0 x

/// x − k·π.
let private subtractPi (e: Emitter) (p: Precision) k x = (x, p.Pi) ||> List.fold (fun rest part -> e.Fma(k, literal p -part, rest))

/// sin r for |r| up to ½·π.
let private sinReduced (e: Emitter) (p: Precision) r =
    let square = e.Fma(r, r, literal p -sinCentre)
    e.Fma(polynomial e p p.Sin square, r, r)

/// sin x = ±sin(x − k·π) for the nearest k.
let sin (e: Emitter) (x: Operand) =
    let p = precision x.Type
    let struct (k, sum) = nearest e p 0L (fun magic -> e.Fma(x, literal p (1.0 / Math.PI), magic))
    sinReduced e p (subtractPi e p k x) |> flipIfOdd e p sum

/// cos x = ±sin(x − (k + ½)·π) for k = ⌊x/π⌋: zeros of the cosine are zeros of the sine's polynomial.
let cos (e: Emitter) (x: Operand) =
    let p = precision x.Type
    let k = e.Floor(e.Mul(x, literal p (1.0 / Math.PI)))
    let r = subtractPi e p (e.Add(k, literal p 0.5)) x
    sinReduced e p r |> flipIfOdd e p (e.Add(k, literal p (p.Magic + 1.0)))

/// sin(2πu) and cos(2πu) for u from 0 to 1. With b the distance to the nearer end and w = 1 − 4b, the cosine is sin(½πw) and
/// the sine is ±cos(½πw), with 1 − w² = 16·(½ − u)·b up to the same sign. Every difference is exact where its function is 0,
/// and the polynomials only add to a leading term.
let sinCosTurns (e: Emitter) (u: Operand) : struct (Operand * Operand) =
    let p = precision u.Type
    let one = literal p 1.0
    let b = e.Min(u, e.Sub(one, u))
    let w = e.Fma(b, literal p -4.0, one)
    let square = e.Fma(w, w, literal p -1.0)
    let leadingSine = e.Mul(e.Fma(u, literal p -16.0, literal p 8.0), b)
    let sine = e.Fma(polynomial e p p.TurnCos square, leadingSine, leadingSine)
    struct (sine, e.Fma(polynomial e p p.TurnSin square, w, w))

/// The leading half of the digits of a number, so that its product with another such half is exact.
let private leading (e: Emitter) (p: Precision) x =
    match x with
    | Operand.Float(ScalarType.F32, v) ->
        literal p (double (BitConverter.Int32BitsToSingle(BitConverter.SingleToInt32Bits(float32 v) &&& int32 p.LeadingHalf)))
    | Operand.Float(_, v) -> literal p (BitConverter.Int64BitsToDouble(BitConverter.DoubleToInt64Bits v &&& p.LeadingHalf))
    | Operand.Var _
    | Operand.Int _ -> e.Bits(e.And(e.Bits(x, p.Signed), whole p p.LeadingHalf), p.Type)

/// log2 of a positive number as a leading half and the rest, together good to half as many digits again as the type has.
/// With s = f/(2 + f) it is k + s·2/ln 2 + s³·P(s²); only the first two terms need the additional digits.
let private log2InParts (e: Emitter) (p: Precision) x =
    let parts = splitAny e p x
    let k = e.Mul(parts.Exponent, literal p (1.0 / exponentUnit p))
    let f = e.Sub(parts.Mantissa, literal p 1.0)
    let denominator = e.Add(f, literal p 2.0)
    let inverse = e.Div(literal p 1.0, denominator)
    let sHigh = leading e p (e.Mul(f, inverse))
    let minus = e.Neg sHigh
    let denominatorHigh = leading e p denominator
    let denominatorLow = e.Sub(f, e.Sub(denominatorHigh, literal p 2.0))
    let remainder = e.Fma(minus, denominatorLow, e.Fma(minus, denominatorHigh, f))
    let sLow = e.Mul(remainder, inverse)
    let struct (high, low) = p.TwoLog2E
    let leadingTerm = e.Mul(sHigh, literal p high)
    let correction = e.Fma(sHigh, literal p low, e.Mul(sLow, literal p (high + low)))
    let s = e.Add(sHigh, sLow)
    let square = e.Mul(s, s)
    let rest = e.Fma(e.Mul(s, square), polynomial e p p.Atanh square, correction)
    let sumHigh = leading e p (e.Add(k, leadingTerm))
    struct (sumHigh, e.Add(e.Add(e.Sub(k, sumHigh), leadingTerm), rest))

/// |x|^y for y ≠ 0, as 2 to the power y·log2|x|. That of 0 and ∞ is decided by the sign of y alone.
let private powOfMagnitude (e: Emitter) (p: Precision) x y =
    let inline is (a: Operand) v = e.Equal(a, literal p v)
    let infinity = literal p Double.PositiveInfinity
    let magnitude = e.Abs x
    let struct (high, low) = log2InParts e p magnitude
    let y = clamp e p -p.PowExponent p.PowExponent y
    let yHigh = leading e p y
    let product = e.Mul(yHigh, high)
    let rest = e.Fma(e.Sub(y, yHigh), high, e.Mul(y, low))
    let exponent = e.Add(product, rest)
    let struct (k, sum) = nearest e p (p.Bias - 1L) (fun magic -> e.Add(exponent, magic))
    let r = e.Mul(e.Add(e.Sub(product, k), rest), literal p ln2)
    let isZero = is magnitude 0.0
    let extreme = e.Mul(y, e.Select(isZero, literal p Double.NegativeInfinity, infinity))
    let exponent = e.Select(e.Or(isZero, is magnitude Double.PositiveInfinity), extreme, exponent)
    let scaled = scaledExp e p r sum
    let aboveZero = e.Select(e.Less(exponent, literal p (double (1L - p.Bias))), literal p 0.0, scaled)
    e.Select(e.LessEqual(literal p (double (p.Bias + 1L)), exponent), infinity, aboveZero)

/// x^y for any y. NaN where x is NaN, or below 0 with y not whole; negative where x is and y is odd.
let private generalPow (e: Emitter) (p: Precision) x y =
    let isWhole v =
        match v with
        | Operand.Float(_, c) -> Operand.Int(ScalarType.Bool, (if Math.Floor c = c then 1L else 0L))
        | Operand.Var _
        | Operand.Int _ -> e.Equal(e.Floor v, v)

    let yIsWhole = isWhole y
    let yIsOdd = e.And(yIsWhole, e.Not(isWhole (e.Mul(y, literal p 0.5))))
    let sign = e.And(e.Bits(x, p.Signed), signMask p)
    let magnitude = e.Bits(powOfMagnitude e p x y, p.Signed)
    let signed = e.Bits(e.Or(magnitude, e.Select(yIsOdd, sign, whole p 0L)), p.Type)
    let isReal = e.And(e.Equal(x, x), e.Or(yIsWhole, e.LessEqual(literal p 0.0, x)))
    let value = e.Select(isReal, signed, literal p Double.NaN)
    e.Select(e.Equal(y, literal p 0.0), literal p 1.0, value)

/// x^y; 1 for y = 0 and any x.
let pow (e: Emitter) (x: Operand) (y: Operand) =
    let p = precision x.Type

    match y with
    | Operand.Float(_, 0.0) -> literal p 1.0
    | Operand.Float(_, 1.0) -> x
    | Operand.Float(_, 2.0) -> e.Mul(x, x)
    | Operand.Float(_, 0.5) -> e.Sqrt x
    | Operand.Float(_, -1.0) -> e.Div(literal p 1.0, x)
    | Operand.Float _
    | Operand.Int _
    | Operand.Var _ -> generalPow e p x y

/// The stated bounds, one row for each function, type and range; sinCosTurns has a row for each of its results.
let bounds: ElementaryBound list = singleBounds @ doubleBounds
