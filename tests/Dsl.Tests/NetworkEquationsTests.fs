module Inference.Dsl.Tests.NetworkEquationsTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.NetworkReference
open Xunit

[<Fact>]
let ``A linear layer, with and without a bias`` () =
    let x = leaf "x" [ 3 ]
    let net = Net.Linear("head", 3, 2)
    Assert.Equal<(string * int list) list>([ "head.weight", [ 2; 3 ]; "head.bias", [ 2 ] ], shapes net.Parameters)
    Assert.Equal("head", net.Name)
    let given = ("x", xs) :: spread 1 net.Parameters
    close (List.ofArray (affine (Map.ofList given) "head" xs)) (valueAt given (net.Apply x))

    let net = Net.Linear("head", 3, 2, bias = false)
    Assert.Equal<(string * int list) list>([ "head.weight", [ 2; 3 ] ], shapes net.Parameters)
    close (List.ofArray (affine (Map.remove "head.bias" (Map.ofList given)) "head" xs)) (valueAt given (net.Apply x))

[<Fact>]
let ``A chain of layers has an activation after each but the last`` () =
    let x = leaf "x" [ 3 ]

    for name, f, plain, _ in activations do
        let net = Net.Mlp("encoder", [| 3; 5; 4; 2 |], f)
        let given = ("x", xs) :: spread 3 net.Parameters
        let layer k = affine (Map.ofList given) $"encoder.{k}"
        let expected = xs |> layer 0 |> Array.map plain |> layer 1 |> Array.map plain |> layer 2
        let actual = valueAt given (net.Apply x)
        Assert.True(Array.forall2 (fun a b -> abs (a - b) < 1e-9) expected actual, name)
        // a rectifier behind the last layer would show
        Assert.True(Array.exists (fun v -> v < 0.0) expected, $"{name}: no output below 0 tells.")

    Assert.Equal<(string * int list) list>(
        [
            "encoder.0.weight", [ 5; 3 ]
            "encoder.0.bias", [ 5 ]
            "encoder.1.weight", [ 4; 5 ]
            "encoder.1.bias", [ 4 ]
            "encoder.2.weight", [ 2; 4 ]
            "encoder.2.bias", [ 2 ]
        ],
        shapes (Net.Mlp("encoder", [| 3; 5; 4; 2 |])).Parameters
    )

[<Fact>]
let ``Convolutions of images, as PyTorch's layers have them`` () =
    let x = leaf "x" [ 2; 5; 6 ]
    let image = ("x", Array.ofList (Differences.signed 8 [ 2; 5; 6 ]).Values)
    let net = Net.Conv("eye", 2, 3, 3, stride = 2, padding = 1)
    Assert.Equal<(string * int list) list>([ "eye.weight", [ 3; 2; 3; 3 ]; "eye.bias", [ 3 ] ], shapes net.Parameters)
    let given = image :: spread 1 net.Parameters
    let w, b = (Map.ofList given)["eye.weight"], (Map.ofList given)["eye.bias"]
    let y = net.Apply x
    Assert.Equal<int[]>([| 3; 3; 3 |], y.Shape)

    let pixel c row column =
        if row < 0 || row > 4 || column < 0 || column > 5 then
            0.0
        else
            (snd image)[(c * 5 + row) * 6 + column]

    close
        [
            for o in 0..2 do
                for row in 0..2 do
                    for column in 0..2 do
                        b[o]
                        + List.sum
                            [
                                for c in 0..1 do
                                    for i in 0..2 do
                                        for j in 0..2 do
                                            w[((o * 2 + c) * 3 + i) * 3 + j] * pixel c (2 * row + i - 1) (2 * column + j - 1)
                            ]
        ]
        (valueAt given y)

    let net = Net.Deconv("brush", 2, 3, 4, stride = 3)
    Assert.Equal<(string * int list) list>([ "brush.weight", [ 2; 3; 4; 4 ]; "brush.bias", [ 3 ] ], shapes net.Parameters)
    let given = image :: spread 1 net.Parameters
    let w, b = (Map.ofList given)["brush.weight"], (Map.ofList given)["brush.bias"]
    let y = net.Apply x
    Assert.Equal<int[]>([| 3; 16; 19 |], y.Shape)
    let expected = Array.init (3 * 16 * 19) (fun k -> b[k / (16 * 19)])

    for c in 0..1 do
        for row in 0..4 do
            for column in 0..5 do
                for o in 0..2 do
                    for i in 0..3 do
                        for j in 0..3 do
                            let at = (o * 16 + 3 * row + i) * 19 + 3 * column + j
                            expected[at] <- expected[at] + pixel c row column * w[((c * 3 + o) * 4 + i) * 4 + j]

    close (List.ofArray expected) (valueAt given y)

[<Fact>]
let ``Layers of convolutions start as PyTorch's do and refuse what does not fit`` () =
    let bound (net: Network) =
        net.Parameters |> Seq.collect (fun p -> Parameter.initial p 3UL) |> Seq.map abs |> Seq.max

    // of 100 draws and more, the largest comes close to the bound
    for net, fan in
        [
            Net.Conv("c", 2, 16, 3), 18.0
            Net.Conv("c", 2, 16, 3, bias = false), 18.0
            Net.Deconv("d", 16, 2, 3), 18.0
        ] do
        Assert.InRange(bound net, 0.9 / sqrt fan, 1.0 / sqrt fan)

    Assert.Equal<(string * int list) list>(
        [ "c.weight", [ 4; 5; 2; 3; 3 ]; "c.bias", [ 4; 5 ] ],
        shapes (Net.Conv("c", 2, 5, 3, members = L.PlateIndex("member", 4))).Parameters
    )

    refuses "The layer \"c\" takes [2, height, width]; F32[3, 8, 8] came." (fun () -> Net.Conv("c", 2, 4, 3).Apply(L.Zeros(3, 8, 8)))
    refuses "The layer \"d\" takes [2, height, width]; F32[8] came." (fun () -> Net.Deconv("d", 2, 4, 3).Apply(L.Zeros 8))
    refuses "The layer \"c\" has a padding of -1." (fun () -> Net.Conv("c", 2, 4, 3, padding = -1).Apply(L.Zeros(2, 8, 8)))

[<Fact>]
let ``A gated recurrent unit along a chain, under a plate`` () =
    let time, data = L.TimeIndex("time", 4), L.PlateIndex("data", 2)
    let gru = Net.Gru("gru", 3, 2)
    Assert.Equal(2, gru.Size)
    Assert.Equal("gru", gru.Name)

    Assert.Equal<(string * int list) list>(
        [ "gru.weight_ih", [ 6; 3 ]; "gru.weight_hh", [ 6; 2 ]; "gru.bias_ih", [ 6 ]; "gru.bias_hh", [ 6 ] ],
        shapes gru.Parameters
    )

    let inputs = Differences.signed 9 [ 2; 4; 3 ]
    let x = L.Unstack(L.Unstack(leaf "x" [ 2; 4; 3 ], data), time)

    let finals, _ = Structure.scan time [| leaf "h" [ 2 ] |] (fun c -> [| gru.Apply(c[0], x) |], ())

    let given = ("x", Array.ofList inputs.Values) :: ("h", [| 0.4; -0.2 |]) :: spread 5 gru.Parameters

    let expected =
        [
            for datum in List.chunkBySize 12 inputs.Values do
                yield!
                    datum
                    |> List.chunkBySize 3
                    |> List.fold (fun h x -> gruStep (Map.ofList given) "gru" h (Array.ofList x)) [| 0.4; -0.2 |]
        ]

    close expected (valueAt given (L.Stack(finals[0], data)))

[<Fact>]
let ``Norms with weights, and of vectors that are constant or zero`` () =
    let x = leaf "x" [ 3 ]

    let layer (w: double[]) (b: double[]) epsilon (x: double[]) =
        let m = Array.average x
        let scale = sqrt ((x |> Array.averageBy (fun v -> (v - m) ** 2.0)) + epsilon)
        Array.init 3 (fun k -> (x[k] - m) / scale * w[k] + b[k])

    let rms (w: double[]) epsilon (x: double[]) =
        let scale = sqrt ((x |> Array.averageBy (fun v -> v * v)) + epsilon)
        Array.init 3 (fun k -> x[k] / scale * w[k])

    let w, b = [| 0.5; -2.0; 3.0 |], [| 0.1; 0.2; -0.3 |]

    for input in [ xs; [| 2.0; 2.0; 2.0 |]; [| 0.0; 0.0; 0.0 |]; [| 1e-3; -2e-3; 1e-3 |]; [| 1e6; -3e6; 5e5 |] ] do
        for epsilon in [ 1e-5; 0.5 ] do
            let given = [ "x", input; "norm.weight", w; "norm.bias", b ]

            close (List.ofArray (layer w b epsilon input)) (valueAt given (Net.LayerNorm("norm", 3, epsilon).Apply x))
            close (List.ofArray (rms w epsilon input)) (valueAt (List.take 2 given) (Net.RmsNorm("norm", 3, epsilon).Apply x))

    Assert.Equal<(string * int list) list>([ "norm.weight", [ 3 ]; "norm.bias", [ 3 ] ], shapes (Net.LayerNorm("norm", 3)).Parameters)
    Assert.Equal<(string * int list) list>([ "norm.weight", [ 3 ] ], shapes (Net.RmsNorm("norm", 3)).Parameters)

[<Fact>]
let ``An embedding reads a row for each datum`` () =
    let data = L.PlateIndex("data", 3)
    let net = Net.Embedding("words", 4, 2)
    Assert.Equal<(string * int list) list>([ "words.weight", [ 4; 2 ] ], shapes net.Parameters)
    let given = [ "words.weight", Array.init 8 double ]
    close [ 6.0; 7.0; 0.0; 1.0; 6.0; 7.0 ] (valueAt given (L.Stack(net.Apply(L.Unstack(whole [ 3; 0; 3 ], data)), data)))

[<Fact>]
let ``Layers start as PyTorch's do, or as an initialiser says`` () =
    let within limit (p: Tensor) =
        let numbers = Parameter.initial p 1UL
        Assert.All(numbers, fun v -> Assert.InRange(v, -limit, limit))
        Assert.InRange(Array.max (Array.map abs numbers), 0.9 * limit, limit)

    for p in (Net.Linear("l", 25, 60)).Parameters do
        within 0.2 p

    // by the size of what is carried, whatever the inputs
    for p in (Net.Gru("g", 3, 25)).Parameters do
        within 0.2 p

    let chain = Net.Mlp("m", [| 25; 100; 50 |])
    within 0.2 chain.Parameters[0]
    within 0.1 chain.Parameters[2]

    let given = Net.Mlp("m", [| 3; 4; 2 |], weights = Initializer.Orthogonal 2.0)
    let alone = Parameter.create "m.1.weight" [| 2; 4 |] (Initializer.Orthogonal 2.0)
    Assert.Equal<double[]>(Parameter.initial alone 1UL, Parameter.initial given.Parameters[2] 1UL)
    Assert.All(Parameter.initial given.Parameters[1] 1UL, fun v -> Assert.Equal(0.0, v))

    Assert.Equal<double[][]>(
        [| [| 1.0; 1.0 |]; [| 0.0; 0.0 |]; [| 1.0; 1.0 |] |],
        [|
            for p in Seq.append (Net.LayerNorm("n", 2)).Parameters (Net.RmsNorm("r", 2)).Parameters -> Parameter.initial p 1UL
        |]
    )

[<Fact>]
let ``A member of an ensemble is the network alone with its slice of the parameters`` () =
    let members, data = L.PlateIndex("members", 3), L.PlateIndex("data", 2)
    let inputs = (Differences.signed 4 [ 2; 3 ]).Values |> Array.ofList
    let each = L.Unstack(leaf "x" [ 2; 3 ], data)

    for name, make in families do
        let parameters, apply = make members
        let alone, applyAlone = make null

        Assert.Equal<(string * int list) list>([ for n, shape in shapes alone -> n, 3 :: shape ], shapes parameters)

        let given = spread 7 parameters
        let all = valueAt (("x", inputs) :: given) (L.Stack(L.Stack(apply each, data), members))

        let expected =
            [
                for m in 0..2 do
                    let slice = [ for n, numbers in given -> n, (Array.splitInto 3 numbers).[m] ]
                    yield! valueAt (("x", inputs) :: slice) (L.Stack(applyAlone each, data))
            ]

        close expected all
        Assert.True(expected[.. expected.Length / 3 - 1] <> expected[expected.Length / 3 .. 2 * expected.Length / 3 - 1], name)

[<Fact>]
let ``Each member may have an input of its own`` () =
    let members = L.PlateIndex("members", 2)
    let net = Net.Linear("net", 3, 2, members = members)
    let given = spread 7 net.Parameters
    let inputs = Array.ofList (Differences.signed 4 [ 2; 3 ]).Values
    let y = net.Apply(L.Unstack(leaf "x" [ 2; 3 ], members))

    let expected =
        [
            for m in 0..1 do
                let slice = Map [ for n, numbers in given -> n, (Array.splitInto 2 numbers)[m] ]
                yield! affine slice "net" (Array.splitInto 2 inputs).[m]
        ]

    close expected (valueAt (("x", inputs) :: given) (L.Stack(y, members)))

[<Fact>]
let ``Each member starts as if it were alone`` () =
    let members = L.PlateIndex("members", 4)

    // the plate is no axis of the weight: not for its inputs and outputs, nor for what is orthogonal to what
    let glorot =
        Parameter.initial (Net.Linear("net", 30, 50, weights = Initializer.Glorot, members = members)).Parameters[0] 1UL

    let limit = sqrt (6.0 / 80.0)

    for member' in Array.splitInto 4 glorot do
        Assert.InRange(Array.max (Array.map abs member'), 0.98 * limit, limit)

    for inputs, outputs in [ 5, 3; 3, 5; 3, 3 ] do
        let net = Net.Linear("net", inputs, outputs, weights = Initializer.Orthogonal 1.0, members = members)

        let starts =
            Parameter.initial net.Parameters[0] 1UL |> Array.splitInto 4 |> Array.map (Array.chunkBySize inputs)

        Assert.Equal(4, starts |> Array.distinct |> Array.length)

        for q in starts do
            let q = if outputs <= inputs then q else Array.transpose q

            for i in 0 .. q.Length - 1 do
                for j in 0 .. q.Length - 1 do
                    Assert.Equal((if i = j then 1.0 else 0.0), Array.fold2 (fun s a b -> s + a * b) 0.0 q[i] q[j], 9)

    let uniform = Parameter.initial (Net.Gru("net", 7, 9, members)).Parameters[0] 1UL
    Assert.Equal(4 * 27 * 7, uniform |> Array.distinct |> Array.length)

[<Fact>]
let ``An input that does not fit is refused by the layer's name`` () =
    let rejects layer size came (apply: unit -> Tensor) =
        let e = failure apply
        Assert.Equal($"The layer \"{layer}\" takes a vector of {size}; {came} came.", e.Problem)
        Assert.Equal("Give the layer the size of what it is applied to; plates and time steps have no axis.", e.Mend)

    let two, three = vector [ 1.0; 2.0 ], vector [ 1.0; 2.0; 3.0 ]
    rejects "head" 3 "F32[2]" (fun () -> Net.Linear("head", 3, 4).Apply two)
    rejects "head" 3 "F32[] (a scalar)" (fun () -> Net.Linear("head", 3, 4).Apply(scalar 1.0))
    rejects "head" 3 "F32[3, 1]" (fun () -> Net.Linear("head", 3, 4).Apply(tensor [ 3; 1 ] [ 1.0; 2.0; 3.0 ]))
    let data = L.PlateIndex("data", 2)
    rejects "head" 3 "F32[2] over data" (fun () -> Net.Linear("head", 3, 4).Apply(L.Unstack(tensor [ 2; 2 ] [ 1.0; 2.0; 3.0; 4.0 ], data)))
    rejects "norm" 3 "F32[2]" (fun () -> Net.LayerNorm("norm", 3).Apply two)
    rejects "norm" 3 "F32[2]" (fun () -> Net.RmsNorm("norm", 3).Apply two)
    rejects "gru" 2 "F32[3]" (fun () -> Net.Gru("gru", 3, 2).Apply(three, three))
    rejects "gru" 3 "F32[2]" (fun () -> Net.Gru("gru", 3, 2).Apply(two, two))
    // the layer behind, when sizes do not meet
    rejects "b" 3 "F32[2]" (fun () -> Net.Linear("a", 3, 2).Then(Net.Linear("b", 3, 2)).Apply three)
    refuses "Gather needs whole-number positions; F32 came." (fun () -> Net.Embedding("words", 3, 2).Apply two)

[<Fact>]
let ``One network, then another`` () =
    let a, b = Net.Linear("a", 3, 2), Net.Linear("b", 2, 4)
    let double' = Net.Function("double", fun x -> 2.0 * x)
    Assert.Empty double'.Parameters
    let given = ("x", xs) :: spread 3 (Seq.append a.Parameters b.Parameters)
    let layer name = affine (Map.ofList given) name
    let expected = xs |> layer "a" |> Array.map (fun v -> 2.0 * v) |> layer "b"

    for net in [ a.Then(double').Then b; a.Then(double'.Then b) ] do
        Assert.Equal<(string * int list) list>(
            [ "a.weight", [ 2; 3 ]; "a.bias", [ 2 ]; "b.weight", [ 4; 2 ]; "b.bias", [ 4 ] ],
            shapes net.Parameters
        )

        close (List.ofArray expected) (valueAt given (net.Apply(leaf "x" [ 3 ])))
