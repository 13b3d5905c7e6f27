module Inference.Dsl.Tests.DistributionCaseTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.Differences
open Inference.Dsl.Tests.DistributionCases
open Inference.Dsl.Tests.Statistics
open Xunit

let private near (what: string) bound (expected: double) (actual: double) =
    if not (abs (expected - actual) <= bound * (1.0 + abs expected)) then
        failwith $"{what}: {expected} expected; {actual} came."

let private likely what p = Assert.True(p > errorRate, $"{what}: p = {p}")

/// The statistics that a family knows equal sums over its density.
let private agree what bound (d: Distribution) (mean: double) (variance: double) (entropy: double) =
    for statistic, expected in [ Statistic.Mean, mean; Statistic.Variance, variance; Statistic.Entropy, entropy ] do
        match d.Closed statistic with
        | Some x -> near $"{what}, {statistic}" bound expected (number x)
        | None -> Assert.False(d.Knows statistic)

[<Fact>]
let ``Densities integrate to one, and statistics are their integrals`` () =
    for f in continuous do
        let d = f.One

        match expectations d f.Spread [ (fun _ _ -> 1.0); (fun x _ -> x); (fun x _ -> x * x); (fun _ l -> -l) ] with
        | [ total; mean; second; entropy ] ->
            near f.Name 1e-5 1.0 total
            agree f.Name 2e-5 d mean (second - mean * mean) entropy
        | _ -> failwith "four"

[<Fact>]
let ``Probabilities sum to one, and statistics are their sums`` () =
    for f, last in discrete do
        let d = f.One
        let xs = [| 0.0 .. double last |]
        let l = logDensities d xs
        let sum g = Seq.sum (Seq.map2 (fun x l -> exp l * g x l) xs l)
        near f.Name 1e-10 1.0 (sum (fun _ _ -> 1.0))
        let mean = sum (fun x _ -> x)
        agree f.Name 1e-9 d mean (sum (fun x _ -> x * x) - mean * mean) (sum (fun _ l -> -l))
        let mode = number d.Mode
        near f.Name 1e-9 (Array.max l) (logDensities d [| mode |] |> Array.exactlyOne)

[<Fact>]
let ``No value is more likely than the mode`` () =
    for f in continuous do
        let d = f.One

        if d.Knows Statistic.Mode && f.Name <> "Beta of small parameters" then
            let mode = number d.Mode

            let most =
                logDensities d (nodes f.Spread |> Array.map fst |> Array.filter (fun x -> abs (x - mode) > 1e-6))
                |> Array.max
            // a mode at an open edge has no density of its own
            let at = logDensities d [| mode |] |> Array.exactlyOne
            Assert.True(at >= most - 1e-9 || (mode = 0.0 && d.Support = Support.Positive), f.Name)

[<Fact>]
let ``Outside the support the log-density is −∞, and constant`` () =
    for f in continuous do
        let outside =
            match f.Spread with
            | Line _ -> []
            | HalfLine _ -> [ -0.5; -3.0 ]
            | Between(low, high) when f.Name = "TruncatedNormal below" -> [ high + 0.1; high + 9.0 ]
            | Between(low, high) -> [ low - 0.1; low - 9.0; high + 0.1; high + 9.0 ]

        for x in outside do
            let parameters = f.Parameters |> List.map scalar |> Array.ofList
            let l = (f.Make(List.ofArray parameters)).LogDensity(scalar x)
            Assert.Equal(-infinity, number l)

            for slope in Calculus.gradient l parameters do
                Assert.True(Double.IsFinite(number slope), $"{f.Name} at {x}: slope {number slope}")

[<Fact>]
let ``One element outside is enough`` () =
    let d = L.Transformed(L.Normal(vector [ 0.1; 0.2 ], scalar 1.0), Bijectors.Softplus)
    close [ -infinity ] (numbers (d.LogDensity(vector [ 1.0; 0.0 ])))
    let scaled = L.Transformed(d, Bijectors.Affine(scalar 1.0, scalar 2.0))
    close [ -infinity ] (numbers (scaled.LogDensity(vector [ 0.5; 2.0 ])))
    Assert.True(Double.IsFinite(number (scaled.LogDensity(vector [ 1.5; 2.0 ]))))

[<Fact>]
let ``Draws follow the densities`` () =
    for k, f in List.indexed continuous do
        let draws = numbers (drawn (double k) (f.Many 4000))
        kolmogorovSmirnov (cdf f.One f.Spread) draws |> likely f.Name

[<Fact>]
let ``Draws of counts come as often as their probabilities say`` () =
    let count = 2500

    for k, (f, last) in List.indexed discrete do
        let draws = numbers (drawn (double k) (f.Many count))
        Assert.All(draws, fun x -> Assert.True(x = floor x && x >= 0.0 && x <= double last))
        let p = logDensities f.One [| 0.0 .. double last |] |> Array.map exp
        // classes of at least twenty expected
        let classes = Array.zeroCreate (last + 1)
        let mutable current, mass = 0, 0.0

        for x in 0..last do
            classes[x] <- current
            mass <- mass + p[x]

            if mass * double count > 20.0 && Array.sum p[x + 1 ..] * double count > 20.0 then
                current <- current + 1
                mass <- 0.0

        let total (values: double[]) c = Seq.sum (Seq.map2 (fun k v -> if k = c then v else 0.0) classes values)

        let seen =
            Array.init (last + 1) (fun x -> draws |> Array.filter ((=) (double x)) |> Array.length |> double)

        chiSquare [ for c in 0..current -> total p c ] [ for c in 0..current -> int (total seen c) ]
        |> likely f.Name

[<Fact>]
let ``Log-densities have the derivatives of differences, by values and parameters`` () =
    for f in continuous do
        if f.Name <> "StudentT of many degrees" then
            let x = (if f.One.Knows Statistic.Mean then number f.One.Mean else 0.4) + 0.03

            agrees (scalarOf x :: List.map scalarOf f.Parameters) (fun t -> (f.Make(List.tail (List.ofArray t))).LogDensity t[0])

    for f, _ in discrete do
        agrees [ for p in f.Parameters -> scalarOf p ] (fun t ->
            (f.Make(List.ofArray t)).LogDensity(L.Probe("x", Build.scalar DType.F32 1.0)))

[<Fact>]
let ``Statistics have derivatives`` () =
    for f in continuous @ List.map fst discrete do
        for s in [ Statistic.Mean; Statistic.Variance; Statistic.Entropy ] do
            if f.One.Knows s && f.Name <> "StudentT of many degrees" then
                agrees (List.map scalarOf f.Parameters) (fun p -> ((f.Make(List.ofArray p)).Closed s).Value)

/// P(a, x) by its series, to double precision.
let private incompleteGamma a x =
    let logTop = a * log x - x - number (L.LogGamma(scalar (a + 1.0)))
    let mutable term, sum, k = 1.0, 1.0, 0

    while term > 1e-18 * sum || double k < x - a do
        k <- k + 1
        term <- term * x / (a + double k)
        sum <- sum + term

    sum * exp logTop

[<Fact>]
let ``A gamma draw moves with its shape as the quantile does`` () =
    for k, a in List.indexed [ 0.05; 0.4; 1.0; 3.0; 11.9; 12.1; 60.0; 2000.0 ] do
        let shape = L.Fill(scalar a, 50)
        let draw = drawn (100.0 + double k) (L.Gamma(shape, Build.scalar DType.F32 1.0))
        let xs = numbers draw
        let slopes = numbers (L.Gradient(L.Sum draw, shape))
        let h = 1e-4 * a

        for x, slope in Array.zip xs slopes do
            let p = exp ((a - 1.0) * log x - x - number (L.LogGamma(scalar a)))
            let f t = incompleteGamma (a + t) x
            let expected = -(f (-2.0 * h) - 8.0 * f -h + 8.0 * f h - f (2.0 * h)) / (12.0 * h) / p
            near $"shape {a} at {x}" 1e-5 1.0 (slope / expected)

[<Fact>]
let ``Draws carry derivatives whose mean is that of the expectation`` () =
    let value (x: double) = log (1.0 + x * x)

    for k, f in List.indexed continuous do
        if
            f.One.IsReparameterised
            && not (f.Name.StartsWith "TruncatedNormal")
            && f.Name <> "StudentT of many degrees"
        then
            let count = 3000
            let parameters = f.Parameters |> List.map (fun p -> L.Fill(scalar p, count)) |> Array.ofList
            let x = drawn (200.0 + double k) (f.Make(List.ofArray parameters))
            let gradients = Calculus.gradient (L.Sum(L.Log(1.0 + x * x))) parameters

            for j in 0 .. parameters.Length - 1 do
                let each = numbers gradients[j]
                let average = mean each
                let error = sqrt (Array.averageBy (fun g -> (g - average) ** 2.0) each / double count)

                let at t =
                    let moved = f.Parameters |> List.mapi (fun i p -> scalar (if i = j then p + t else p))

                    // limits that move take the spread along
                    let spread =
                        match f.Name, f.Spread with
                        | "Uniform", Between(low, high) -> Between((if j = 0 then low + t else low), (if j = 1 then high + t else high))
                        | _, s -> s

                    expectations (f.Make moved) spread [ (fun x _ -> value x) ] |> List.exactlyOne

                let expected = (at 1e-3 - at -1e-3) / 2e-3
                // five standard deviations
                Assert.True(
                    abs (average - expected) < 5.0 * error + 1e-4,
                    $"{f.Name}, parameter {j}: {expected} expected; {average} ± {error} came."
                )

[<Fact>]
let ``Draws of a truncated normal carry exact derivatives`` () =
    // the quantile at a fixed share of the mass
    for k, f in List.indexed continuous do
        if f.Name.StartsWith "TruncatedNormal" then
            agrees (List.map scalarOf f.Parameters) (fun p -> drawn (300.0 + double k) (f.Make(List.ofArray p)))

[<Fact>]
let ``Draws of a gamma have the second derivative of the quantile`` () =
    for k, a in List.indexed [ 0.6; 2.5; 9.0; 20.0 ] do
        let shape = scalar a
        let draw = drawn (400.0 + double k) (L.Gamma(shape, Build.scalar DType.F32 1.0))
        let x = number draw
        let share = incompleteGamma a x

        let quantile b =
            let step y _ =
                let p = exp ((b - 1.0) * log y - y - number (L.LogGamma(scalar b)))
                y - (incompleteGamma b y - share) / p

            Seq.fold step x [ 1..6 ]

        let h = 0.02 * a
        let q = [ for m in -2.0 .. 2.0 -> quantile (a + m * h) ]
        let expected = (-q[0] + 16.0 * q[1] - 30.0 * q[2] + 16.0 * q[3] - q[4]) / (12.0 * h * h)
        near $"shape {a} at {x}" 1e-3 expected (number (L.HessianVector(draw, shape, Build.scalar DType.F32 1.0)))

/// Draws, their log-densities and the gradients of their sum by the first parameter, of every family, compiled and by the interpreter.
let private compiledAndInterpreted (options: EngineOptions) (dtype: DType) (families: Family list) =
    let count = 48

    let program =
        build "families" (fun b ->
            for k, f in List.indexed families do
                let leaves = f.Parameters |> List.mapi (fun j _ -> b.Input($"{k}.{j}", [| count |], dtype))
                let d = f.Make leaves
                let x, score = d.DrawScored { Key = seed (double k) 0.0; Plates = []; Times = [] }
                Assert.Equal(dtype, x.DType)
                Assert.Equal(dtype, score.Value.DType)
                b.Output($"{f.Name}, draw", x)
                b.Output($"{f.Name}, density", score.Value)

                if d.IsReparameterised then
                    b.Output($"{f.Name}, slope", L.Gradient(L.Sum x, leaves[0])))

    let inputs =
        [
            for k, f in List.indexed families do
                for j, p in List.indexed f.Parameters -> $"{k}.{j}", Array.create count p
        ]

    use engine = new Engine(options)
    let inDouble = options.Precision = Precision.Double
    let compiled = execute engine inputs program

    let struct (interpreted, _) =
        Inference.Compiler.Interpreter.Run(
            program,
            Collections.Generic.Dictionary(dict inputs),
            Collections.Generic.Dictionary(),
            inDouble || dtype = DType.F64
        )

    [ for KeyValue(name, values) in interpreted -> name, compiled[name], values ]

let private named (names: string list) =
    (continuous @ List.map fst discrete) |> List.filter (fun f -> List.contains f.Name names)

[<Fact>]
let ``Compiled in single precision, families draw and score as in double`` () =
    let families =
        named
            [
                "TanhNormal"
                "TruncatedNormal in a tail"
                "StudentT"
                "Gamma of a small shape"
                "Beta"
                "Binomial"
                "Poisson"
            ]

    for name, compiled, exact in compiledAndInterpreted (EngineOptions(Threads = 1, Cache = false)) DType.F32 families do
        Assert.All(compiled, fun x -> Assert.True(Double.IsFinite x, name))
        // a draw at a border may fall on the other side of it
        let wrong =
            Array.map2 (fun a b -> if abs (a - b) > 2e-3 * (1.0 + abs b) then 1 else 0) compiled exact
            |> Array.sum

        Assert.True(wrong <= 1, $"{name}: {wrong} of {exact.Length} differ.")

[<Fact>]
let ``Compiled in double precision, families are the interpreter's`` () =
    let engineInDouble = EngineOptions(Threads = 1, Cache = false, Precision = Precision.Double)

    for engine, dtype, names in
        [
            engineInDouble, DType.F32, [ "Gamma"; "Poisson of a large rate" ]
            EngineOptions(Threads = 1, Cache = false), DType.F64, [ "TruncatedNormal"; "Gamma of a small shape"; "Laplace"; "Binomial" ]
        ] do
        for name, compiled, exact in compiledAndInterpreted engine dtype (named names) do
            let far = Array.map2 (fun a b -> abs (a - b) / (1.0 + abs b)) compiled exact |> Array.max
            Assert.True(far < 1e-7, $"{name}: {far}")

[<Fact>]
let ``Numbers stand where parameters are expected`` () =
    for d, mean in
        [
            L.Gamma(2.0, 4.0), 0.5
            L.Beta(1.0, 3.0), 0.25
            L.Laplace(-1.0, 2.0), -1.0
            L.Exponential 4.0, 0.25
            L.StudentT(3.0, 0.5, 1.0), 0.5
            L.Poisson 2.5, 2.5
            L.Binomial(4, probability = 0.5), 2.0
            L.TruncatedNormal(0.0, 1.0, -2.0, 2.0), 0.0
        ] do
        Assert.Equal(mean, number d.Mean, 1e-9)
        Assert.Equal(d.Shape.Length, 0)
