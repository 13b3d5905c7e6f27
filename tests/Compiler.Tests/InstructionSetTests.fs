/// Each instruction path: in a process with the wider ones switched off, and asked for by name.
module Inference.Compiler.Tests.InstructionSetTests

open System
open System.Diagnostics
open System.Globalization
open System.IO
open Inference
open Inference.Compiler
open Xunit

type private Probe = { Set: string; Vectors: string; Returns: double[]; Words: string }

/// Starts the probe under .NET's switches, as a user would to narrow a process.
let private probe (switches: string list) =
    let path = Path.Combine(AppContext.BaseDirectory, "InstructionSetProbe.dll")

    let start =
        ProcessStartInfo("dotnet", [ path ], RedirectStandardOutput = true, RedirectStandardError = true)

    for s in switches do
        start.Environment[s] <- "0"

    use child = Process.Start start
    let errors = child.StandardError.ReadToEndAsync()
    let lines = child.StandardOutput.ReadToEnd().Split('\n', StringSplitOptions.RemoveEmptyEntries)
    child.WaitForExit()
    Assert.True((child.ExitCode = 0), errors.Result)

    let field (name: string) =
        lines
        |> Array.pick (fun l ->
            if l.StartsWith(name + " ") then
                Some(l.Substring(name.Length + 1).Trim())
            else
                None)

    let number (s: string) = Double.Parse(s, CultureInfo.InvariantCulture)

    {
        Set = field "set"
        Vectors = lines |> Array.pick (fun l -> if l.StartsWith "vectors" then Some(l.Substring(7).Trim()) else None)
        Returns = field("returns").Split(',') |> Array.map number
        Words = field "words"
    }

let private avx512 = [ "DOTNET_EnableAVX512"; "DOTNET_EnableAVX512F" ]
let private avx2 = avx512 @ [ "DOTNET_EnableAVX2"; "DOTNET_EnableAVX" ]
let private all = avx2 @ [ "DOTNET_EnableHWIntrinsic" ]

let private close (expected: double[]) (actual: double[]) =
    Array.forall2 (fun (a: double) b -> abs (a - b) <= 1e-5 * (1.0 + abs a)) expected actual

[<Fact>]
let ``Narrower processes use narrower vectors and compute the same`` () =
    let widest = probe []
    let narrow256, narrow128, scalar = probe avx512, probe avx2, probe all
    Assert.Equal("Scalar", scalar.Set)
    Assert.Equal("", scalar.Vectors)

    if widest.Set <> "Scalar" then
        Assert.Equal("Vector128", narrow128.Set)
        Assert.Equal("Vector128", narrow128.Vectors)

    if widest.Set = "Vector512" then
        Assert.Equal("Vector512", widest.Vectors)
        Assert.Equal("Vector256", narrow256.Set)
        Assert.Equal("Vector256", narrow256.Vectors)

    for other in [ narrow256; narrow128; scalar ] do
        Assert.Equal(widest.Words, other.Words)
        Assert.True(close widest.Returns other.Returns, $"Returns with {other.Set} differ from those with {widest.Set}.")

[<Fact>]
let ``A path asked for by name agrees with the widest`` () =
    let values set =
        use engine = new Engine(EngineOptions(Threads = 1, Cache = false, InstructionSet = Nullable set))
        use executable = engine.Compile(Inference.InstructionSetProbe.Rollouts.program 70 9)
        let key = executable.Input<uint32> 0
        key[0] <- 5u
        executable.Run()
        let returns = Array.zeroCreate<double> 70
        executable.CopyOutput(0, Span<double> returns)
        Assert.Equal(set, executable.InstructionSet)
        returns

    let widest = values Machine.WidestInstructionSet

    for set in [ InstructionSet.Scalar; InstructionSet.Vector128; InstructionSet.Vector256 ] do
        if set <= Machine.WidestInstructionSet then
            Assert.True(close widest (values set), $"{set} differs.")
