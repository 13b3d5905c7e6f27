namespace Inference.Compiler

open System.Collections.Generic
open Inference

/// What belongs in the loop of a scan: the nodes on the way from what it carries to what it carries next.
[<RequireQualifiedAccess>]
module ScanCycles =
    /// For each node those that read it.
    let users (graph: Graph) scanOf =
        let lists = Array.init graph.Nodes.Length (fun _ -> ResizeArray<int>())

        for n in graph.Nodes do
            for i in Graph.edges graph scanOf n |> Array.distinct do
                lists[i].Add n.Id

        lists |> Array.map (fun l -> l.ToArray())

    /// What can be reached from some nodes, them included.
    let reach (start: int seq) (next: int -> int seq) =
        let seen = HashSet<int>()
        let stack = Stack<int>(start)

        while stack.Count > 0 do
            let n = stack.Pop()

            if seen.Add n then
                for m in next n do
                    stack.Push m

        seen

    /// Next values and carried ones of the loops that stand inside a loop over an index.
    let private inside (graph: Graph) index =
        [|
            for s in graph.Scans do
                for next, carry in Array.zip s.Nexts s.Carries do
                    if carry >= 0 && s.Index <> index && Array.contains index graph.Nodes[carry].Indices then
                        next, carry
        |]

    /// What a node is computed from at one step of a loop, whatever the steps of the loops inside it.
    let sources (graph: Graph) scanOf index =
        let nexts =
            inside graph index
            |> Array.groupBy snd
            |> Array.map (fun (carry, all) -> carry, Array.map fst all)
            |> dict

        fun n ->
            match nexts.TryGetValue n with
            | true, more -> Array.append (Graph.edges graph scanOf graph.Nodes[n]) more
            | _ -> Graph.edges graph scanOf graph.Nodes[n]
            :> int seq

    /// What a carry reaches and what reaches a next.
    let private cycle (graph: Graph) scanOf (users: int[][]) (s: GraphScan) =
        let carries =
            inside graph s.Index
            |> Array.groupBy fst
            |> Array.map (fun (next, all) -> next, Array.map snd all)
            |> dict

        let readers n : int seq =
            match carries.TryGetValue n with
            | true, more -> Array.append users[n] more
            | _ -> users[n]

        let forward = reach (s.Carries |> Seq.filter (fun c -> c >= 0)) readers
        let backward = reach s.Nexts (sources graph scanOf s.Index)
        // what a next needs but no carry reaches is off the cycle
        forward.IntersectWith backward
        // what is carried belongs to the loop, whether a step reads it or not
        forward.UnionWith(s.Carries |> Seq.filter (fun c -> c >= 0))

        forward

    /// A next value that no carry reaches belongs to the cycle all the same, unless it is on that of a loop beside it, which computes it.
    let private addNexts (graph: Graph) (cycles: HashSet<int>[]) =
        let isBeside k n =
            Seq.exists
                (fun j -> j <> k && graph.Scans[j].Index = graph.Scans[k].Index && cycles[j].Contains n)
                (seq { 0 .. cycles.Length - 1 })

        let added =
            [
                for k in 0 .. cycles.Length - 1 do
                    for n in graph.Scans[k].Nexts do
                        if Array.contains graph.Scans[k].Index graph.Nodes[n].Indices && not (isBeside k n) then
                            k, n
            ]

        for k, n in added do
            cycles[k].Add n |> ignore

    /// A loop inside another belongs to it as a whole, also what it carries beside the values that need the outer loop's.
    let private enclose (graph: Graph) (cycles: HashSet<int>[]) =
        let isInside (outer: GraphScan) (inner: GraphScan) =
            inner.Index <> outer.Index
            && inner.Carries |> Array.exists (fun c -> c >= 0 && Array.contains outer.Index graph.Nodes[c].Indices)

        let mutable settled = false

        while not settled do
            settled <- true

            for k in 0 .. cycles.Length - 1 do
                for j in 0 .. cycles.Length - 1 do
                    if isInside graph.Scans[k] graph.Scans[j] && cycles[k].Overlaps graph.Scans[j].Carries then
                        let before = cycles[k].Count
                        cycles[k].UnionWith cycles[j]
                        settled <- settled && cycles[k].Count = before

    /// The nodes on each scan's cycle.
    let ofGraph (graph: Graph) scanOf (users: int[][]) : HashSet<int>[] =
        let cycles = graph.Scans |> Array.map (cycle graph scanOf users)
        addNexts graph cycles
        enclose graph cycles
        cycles
