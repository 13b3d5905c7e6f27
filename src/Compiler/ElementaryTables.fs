namespace Inference.Compiler

/// How far a function may be from the true value for operands in a range, when Fma rounds once.
type ElementaryBound =
    {
        Function: string
        Type: ScalarType
        /// In units of the last place of the true value.
        Ulps: double
        /// The range of the operand; for pow, of y·log2|x|.
        From: double
        To: double
    }

/// What an expansion needs to know of a floating format: its layout, and constants and polynomials to fit its precision.
/// Polynomials are minimax fits, their coefficients rounded one after another with the rest fitted again; lowest power first.
/// The errors stated beside them are relative to the function that they serve, in units of half an ulp of 1 (2^-24 or 2^-53).
[<NoComparison; NoEquality>]
type internal Precision =
    {
        Type: ScalarType
        /// The whole numbers of the same width, signed and not.
        Signed: ScalarType
        Unsigned: ScalarType
        /// Bits of the stored fraction.
        Fraction: int
        Bias: int64
        /// The bits of √½, below which a fraction is doubled when a logarithm is taken.
        RootHalf: int64
        MinNormal: double
        /// Takes every subnormal number into the normal range: 2^DenormalShift.
        DenormalShift: int
        /// Added to a number of moderate size, leaves its nearest whole number in the low bits of the sum.
        Magic: double
        /// Keeps the leading half of the digits, so that the product of two such numbers is exact.
        LeadingHalf: int64
        /// exp is 0 at the first and infinite at the second; between them its scale, a power of two, can be built.
        ExpRange: struct (double * double)
        /// ln 2 in two parts; a whole number below 2^11 times the first is exact.
        Ln2: struct (double * double)
        /// π in parts. Whole numbers below 2^12 (2^20 in double precision) times the first are exact. In single precision those up
        /// to 2^15 times the second are too, and leave a difference that is: the rounding that counts is the third's.
        Pi: double list
        /// 2/ln 2 in two parts, the first with half of the digits.
        TwoLog2E: struct (double * double)
        TanhRange: double
        ErfRange: double
        /// No base but 1 has a finite nonzero power beyond this exponent.
        PowExponent: double
        /// (exp r − 1 − r)/r² for |r| up to ½·ln 2.
        Expm1: double list
        /// (log(1 + f) − f)/f² for 1 + f from √½ to √2.
        Log1p: double list
        /// (sin r)/r − 1 in r² − `sinCentre` for |r| up to ½·π.
        Sin: double list
        /// sin(½πw)/w − 1 in w² − 1 for |w| up to 1.
        TurnSin: double list
        /// cos(½πw)/(1 − w²) − 1 in w² − 1 for |w| up to 1; the quotient has no zero there.
        TurnCos: double list
        /// log(erfc x)/x for x from 0 to ErfRange.
        Erf: double list
        /// (log2((1 + s)/(1 − s)) − s·2/ln 2)/s³ in s² for |s| up to (√2 − 1)/(√2 + 1).
        Atanh: double list
    }

module internal ElementaryTables =
    /// What is taken from r² before the sine's polynomial: it balances the roundings at small r against those at ½·π.
    let sinCentre = 0.75

    let private singlePrecision =
        {
            Type = ScalarType.F32
            Signed = ScalarType.I32
            Unsigned = ScalarType.U32
            Fraction = 23
            Bias = 127L
            RootHalf = 0x3f3504f3L
            MinNormal = 1.17549435e-38
            DenormalShift = 24
            Magic = 12582912.0 // 1.5·2^23
            LeadingHalf = -0x1000L
            ExpRange = struct (-87.5, 89.0)
            Ln2 = struct (0.693145751953125, 1.4286068e-06)
            Pi = [ 3.1416015625; -8.940696716308594e-06; 3.178651e-08; 1.2246469e-16 ]
            TwoLog2E = struct (2.884765625, 0.0006244568)
            TanhRange = 10.0
            ErfRange = 4.0
            PowExponent = 4294967296.0 // 2^32
            // 0.23
            Expm1 = [ 0.49999997; 0.16666546; 0.041667443; 0.008366258; 0.001386979 ]
            // 0.51
            Log1p = [ -0.4999999; 0.33333945; -0.25001776; 0.1996224; -0.16570313; 0.14916354; -0.14307722; 0.08738798 ]
            // 0.13
            Sin = [ -0.12039534; -0.1544969; 0.007896131; -0.00019025973; 2.6005134e-06 ]
            // 0.10
            TurnSin = [ 0.0; -0.4999998; 0.06657699; -0.004068246; 0.00015129264 ]
            // 0.15
            TurnCos = [ -0.21460183; -0.19634928; 0.017430775; -0.0007971772; 2.460863e-05 ]
            // 0.87, almost all of it from rounding 2/√π
            Erf =
                [
                    -1.1283792
                    -0.63661516
                    -0.10282905
                    0.019378103
                    -0.00030355467
                    -0.0011690015
                    0.00034797093
                    -3.577293e-05
                ]
            // 2^-36 of the logarithm
            Atanh = [ 0.9617967; 0.5770788; 0.41192734; 0.33648726 ]
        }

    let private doublePrecision =
        {
            Type = ScalarType.F64
            Signed = ScalarType.I64
            Unsigned = ScalarType.U64
            Fraction = 52
            Bias = 1023L
            RootHalf = 0x3fe6a09e667f3bcdL
            MinNormal = 2.2250738585072014e-308
            DenormalShift = 54
            Magic = 6755399441055744.0 // 1.5·2^52
            LeadingHalf = -0x8000000L
            ExpRange = struct (-708.5, 709.9)
            Ln2 = struct (0.6931471805601177, -1.7239444525614835e-13)
            Pi = [ 3.1415926534682512; 1.2154201013012384e-10; 7.0431197303664e-27 ]
            TwoLog2E = struct (2.885390043258667, 3.851925982253235e-08)
            TanhRange = 20.0
            ErfRange = 6.0
            PowExponent = 18446744073709551616.0 // 2^64
            // 0.28
            Expm1 =
                [
                    0.5
                    0.166666666666663
                    0.04166666666663379
                    0.008333333333552729
                    0.001388888891519349
                    0.00019841269395057837
                    2.480152274484682e-05
                    2.7557679759421136e-06
                    2.7619779841358565e-07
                    2.4971358573234028e-08
                ]
            // 0.56
            Log1p =
                [
                    -0.5
                    0.33333333333327175
                    -0.24999999999993855
                    0.20000000002
                    -0.1666666666965496
                    0.14285714064203972
                    -0.12499999558997972
                    0.11111122869066042
                    -0.10000029465724394
                    0.09090572083149703
                    -0.08332291008195475
                    0.07697603774462604
                    -0.07163583133164571
                    0.06626410105467762
                    -0.06020543071093191
                    0.059228094988089265
                    -0.06819028678525482
                    0.06507370825244435
                    -0.029697722379066222
                ]
            // 0.03
            Sin =
                [
                    -0.12039533934284219
                    -0.15449687720313393
                    0.007896100426941029
                    -0.000190285074204795
                    2.6631302681107763e-06
                    -2.4338418380346622e-08
                    1.5661978262734333e-10
                    -7.481389550293429e-13
                    2.768367790688213e-15
                ]
            // 0.01
            TurnSin =
                [
                    0.0
                    -0.49999999999999994
                    0.06657486246595928
                    -0.004074862465939083
                    0.00014327780574470902
                    -3.271023172744925e-06
                    5.2406783317859563e-08
                    -6.214122148875507e-10
                    5.885322601635582e-12
                ]
            // 0.17
            TurnCos =
                [
                    -0.2146018366025517
                    -0.19634954084936346
                    0.017429258236366128
                    -0.0008000973745087773
                    2.250602387780485e-05
                    -4.2817861234419645e-07
                    5.876789544046427e-09
                    -6.303362105862277e-11
                ]
            // 0.27
            Erf =
                [
                    -1.1283791670955126
                    -0.6366197723675898
                    -0.10277260330135754
                    0.01912844699380988
                    0.00020919484701614055
                    -0.0016962076273692491
                    0.0005901322513453457
                    -2.590396075815688e-05
                    -6.44216737197662e-05
                    2.9577692936950226e-05
                    -3.172290194438147e-06
                    -3.1303423856567167e-06
                    2.0351526806125483e-06
                    -5.694065815093485e-07
                    1.1141959822282358e-08
                    6.592949710921514e-08
                    -3.463296934571029e-08
                    1.0780488227731437e-08
                    -2.3606270782052912e-09
                    3.758426505055019e-10
                    -4.295932539670982e-11
                    3.3568100053744304e-12
                    -1.6095949350101216e-13
                    3.576200611879811e-15
                ]
            // 2^-66 of the logarithm
            Atanh =
                [
                    0.9617966939259756
                    0.5770780163556544
                    0.4121985830825512
                    0.3205989034597316
                    0.26230761925992907
                    0.22198714847603165
                    0.19119165219796133
                    0.1909080139008767
                ]
        }

    let precision t =
        match t with
        | ScalarType.F32 -> singlePrecision
        | ScalarType.F64 -> doublePrecision
        | ScalarType.I32
        | ScalarType.U32
        | ScalarType.I64
        | ScalarType.U64
        | ScalarType.Bool -> invalidArg (nameof t) $"Elementary functions have no expansion for {t}."

    let private bound name t ulps from upTo = { Function = name; Type = t; Ulps = ulps; From = from; To = upTo }

    let private bounds t rows = rows |> List.map (fun (name, ulps, from, upTo) -> bound name t ulps from upTo)

    let singleBounds =
        bounds
            ScalarType.F32
            [
                "exp", 1.0, -86.9, 88.72
                "expm1", 1.75, -100.0, 88.72
                "log", 1.25, 1.4e-45, 3.4e38
                "log01", 1.25, 1.17549435e-38, 1.0
                "log1p", 2.25, -0.9999999, 3.4e38
                "sin", 1.75, -1e5, 1e5
                "cos", 2.0, -1e5, 1e5
                "sinTurns", 2.5, 0.0, 1.0
                "cosTurns", 1.75, 0.0, 1.0
                "tanh", 2.75, -20.0, 20.0
                "erf", 3.5, -5.0, 5.0
                "pow", 4.0, -125.0, 127.9
            ]

    let doubleBounds =
        bounds
            ScalarType.F64
            [
                "exp", 1.0, -708.0, 709.78
                "expm1", 2.0, -100.0, 709.78
                "log", 1.75, 4.9e-324, 1.7e308
                "log01", 1.75, 2.2250738585072014e-308, 1.0
                "log1p", 1.75, -0.9999999, 1.7e308
                "sin", 1.75, -1e9, 1e9
                "cos", 1.75, -1e9, 1e9
                "sinTurns", 2.5, 0.0, 1.0
                "cosTurns", 1.5, 0.0, 1.0
                "tanh", 2.75, -40.0, 40.0
                "erf", 2.25, -7.0, 7.0
                "pow", 8.0, -256.0, 256.0
                "pow", 40.0, -1021.0, 1023.9
            ]
