module Inference.Dsl.Tests.ParametersTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

/// The numbers that a parameter starts from.
let private start seed name shape (i: Initializer) : double[] = Parameter.initial (Parameter.create name shape i) seed

let private mean (values: double[]) = Array.average values
let private variance (values: double[]) = let m = mean values in values |> Array.averageBy (fun v -> (v - m) ** 2.0)

/// The correlation of two rows of numbers.
let private correlation (a: double[]) (b: double[]) =
    let ma, mb = mean a, mean b
    let together = Array.map2 (fun x y -> (x - ma) * (y - mb)) a b |> Array.average
    together / sqrt (variance a * variance b)

let private dot (a: double[]) (b: double[]) = Array.fold2 (fun s x y -> s + x * y) 0.0 a b
let private within5 deviation expected actual = Assert.InRange(actual, expected - 5.0 * deviation, expected + 5.0 * deviation)

let private random =
    [
        "Glorot", Initializer.Glorot
        "He", Initializer.He
        "Uniform", Initializer.Uniform 9
        "Orthogonal", Initializer.Orthogonal 1.0
    ]

[<Fact>]
let ``A seed and a name determine the numbers`` () =
    for _, i in random do
        let numbers = start 7UL "encoder.0.weight" [| 6; 9 |] i
        Assert.Equal(54, numbers.Length)
        Assert.Equal<double[]>(numbers, start 7UL "encoder.0.weight" [| 6; 9 |] i)
        Assert.Empty(Set.intersect (set numbers) (set (start 8UL "encoder.0.weight" [| 6; 9 |] i)))
        // the upper half of a seed counts as well
        Assert.Empty(Set.intersect (set numbers) (set (start (7UL + (1UL <<< 32)) "encoder.0.weight" [| 6; 9 |] i)))
        Assert.Empty(Set.intersect (set numbers) (set (start 7UL "encoder.1.weight" [| 6; 9 |] i)))

[<Fact>]
let ``A parameter may be started at any seeds in any order`` () =
    let p = Parameter.create "w" [| 5 |] Initializer.Glorot
    let first, second = Parameter.initial p 1UL, Parameter.initial p 2UL
    Assert.Equal<double[]>(first, Parameter.initial p 1UL)
    Assert.Equal<double[]>(second, Parameter.initial p 2UL)

[<Fact>]
let ``Numbers of other names, other seeds and neighbours are uncorrelated`` () =
    let shape = [| 100; 200 |]

    for name, i in List.take 3 random do
        let numbers = start 1UL "a.weight" shape i
        let bound = 5.0 / sqrt (double numbers.Length)
        let small what c = Assert.True(abs c < bound, $"{name}: the correlation with {what} is {c}.")
        small "another name" (correlation numbers (start 1UL "b.weight" shape i))
        small "another seed" (correlation numbers (start 2UL "a.weight" shape i))

        for lag in 1..4 do
            small $"the number {lag} on" (correlation numbers[lag..] numbers[.. numbers.Length - 1 - lag])

            let squares = numbers |> Array.map (fun v -> v * v)
            small $"the square {lag} on" (correlation squares[lag..] squares[.. numbers.Length - 1 - lag])

[<Fact>]
let ``Uniform numbers are the draws of random.md under the key of the name and the seed`` () =
    let seed = 0x0123456789ABCDEFUL
    let struct (low, high) = Philox.hashPath "critic.bias"
    let key = Philox.words low high 0u 0u 0x89ABCDEFu 0x01234567u

    let expected =
        [
            for k in 0..5 ->
                let u = (double (Philox.words 0u 0u (uint32 (k / 4)) 0u key[0] key[1]).[k % 4] + 0.5) / 2.0 ** 32.0
                2.0 * u - 1.0
        ]

    close expected (start seed "critic.bias" [| 2; 3 |] (Initializer.Uniform 1))

/// Uniform numbers within ± a limit, as far as 5 standard deviations of what is estimated tell.
let private isUniform limit (values: double[]) =
    let n = double values.Length
    Assert.True(n >= 10000.0)
    Assert.All(values, fun v -> Assert.InRange(v, -limit, limit))
    Assert.InRange(Array.max values, 0.998 * limit, limit)
    Assert.InRange(Array.min values, -limit, -0.998 * limit)
    let expected = limit * limit / 3.0
    within5 (sqrt (expected / n)) 0.0 (mean values)
    // the fourth moment of a uniform number is 9/5 of its variance squared
    within5 (expected * sqrt (0.8 / n)) expected (variance values)

/// Normal numbers of mean 0, by their first four moments and the share within one standard deviation.
let private isNormal deviation (values: double[]) =
    let n = double values.Length
    Assert.True(n >= 10000.0)
    let standard = values |> Array.map (fun v -> v / deviation)
    let moment k = standard |> Array.averageBy (fun v -> v ** double k)
    within5 (sqrt (1.0 / n)) 0.0 (moment 1)
    within5 (sqrt (2.0 / n)) 1.0 (moment 2)
    within5 (sqrt (15.0 / n)) 0.0 (moment 3)
    within5 (sqrt (96.0 / n)) 3.0 (moment 4)
    let inside = standard |> Array.averageBy (fun v -> if abs v < 1.0 then 1.0 else 0.0)
    within5 (sqrt (0.6827 * 0.3173 / n)) 0.682689 inside

[<Fact>]
let ``Glorot: uniform within the root of 6 over inputs and outputs`` () =
    // [outputs, inputs], either way round the same limit
    isUniform (sqrt (6.0 / 500.0)) (start 3UL "w" [| 200; 300 |] Initializer.Glorot)
    isUniform (sqrt (6.0 / 500.0)) (start 3UL "w" [| 300; 200 |] Initializer.Glorot)
    // a kernel [outputs, inputs, height, width]: each output reads 16·3·5 numbers, each input reaches 64·3·5
    isUniform (sqrt (6.0 / double (16 * 15 + 64 * 15))) (start 3UL "k" [| 64; 16; 3; 5 |] Initializer.Glorot)
    // a kernel along one axis
    isUniform (sqrt (6.0 / double (20 * 7 + 90 * 7))) (start 3UL "k" [| 90; 20; 7 |] Initializer.Glorot)

[<Fact>]
let ``He: normal with variance 2 over inputs`` () =
    isNormal (sqrt (2.0 / 300.0)) (start 5UL "w" [| 200; 300 |] Initializer.He)
    isNormal (sqrt (2.0 / 200.0)) (start 5UL "w" [| 300; 200 |] Initializer.He)
    isNormal (sqrt (2.0 / double (16 * 15))) (start 5UL "k" [| 64; 16; 3; 5 |] Initializer.He)
    // an odd count ends with half a pair
    isNormal (sqrt (2.0 / 101.0)) (start 5UL "w" [| 201; 101 |] Initializer.He)

[<Fact>]
let ``Uniform: within one over the root of the layer's inputs, whatever the shape`` () =
    for shape in [ [| 200; 64 |]; [| 12000 |]; [| 3; 4000 |] ] do
        isUniform (1.0 / 8.0) (start 11UL "b" shape (Initializer.Uniform 64))

/// Says that the rows of a matrix are orthogonal and of a length.
let private areOrthogonal length (rows: double[][]) =
    for i in 0 .. rows.Length - 1 do
        for j in 0 .. rows.Length - 1 do
            let expected = if i = j then length * length else 0.0
            Assert.InRange(dot rows[i] rows[j], expected - 1e-9, expected + 1e-9)

[<Fact>]
let ``Orthogonal: rows or columns, whichever are fewer`` () =
    let draw gain (shape: int[]) =
        start 13UL "w" shape (Initializer.Orthogonal gain)
        |> Array.chunkBySize (Array.fold (*) 1 shape[1..])

    for gain in [ 1.0; sqrt 2.0; 0.01 ] do
        // wide: Q·Qᵀ, tall: Qᵀ·Q, square: both
        for shape in [ [| 3; 7 |]; [| 1; 9 |]; [| 20; 21 |] ] do
            areOrthogonal gain (draw gain shape)

        for shape in [ [| 7; 3 |]; [| 9; 1 |]; [| 21; 20 |] ] do
            areOrthogonal gain (Array.transpose (draw gain shape))

        for shape in [ [| 1; 1 |]; [| 5; 5 |]; [| 24; 24 |] ] do
            areOrthogonal gain (draw gain shape)
            areOrthogonal gain (Array.transpose (draw gain shape))

    // a kernel is a matrix of its outputs by all the rest
    areOrthogonal 1.5 (draw 1.5 [| 6; 2; 3; 2 |])
    areOrthogonal 1.5 (Array.transpose (draw 1.5 [| 16; 2; 2; 3 |]))

[<Fact>]
let ``Orthogonal matrices are spread evenly`` () =
    let count = 3000

    let draws = Array.init count (fun k -> start (uint64 k) "w" [| 3; 4 |] (Initializer.Orthogonal 1.0))

    for e in 0..11 do
        let values = draws |> Array.map (fun q -> q[e])
        // one coordinate of a point of the unit sphere in 4 dimensions: variance 1/4, fourth moment 3/24
        within5 (sqrt (0.25 / double count)) 0.0 (mean values)
        within5 (sqrt ((0.125 - 0.0625) / double count)) 0.25 (values |> Array.averageBy (fun v -> v * v))

[<Fact>]
let ``Numbers that are known`` () =
    let all (i: Initializer) shape = List.ofArray (start 1UL "w" shape i)
    Assert.Equal<double list>(List.replicate 6 0.0, all Initializer.Zeros [| 2; 3 |])
    Assert.Equal<double list>(List.replicate 6 1.0, all Initializer.Ones [| 2; 3 |])
    Assert.Equal<double list>(List.replicate 4 -2.5, all (Initializer.Constant -2.5) [| 4 |])
    Assert.Equal<double list>([ 0.75 ], all (Initializer.Constant 0.75) [||])

[<Fact>]
let ``A parameter keeps its name, shape and type`` () =
    let p = Parameter.create "actor.head.weight" [| 2; 3 |] Initializer.Zeros
    Assert.Equal("actor.head.weight", Parameter.nameOf p)
    Assert.Equal<int[]>([| 2; 3 |], p.Shape)
    Assert.Equal(DType.F32, p.DType)
    Assert.Empty p.Indices

[<Fact>]
let ``Shapes that hold nothing are refused by the parameter's name`` () =
    for shape, text in [ [| 0 |], "[0]"; [| 2; 0; 3 |], "[2, 0, 3]"; [| 4; -1 |], "[4, -1]" ] do
        let e = failure (fun () -> Parameter.create "actor.weight" shape Initializer.Zeros)
        Assert.Equal($"The parameter \"actor.weight\" has shape {text}.", e.Problem)
        Assert.Equal("Sizes are at least 1.", e.Mend)

    refuses "The parameter \"actor.0.weight\" has shape [0, 3]." (fun () -> Net.Mlp("actor", [| 3; 0; 2 |]).Parameters)

[<Fact>]
let ``A parameter needs a name`` () =
    for name in [ null; ""; "  " ] do
        refuses "A parameter has no name." (fun () -> Parameter.create name [| 2 |] Initializer.Zeros)

[<Fact>]
let ``What is no parameter has no name and no start`` () =
    let state = (ProgramBuilder "p").State("count", [| 2 |], DType.F32, [| 0.0 |])

    for x in [ vector [ 1.0; 2.0 ]; state; Parameter.create "w" [| 2 |] Initializer.Ones * 2.0 ] do
        refuses "F32[2] is no parameter." (fun () -> Parameter.nameOf x)
        refuses "F32[2] is no parameter." (fun () -> Parameter.initial x 0UL)

[<Fact>]
let ``A program keeps the parameters that it reads as states, by name`` () =
    let create name = Parameter.create name [| 3 |] Initializer.Glorot
    let a, b, capital, unread = create "a", create "b", create "B", create "unread"
    let mutable found = [||]

    let program =
        build "p" (fun builder ->
            let y = b * a + a * capital
            // asked twice, found once
            found <- builder.Parameters([ y; a ], 42UL)
            Assert.Equal<Tensor[]>(found, builder.Parameters([ y ], 42UL))
            builder.Output("y", y))

    Assert.Equal<string list>([ "B"; "a"; "b" ], [ for p in found -> Parameter.nameOf p ])
    Assert.Equal<Tensor list>([ capital; a; b ], List.ofArray found)
    Assert.Equal<string list>([ "B"; "a"; "b" ], [ for s in program.States -> s.Slot.Name ])

    for s in program.States do
        Assert.Equal<double[]>(start 42UL s.Slot.Name [| 3 |] Initializer.Glorot, s.Initial)

    // what is read starts from these, and does not change unless the program says so
    let results = interpret [] [] program
    let at p = Parameter.initial p 42UL
    close [ for k in 0..2 -> (at b)[k] * (at a)[k] + (at a)[k] * (at capital)[k] ] results["y"]
    Assert.Equal<double[]>(at a, results["a"])
    Assert.False(results.ContainsKey(Parameter.nameOf unread))

[<Fact>]
let ``Parameters are found behind plates and in the steps of loops`` () =
    let create name = Parameter.create name [||] Initializer.Ones
    let time, data = L.TimeIndex("time", 3), L.PlateIndex("data", 2)
    let first, each, left, last = create "first", create "each", create "left", create "last"

    let finals, leaves = Structure.scan time [| first * 2.0 |] (fun c -> [| c[0] * each |], c[0] * left)

    let plated = L.SumOver(data, L.Unstack(vector [ 1.0; 2.0 ], data) * last)
    let y = finals[0] + L.SumOver(time, leaves) + plated

    Assert.Equal<string list>(
        [ "each"; "first"; "last"; "left" ],
        [ for p in (ProgramBuilder "p").Parameters([ y ], 0UL) -> Parameter.nameOf p ]
    )

    // what a loop carries names no parameter that it does not need
    Assert.Equal<string list>([ "each"; "first" ], [ for p in (ProgramBuilder "p").Parameters([ finals[0] ], 0UL) -> Parameter.nameOf p ])

[<Fact>]
let ``Two parameters of one name, or a state of a parameter's name, are refused`` () =
    let create () = Parameter.create "w" [| 2 |] Initializer.Ones
    let a, b = create (), create ()
    refuses "The program \"p\" has two states named \"w\"." (fun () -> (ProgramBuilder "p").Parameters([ a * b ], 0UL))

    refuses "The program \"p\" has two states named \"w\"." (fun () ->
        let builder = ProgramBuilder "p"
        builder.State("w", [| 2 |], DType.F32, [| 0.0 |]) |> ignore
        builder.Parameters([ a ], 0UL))

[<Fact>]
let ``The names of optimisers' states are theirs`` () =
    refuses "The parameter \"optimizer.weight\" has a name of an optimiser's states." (fun () -> Net.Linear("optimizer", 2, 1))
