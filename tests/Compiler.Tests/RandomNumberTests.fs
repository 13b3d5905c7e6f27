/// The contract of docs/random.md, against formulas written here once more.
module Inference.Compiler.Tests.RandomNumberTests

open System
open Inference
open Inference.Compiler
open Inference.Compiler.Tests.ProgramTests
open Xunit

/// Philox 4×32-10, one round at a time, on whole numbers without bounds.
let private philox (counter: uint32[]) (key: uint32[]) : uint32[] =
    let word (x: bigint) = uint32 (x % (bigint 1 <<< 32))

    let round (c: uint32[], k: uint32[]) _ =
        let p, q = bigint 0xD2511F53u * bigint c[0], bigint 0xCD9E8D57u * bigint c[2]
        let next = [| word (q >>> 32) ^^^ c[1] ^^^ k[0]; word q; word (p >>> 32) ^^^ c[3] ^^^ k[1]; word p |]
        next, [| word (bigint k[0] + bigint 0x9E3779B9u); word (bigint k[1] + bigint 0xBB67AE85u) |]

    Seq.fold round (counter, key) [ 1..10 ] |> fst

let private known =
    [|
        [| 0u; 0u; 0u; 0u |], [| 0u; 0u |], [| 0x6627e8d5u; 0xe169c58du; 0xbc57ac4cu; 0x9b00dbd8u |]
        Array.create 4 UInt32.MaxValue, Array.create 2 UInt32.MaxValue, [| 0x408f276du; 0x41c83b0eu; 0xa20bc7c6u; 0x6d5451fdu |]
        // the digits of π, from the test vectors that accompany the paper
        [| 0x243f6a88u; 0x85a308d3u; 0x13198a2eu; 0x03707344u |],
        [| 0xa4093822u; 0x299f31d0u |],
        [| 0xd16cfe09u; 0x94fdccebu; 0x5001e420u; 0x24126ea1u |]
    |]

let private keyWords = [| 0xDEADBEEFu; 12345u |]
let private keyValues = "key", Array.map double keyWords

/// The word of draw `element` at `time` of a site that makes `count` draws a step.
let private wordAt (count: int) plate (time: int64) (element: int) attempt =
    let draw = time * int64 count + int64 element
    let first = draw - draw % 4L

    let counter =
        [|
            uint32 (plate: int64)
            uint32 (first / int64 count)
            uint32 (first % int64 count / 4L)
            uint32 (attempt: int)
        |]

    (philox counter keyWords).[int (draw % 4L)]

let private sets = Enum.GetValues<InstructionSet>()

let private outputIn set precision (program: Program) inputs name =
    use engine =
        new Engine(EngineOptions(Threads = 1, Cache = false, InstructionSet = Nullable set, Precision = precision))

    Oracle.outputs engine program inputs |> Map.find name

let private drawing name kind plates times attempt shape =
    build name (fun b ->
        let k0, k1 = key b
        let x = Structure.random kind plates times attempt [| k0; k1 |] shape
        b.Output("x", List.foldBack (fun (i: FreeIndex) (v: Tensor) -> L.Stack(v, i)) (plates @ times) x))

[<Fact>]
let ``The reference gives the known answers`` () =
    for c, k, words in known do
        Assert.Equal<uint32[]>(words, Philox.words c[0] c[1] c[2] c[3] k[0] k[1])
        Assert.Equal<uint32[]>(words, philox c k)

[<Fact>]
let ``Compiled Philox gives the known answers, one value at a time and in vectors of any width`` () =
    let rows = 33
    let row r = let c, k, _ = known[r % known.Length] in Array.append c k |> Array.map double

    let program =
        build "philox" (fun b ->
            let i = L.PlateIndex("i", rows)
            let table = b.Input("table", [| rows; 6 |], DType.U32)

            let words (x: Tensor) =
                Array.init 4 (fun w -> Structure.philox w (Array.init 4 (fun k -> L.Element(x, k))) [| L.Element(x, 4); L.Element(x, 5) |])

            b.Output("plate", L.Stack(L.Pack(words (L.Unstack(table, i))), i))
            b.Output("single", L.Pack(words (L.Element(table, 1))))
            // only the first counter word differs from lane to lane, as in draws
            let first = L.Element(L.Unstack(table, i), 0)
            let zero = Build.scalar DType.U32 0.0
            b.Output("first", L.Stack(Structure.philox 0 [| first; zero; zero; zero |] [| zero; zero |], i)))

    let inputs = [ "table", Array.init rows row |> Array.concat ]

    for set in sets do
        let plate = outputIn set Precision.Single program inputs "plate"

        for r in 0 .. rows - 1 do
            let _, _, words = known[r % known.Length]
            Assert.Equal<double[]>(Array.map double words, Array.sub plate (4 * r) 4)

        let _, _, ones = known[1]
        Assert.Equal<double[]>(Array.map double ones, outputIn set Precision.Single program inputs "single")

        let first r =
            let c, _, _ = known[r % known.Length] in double (philox [| c[0]; 0u; 0u; 0u |] [| 0u; 0u |]).[0]

        Assert.Equal<double[]>(Array.init rows first, outputIn set Precision.Single program inputs "first")

[<Fact>]
let ``Draws follow the counter contract for any number of elements and steps`` () =
    let plates, counts = 21, [ 1; 2; 3; 4; 5; 8; 12 ]
    let horizons = [ 1; 4; 7 ]

    let program =
        build "contract" (fun b ->
            let k0, k1 = key b

            for count in counts do
                for steps in horizons do
                    let i, t = L.PlateIndex("i", plates), L.TimeIndex("t", steps)

                    let shape =
                        if count = 1 then [||]
                        elif count = 12 then [| 3; 4 |]
                        else [| count |]

                    let x = Structure.random RandomKind.Word [ i ] [ t ] 0 [| k0; k1 |] shape
                    b.Output($"{count} {steps}", L.Stack(L.Stack(x, t), i)))

    for set in sets do
        use engine = new Engine(EngineOptions(Threads = 1, Cache = false, InstructionSet = Nullable set))
        let outputs = Oracle.outputs engine program [ keyValues ]

        for count in counts do
            for steps in horizons do
                let expected =
                    [|
                        for p in 0 .. plates - 1 do
                            for t in 0 .. steps - 1 do
                                for e in 0 .. count - 1 do
                                    double (wordAt count (int64 p) (int64 t) e 0)
                    |]

                Assert.Equal<double[]>(expected, outputs[$"{count} {steps}"])

[<Fact>]
let ``Plates and times are flattened outermost first, and attempts differ`` () =
    let program =
        build "nested" (fun b ->
            let k0, k1 = key b
            let i, j = L.PlateIndex("i", 5), L.PlateIndex("j", 18)
            let t, u = L.TimeIndex("t", 3), L.TimeIndex("u", 5)
            let draw attempt = Structure.random RandomKind.Word [ i; j ] [ t; u ] attempt [| k0; k1 |] [| 3 |]
            let close x = L.Stack(L.Stack(L.Stack(L.Stack(x, u), t), j), i)
            b.Output("0", close (draw 0))
            b.Output("2", close (draw 2)))

    use engine = new Engine(EngineOptions(Threads = 2, Cache = false))
    let outputs = Oracle.outputs engine program [ keyValues ]

    for attempt in [ 0; 2 ] do
        let expected =
            [|
                for i in 0..4 do
                    for j in 0..17 do
                        for t in 0..2 do
                            for u in 0..4 do
                                for e in 0..2 do
                                    double (wordAt 3 (int64 (18 * i + j)) (int64 (5 * t + u)) e attempt)
            |]

        Assert.Equal<double[]>(expected, outputs[string attempt])

[<Fact>]
let ``Draws in the steps of a loop are those outside it`` () =
    let program =
        build "in loop" (fun b ->
            let k0, k1 = key b
            let i, t = L.PlateIndex("i", 40), L.TimeIndex("t", 7)
            let word () = Structure.random RandomKind.Word [ i ] [ t ] 0 [| k0; k1 |] [||]
            let zero = Build.scalar DType.U32 0.0

            let finals, _ =
                Structure.scan t [| zero |] (fun c -> [| Build.binary BinaryOp.Xor (c[0] * Build.scalar DType.U32 3.0) (word ()) |], ())

            b.Output("mixed", L.Stack(finals[0], i)))

    let mixed p = Seq.fold (fun c t -> (c * 3u) ^^^ wordAt 1 (int64 p) (int64 t) 0 0) 0u [ 0..6 ]

    for set in sets do
        Assert.Equal<double[]>(Array.init 40 (mixed >> double), outputIn set Precision.Single program [ keyValues ] "mixed")

[<Fact>]
let ``Words do not depend on how plates are tiled`` () =
    let words plates =
        outputIn InstructionSet.Vector512 Precision.Single (drawing "tiles" RandomKind.Word plates [] 0 [| 2 |]) [ keyValues ] "x"

    let plate (name: string) (n: int) = L.PlateIndex(name, n)
    let flat = words [ plate "i" 10000 ]
    Assert.Equal<double[]>(flat, words [ plate "i" 1000; plate "j" 10 ])
    Assert.Equal<double[]>(flat, words [ plate "i" 10; plate "j" 1000 ])
    Assert.Equal<double[]>(flat, words [ plate "i" 10; plate "j" 10; plate "k" 100 ])
    Assert.Equal<double[]>(Array.take 20 flat, words [ plate "i" 10 ])
    Assert.Equal<double[]>(Array.take 2000 flat, words [ plate "i" 1000 ])

[<Fact>]
let ``Uniforms are those of the formula and stay inside (0, 1)`` () =
    let uniforms precision =
        outputIn
            InstructionSet.Vector512
            precision
            (drawing "uniform" RandomKind.Uniform [ L.PlateIndex("i", 1 <<< 18) ] [] 0 [| 4 |])
            [ keyValues ]
            "x"

    let single, double' = uniforms Precision.Single, uniforms Precision.Double

    for p in 0..999 do
        for e in 0..3 do
            let w = wordAt 4 (int64 p) 0L e 0
            Assert.Equal((double (w >>> 9) + 0.5) / 8388608.0, single[4 * p + e])
            Assert.Equal((double w + 0.5) / 4294967296.0, double'[4 * p + e])

    for u in [ single; double' ] do
        Assert.InRange(Array.min u, 1e-12, 1e-3)
        Assert.InRange(Array.max u, 1.0 - 1e-3, 1.0 - 1e-12)

    // the smallest and the largest word there can be
    Assert.True(float32 (0.5 / 8388608.0) > 0.0f)
    Assert.True(float32 ((8388607.0 + 0.5) / 8388608.0) < 1.0f)

/// The standard normal distribution function.
let private gaussian x = 0.5 * (1.0 + Scalars.erf (x / sqrt 2.0))

[<Fact>]
let ``Normals have the moments and the distribution of normals`` () =
    // each bound is exceeded by chance in less than one of a million keys
    let z = 4.9

    for precision in [ Precision.Single; Precision.Double ] do
        let x =
            outputIn
                InstructionSet.Vector256
                precision
                (drawing "normal" RandomKind.Normal [ L.PlateIndex("i", 1 <<< 17) ] [] 0 [| 4 |])
                [ keyValues ]
                "x"

        let n = float x.Length
        let mean = Array.average x
        let moment k = Array.averageBy (fun v -> pown v k) x
        Assert.InRange(mean * sqrt n, -z, z)
        Assert.InRange((moment 2 - 1.0) * sqrt (n / 2.0), -z, z)
        Assert.InRange(moment 3 * sqrt (n / 15.0), -z, z)
        Assert.InRange((moment 4 - 3.0) * sqrt (n / 96.0), -z, z)
        // neighbours come from the same pair of uniforms
        let products = Array.pairwise x |> Array.averageBy (fun (a, b) -> a * b)
        Assert.InRange(products * sqrt n, -z, z)
        let sorted = Array.sort x

        let distance =
            sorted
            |> Seq.mapi (fun k v -> let f = gaussian v in max (abs (f - float k / n)) (abs (f - float (k + 1) / n)))
            |> Seq.max
        // Kolmogorov: P(D√n > k) → 2 exp(−2k²)
        Assert.True(distance * sqrt n < sqrt (log 2e6 / 2.0), $"D√n = {distance * sqrt n}")

[<Fact>]
let ``Normals are Box–Muller of consecutive pairs`` () =
    let plates, count = 33, 3

    let expected p d =
        let u k =
            (double (wordAt count p (int64 (k / count)) (k % count) 0 >>> 9) + 0.5) / 8388608.0

        let first = d / 2 * 2
        let radius, angle = sqrt (-2.0 * log (u first)), 2.0 * Math.PI * u (first + 1)
        radius * (if d % 2 = 0 then cos angle else sin angle)

    let x =
        outputIn
            InstructionSet.Vector512
            Precision.Single
            (drawing "pairs" RandomKind.Normal [ L.PlateIndex("i", plates) ] [ L.TimeIndex("t", 5) ] 0 [| count |])
            [ keyValues ]
            "x"

    for p in 0 .. plates - 1 do
        for d in 0 .. 5 * count - 1 do
            Assert.Equal(expected (int64 p) d, x[p * 5 * count + d], 2e-6)

[<Fact>]
let ``Two keys that differ in their second words draw apart`` () =
    let program =
        build "keys" (fun b ->
            let i = L.PlateIndex("i", 40)
            let words = b.Input("key", [| 3 |], DType.U32)

            let draw k =
                random RandomKind.Uniform [ i ] [] [||] (L.Element(words, 0), L.Element(words, k))

            b.Output("a", L.Stack(draw 1, i))
            b.Output("b", L.Stack(draw 2, i)))

    let inputs = [ "key", [| 1.0; 2.0; 3.0 |] ]
    Oracle.agrees program inputs
    use engine = new Engine(EngineOptions(Threads = 1, Cache = false))
    let outputs = Oracle.outputs engine program inputs
    Assert.All(Seq.zip outputs["a"] outputs["b"], fun (a, b) -> Assert.NotEqual(a, b))
