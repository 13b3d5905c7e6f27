namespace Inference.Compiler

open System.Collections.Generic
open Inference

/// A loop that carries some of the values that a traced loop carries.
type LoopPart =
    {
        Scan: Scan
        Traced: Scan
        /// The numbers that the carried values have in the traced loop.
        Members: int[]
    }

/// Parts loops so that the values that one loop carries vary over the same plates: a temperature carried beside the states of a
/// plate of samples gets a loop of its own, outside the plate. Values that need each other across a plate stay together.
[<RequireQualifiedAccess>]
module PartLoops =
    let private sameIndices (a: FreeIndex[]) (b: FreeIndex[]) = a.Length = b.Length && a |> Array.forall (fun i -> Array.contains i b)

    /// For each carried value, those that its next value is computed from.
    let private dependencies (s: Scan) : Set<int>[] =
        s.Nexts
        |> Array.map (fun next ->
            let found = HashSet<int>()
            let seen = HashSet<Tensor>(HashIdentity.Reference)
            let pending = Stack<Tensor>([ next ])

            while pending.Count > 0 do
                let x = pending.Pop()

                if seen.Add x then
                    match x.Op with
                    | Op.Carry(scan, k) when obj.ReferenceEquals(scan, s) -> found.Add k |> ignore
                    | Op.Carry(scan, k)
                    | Op.Final(scan, k) ->
                        pending.Push scan.Inits[k]
                        pending.Push scan.Nexts[k]
                    | _ -> Seq.iter pending.Push x.Inputs

            Set.ofSeq found)

    /// What each one reaches in any number of steps.
    let private closure (needs: Set<int>[]) =
        let rec grow (reach: Set<int>[]) =
            let more = reach |> Array.map (fun r -> Set.union r (r |> Seq.map (fun k -> needs[k]) |> Set.unionMany))
            if more = reach then reach else grow more

        grow needs

    /// True for a value that no step changes: it is what the loop starts with.
    let isConstant (s: Scan) k = obj.ReferenceEquals(s.Nexts[k], s.Carries[k])

    let private members (s: Scan) : int[] list =
        let changing = [| 0 .. s.Inits.Length - 1 |] |> Array.filter (isConstant s >> not)
        let like = s.Carries |> Array.map (fun c -> c.Indices)

        if changing.Length = 0 then
            []
        elif
            s.Index.Kind = IndexKind.Segment
            || changing |> Array.forall (fun k -> sameIndices like[k] like[changing[0]])
        then
            [ changing ]
        else
            let reach = closure (dependencies s)

            let cycle k =
                Set.filter (fun j -> reach[j].Contains k && not (isConstant s j)) reach[k] |> Set.add k

            let cycles = List.ofArray changing |> List.map cycle |> List.distinct
            // those that need fewest first: every cycle stands behind those that it reads
            let ordered =
                cycles
                |> List.sortBy (fun c -> Set.union c (c |> Seq.map (fun k -> reach[k]) |> Set.unionMany) |> Set.count)

            // a cycle joins an earlier part of the same plates if it reads none behind it
            let join (parts: Set<int> list) (c: Set<int>) =
                let reads = c |> Seq.map (fun k -> reach[k]) |> Set.unionMany

                let first =
                    parts
                    |> List.tryFindIndexBack (fun p -> not (Set.intersect p reads).IsEmpty)
                    |> Option.defaultValue 0

                let alike p = sameIndices like[Seq.head p] like[Seq.head c]

                match parts |> List.indexed |> List.tryFind (fun (at, p) -> at >= first && alike p) with
                | Some(at, p) -> List.updateAt at (Set.union p c) parts
                | None -> parts @ [ c ]

            ordered |> List.fold join [] |> List.map Set.toArray

    /// The part that holds each value that a loop carries and changes, and its number there.
    let ofScan (s: Scan) : struct (LoopPart * int) option[] =
        let result = Array.create s.Inits.Length None

        for numbers in members s do
            let whole = numbers.Length = s.Inits.Length

            let part =
                {
                    Scan =
                        if whole then
                            s
                        else
                            Scan(s.Index, s.Backward, numbers |> Array.map (fun k -> s.Inits[k]))
                    Traced = s
                    Members = numbers
                }

            numbers |> Array.iteri (fun at k -> result[k] <- Some(struct (part, at)))

        result
