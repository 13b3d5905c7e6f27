namespace Inference.Compiler

open System.Collections.Generic
open Inference

/// Where along an axis a value is put together from others: loops over the axis are parted there, so that each part knows what it reads
/// and no element is chosen by a test.
[<RequireQualifiedAccess>]
module Borders =
    /// More parts than this are one loop with tests.
    let private mostParts = 6

    /// Shorter parts are not worth a loop of their own.
    let private shortest = 8

    /// Positions along each axis of a node at which what it reads through inline values changes.
    let private found (graph: Graph) (strategies: Strategy[]) (node: int) : SortedSet<int>[] =
        let shape = graph.Nodes[node].Shape
        let cuts = Array.init shape.Length (fun _ -> SortedSet<int>())
        let seen = HashSet<int>()

        let rec visit id isRoot =
            let n = graph.Nodes[id]

            if n.Shape = shape && (isRoot || strategies[id] = Strategy.Inline) && seen.Add id then
                match n.Op with
                | Op.Pad low ->
                    let part = graph.Nodes[n.Inputs[0]].Shape

                    for a in 0 .. shape.Length - 1 do
                        cuts[a].Add low[a] |> ignore
                        cuts[a].Add(low[a] + part[a]) |> ignore
                | Op.Concat axis ->
                    let sizes = n.Inputs |> Array.map (fun i -> graph.Nodes[i].Shape[axis])
                    sizes |> Array.scan (+) 0 |> Array.iter (cuts[axis].Add >> ignore)
                | op when Strategy.isElementwise op ->
                    for i in n.Inputs do
                        visit i false
                | _ -> ()

        visit node true
        cuts

    /// The axis that loops over some nodes of one shape are parted along, and the borders of the parts, both ends included.
    let parts (graph: Graph) (strategies: Strategy[]) (nodes: int list) : (int * int list) option =
        let shape = graph.Nodes[nodes.Head].Shape
        let cuts = Array.init shape.Length (fun _ -> SortedSet<int>())

        for node in nodes do
            Array.iter2 (fun (all: SortedSet<int>) (own: SortedSet<int>) -> all.UnionWith own) cuts (found graph strategies node)

        let borders a =
            Seq.append [ 0; shape[a] ] cuts[a]
            |> Seq.filter (fun c -> c >= 0 && c <= shape[a])
            |> Seq.distinct
            |> Seq.sort
            |> List.ofSeq

        let parted =
            [ for a in 0 .. shape.Length - 1 -> a, borders a ] |> List.filter (fun (_, b) -> b.Length > 2)

        match parted with
        | [ axis, borders ] when
            borders.Length - 1 <= mostParts
            && List.pairwise borders |> List.forall (fun (a, b) -> b - a >= shortest)
            ->
            Some(axis, borders)
        | _ -> None
