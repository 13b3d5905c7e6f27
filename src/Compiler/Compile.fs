namespace Inference.Compiler

open System
open System.Collections.Generic
open System.Text
open Inference

/// From a program to what the runtime needs: closed graph, schedule, loops, printed source, buffer plan.
[<RequireQualifiedAccess>]
module Compile =
    let private elementType (t: ScalarType) =
        match t with
        | ScalarType.F32 -> ElementType.Float32
        | ScalarType.F64 -> ElementType.Float64
        | ScalarType.U32 -> ElementType.UInt32
        | ScalarType.Bool -> ElementType.Bool
        | ScalarType.I32
        | ScalarType.I64
        | ScalarType.U64 -> ElementType.Int32

    let private bytesOf (info: BufferInfo) =
        if isNull info.Initial then
            null
        else
            let count = int info.Elements
            let value k = if info.Initial.Length = 1 then info.Initial[0] else info.Initial[k]

            let encode k =
                match info.Type with
                | ScalarType.F32 -> BitConverter.GetBytes(float32 (value k))
                | ScalarType.F64 -> BitConverter.GetBytes(value k)
                | ScalarType.U32 -> BitConverter.GetBytes(uint32 (value k))
                | ScalarType.I32
                | ScalarType.Bool
                | ScalarType.I64
                | ScalarType.U64 -> BitConverter.GetBytes(int32 (value k))

            Array.init count encode |> Array.concat

    let private bufferPlans (buffers: Buffers) (layout: Layout) =
        buffers.All
        |> Seq.mapi (fun k info ->
            {
                Name = info.Name
                Kind = info.Kind
                Type = elementType info.Type
                Bytes = (if info.Scratch then 0L else MemoryPlan.bytesOf info)
                Offset = (if info.Scratch then 0L else layout.Offsets[k])
                Initial = bytesOf info
            })
        |> Array.ofSeq

    let private source (dialect: Dialect) (lowered: Lowered) (layout: Layout) lanesAllowed =
        let printer = Printer(dialect, lowered.Buffers, lanesAllowed)
        let kernels = lowered.Kernels |> List.map (fun k -> printer.Kernel(k, fun b -> layout.Offsets[b]))
        String.Join("\n", [ dialect.Preamble; yield! printer.Helpers; yield! kernels; dialect.Postamble ])

    let private scheduleText (lowered: Lowered) =
        let text = StringBuilder()
        let mutable depth = 0
        let kernels = Array.ofList lowered.Kernels

        for s in lowered.Steps do
            let indent = String(' ', depth * 2)

            match s.Kind with
            | StepKind.BeginLoop ->
                let times = if s.Extent >= 0 then "a run-time number of" else string s.Count
                let direction = if s.Descending then ", from the last" else ""

                text.AppendLine $"{indent}repeat {times} times{direction}" |> ignore

                depth <- depth + 1
            | StepKind.EndLoop -> depth <- depth - 1
            | _ ->
                let items =
                    if s.Extent >= 0 then
                        $"{s.Count} × ⌈extent {s.Extent} / {s.Tile}⌉"
                    else
                        string s.Count

                let how = if s.Parallel then "all threads" else "one thread"
                text.AppendLine $"{indent}K{s.Kernel}: {kernels[s.Kernel].Title}; {items} items on {how}" |> ignore

                for line in kernels[s.Kernel].Nest do
                    text.AppendLine(indent + line) |> ignore

        text.ToString()

    let private slot (graph: Graph) (name: string) node buffer next : SlotPlan =
        let n = graph.Nodes[node]

        {
            Name = name
            Shape = n.Shape
            Type = elementType (Buffers.ScalarOf n.DType)
            Buffer = buffer
            Next = next
        }

    let private assemble (lowered: Lowered) (graphText: string) (options: CompileOptions) : CompiledProgram =
        let graph = lowered.Context.Graph
        let leaf id = lowered.Context.Leaves[id]

        let extents =
            graph.Indices
            |> Seq.filter (fun i -> i.Extent.Runtime.IsSome)
            |> Seq.distinctBy (fun i -> i.Extent.Runtime)
            |> List.ofSeq

        let layout =
            MemoryPlan.place lowered.Buffers (fun slot -> extents[slot].Capacity) lowered.Steps lowered.Kernels

        let loops =
            lowered.Steps
            |> List.filter (fun s -> s.Kind = StepKind.BeginLoop)
            |> List.map (fun s -> s.Variable + 1)

        {
            Name = graph.Name
            Source = source (CSharp.dialectOf options.InstructionSet) lowered layout true
            Graph = graphText
            Schedule = scheduleText lowered
            Loops = source C99.dialect lowered layout false
            KernelCount = lowered.Kernels.Length
            Steps = Array.ofList lowered.Steps
            Buffers = bufferPlans lowered.Buffers layout
            WorkspaceBytes = layout.WorkspaceBytes
            ScratchBytes = layout.ScratchBytes
            VariableCount = List.fold max extents.Length loops
            Extents = [| for i in extents -> { Name = i.Extent.Runtime.Value; Capacity = i.Capacity } |]
            Inputs = graph.Inputs |> Array.map (fun (s, id) -> slot graph s.Name id (leaf id) (leaf id))
            States =
                graph.States
                |> Array.mapi (fun k s ->
                    let struct (current, next) = (let a, b = lowered.StateBuffers[k] in struct (a, b)) in
                    slot graph s.Name s.Current current next)
            Outputs =
                graph.Outputs
                |> Array.mapi (fun k o ->
                    {
                        Slot = slot graph o.Name o.Node lowered.Outputs[k] lowered.Outputs[k]
                        Kind = o.Kind
                        Message = o.Message
                    })
        }

    /// A program closed under options. Its text differs whenever its meaning does.
    type Closed = { Graph: Graph; ScanOf: Scan -> int; Text: string }

    let close (options: CompileOptions) (program: Program) : Closed =
        let struct (graph, scanOf) = Closing.Close(options, program)

        if options.Verify then
            Graph.verify graph

        { Graph = graph; ScanOf = scanOf; Text = Graph.print graph scanOf }

    let lower (options: CompileOptions) (closed: Closed) : CompiledProgram =
        let lowered = Lowering.lower options closed.Graph closed.ScanOf
        assemble lowered closed.Text options

    /// Compiles a program to printed source and a plan.
    let program (options: CompileOptions) (program: Program) : CompiledProgram = close options program |> lower options
