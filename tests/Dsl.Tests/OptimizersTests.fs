module Inference.Dsl.Tests.OptimizersTests

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

/// Σ c·(p − target)² with c = 1, 3 and target 1, −2: its gradient is 2c·(p − target).
let private weights, private targets, private start = [| 1.0; 3.0 |], [| 1.0; -2.0 |], [| 0.5; 0.25 |]
let private gradient (p: double[]) = Array.init 2 (fun k -> 2.0 * weights[k] * (p[k] - targets[k]))

/// The parameter after each of five steps of an optimiser, by the interpreter.
let private steps (optimizer: Optimizer) : double[] list =
    let initial = Initializer.Zeros
    let p = Parameter.create "p" [| 2 |] initial

    let program =
        build "learning" (fun b ->
            let error = p - L.Constant targets
            Learning.step b optimizer 0UL (L.Sum(L.Constant weights * error * error)) |> ignore)

    let rec go count (states: (string * double[]) list) =
        if count = 0 then
            []
        else
            let next = interpret [] states program
            next["p"] :: go (count - 1) (Map.toList next)

    go 5 [ "p", start ]

/// The same from a rule: number of the step, gradient and parameter to what is added.
let private expected (rule: int -> double[] -> double[] -> double[]) : double[] list =
    let rec go t p =
        if t > 5 then
            []
        else
            let next = Array.map2 (+) p (rule t (gradient p) p)
            next :: go (t + 1) next

    go 1 start

let private same (optimizer: Optimizer) rule =
    for a, b in List.zip (expected rule) (steps optimizer) do
        close (List.ofArray a) b

/// A moving average from zero.
let private average decay =
    let mutable state = [| 0.0; 0.0 |]

    fun (value: double[]) ->
        state <- Array.map2 (fun s v -> decay * s + (1.0 - decay) * v) state value
        state

let private adam rate =
    let m, v = average 0.9, average 0.999

    fun t (g: double[]) ->
        let mean, square = m g, v (Array.map (fun x -> x * x) g)

        Array.map2 (fun m v -> -rate * (m / (1.0 - 0.9 ** double t)) / (sqrt (v / (1.0 - 0.999 ** double t)) + 1e-8)) mean square

[<Fact>]
let ``Gradient descent with and without momentum`` () =
    same (Sgd(Rate.Constant 0.1)) (fun _ g _ -> g |> Array.map (fun x -> -0.1 * x))
    let mutable velocity = [| 0.0; 0.0 |]

    same (Sgd(Rate.Constant 0.1, 0.9)) (fun _ g _ ->
        velocity <- Array.map2 (fun v x -> 0.9 * v + x) velocity g
        velocity |> Array.map (fun v -> -0.1 * v))

[<Fact>]
let ``Adam, and Adam with decoupled decay`` () =
    let rule = adam 0.05
    same (Adam(Rate.Constant 0.05)) (fun t g _ -> rule t g)
    let rule = adam 0.05
    same (AdamW(Rate.Constant 0.05, 0.1)) (fun t g p -> Array.map2 (fun u x -> u - 0.05 * 0.1 * x) (rule t g) p)

[<Fact>]
let ``RMSProp and LaProp`` () =
    let square = average 0.99

    same (RmsProp(Rate.Constant 0.05)) (fun _ g _ ->
        Array.map2 (fun x v -> -0.05 * x / (sqrt v + 1e-8)) g (square (Array.map (fun x -> x * x) g)))

    let mean, square = average 0.9, average 0.99

    same (LaProp(Rate.Constant 0.05)) (fun t g _ ->
        let v = square (Array.map (fun x -> x * x) g)
        let normal = Array.map2 (fun x v -> x / sqrt (v / (1.0 - 0.99 ** double t))) g v
        mean normal |> Array.map (fun m -> -0.05 * m / (1.0 - 0.9 ** double t)))

[<Fact>]
let ``Clipping stands before a rule`` () =
    let norm = Array.sumBy (fun x -> x * x) >> sqrt

    same (ClipNorm(1.0).Then(Sgd(Rate.Constant 0.1))) (fun _ g _ ->
        let factor = min 1.0 (1.0 / (norm g + 1e-6))
        g |> Array.map (fun x -> -0.1 * factor * x))

    same (ClipAdaptive(0.5).Then(Sgd(Rate.Constant 0.1))) (fun _ g p ->
        let factor = min 1.0 (0.5 * max 1e-3 (norm p) / (norm g + 1e-12))
        g |> Array.map (fun x -> -0.1 * factor * x))

[<Fact>]
let ``Rates`` () =
    let at (rate: Rate) t = number (rate.At(scalar t))
    let warm = Rate.WarmUp(4, Rate.Constant 0.2)
    close [ 0.05; 0.1; 0.2; 0.2 ] [| for t in [ 1.0; 2.0; 4.0; 9.0 ] -> at warm t |]
    let cosine = Rate.Cosine(0.3, 10, 0.1)
    close [ 0.3; 0.2; 0.1; 0.1 ] [| for t in [ 0.0; 5.0; 10.0; 12.0 ] -> at cosine t |]

[<Fact>]
let ``An average of parameters`` () =
    let p = Parameter.create "p" [| 2 |] Initializer.Ones

    let program =
        build "learning" (fun b ->
            let parameters = Learning.step b (Sgd(Rate.Constant 0.1)) 0UL (L.Sum(p * p))
            Learning.average b 0.9 parameters |> ignore)

    let first = interpret [] [] program
    close [ 0.1; 0.1 ] first["average.p"]
    let second = interpret [] (Map.toList first) program
    close [ 0.9 * 0.1 + 0.1 * 0.8; 0.9 * 0.1 + 0.1 * 0.8 ] second["average.p"]

[<Fact>]
let ``States are named after what they are for`` () =
    let program =
        build "learning" (fun b ->
            Learning.step b (Adam(Rate.Constant 0.1)) 0UL (L.Sum(Parameter.create "p" [| 2 |] Initializer.Ones))
            |> ignore)

    Assert.Equal<Set<string>>(
        set [ "p"; "optimizer.step"; "optimizer.mean.p"; "optimizer.square.p" ],
        set [ for s in program.States -> s.Slot.Name ]
    )

[<Fact>]
let ``A loss without parameters is refused`` () =
    refuses "The loss depends on no parameter." (fun () ->
        Learning.step (ProgramBuilder "learning") (Sgd(Rate.Constant 0.1)) 0UL (scalar 1.0))

    let wrong = Optimizer(fun _ _ -> [||])
    let loss = L.Sum(Parameter.create "p" [| 2 |] Initializer.Ones)

    refuses "An optimiser was given 1 gradients; it returned 0 updates." (fun () ->
        Learning.step (ProgramBuilder "learning") wrong 0UL loss)
