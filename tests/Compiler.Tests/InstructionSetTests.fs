/// Programs on vectors of every width, chosen by what the machine has and by the engine's options.
module Inference.Compiler.Tests.InstructionSetTests

open System
open System.Diagnostics
open System.Reflection
open System.Text.Json
open Inference
open Inference.Compiler
open Inference.Compiler.Tests
open Inference.Compiler.Tests.InstructionSetProbe
open Xunit

/// The switches that take instructions away from a process. The one for AVX-512 lost its F in .NET 10.
let private without =
    Map.ofList
        [
            InstructionSet.Vector512, []
            InstructionSet.Vector256, [ "DOTNET_EnableAVX512"; "DOTNET_EnableAVX512F" ]
            InstructionSet.Vector128, [ "DOTNET_EnableAVX512"; "DOTNET_EnableAVX512F"; "DOTNET_EnableAVX2" ]
            InstructionSet.Scalar, [ "DOTNET_EnableHWIntrinsic" ]
        ]

/// This assembly's own entry point, in a process without some instructions, with an engine that is asked for a set or not.
let private reportOf (set: InstructionSet) (asked: InstructionSet option) : Report =
    let info =
        ProcessStartInfo(Environment.ProcessPath, RedirectStandardOutput = true, RedirectStandardError = true)

    let assembly = Assembly.GetExecutingAssembly().Location

    // the test host is dotnet itself or stands beside it
    let dotnet =
        match Environment.GetEnvironmentVariable "DOTNET_HOST_PATH" with
        | null
        | "" -> "dotnet"
        | path -> path

    info.FileName <- dotnet
    info.ArgumentList.Add assembly
    asked |> Option.iter (fun asked -> info.ArgumentList.Add(string asked))

    for name in without[set] do
        info.Environment[name] <- "0"

    use p = Process.Start info
    let errors = p.StandardError.ReadToEndAsync()
    let text = p.StandardOutput.ReadToEnd()
    p.WaitForExit()

    if p.ExitCode <> 0 then
        failwith $"The process without {without[set]} failed:\n{errors.Result}\n{text}"

    JsonSerializer.Deserialize<Report>(text.Trim().Split('\n') |> Array.last)

let private close tolerance (expected: double[]) (actual: double[]) =
    Assert.Equal(expected.Length, actual.Length)

    for k in 0 .. expected.Length - 1 do
        let bound = tolerance * max 1.0 (abs expected[k])
        Assert.True(abs (expected[k] - actual[k]) <= bound, $"[{k}]: {expected[k]} and {actual[k]}")

let private bits (set: InstructionSet) = if set = InstructionSet.Scalar then 0 else 64 <<< int set
let private here = lazy (report (Nullable()))

[<Theory>]
[<InlineData(InstructionSet.Vector512)>]
[<InlineData(InstructionSet.Vector256)>]
[<InlineData(InstructionSet.Vector128)>]
[<InlineData(InstructionSet.Scalar)>]
let ``A process uses the widest vectors that it has, and computes the same`` (set: InstructionSet) =
    let r = reportOf set None
    // a machine without the wider ones does not notice that they are off
    let expected = min set Machine.WidestInstructionSet
    Assert.Equal(string expected, r.InstructionSet)
    Assert.Equal<int[]>((if expected = InstructionSet.Scalar then [||] else [| bits expected |]), r.Widths)
    Assert.Equal<double[]>(here.Value.Words, r.Words)
    close 1e-5 here.Value.Rollout r.Rollout

[<Theory>]
[<InlineData(InstructionSet.Vector512)>]
[<InlineData(InstructionSet.Vector256)>]
[<InlineData(InstructionSet.Vector128)>]
[<InlineData(InstructionSet.Scalar)>]
let ``An engine prints the vectors that it is asked for, and computes the same`` (set: InstructionSet) =
    let r = report (Nullable set)
    Assert.Equal(string set, r.InstructionSet)
    Assert.Equal<int[]>((if set = InstructionSet.Scalar then [||] else [| bits set |]), r.Widths)
    Assert.Equal<double[]>(here.Value.Words, r.Words)
    close 1e-5 here.Value.Rollout r.Rollout

[<Theory>]
[<InlineData(InstructionSet.Vector256, InstructionSet.Vector512)>]
[<InlineData(InstructionSet.Vector128, InstructionSet.Vector512)>]
[<InlineData(InstructionSet.Vector128, InstructionSet.Vector256)>]
let ``An engine that is asked for wider vectors than the process has computes the same`` (has: InstructionSet) (asked: InstructionSet) =
    let r = reportOf has (Some asked)
    Assert.Equal(string asked, r.InstructionSet)
    Assert.Equal<double[]>(here.Value.Words, r.Words)
    close 1e-5 here.Value.Rollout r.Rollout
