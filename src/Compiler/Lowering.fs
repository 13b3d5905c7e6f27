namespace Inference.Compiler

open System.Collections.Generic
open Inference

/// Lowers a scheduled graph to kernels. Which values must lie in memory is seen only while code is emitted, so passes repeat
/// until one asks for nothing new.
[<RequireQualifiedAccess>]
module Lowering =
    let private roundUp n (unit: int) = int64 ((n + unit - 1) / unit * unit)

    let private addLeaves (graph: Graph) (buffers: Buffers) =
        let leaves = Dictionary<int, int>()
        // lanes of a padded tile may read up to a tile of rows behind the end
        let slack (n: Node) =
            if n.Shape.Length = 0 then
                64L
            else
                64L + 64L * int64 (n.Count / max 1 n.Shape[0])

        let isState id = graph.States |> Array.exists (fun s -> s.Current = id)

        for slot, id in graph.Inputs do
            let n = graph.Nodes[id]
            leaves[id] <- buffers.Dense(slot.Name, BufferKind.Input, n.DType, n.Shape, slack n, null)

        for s in graph.States do
            let n = graph.Nodes[s.Current]
            leaves[s.Current] <- buffers.Dense(s.Name, BufferKind.State, n.DType, n.Shape, slack n, s.Initial)

        for n in graph.Nodes do
            match n.Op with
            | Op.Constant values when values.Length > 1 ->
                leaves[n.Id] <- buffers.Dense($"constant{n.Id}", BufferKind.Constant, n.DType, n.Shape, slack n, values)
            | Op.Input slot when not (leaves.ContainsKey n.Id) && not (isState n.Id) ->
                Fail.model $"The input \"{slot.Name}\" belongs to another program." "Use the value that this program's Input returned."
            | _ -> ()

        leaves

    let private dense (buffer: int) (n: Node) =
        {
            Buffer = buffer
            IndexStride = Map.empty
            ElementStride = Buffers.Strides(n.Shape, 1L)
            Scratch = false
        }

    let private local (graph: Graph) (roles: Roles) (buffers: Buffers) name (n: Node) (indices: int seq) =
        let lane =
            Layouts.laneOf graph roles n.Indices
            |> Option.map (fun i -> i, min (int64 roles.Tile[i]) (roundUp graph.Indices[i].Capacity 16))

        let inner =
            indices
            |> Seq.filter (fun i -> roles.Role[i] = Role.Inner)
            |> Seq.map (fun i -> i, graph.Indices[i].Capacity)
            |> List.ofSeq

        buffers.Allocate(name, n.DType, n.Shape, inner, lane, lane.IsSome)

    /// The length of a row of lanes: whole tiles, and one cache line more for long rows, because rows a power of two apart
    /// would all fall into the same few sets of the cache.
    let private rowLength capacity =
        let whole = roundUp capacity 64
        if whole >= 128L then whole + 16L else whole

    let private everywhere (graph: Graph) (roles: Roles) (buffers: Buffers) name (n: Node) (indices: int seq) =
        let lane =
            Layouts.laneOf graph roles indices |> Option.map (fun i -> i, rowLength graph.Indices[i].Capacity)

        let all = indices |> Seq.map (fun i -> i, graph.Indices[i].Capacity) |> List.ofSeq
        buffers.Allocate(name, n.DType, n.Shape, all, lane, false)

    /// Panels: the address along their axis counts them. The lane comes innermost, in whole blocks.
    let private inPanels (graph: Graph) (roles: Roles) (buffers: Buffers) name (n: Node) (panels: Panels) (indices: int seq) : Storage =
        let lane = Layouts.laneOf graph roles indices
        let others = indices |> Seq.filter (fun i -> Some i <> lane) |> List.ofSeq
        let mutable stride = int64 panels.Width
        let mutable strides = Map.empty

        for i in Option.toList lane @ List.rev others do
            let capacity = graph.Indices[i].Capacity
            strides <- strides.Add(i, stride)
            stride <- stride * (if Some i = lane then roundUp capacity 16 else int64 capacity)

        let count = (n.Shape[panels.Axis] + panels.Width - 1) / panels.Width
        let counts = Array.updateAt panels.Axis count n.Shape
        let elementStride = Buffers.Strides(counts, stride)

        let buffer =
            buffers.Add
                {
                    Name = name
                    Type = Buffers.ScalarOf n.DType
                    Elements = stride * int64 (Build.size counts)
                    Slack = 64L
                    Kind = BufferKind.Temporary
                    Scratch = false
                    Initial = null
                }

        {
            Buffer = buffer
            IndexStride = strides
            ElementStride = elementStride
            Scratch = false
        }

    let private addStorage (sunk: Sunk) (roles: Roles) (context: Context) (states: (int * int)[]) (outputs: int[]) =
        let graph, buffers = context.Graph, context.Buffers

        for KeyValue(id, sink) in sunk.Sinks do
            let n = graph.Nodes[id]

            match sink with
            | Sink.Output k ->
                let buffer = buffers.Dense(graph.Outputs[k].Name, BufferKind.Output, n.DType, n.Shape, 64L, null)
                outputs[k] <- buffer
                context.Storage[id] <- dense buffer n
            | Sink.State k ->
                let name = graph.States[k].Name
                let current = context.Leaves[graph.States[k].Current]

                let buffer =
                    buffers.Dense(name + " next", BufferKind.State, n.DType, n.Shape, buffers[current].Slack, null)

                states[k] <- (current, buffer)
                context.Storage[id] <- dense buffer n

        for struct (scan, k) in context.CarryNeeds do
            let s = graph.Scans[scan]
            let init = graph.Nodes[s.Inits[k]]
            let n = if s.Carries[k] >= 0 then graph.Nodes[s.Carries[k]] else init

            let inside i =
                i <> s.Index && (roles.Role[i] <> Role.Inner || roles.Rank[i] > roles.Rank[s.Index])

            let name = $"carry{scan}.{k}"

            context.CarryStorage[struct (scan, k)] <-
                if roles.Role[s.Index] = Role.Outer then
                    everywhere graph roles buffers name n (n.Indices |> Seq.filter (fun i -> inside i && roles.Role[i] <> Role.Outer))
                else
                    local graph roles buffers name n (n.Indices |> Seq.filter inside)

        let updated id =
            let n = graph.Nodes[id]

            match graph.Nodes[n.Inputs[0]].Op with
            | Op.Carry(s, k) ->
                context.CarryNeeds.Add(struct (context.ScanOf s, k)) |> ignore

                (match context.CarryStorage.TryGetValue(struct (context.ScanOf s, k)) with
                 | true, storage -> Some storage
                 | _ -> None)
            | _ -> Some(dense context.Leaves[n.Inputs[0]] n)

        for id in sunk.InPlace do
            match updated id with
            | Some storage -> context.Storage[id] <- storage
            | None -> ()

        for KeyValue(id, need) in List.ofSeq context.Needs do
            if not (context.Storage.ContainsKey id) then
                let n = graph.Nodes[id]
                let name = $"n{id}"

                context.Storage[id] <-
                    if need.Everywhere then
                        let aroundAll i = roles.Role[i] = Role.Outer && need.Shared.Contains i
                        let indices = n.Indices |> Seq.filter (aroundAll >> not)

                        match sunk.Panels.TryGetValue id with
                        | true, panels -> inPanels graph roles buffers name n panels indices
                        | _ -> everywhere graph roles buffers name n indices
                    else
                        local graph roles buffers name n (n.Indices |> Seq.filter (fun i -> not (need.Shared.Contains i)))

    let private pass (sunk: Sunk) scanOf roles schedule options needs carryNeeds =
        let graph = sunk.Graph
        let buffers = Buffers()

        let context =
            {
                Graph = graph
                ScanOf = scanOf
                Roles = roles
                Schedule = schedule
                Buffers = buffers
                Options = options
                Storage = Dictionary()
                CarryStorage = Dictionary()
                CarryRegisters = Dictionary()
                Needs = needs
                CarryNeeds = carryNeeds
                Leaves = addLeaves graph buffers
            }

        let states = graph.States |> Array.map (fun s -> context.Leaves[s.Current], context.Leaves[s.Current])
        let outputs = Array.create graph.Outputs.Length -1
        addStorage sunk roles context states outputs
        let values = Values context
        let loops = ElementLoops(context, values)
        let reductions = Reductions(context, values, loops)
        let blocks = Blocks(context, values, loops, reductions)
        let statements = Statements(context, values, loops, reductions)
        let draws = DrawStatements(context, values, loops)
        let ranking = Ranking(context, values, loops, reductions)
        let nests = Nests(context, values, loops, reductions, blocks, statements, draws, ranking, sunk.InPlace)
        let extents = graph.Indices |> Seq.choose (fun i -> i.Extent.Runtime) |> Seq.distinct |> Seq.length
        let frames = Frames(graph, roles, values, loops)
        let copies = PanelKernels(context, sunk.Panels, values, loops, blocks, frames)
        let products = ProductKernels(context, sunk.Panels, values, loops, blocks, frames)

        let kernels =
            Kernels(context, values, loops, reductions, statements, nests, frames, copies, products, extents)

        kernels.Emit(schedule.Root, Map.empty)

        {
            Kernels = frames.Kernels
            Steps = frames.Steps
            Buffers = buffers
            Context = context
            Outputs = outputs
            StateBuffers = states
        }

    let lower (options: CompileOptions) (graph: Graph) (scanOf: Scan -> int) : Lowered =
        let sunk = Sinks.add (Layouts.add graph scanOf) scanOf
        let roles = Roles.analyse sunk.Graph scanOf
        let strategies = Strategy.choose sunk.Graph roles sunk.Products sunk.Forced.Contains
        let schedule = Placement(sunk.Graph, scanOf, roles, strategies, sunk.Panels, sunk.Products).Run()

        if options.Verify then
            Verify.schedule sunk.Graph scanOf schedule

        let needs = Dictionary<int, Need>()
        let carryNeeds = HashSet<struct (int * int)>()

        let snapshot () =
            (needs |> Seq.map (fun kv -> kv.Key, kv.Value) |> Set.ofSeq, Set.ofSeq carryNeeds)

        let rec settle count =
            let before = snapshot ()
            let result = pass sunk scanOf roles schedule options needs carryNeeds

            if snapshot () = before then
                if options.Verify then
                    Verify.loops result.Buffers result.Kernels

                result
            elif count = 0 then
                invalidOp $"Lowering of \"{graph.Name}\" does not settle."
            else
                settle (count - 1)

        settle 20
