/// Runs the C99 print of a compiled program: compiled by `cc`, loaded, and driven step by step on memory of its own.
module Inference.Compiler.Tests.NativeKernels

open System
open System.Diagnostics
open System.IO
open System.Runtime.InteropServices
open Inference
open Inference.Compiler
open Xunit

let private found =
    lazy
        (Environment.GetEnvironmentVariable("PATH").Split(Path.PathSeparator)
         |> Seq.map (fun folder -> Path.Combine(folder, "cc"))
         |> Seq.tryFind File.Exists)

/// A fact that needs a C compiler.
[<AttributeUsage(AttributeTargets.Method)>]
type FactIfCcAttribute() as fact =
    inherit FactAttribute()

    do
        if OperatingSystem.IsWindows() || found.Value.IsNone then
            fact.Skip <- "There is no C compiler named cc on the path; install one (Debian: apt install gcc) to run this test."

[<UnmanagedFunctionPointer(CallingConvention.Cdecl)>]
type private Kernel = delegate of nativeint * nativeint * nativeint * int64 * int64 -> unit

let private start (command: string) (arguments: string list) =
    let info = ProcessStartInfo(command, RedirectStandardError = true)
    arguments |> List.iter info.ArgumentList.Add
    use p = Process.Start info
    let errors = p.StandardError.ReadToEnd()
    p.WaitForExit()

    if p.ExitCode <> 0 then
        failwith $"{command} failed:\n{errors}"

let private compile (source: string) =
    let folder = Directory.CreateTempSubdirectory "inference-c99"

    let file, library =
        Path.Combine(folder.FullName, "kernels.c"), Path.Combine(folder.FullName, "kernels.so")

    File.WriteAllText(file, source)
    start found.Value.Value [ "-O1"; "-std=c99"; "-ffp-contract=off"; "-shared"; "-fPIC"; "-o"; library; file; "-lm" ]
    folder, NativeLibrary.Load library

let private bytesOf (t: ElementType) (values: double[]) =
    let bytes (encode: double -> byte[]) = Array.collect encode values

    match t with
    | ElementType.Float32 -> bytes (fun v -> BitConverter.GetBytes(float32 v))
    | ElementType.Float64 -> bytes BitConverter.GetBytes
    | ElementType.UInt32 -> bytes (fun v -> BitConverter.GetBytes(uint32 v))
    | ElementType.Bool -> bytes (fun v -> BitConverter.GetBytes(if v = 0.0 then 0 else 1))
    | _ -> bytes (fun v -> BitConverter.GetBytes(int32 v))

let private valuesOf (t: ElementType) count (address: nativeint) =
    let size = if t = ElementType.Float64 then 8 else 4
    let bytes = Array.zeroCreate<byte>(count * size)
    Marshal.Copy(address, bytes, 0, bytes.Length)
    let each decode = Array.init count (fun k -> decode (bytes, k * size))

    match t with
    | ElementType.Float32 -> each (BitConverter.ToSingle >> double)
    | ElementType.Float64 -> each BitConverter.ToDouble
    | ElementType.UInt32 -> each (BitConverter.ToUInt32 >> double)
    | _ -> each (BitConverter.ToInt32 >> double)

/// Aligned native memory, zeroed.
let private allocate (bytes: int64) =
    let memory = Marshal.AllocHGlobal(nativeint (bytes + 64L))
    let aligned = (memory + 63n) / 64n * 64n
    Marshal.Copy(Array.zeroCreate<byte>(int bytes), 0, aligned, int bytes)
    memory, aligned

/// One run of a program on one thread: outputs by name, and next states by name with a prime.
let run (program: CompiledProgram) (inputs: Map<string, double[]>) (extents: Map<string, int>) : Map<string, double[]> =
    let folder, library = compile program.Loops

    let kernels =
        Array.init program.KernelCount (fun k -> Marshal.GetDelegateForFunctionPointer<Kernel>(NativeLibrary.GetExport(library, $"K{k}")))

    let workspace, home = allocate program.WorkspaceBytes
    let scratchMemory, scratch = allocate (max 64L program.ScratchBytes)
    let tableMemory, table = allocate (8L * int64 program.Buffers.Length)
    let variableMemory, variables = allocate (4L * int64 (max 1 program.VariableCount))
    let address k = home + nativeint program.Buffers[k].Offset
    let write k (bytes: byte[]) = Marshal.Copy(bytes, 0, address k, bytes.Length)

    for k in 0 .. program.Buffers.Length - 1 do
        Marshal.WriteIntPtr(table, 8 * k, address k)

        if not (isNull program.Buffers[k].Initial) then
            write k program.Buffers[k].Initial

    for slot in Seq.append program.Inputs program.States do
        match inputs.TryFind slot.Name with
        | Some values -> write slot.Buffer (bytesOf slot.Type values)
        | None -> ()

    program.Extents
    |> Array.iteri (fun k e -> Marshal.WriteInt32(variables, 4 * k, extents.TryFind e.Name |> Option.defaultValue e.Capacity))

    let count (s: StepPlan) =
        if s.Extent < 0 then
            s.Count
        else
            s.Count * ((int64 (Marshal.ReadInt32(variables, 4 * s.Extent)) + int64 s.Tile - 1L) / int64 s.Tile)

    /// The step after the loop that begins at one.
    let rec behind depth at =
        match program.Steps[at].Kind with
        | StepKind.BeginLoop -> behind (depth + 1) (at + 1)
        | StepKind.EndLoop when depth = 1 -> at + 1
        | StepKind.EndLoop -> behind (depth - 1) (at + 1)
        | _ -> behind depth (at + 1)

    let rec steps first last =
        let mutable at = first

        while at < last do
            let s = program.Steps[at]

            match s.Kind with
            | StepKind.BeginLoop ->
                let next = behind 0 at

                for turn in 0L .. count s - 1L do
                    let counter = if s.Descending then count s - 1L - turn else turn
                    Marshal.WriteInt32(variables, 4 * s.Variable, int counter)
                    steps (at + 1) (next - 1)

                at <- next
            | _ ->
                // in two halves, as two threads would
                let n = count s
                let middle = if s.Parallel then n / 2L else n
                kernels[s.Kernel].Invoke(table, scratch, variables, 0L, middle)

                if middle < n then
                    kernels[s.Kernel].Invoke(table, scratch, variables, middle, n)

                at <- at + 1

    steps 0 program.Steps.Length
    let read (slot: SlotPlan) buffer = valuesOf slot.Type (Build.size slot.Shape) (address buffer)

    let results =
        Map.ofSeq (
            Seq.append
                (program.Outputs |> Seq.map (fun o -> o.Slot.Name, read o.Slot o.Slot.Buffer))
                (program.States |> Seq.map (fun s -> s.Name + "'", read s s.Next))
        )

    for memory in [ workspace; scratchMemory; tableMemory; variableMemory ] do
        Marshal.FreeHGlobal memory

    NativeLibrary.Free library
    folder.Delete true
    results
