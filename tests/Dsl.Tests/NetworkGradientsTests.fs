module Inference.Dsl.Tests.NetworkGradientsTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.NetworkReference
open Xunit

[<Fact>]
let ``Activations and their slopes`` () =
    // further than exp reaches in double precision
    let points = [ -1000.0; -90.0; -20.0; -1.5; -0.3; -1e-9; 1e-9; 0.3; 1.5; 20.0; 90.0; 1000.0 ]

    for name, f, plain, slope in activations do
        let x = vector points
        let y = f.Invoke x
        let first = (Calculus.gradient (L.Sum y) [| x |])[0]
        let second = (Calculus.gradient (L.Sum first) [| x |])[0]

        let check what expected actual =
            for x, (a: double), b in List.zip3 points expected (List.ofArray (numbers actual)) do
                Assert.True(abs (a - b) <= 1e-9 * (1.0 + abs a), $"{what} of {name} at {x} is {a}; {b} came.")

        check "The value" (List.map plain points) y
        check "The slope" (List.map slope points) first
        Assert.All(numbers second, fun v -> Assert.True(Double.IsFinite v, name))

[<Fact>]
let ``Slopes at zero`` () =
    let slope (f: Func<Tensor, Tensor>) = let x = scalar 0.0 in number (Calculus.gradient (f.Invoke x) [| x |]).[0]
    Assert.Equal(0.0, slope Activation.Relu)
    Assert.Equal(1.0, slope Activation.Tanh)
    Assert.Equal(0.25, slope Activation.Sigmoid)
    Assert.Equal(0.5, slope Activation.Silu)

[<Fact>]
let ``Gradients of networks equal differences`` () =
    let x = leaf "x" [ 3 ]

    let nets =
        [
            Net.Linear("net", 3, 2)
            Net.Linear("net", 3, 2, bias = false)
            Net.LayerNorm("net", 3)
            Net.RmsNorm("net", 3)
            for _, f, _, _ in activations do
                Net.Mlp("net", [| 3; 4; 2 |], f)
            Net
                .LayerNorm("norm", 3)
                .Then(Net.Mlp("net", [| 3; 2 |]))
                .Then(Net.Function("squash", Activation.Tanh))
                .Then(Net.RmsNorm("last", 2))
        ]

    for net in nets do
        slopesAgree (("x", xs) :: spread 7 net.Parameters) (("x", x) :: byOf net.Parameters) (lossOf (net.Apply x))

[<Fact>]
let ``Gradients of an embedding reach the rows that were read, as often as they were`` () =
    let net = Net.Embedding("words", 4, 2)
    let loss = lossOf (net.Apply(whole [ 3; 0; 3 ]))
    let given = spread 7 net.Parameters
    slopesAgree given (byOf net.Parameters) loss
    let gradient = (at given (List.ofArray (Calculus.gradient loss (Array.ofSeq net.Parameters))))[0]
    Assert.Equal<double[]>([| 0.0; 0.0; 0.0; 0.0 |], gradient[2..5])

[<Fact>]
let ``Gradients of a recurrent unit along a chain equal differences`` () =
    let time, data = L.TimeIndex("time", 3), L.PlateIndex("data", 2)
    let gru = Net.Gru("gru", 2, 2)
    let x, start = leaf "x" [ 2; 3; 2 ], leaf "h" [ 2 ]
    let each = L.Unstack(L.Unstack(x, data), time)

    let finals, leaves =
        Structure.scan time [| start |] (fun c -> let h = gru.Apply(c[0], each) in [| h |], h * h)

    let loss = L.SumOver(data, lossOf finals[0] + L.SumOver(time, L.Sum leaves))

    let given =
        ("x", Array.ofList (Differences.signed 2 [ 2; 3; 2 ]).Values)
        :: ("h", [| 0.4; -0.2 |])
        :: spread 7 gru.Parameters

    slopesAgree given (("x", x) :: ("h", start) :: byOf gru.Parameters) loss

[<Fact>]
let ``Gradients of an ensemble equal differences`` () =
    let members, data = L.PlateIndex("members", 2), L.PlateIndex("data", 2)
    let x = leaf "x" [ 2; 3 ]
    let inputs = (Differences.signed 4 [ 2; 3 ]).Values |> Array.ofList

    for _, make in families do
        let parameters, apply = make members
        let loss = L.SumOver(members, L.SumOver(data, lossOf (apply (L.Unstack(x, data)))))
        slopesAgree (("x", inputs) :: spread 7 parameters) (("x", x) :: byOf parameters) loss

[<Fact>]
let ``A network that is applied twice shares its parameters`` () =
    let net = Net.Linear("net", 3, 3)
    let x = leaf "x" [ 3 ]
    let given = ("x", xs) :: spread 3 net.Parameters
    let layer = affine (Map.ofList given) "net"
    let y = net.Apply(net.Apply x)
    close (List.ofArray (layer (layer xs))) (valueAt given y)
    slopesAgree given (byOf net.Parameters) (lossOf y)
