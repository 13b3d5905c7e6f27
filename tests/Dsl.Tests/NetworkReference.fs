/// Networks whose parameters and inputs have numbers of their own, and their equations written out.
module Inference.Dsl.Tests.NetworkReference

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

let times (w: double[][]) (x: double[]) = w |> Array.map (fun row -> Array.fold2 (fun s a b -> s + a * b) 0.0 row x)
let plus = Array.map2 (fun (a: double) b -> a + b)
let sigmoid (x: double) = 1.0 / (1.0 + exp -x)

/// A leaf that stands for an input of a network.
let leaf name (shape: int list) = (ProgramBuilder "leaves").Input(name, Array.ofList shape, DType.F32)

/// Values where parameters and leaves have these numbers.
let at (given: (string * double[]) list) (outputs: Tensor list) : double[] list =
    let program =
        build "network" (fun b ->
            b.Parameters(outputs, 0UL) |> ignore
            outputs |> List.iteri (fun k x -> b.Output($"output {k}", x)))

    let results = interpret [] given program
    [ for k in 0 .. outputs.Length - 1 -> results[$"output {k}"] ]

let valueAt given (x: Tensor) : double[] = List.exactlyOne (at given [ x ])

/// Numbers between −0.75 and 0.75 for each of some parameters.
let spread start (parameters: Tensor seq) : (string * double[]) list =
    [
        for k, p in Seq.indexed parameters ->
            Parameter.nameOf p, Array.ofList (Differences.signed (start + k) (List.ofArray p.Shape)).Values
    ]

let shapes (parameters: Tensor seq) = [ for p in parameters -> Parameter.nameOf p, List.ofArray p.Shape ]
let vectorAs (size: int) (values: double[]) = values |> Array.chunkBySize size

/// W·x + b of a layer whose numbers are given.
let affine (given: Map<string, double[]>) layer (x: double[]) =
    let y = times (vectorAs x.Length given[$"{layer}.weight"]) x

    match given.TryFind $"{layer}.bias" with
    | Some b -> plus y b
    | None -> y

/// One step of a gated recurrent unit: gates reset, update, new.
let gruStep (given: Map<string, double[]>) name (h: double[]) (x: double[]) =
    let n = h.Length
    let i = plus (times (vectorAs x.Length given[$"{name}.weight_ih"]) x) given[$"{name}.bias_ih"]
    let c = plus (times (vectorAs n given[$"{name}.weight_hh"]) h) given[$"{name}.bias_hh"]

    Array.init n (fun k ->
        let r, z = sigmoid (i[k] + c[k]), sigmoid (i[n + k] + c[n + k])
        let fresh = tanh (i[2 * n + k] + r * c[2 * n + k])
        (1.0 - z) * fresh + z * h[k])

let activations =
    let slope f x = if x > 0.0 then 1.0 else f x

    [
        "Identity", Activation.Identity, id, (fun _ -> 1.0)
        "Relu", Activation.Relu, max 0.0, slope (fun _ -> 0.0)
        "Tanh", Activation.Tanh, tanh, (fun x -> 1.0 - tanh x ** 2.0)
        "Sigmoid", Activation.Sigmoid, sigmoid, (fun x -> sigmoid x * sigmoid -x)
        "Elu", Activation.Elu, (fun x -> if x > 0.0 then x else exp x - 1.0), slope exp
        "Silu", Activation.Silu, (fun x -> x * sigmoid x), (fun x -> sigmoid x + x * sigmoid x * sigmoid -x)
        "Softplus", Activation.Softplus, (fun x -> if x > 30.0 then x else log (1.0 + exp x)), sigmoid
    ]

let xs = [| 0.3; -0.7; 1.1 |]

/// Says that the gradient of a loss by parameters and leaves equals central differences of fourth order of the loss itself.
let slopesAgree (given: (string * double[]) list) (by: (string * Tensor) list) (loss: Tensor) =
    let gradients = at given (List.ofArray (Calculus.gradient loss (by |> List.map snd |> Array.ofList)))
    let mutable moved = false

    for (name, _), gradient in List.zip by gradients do
        let numbers = (Map.ofList given)[name]
        Assert.Equal(numbers.Length, gradient.Length)

        for k in 0 .. numbers.Length - 1 do
            let step = 1e-3

            let value h =
                let shifted = numbers |> Array.mapi (fun j v -> if j = k then v + h else v)
                Array.exactlyOne (valueAt ((name, shifted) :: List.filter (fun (n, _) -> n <> name) given) loss)

            let difference =
                (value (-2.0 * step) - 8.0 * value -step + 8.0 * value step - value (2.0 * step)) / (12.0 * step)

            Assert.True(
                abs (difference - gradient[k]) <= 1e-8 * (1.0 + abs difference),
                $"The slope by {name}[{k}] is {difference} by differences; {gradient[k]} came."
            )

            moved <- moved || abs difference > 1e-3

    Assert.True(moved, "The loss does not move.")

/// A loss that weighs the elements of a value differently, and their squares.
let lossOf (y: Tensor) : Tensor =
    let weights = Differences.signed 23 (List.ofArray y.Shape)
    L.Sum(y * y) + L.Sum(y * Build.constantOf DType.F32 y.Shape (Array.ofList weights.Values))

let byOf (parameters: Tensor seq) = [ for p in parameters -> Parameter.nameOf p, p ]

/// Networks with what they are applied to, alone (null) or one for each value of a plate.
let families: (string * (FreeIndex -> Tensor seq * (Tensor -> Tensor))) list =
    let plain (make: FreeIndex -> Network) = make >> fun n -> (n.Parameters :> Tensor seq), n.Apply

    [
        "Linear", plain (fun i -> Net.Linear("net", 3, 2, members = i))
        "Mlp", plain (fun i -> Net.Mlp("net", [| 3; 4; 2 |], Activation.Tanh, members = i))
        "LayerNorm", plain (fun i -> Net.LayerNorm("net", 3, members = i))
        "RmsNorm", plain (fun i -> Net.RmsNorm("net", 3, members = i))
        "Embedding",
        plain (fun i ->
            let net = Net.Embedding("net", 5, 2, members = i)
            Network("net", net.Parameters, fun x -> net.Apply(whole [ 4; 1 ]) * L.Sum x))
        "Gru",
        fun i ->
            let net = Net.Gru("net", 3, 3, members = i)
            net.Parameters, fun x -> net.Apply(0.5 * x, x)
    ]
