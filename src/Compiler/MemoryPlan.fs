namespace Inference.Compiler

open System
open System.Collections.Generic

/// Where each buffer lies. Temporaries that are never alive together share memory; scratch lies in each worker's own.
type Layout = { Offsets: int64[]; WorkspaceBytes: int64; ScratchBytes: int64 }

[<RequireQualifiedAccess>]
module MemoryPlan =
    let private roundUp (n: int64) = (n + 63L) / 64L * 64L

    let bytesOf (info: BufferInfo) = roundUp ((info.Elements + info.Slack) * Buffers.BytesOf info.Type)

    let rec private touched (body: Statement list) (seen: HashSet<int>) =
        for s in body do
            match s with
            | Load(_, b, _)
            | Store(b, _, _) -> seen.Add b |> ignore
            | Statement.Loop loop -> touched loop.Body seen
            | When(_, inner) -> touched inner seen
            | TransposeBlock t ->
                seen.Add t.Source |> ignore
                seen.Add t.Target |> ignore
            | ReduceLanes r -> touched r.Nested seen
            | Let _
            | Read _
            | ReadExtent _
            | Declare _
            | Assign _
            | Update _
            | Philox _ -> ()

    /// The first and last step that touches each buffer. What is touched inside a loop around kernels lives for the whole loop.
    let lifetimes (steps: StepPlan list) (kernels: KernelCode list) : Dictionary<int, struct (int * int)> =
        let lives = Dictionary<int, struct (int * int)>()
        let kernels = Array.ofList kernels
        let steps = Array.ofList steps
        let outermost = Array.init steps.Length (fun k -> struct (k, k))
        let mutable depth, start = 0, 0

        for k in 0 .. steps.Length - 1 do
            match steps[k].Kind with
            | StepKind.BeginLoop ->
                (if depth = 0 then
                     start <- k)

                depth <- depth + 1
            | StepKind.EndLoop ->
                depth <- depth - 1

                if depth = 0 then
                    for inside in start..k do
                        outermost[inside] <- struct (start, k)
            | _ -> ()

        for k in 0 .. steps.Length - 1 do
            if steps[k].Kind = StepKind.Kernel then
                let seen = HashSet<int>()
                touched kernels[steps[k].Kernel].Body seen
                let struct (first, last) = outermost[k]

                for b in seen do
                    match lives.TryGetValue b with
                    | true, struct (f, l) -> lives[b] <- struct (min f first, max l last)
                    | _ -> lives[b] <- struct (first, last)

        lives

    /// Places buffers: what the caller sees and what lasts one after another, then temporaries, largest first, each at the lowest
    /// place that nothing alive at the same time occupies.
    let place (buffers: Buffers) (capacityOf: int -> int) (steps: StepPlan list) (kernels: KernelCode list) : Layout =
        let offsets = Array.zeroCreate<int64> buffers.All.Count
        let mutable lasting, scratch = 0L, 0L
        let temporaries = ResizeArray<int>()

        for k in 0 .. buffers.All.Count - 1 do
            let info = buffers[k]

            if info.Scratch then
                offsets[k] <- scratch
                scratch <- scratch + bytesOf info
            elif info.Kind = BufferKind.Temporary then
                temporaries.Add k
            else
                offsets[k] <- lasting
                lasting <- lasting + bytesOf info

        let lives = lifetimes steps kernels
        let placed = List<struct (int * int64 * int64)>()
        let mutable top = lasting

        let meets a b =
            match lives.TryGetValue a, lives.TryGetValue b with
            | (true, struct (f, l)), (true, struct (g, m)) -> f <= m && g <= l
            | _ -> false

        for k in temporaries |> Seq.sortBy (fun k -> -(bytesOf buffers[k]), k) do
            let size = bytesOf buffers[k]

            let occupied =
                placed
                |> Seq.filter (fun (struct (other, _, _)) -> meets k other)
                |> Seq.sortBy (fun (struct (_, at, _)) -> at)

            let mutable at = lasting

            for struct (_, from, upTo) in occupied do
                if at + size > from && at < upTo then
                    at <- upTo

            offsets[k] <- at
            placed.Add(struct (k, at, at + size))
            top <- max top (at + size)

        // memory in front and behind, as far as loads reach that are dropped
        let reach = Reach.ofLoads buffers capacityOf steps kernels

        let around inScratch total =
            let mutable low, high = 0L, total

            for k in 0 .. buffers.All.Count - 1 do
                if buffers[k].Scratch = inScratch then
                    let struct (l, h) = reach[k]
                    let bytes = Buffers.BytesOf buffers[k].Type
                    low <- min low (offsets[k] + l * bytes)
                    high <- max high (offsets[k] + (h + 1L) * bytes)

            let front = roundUp -low

            for k in 0 .. buffers.All.Count - 1 do
                if buffers[k].Scratch = inScratch then
                    offsets[k] <- offsets[k] + front

            roundUp (front + high)

        let workspaceBytes, scratchBytes = around false top, around true scratch

        {
            Offsets = offsets
            WorkspaceBytes = workspaceBytes
            ScratchBytes = scratchBytes
        }
