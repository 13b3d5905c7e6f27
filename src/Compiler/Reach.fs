namespace Inference.Compiler

open System.Collections.Generic

/// How far from a buffer's own elements loads may touch memory: a tile is computed whole, so that its last lanes read behind the
/// end of a plate, or before its start where it is reversed. What they read is dropped.
[<RequireQualifiedAccess>]
module Reach =
    let private lanesOfReduction = 16L

    /// The range of a loop variable, both ends included; None if it is computed and never left.
    let private range (capacityOf: int -> int) (loop: Loop) =
        match loop.To with
        | Bound.Fixed n -> Some struct (loop.From, max loop.From (n - 1L))
        | Bound.Extent slot -> Some struct (loop.From, max loop.From (int64 (capacityOf slot) - 1L))
        | Bound.Computed _ -> None

    let private aroundRanges (capacityOf: int -> int) (steps: StepPlan list) =
        let last = Dictionary<int, int64>()

        for s in steps do
            if s.Kind = StepKind.BeginLoop then
                let count = if s.Extent >= 0 then int64 (capacityOf s.Extent) else s.Count

                last[s.Variable] <-
                    match last.TryGetValue s.Variable with
                    | true, before -> max before (count - 1L)
                    | _ -> count - 1L

        last

    let private itemCount (capacityOf: int -> int) (s: StepPlan) =
        if s.Extent >= 0 then
            s.Count * ((int64 (capacityOf s.Extent) + int64 s.Tile - 1L) / int64 s.Tile)
        else
            s.Count

    /// For each buffer the lowest and the highest element that a load may touch; `capacityOf` tells the run-time extents' capacities.
    let ofLoads (buffers: Buffers) (capacityOf: int -> int) (steps: StepPlan list) (kernels: KernelCode list) : struct (int64 * int64)[] =
        let reach = Array.init buffers.All.Count (fun b -> struct (0L, buffers[b].Elements - 1L))
        let around = aroundRanges capacityOf steps
        let ranges = Dictionary<LoopVar, struct (int64 * int64) option>(HashIdentity.Reference)
        let computed = HashSet<LoopVar>(HashIdentity.Reference)

        let rangeOf (v: LoopVar) =
            match v.Kind with
            | LoopKind.Around slot -> Some struct (0L, around[slot])
            | LoopKind.Sequential
            | LoopKind.Lane -> ranges[v]

        let widen b low high =
            let struct (l, h) = reach[b]
            reach[b] <- struct (min l low, max h high)

        let load b (a: Address) =
            let terms =
                a.Loops
                |> List.choose (fun (v, c) ->
                    rangeOf v
                    |> Option.map (fun (struct (f, l)) -> v, struct (min (c * f) (c * l), max (c * f) (c * l))))

            if
                a.Vars.IsEmpty
                && terms.Length = a.Loops.Length
                && not (a.Loops |> List.exists (fst >> computed.Contains))
            then
                let low = terms |> List.sumBy (fun (_, struct (l, _)) -> l)
                let high = terms |> List.sumBy (fun (_, struct (_, h)) -> h)
                widen b (a.Constant + low) (a.Constant + high)
            else
                // what is computed lies inside; lanes lead away from it
                let lanes = terms |> List.filter (fun (v, _) -> v.Kind = LoopKind.Lane)
                let low = lanes |> List.sumBy (fun (_, struct (l, _)) -> l)
                let high = lanes |> List.sumBy (fun (_, struct (_, h)) -> h)
                widen b (min 0L low) (buffers[b].Elements - 1L + max 0L high)

        let rec walk (body: Statement list) =
            for s in body do
                match s with
                | Load(_, b, a) -> load b a
                | Statement.Loop loop ->
                    ranges[loop.Variable] <- range capacityOf loop
                    walk loop.Body
                | When(_, inner) -> walk inner
                | ReduceLanes r ->
                    let whole n = (n + lanesOfReduction - 1L) / lanesOfReduction * lanesOfReduction

                    ranges[r.Lane] <-
                        match r.Count with
                        | Bound.Fixed n -> Some struct (0L, whole n - 1L)
                        | Bound.Extent slot -> Some struct (0L, whole (int64 (capacityOf slot)) - 1L)
                        | Bound.Computed _ ->
                            // up to a computed end, and the rest of its last sixteen
                            computed.Add r.Lane |> ignore
                            Some struct (0L, lanesOfReduction - 1L)

                    walk r.Nested
                // blocks lie within the padding of both buffers
                | TransposeBlock _
                | Let _
                | Read _
                | ReadExtent _
                | Store _
                | Declare _
                | Assign _
                | Update _
                | Philox _ -> ()

        for k in kernels do
            ranges[k.Item] <- Some struct (0L, max 0L (itemCount capacityOf k.Step - 1L))
            walk k.Body

        reach
