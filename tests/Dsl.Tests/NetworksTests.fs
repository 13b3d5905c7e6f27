module Inference.Dsl.Tests.NetworksTests

open System
open System.Collections.Generic
open Inference
open Inference.Compiler
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.NetworkReference
open Xunit

/// The numbers of a parameter at seed 0, as a matrix of rows.
let private rows (p: Tensor) : double[][] =
    let values = Parameter.initial p 0UL
    if p.Shape.Length = 2 then Array.chunkBySize p.Shape[1] values else [| values |]

let private named (parameters: Tensor seq) = dict [ for p in parameters -> Parameter.nameOf p, rows p ]

/// Numbers of a value that parameters go into, as they are at seed 0.
let private value (x: Tensor) : double[] =
    let program =
        build "network" (fun b ->
            b.Parameters([ x ], 0UL) |> ignore
            b.Output("value", x))

    (interpret [] [] program).["value"]

let private input = [ 0.3; -0.7; 1.1 ]

[<Fact>]
let ``A chain of linear layers`` () =
    let net = Net.Mlp("encoder", [| 3; 4; 2 |])

    Assert.Equal<string list>(
        [ "encoder.0.weight"; "encoder.0.bias"; "encoder.1.weight"; "encoder.1.bias" ],
        [ for p in net.Parameters -> Parameter.nameOf p ]
    )

    Assert.Equal<int list>([ 4; 3 ], List.ofArray net.Parameters[0].Shape)
    let p = named net.Parameters

    let h =
        plus (times p["encoder.0.weight"] (Array.ofList input)) p["encoder.0.bias"].[0]
        |> Array.map (max 0.0)

    let y = plus (times p["encoder.1.weight"] h) p["encoder.1.bias"].[0]
    close (List.ofArray y) (value (net.Apply(vector input)))

[<Fact>]
let ``A gated recurrent unit`` () =
    let gru = Net.Gru("gru", 3, 2)
    let p = named gru.Parameters
    let carried = [| 0.4; -0.2 |]
    let u = plus (times p["gru.weight_ih"] (Array.ofList input)) p["gru.bias_ih"].[0]
    let v = plus (times p["gru.weight_hh"] carried) p["gru.bias_hh"].[0]

    let expected =
        [
            for k in 0..1 ->
                let r, z = sigmoid (u[k] + v[k]), sigmoid (u[2 + k] + v[2 + k])
                let n = tanh (u[4 + k] + r * v[4 + k])
                (1.0 - z) * n + z * carried[k]
        ]

    close expected (value (gru.Apply(vector (List.ofArray carried), vector input)))

[<Fact>]
let ``Norms of a vector`` () =
    let mean = List.average input
    let variance = input |> List.averageBy (fun x -> (x - mean) ** 2.0)
    close (input |> List.map (fun x -> (x - mean) / sqrt (variance + 1e-5))) (value (Net.LayerNorm("norm", 3).Apply(vector input)))
    let square = input |> List.averageBy (fun x -> x * x)
    close (input |> List.map (fun x -> x / sqrt (square + 1e-6))) (value (Net.RmsNorm("norm", 3).Apply(vector input)))

[<Fact>]
let ``An embedding reads rows`` () =
    let net = Net.Embedding("words", 5, 3)
    let table = rows net.Parameters[0]
    close (List.ofArray (Array.append table[4] table[1])) (value (net.Apply(whole [ 4; 1 ])))

[<Fact>]
let ``Each member of an ensemble has parameters of its own`` () =
    let members = L.PlateIndex("members", 3)
    let net = Net.Linear("critic", 3, 2, members = members)
    Assert.Equal<int list>([ 3; 2; 3 ], List.ofArray net.Parameters[0].Shape)

    let w =
        Parameter.initial net.Parameters[0] 0UL |> Array.chunkBySize 6 |> Array.map (Array.chunkBySize 3)

    let b = Parameter.initial net.Parameters[1] 0UL |> Array.chunkBySize 2

    let expected =
        [
            for m in 0..2 do
                yield! plus (times w[m] (Array.ofList input)) b[m]
        ]

    close expected (value (L.Stack(net.Apply(vector input), members)))
    Assert.NotEqual<double>(w[0].[0].[0], w[1].[0].[0])

[<Fact>]
let ``Activations and their slopes far from zero`` () =
    for f, low, high in
        [
            Activation.Relu, 0.0, 200.0
            Activation.Elu, -1.0, 200.0
            Activation.Softplus, 0.0, 200.0
            Activation.Silu, 0.0, 200.0
            Activation.Tanh, -1.0, 1.0
            Activation.Sigmoid, 0.0, 1.0
        ] do
        let x = vector [ -200.0; 200.0 ]
        let y = f.Invoke x
        close [ low; high ] (numbers y)
        let slopes = numbers (Calculus.gradient (L.Sum y) [| x |]).[0]
        Assert.Equal(0.0, slopes[0], 9)
        Assert.Equal((if high = 1.0 then 0.0 else 1.0), slopes[1], 9)

[<Fact>]
let ``An input of another size is refused`` () =
    refuses "The layer \"encoder.0\" takes a vector of 3; F32[2] came." (fun () ->
        Net.Mlp("encoder", [| 3; 4 |]).Apply(vector [ 1.0; 2.0 ]))

    refuses "The network \"encoder\" has 1 sizes." (fun () -> Net.Mlp("encoder", [| 3 |]))

[<Fact>]
let ``Initialisers`` () =
    let draw (i: Initializer) shape = Parameter.initial (Parameter.create "w" shape i) 7UL

    let within limit (values: double[]) =
        Assert.All(values, fun v -> Assert.InRange(v, -limit, limit))
        // a uniform number's variance
        Assert.Equal(limit * limit / 3.0, Array.averageBy (fun v -> v * v) values, 3)

    within (sqrt (6.0 / 300.0)) (draw Initializer.Glorot [| 100; 200 |])
    within (1.0 / sqrt 50.0) (draw (Initializer.Uniform 50) [| 400; 50 |])
    // outputs, inputs, height, width
    within (sqrt (6.0 / (9.0 * 48.0))) (draw Initializer.Glorot [| 32; 16; 3; 3 |])
    Assert.Equal(2.0 / 50.0, draw Initializer.He [| 400; 50 |] |> Array.averageBy (fun v -> v * v), 2)

    for n, m in [ 4, 7; 7, 4; 5, 5 ] do
        let q = draw (Initializer.Orthogonal 2.0) [| n; m |] |> Array.chunkBySize m
        let q = if n <= m then q else Array.transpose q

        for i in 0 .. q.Length - 1 do
            for j in 0 .. q.Length - 1 do
                Assert.Equal((if i = j then 4.0 else 0.0), Array.fold2 (fun s a b -> s + a * b) 0.0 q[i] q[j], 9)

    let w name seed = Parameter.initial (Parameter.create name [| 8 |] Initializer.Glorot) seed
    Assert.Equal<double[]>(w "a" 1UL, w "a" 1UL)
    Assert.NotEqual<double[]>(w "a" 1UL, w "a" 2UL)
    Assert.NotEqual<double[]>(w "a" 1UL, w "b" 1UL)

[<Fact>]
let ``Two parameters of one name in a program are refused`` () =
    let a, b = Parameter.create "w" [| 2 |] Initializer.Ones, Parameter.create "w" [| 2 |] Initializer.Ones
    refuses "The program \"value\" has two states named \"w\"." (fun () -> (ProgramBuilder "value").Parameters([ a + b ], 0UL))
    refuses "The parameter \"w\" has shape [0]." (fun () -> Parameter.create "w" [| 0 |] Initializer.Ones)
