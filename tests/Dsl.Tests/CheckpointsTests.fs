module Inference.Dsl.Tests.CheckpointsTests

open System
open Inference
open Inference.Compiler
open Inference.Dsl.Tests.Differences
open Inference.Dsl.Tests.Evaluation
open Xunit

let private steps = 12

/// A nonlinear recurrence with a weight, inputs of each step, and results of each step.
let private recurrence segments (w: Tensor) (x: Tensor) (start: Tensor) =
    let time = L.TimeIndex("t", steps)
    let x = L.Unstack(x, time)
    let scale = L.Exp(0.1 * L.Sum w)

    let step (c: Tensor) (x: Tensor) =
        let next = L.Tanh(L.Dot(w, c) * scale + x)
        struct (next, L.Sum(L.Square next) * 0.1)

    let struct (last, each) =
        if segments = 0 then
            L.Scan(time, start, (fun c -> step c x))
        else
            L.ScanCheckpointed(time, segments, start, x, (fun c x -> step c x))

    L.Sum last + L.SumOver(time, each)

let private arguments = [ signed 1 [ 3; 3 ]; signed 2 [ steps; 3 ]; signed 3 [ 3 ] ]
let private inSegments segments (x: Tensor[]) = recurrence segments x[0] x[1] x[2]

[<Theory>]
[<InlineData(1)>]
[<InlineData(3)>]
[<InlineData(4)>]
[<InlineData(12)>]
let ``Values and derivatives of first and second order are those of the loop`` (segments: int) =
    let t = arguments |> List.map (fun a -> tensor a.Shape a.Values) |> Array.ofList
    close [ number (inSegments 0 t) ] [| number (inSegments segments t) |]
    agrees arguments (inSegments segments)

let private program segments (count: int) =
    let time = L.TimeIndex("t", count)

    build $"memory {segments}" (fun b ->
        let data = L.PlateIndex("data", 64)
        let cell = Net.Gru("cell", 8, 32)
        let x = L.Unstack(L.Unstack(b.Input("x", [| 64; count; 8 |], DType.F32), data), time)

        let struct (last, each) =
            if segments = 0 then
                L.Scan(time, L.Zeros 32, (fun c -> let h = cell.Apply(c, x) in struct (h, L.Sum h)))
            else
                L.ScanCheckpointed(time, segments, L.Zeros 32, x, (fun c x -> let h = cell.Apply(c, x) in struct (h, L.Sum h)))

        let loss = L.MeanOver(data, L.Sum(L.Square last) + L.SumOver(time, each))
        Learning.step b (Sgd 1e-3) 0UL loss |> ignore
        b.Output("loss", loss))

[<Fact>]
let ``Segments halve the memory of a step at least, and change nothing`` () =
    use engine = new Engine(EngineOptions(Cache = false, Threads = 2))
    let count = 256
    let x = Array.init (64 * count * 8) (fun k -> 0.5 * sin (double (k * k % 977)))

    let run segments =
        use executable = engine.Compile(program segments count)
        executable.SetInput(0, ReadOnlySpan<double> x)
        executable.Run() |> ignore
        let weight = Array.zeroCreate<double>(96 * 32)
        executable.CopyState(executable.IndexOfState "cell.weight_hh", Span<double> weight)
        executable.WorkspaceBytes, weight

    let whole, expected = run 0
    let parts, actual = run 16
    Assert.All(Array.zip expected actual, fun (a, b) -> Assert.Equal(a, b, 1e-5))
    Assert.True(2L * parts <= whole, $"{parts} of {whole} bytes")

[<Fact>]
let ``Segments divide the steps, and what a step reads is handed in`` () =
    refuses "The loop over \"t\" has 12 steps; 5 segments do not divide it." (fun () ->
        inSegments 5 [| L.Zeros(3, 3); L.Zeros(steps, 3); L.Zeros 3 |])

    let time = L.TimeIndex("t", 4)
    let x = L.Unstack(tensor [ 4 ] [ 1.0; 2.0; 3.0; 4.0 ], time)

    refuses "A step of the loop over \"t\" reads a value of each step that was not handed to it." (fun () ->
        L.ScanCheckpointed(time, 2, L.Zeros(), L.Zeros(), (fun c _ -> struct (c + x, c))))

/// A network in blocks over a plate; the blocks' insides are kept for the derivative, or not.
let private blocks isRecomputed (layers: Network list) (x: Tensor) =
    layers
    |> List.fold
        (fun (x: Tensor) layer ->
            let inside (x: Tensor) = x + layer.Apply(L.Sin(layer.Apply(L.Tanh(layer.Apply x))))
            if isRecomputed then L.Recompute(x, inside) else inside x)
        x

[<Fact>]
let ``What is computed again has the same value and derivatives of first and second order`` () =
    let f isRecomputed (x: Tensor[]) =
        let inside (v: Tensor) = L.Tanh(L.Dot(x[1], L.Sin v)) * L.Exp(0.3 * L.Sum v)
        L.Sum(L.Square(if isRecomputed then L.Recompute(x[0], inside) else inside x[0]))

    let arguments = [ signed 1 [ 3 ]; signed 2 [ 3; 3 ] ]
    let t = arguments |> List.map (fun a -> tensor a.Shape a.Values) |> Array.ofList
    close [ number (f false t) ] [| number (f true t) |]
    agrees arguments (f true)

[<Fact>]
let ``Recomputed blocks of a network keep less than half and learn the same`` () =
    let step isRecomputed =
        build "blocks" (fun b ->
            let data = L.PlateIndex("data", 512)
            let layers = [ for k in 0..11 -> Net.Linear($"layer.{k}", 32, 32) ]
            let x = L.Unstack(b.Input("x", [| 512; 32 |], DType.F32), data)
            let loss = L.MeanOver(data, L.Sum(L.Square(blocks isRecomputed layers x)))
            Learning.step b (Sgd 1e-3) 0UL loss |> ignore
            b.Output("loss", loss))

    use engine = new Engine(EngineOptions(Cache = false, Threads = 2))

    let run isRecomputed =
        use executable = engine.Compile(step isRecomputed)
        let x = executable.Input 0

        for k in 0 .. x.Length - 1 do
            x[k] <- sin (float32 k)

        let losses =
            [
                for _ in 1..3 do
                    executable.Run()
                    float (executable.Output 0).[0]
            ]

        losses, executable.WorkspaceBytes

    let (kept, memory), (again, less) = run false, run true
    List.iter2 (fun (a: float) b -> Assert.Equal(a, b, 1e-4 * abs a)) kept again
    Assert.True(2L * less < memory, $"{less} of {memory} bytes")
