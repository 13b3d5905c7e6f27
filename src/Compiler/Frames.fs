namespace Inference.Compiler

open System
open System.Collections.Generic
open Inference

/// A kernel: a loop over items, split over threads, around statements.
type KernelCode =
    {
        Name: string
        Title: string
        /// What it computes, line by line, for people.
        Nest: string list
        Item: LoopVar
        /// What an item does, in parts that stand one after another. Each is printed as a method of its own, so that compilers see
        /// methods of a size that they optimise.
        Parts: Statement list list
        Step: StepPlan
    }

    member kernel.Body = List.concat kernel.Parts

/// A lowered program: kernels, the order they run in, and memory.
type Lowered =
    {
        Kernels: KernelCode list
        Steps: StepPlan list
        Buffers: Buffers
        Context: Context
        Outputs: int[]
        StateBuffers: (int * int)[]
    }

/// The frames of kernels: items that threads share, lanes, pieces of long axes. Collects kernels and steps in the order they run.
[<Sealed>]
type Frames(graph: Graph, roles: Roles, values: Values, loops: ElementLoops) =
    let kernels = ResizeArray<KernelCode>()
    let steps = ResizeArray<StepPlan>()
    let capacity i = graph.Indices[i].Capacity

    let start (outer: Map<int, Address>) =
        {
            At = outer
            Lane = -1
            Local = Address.Of 0L
            Vectorised = false
            Rebound = Set.empty
        }

    let step kind =
        {
            Kind = kind
            Kernel = 0
            Count = 1L
            Extent = -1
            Tile = 1
            Parallel = false
            Variable = 0
            Descending = false
        }

    let finish (title: string) (nest: string list) (item: LoopVar) (scopes: Scope list) (plan: StepPlan) =
        let parts =
            scopes
            |> List.map (fun scope -> Prune.body scope.Emitter.Statements)
            |> List.filter (fun part -> not part.IsEmpty)

        if not parts.IsEmpty then
            let work = List.sumBy Cost.statements parts * float plan.Count
            let splits = plan.Count > 1L || plan.Extent >= 0

            let plan =
                { plan with
                    Kernel = kernels.Count
                    Parallel = splits && Cost.isWorthThreads work
                }

            steps.Add plan

            kernels.Add
                {
                    Name = $"K{kernels.Count}"
                    Title = title
                    Nest = nest
                    Item = item
                    Parts = parts
                    Step = plan
                }

    /// A longer axis, or a longer reduction, is cut into pieces of this many.
    static member Chunk = 4096

    /// The most terms that go into one set of accumulators: longer sums are taken in parts, which keeps their errors small.
    static member Terms = 65536

    member _.Kernels = List.ofSeq kernels
    member _.Steps = List.ofSeq steps
    member _.Append(plan: StepPlan) = steps.Add plan
    member _.Step kind = step kind
    member _.Start outer = start outer
    member _.Finish(title, nest, item, scope, plan) = finish title nest item [ scope ] plan
    member _.Names(indices: int seq) = indices |> Seq.map (fun i -> graph.Indices[i].Name) |> String.concat " × "

    /// Decodes an item's number into coordinates of several extents, the last one fastest.
    member _.Decode(scope: Scope, item: LoopVar, extents: int list) =
        let known = extents |> List.skipWhile (fun n -> n = 1)

        let coordinates =
            Coordinate.unflatten scope.Emitter (Array.ofList known) (Address.Of item) |> List.ofArray

        List.replicate (extents.Length - known.Length) (Address.Of 0L) @ coordinates

    /// A kernel over plates: tiles of the last are lanes, the others and the tiles are items.
    member frames.OverPlates(title, nest, plates: int list, outer: Map<int, Address>, parts: (Scope -> Point -> unit) list) =
        let item = LoopVar("item", LoopKind.Sequential)

        match List.rev plates with
        | [] ->
            let scope = Scope(Emitter(), null, null)

            for emit in parts do
                emit scope (start outer)

            finish title nest item [ scope ] (step StepKind.Kernel)
        | lane :: others ->
            let others = List.rev others
            let width = min roles.Tile[lane] ((capacity lane + 15) / 16 * 16)
            let tiles = (capacity lane + width - 1) / width
            let names = Emitter()

            let scopeOf (emit: Scope -> Point -> unit) =
                let scope = Scope(names.Nested(), null, null)
                let coordinates = frames.Decode(scope, item, (others |> List.map capacity) @ [ tiles ])

                let at =
                    List.zip others (List.take others.Length coordinates)
                    |> List.fold (fun (m: Map<int, Address>) (i, a) -> m.Add(i, a)) outer

                loops.Lanes(
                    scope,
                    "lane",
                    Bound.Fixed(int64 width),
                    fun inner local ->
                        emit
                            inner
                            { start (at.Add(lane, List.last coordinates * int64 width + local)) with
                                Lane = lane
                                Local = local
                                Vectorised = true
                            }
                )

                scope

            let scopes = List.map scopeOf parts
            let count = others |> List.fold (fun acc i -> acc * int64 (capacity i)) 1L

            let plan =
                match values.BoundOf lane, others with
                | Bound.Extent slot, [] -> { step StepKind.Kernel with Count = count; Extent = slot; Tile = width }
                | _ -> { step StepKind.Kernel with Count = count * int64 tiles }

            finish $"{title} over {frames.Names plates}, {width} lanes of {graph.Indices[lane].Name}" nest item scopes plan

    /// A kernel for one value without plates: its leading axis, or pieces of its only axis, are items.
    member frames.OverElements(title, nest, shape: int[], outer, splits: bool, emit: Scope -> Point -> Address option -> unit) =
        let item = LoopVar("item", LoopKind.Sequential)
        let scope = Scope(Emitter(), null, null)
        let plan = step StepKind.Kernel

        if splits && shape.Length >= 2 then
            emit scope (start outer) (Some(Address.Of item))
            finish title nest item [ scope ] { plan with Count = int64 shape[0] }
        elif splits && shape.Length = 1 && shape[0] > Frames.Chunk then
            frames.OverRow(title, nest, shape[0], outer, (fun inner env a -> emit inner env (Some a)))
        else
            emit scope (start outer) None
            finish title nest item [ scope ] plan

    /// A kernel over a row of elements, which are lanes: pieces of a long row are items, whole vectors each where the length allows it.
    member _.OverRow(title, nest, length: int, outer, emit: Scope -> Point -> Address -> unit) =
        let item = LoopVar("item", LoopKind.Sequential)
        let scope = Scope(Emitter(), null, null)
        let e = scope.Emitter

        let even =
            seq { min length Frames.Chunk / 16 * 16 .. -16 .. Frames.Chunk / 4 }
            |> Seq.tryFind (fun piece -> length % piece = 0)

        let piece = even |> Option.defaultValue (min length Frames.Chunk)
        let first = Address.Of item * int64 piece

        let count =
            if length % piece = 0 then
                Bound.Fixed(int64 piece)
            else
                let rest = e.Sub(e.Int(ScalarType.I32, int64 length), Coordinate.operand e first)

                match e.Min(e.Int(ScalarType.I32, int64 piece), rest) with
                | Operand.Var v -> Bound.Computed v
                | Operand.Int(_, v) -> Bound.Fixed v
                | Operand.Float _ -> invalidOp "A count is a whole number."

        let row = { start outer with Vectorised = true }
        loops.Lanes(scope, "e0", count, (fun inner a -> emit inner row (first + a)))
        finish title nest item [ scope ] { step StepKind.Kernel with Count = int64 ((length + piece - 1) / piece) }

    /// Lanes in chunks of fixed size, so that sums do not depend on threads or vectors.
    member _.LaneLoop(scope: Scope, env, lane, emit: Scope -> Point -> Bound -> Address -> unit) =
        match values.BoundOf lane with
        | Bound.Fixed n when n <= int64 Frames.Chunk -> emit scope env (Bound.Fixed n) (Address.Of 0L)
        | Bound.Extent slot when capacity lane <= Frames.Chunk -> emit scope env (Bound.Extent slot) (Address.Of 0L)
        | bound ->
            let pieces = (capacity lane + Frames.Chunk - 1) / Frames.Chunk

            loops.Sequential(
                scope,
                "chunk",
                0L,
                Bound.Fixed(int64 pieces),
                fun inner a ->
                    let e = inner.Emitter

                    let total =
                        match bound with
                        | Bound.Fixed n -> e.Int(ScalarType.I32, n)
                        | Bound.Extent slot ->
                            let v = e.NewVar(ScalarType.I32, false)
                            e.Append(ReadExtent(v, slot))
                            Operand.Var v
                        | Bound.Computed v -> Operand.Var v

                    let rest = e.Sub(total, Coordinate.operand e (a * int64 Frames.Chunk))
                    let count = e.Max(e.Int(ScalarType.I32, 0L), e.Min(e.Int(ScalarType.I32, int64 Frames.Chunk), rest))

                    match count with
                    | Operand.Var v -> emit inner env (Bound.Computed v) (a * int64 Frames.Chunk)
                    | Operand.Int(_, v) -> emit inner env (Bound.Fixed v) (a * int64 Frames.Chunk)
                    | Operand.Float _ -> invalidOp "A count is a whole number."
            )
