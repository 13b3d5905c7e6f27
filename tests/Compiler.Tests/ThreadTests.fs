/// What depends on the number of threads, and what does not. Runs alone: what other tests allocate would count.
[<Xunit.Collection "alone">]
module Inference.Compiler.Tests.ThreadTests

open System
open System.Threading
open Inference
open Inference.Compiler
open Inference.Compiler.Tests.ProgramTests
open Xunit

[<CollectionDefinition("alone", DisableParallelization = true)>]
type Alone() = class end

/// Rollouts large enough that their kernels are split, with a state, sums over the plate, order statistics and a loop around kernels.
let private program =
    build "threads" (fun b ->
        let k = key b

        let rollout, t, iteration =
            L.PlateIndex("rollout", 6000), L.TimeIndex("t", 20), L.TimeIndex("iteration", 3)

        let mean = b.State("mean", [| 20 |], DType.F32, [| 0.1 |])
        let u = L.Clip(L.Unstack(mean, t) + random RandomKind.Normal [ rollout ] [ t ] [||] k, -2.0, 2.0)

        let finals, _ =
            Structure.scan t [| L.Fill(3.0); L.Fill(0.0); L.Fill(0.0) |] (fun c ->
                let reward = -(L.Square(L.WrapAngle c[0]) + 0.1 * L.Square c[1] + 0.001 * L.Square u)
                let v = L.Clip(c[1] + (15.0 * L.Sin c[0] + 3.0 * u) * 0.05, -8.0, 8.0)
                [| c[0] + v * 0.05; v; c[2] + reward |], ())

        let w = L.SoftmaxOver(rollout, finals[2])

        let centre, _ =
            Structure.scan iteration [| L.Zeros() |] (fun c -> [| L.MeanOver(rollout, L.Tanh(finals[0] - c[0])) |], ())

        b.Output("ess", 1.0 / L.SumOver(rollout, w * w))
        b.Output("returns", L.Stack(finals[2], rollout))
        b.Output("best", L.TopKOver(rollout, 5, finals[2]))
        b.Output("centre", centre[0])
        b.Next(mean, L.Stack(L.Expectation(rollout, w, u), t)))

let private compiled threads =
    let engine = new Engine(EngineOptions(Threads = threads, TakesOver = false, Cache = false))
    let executable = engine.Compile program
    executable.SetInput(0, ReadOnlySpan<double> [| 3.0; 5.0 |])
    engine, executable

/// The bits of all outputs and states.
let private bits (executable: Executable) =
    [|
        for k in 0 .. executable.Outputs.Count - 1 do
            let slot = executable.Outputs[k].Slot

            if slot.Type = ElementType.Float32 then
                yield! executable.Output<float32>(k).ToArray() |> Array.map BitConverter.SingleToInt32Bits
            else
                yield! executable.Output<int>(k).ToArray()
        for k in 0 .. executable.States.Count - 1 do
            yield! executable.State<float32>(k).ToArray() |> Array.map BitConverter.SingleToInt32Bits
    |]

[<Fact>]
let ``One, two and seven threads compute the same bits, and all of them take part`` () =
    let results =
        [
            for threads in [ 1; 2; 7 ] do
                let engine, executable = compiled threads
                use _ = engine
                use executable = executable
                let mutable most = 0

                for _ in 1..3 do
                    executable.Run()
                    Assert.True executable.LastRunCommitted
                    most <- max most executable.WorkersOfLastRun

                Assert.Equal(threads, most)
                bits executable
        ]

    Assert.Equal<int[]>(results[0], results[1])
    Assert.Equal<int[]>(results[0], results[2])

let private allocated (action: unit -> unit) =
    let before = GC.GetTotalAllocatedBytes true
    action ()
    GC.GetTotalAllocatedBytes true - before

[<Theory>]
[<InlineData(1)>]
[<InlineData(2)>]
[<InlineData(7)>]
let ``Runs allocate nothing`` (threads: int) =
    let engine, executable = compiled threads
    use _ = engine
    use executable = executable

    let runs count =
        for _ in 1..count do
            executable.Run()

    // with pauses, so that workers have slept and woken once
    for _ in 1..30 do
        runs 1
        Thread.Sleep 3

    let before = GC.GetAllocatedBytesForCurrentThread()
    runs 100
    Assert.Equal(0L, GC.GetAllocatedBytesForCurrentThread() - before)
    // the test host allocates in the same process, but not all the time
    Assert.Contains(0L, Seq.init 100 (fun _ -> allocated (fun () -> runs 2)))
