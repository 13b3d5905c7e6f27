/// The C99 print of the same loops, compiled by a C compiler where there is one: the proof that loops know nothing of C#.
module Inference.Compiler.Tests.C99Tests

open System
open System.Collections.Generic
open System.Diagnostics
open System.IO
open System.Runtime.InteropServices
open Inference
open Inference.Compiler
open Inference.Compiler.Tests.ProgramTests
open Xunit

let private hasCompiler =
    try
        use p =
            Process.Start(ProcessStartInfo("cc", [ "--version" ], RedirectStandardOutput = true, RedirectStandardError = true))

        p.WaitForExit()
        p.ExitCode = 0
    with _ ->
        false

/// A fact that needs a C compiler; without one it is skipped, and says how to have it run.
type FactWithCompilerAttribute() as this =
    inherit FactAttribute()

    do
        if not hasCompiler then
            this.Skip <- "There is no `cc`. Install a C compiler (Debian: apt-get install gcc libc6-dev) to run this."

[<UnmanagedFunctionPointer(CallingConvention.Cdecl)>]
type private Kernel = delegate of nativeint * nativeint * nativeint * int64 * int64 -> unit

let private compile (source: string) =
    let folder = Directory.CreateTempSubdirectory("loops").FullName
    let c, library = Path.Combine(folder, "loops.c"), Path.Combine(folder, "loops.so")
    File.WriteAllText(c, source)
    let flags = [ "-O1"; "-std=c99"; "-ffp-contract=off"; "-shared"; "-fPIC"; "-o"; library; c; "-lm" ]
    use p = Process.Start(ProcessStartInfo("cc", flags, RedirectStandardError = true))
    let errors = p.StandardError.ReadToEnd()
    p.WaitForExit()
    Assert.True((p.ExitCode = 0), errors)
    NativeLibrary.Load library

let private write (at: nativeint) (t: ElementType) (values: double[]) =
    values
    |> Array.iteri (fun k v ->
        match t with
        | ElementType.Float32 -> Marshal.WriteInt32(at, 4 * k, BitConverter.SingleToInt32Bits(float32 v))
        | ElementType.Float64 -> Marshal.WriteInt64(at, 8 * k, BitConverter.DoubleToInt64Bits v)
        | ElementType.UInt32 -> Marshal.WriteInt32(at, 4 * k, int (uint32 v))
        | _ -> Marshal.WriteInt32(at, 4 * k, int v))

let private read (at: nativeint) (t: ElementType) count =
    Array.init count (fun k ->
        match t with
        | ElementType.Float32 -> double (BitConverter.Int32BitsToSingle(Marshal.ReadInt32(at, 4 * k)))
        | ElementType.Float64 -> BitConverter.Int64BitsToDouble(Marshal.ReadInt64(at, 8 * k))
        | ElementType.UInt32 -> double (uint32 (Marshal.ReadInt32(at, 4 * k)))
        | _ -> double (Marshal.ReadInt32(at, 4 * k)))

/// Walks the steps on one thread, as the runtime does.
let private walk (plan: CompiledProgram) (kernels: Kernel[]) buffers scratch variables =
    let count (s: StepPlan) =
        if s.Extent < 0 then
            s.Count
        else
            let extent = Marshal.ReadInt32(variables, 4 * s.Extent)
            s.Count * int64 ((extent + s.Tile - 1) / s.Tile)

    let loops = Stack<struct (int * int64)>()
    let mutable at = 0

    while at < plan.Steps.Length do
        let s = plan.Steps[at]

        match s.Kind with
        | StepKind.Kernel ->
            kernels[s.Kernel].Invoke(buffers, scratch, variables, 0L, count s)
            at <- at + 1
        | StepKind.BeginLoop ->
            Marshal.WriteInt32(variables, 4 * s.Variable, 0)
            loops.Push(struct (at, count s))
            at <- at + 1
        | _ ->
            let struct (start, times) = loops.Pop()
            let slot = 4 * plan.Steps[start].Variable
            let next = Marshal.ReadInt32(variables, slot) + 1
            Marshal.WriteInt32(variables, slot, next)

            if int64 next < times then
                loops.Push(struct (start, times))
                at <- start + 1
            else
                at <- at + 1

let private runInC (program: Program) double (inputs: (string * double[]) list) =
    let options =
        {
            InstructionSet = InstructionSet.Vector512
            Double = double
            Checked = false
            Verify = true
        }

    let plan = Compile.program options program
    let library = compile plan.Loops

    let kernels =
        Array.init plan.KernelCount (fun k -> Marshal.GetDelegateForFunctionPointer<Kernel>(NativeLibrary.GetExport(library, $"K{k}")))

    let zeros bytes =
        let p = Marshal.AllocHGlobal(nativeint (bytes + 64L))
        Marshal.Copy(Array.zeroCreate<byte>(int bytes + 64), 0, p, int bytes + 64)
        p

    let memory, scratch = zeros plan.WorkspaceBytes, zeros plan.ScratchBytes
    let buffers, variables = zeros (8L * int64 plan.Buffers.Length), zeros (4L * int64 plan.VariableCount)

    plan.Buffers
    |> Array.iteri (fun k b ->
        let at = memory + nativeint b.Offset
        Marshal.WriteIntPtr(buffers, 8 * k, at)

        if not (isNull b.Initial) then
            Marshal.Copy(b.Initial, 0, at, b.Initial.Length))

    let inputs = dict inputs

    for slot in Seq.append plan.Inputs plan.States do
        match inputs.TryGetValue slot.Name with
        | true, values -> write (Marshal.ReadIntPtr(buffers, 8 * slot.Buffer)) slot.Type values
        | _ -> ()

    walk plan kernels buffers scratch variables

    let results =
        plan.Outputs
        |> Array.map (fun o ->
            o.Slot.Name, read (Marshal.ReadIntPtr(buffers, 8 * o.Slot.Buffer)) o.Slot.Type (Array.fold (*) 1 o.Slot.Shape))

    NativeLibrary.Free library
    [ memory; scratch; buffers; variables ] |> List.iter Marshal.FreeHGlobal
    results

let private agrees (program: Program) inputs =
    for precision, tolerance in [ Precision.Double, 1e-12; Precision.Single, 1e-5 ] do
        let inC = runInC program (precision = Precision.Double) inputs
        use engine = new Engine(EngineOptions(Threads = 1, Cache = false, Precision = precision))
        let inputs = dict inputs |> Dictionary :> IReadOnlyDictionary<_, _>

        Oracle.run engine program inputs (Dictionary<string, int>()) (fun executable ->
            for name, values in inC do
                let ours = Array.zeroCreate<double> values.Length
                executable.CopyOutput(executable.IndexOfOutput name, Span<double> ours)

                Array.iteri2
                    (fun k (a: double) b ->
                        Assert.True(
                            (a = b || abs (a - b) <= tolerance * (1.0 + abs a)),
                            $"{program.Name}, {precision}: {name}[{k}] is {b} in C, {a} in C#."
                        ))
                    ours
                    values)

[<FactWithCompiler>]
let ``Rollouts printed as C compute what the C# print computes`` () =
    agrees (Inference.InstructionSetProbe.Rollouts.program 70 50) [ "key", [| 123.0; 456.0 |] ]

[<FactWithCompiler>]
let ``A recurrent network printed as C computes what the C# print computes`` () =
    let program =
        build "recurrent" (fun b ->
            let i, t = L.PlateIndex("i", 20), L.TimeIndex("t", 6)
            let w = b.Input("w", [| 12; 12 |], DType.F32)
            let x = L.Unstack(L.Unstack(b.Input("x", [| 20; 6; 12 |], DType.F32), i), t)
            let finals, _ = Structure.scan t [| L.Zeros 12 |] (fun c -> [| L.Tanh(L.Dot(w, c[0]) + x) |], ())
            b.Output("final", L.Stack(finals[0], i))
            b.Output("softmax", L.Softmax(L.MeanOver(i, finals[0]), 0)))

    agrees program [ "w", numbers 1 144; "x", numbers 2 1440 ]

[<FactWithCompiler>]
let ``A loop around kernels with order statistics printed as C computes what the C# print computes`` () =
    let program =
        build "loop" (fun b ->
            let k = key b
            let iteration, sample = L.TimeIndex("iteration", 4), L.PlateIndex("sample", 90)

            let finals, _ =
                Structure.scan iteration [| L.Fill(2.0) |] (fun c ->
                    let x = c[0] + random RandomKind.Normal [ sample ] [ iteration ] [||] k
                    let limit = L.KthLargestOver(sample, 9, -(L.Square x))
                    let chosen = L.Select(L.LessEqual(limit, -(L.Square x)), L.Ones(), L.Zeros())
                    [| L.Expectation(sample, chosen / L.SumOver(sample, chosen), x) |], ())

            b.Output("mean", finals[0])
            b.Output("ranks", L.TopK(b.Input("v", [| 30 |], DType.F32), 7)))

    agrees program [ "key", [| 3.0; 1.0 |]; "v", numbers 4 30 ]
