/// The same bits on any number of threads.
module Inference.Compiler.Tests.ThreadTests

open System
open Inference
open Inference.Compiler
open Xunit

let private bits threads =
    use engine = new Engine(EngineOptions(Threads = threads, Cache = false))
    use executable = engine.Compile(Inference.InstructionSetProbe.Rollouts.program 1500 40)
    let key = executable.Input<uint32> 0
    key[0] <- 9u
    executable.Run()
    let returns = executable.Output<float32>(0).ToArray()
    let weights = executable.Output<float32>(1).ToArray()
    executable.WorkersOfLastRun, Array.append returns weights |> Array.map BitConverter.SingleToInt32Bits

[<Fact>]
let ``Results are the same to the bit for 1, 2 and 7 threads, which all run`` () =
    let one, expected = bits 1
    Assert.Equal(1, one)

    for threads in [ 2; 7 ] do
        let workers, actual = bits threads
        Assert.Equal(threads, workers)
        Assert.Equal<int[]>(expected, actual)
