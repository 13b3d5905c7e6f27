namespace Inference.Compiler

open System.Collections.Generic
open Inference

/// Where the values of a node must end: an output, or the next value of a state.
[<RequireQualifiedAccess>]
type Sink =
    | Output of int
    | State of int

/// A graph in which every output, every next state and every risky next value has a node of its own to be computed into.
type Sunk =
    {
        Graph: Graph
        Sinks: IReadOnlyDictionary<int, Sink>
        /// Nodes that are computed at a place of their own, whatever they are.
        Forced: HashSet<int>
        /// Updates that may be written over what they update.
        InPlace: HashSet<int>
        Panels: IReadOnlyDictionary<int, Panels>
        Products: HashSet<int>
    }

/// Gives each destination its own node; copies are made only where one value has several destinations or is a view.
[<RequireQualifiedAccess>]
module Sinks =
    let add (laidOut: LaidOut) (scanOf: Scan -> int) : Sunk =
        let graph = laidOut.Graph
        let nodes = ResizeArray<Node>(graph.Nodes)
        let sinks = Dictionary<int, Sink>()
        let forced = HashSet<int>(Seq.append laidOut.Panels.Keys laidOut.Sources)
        let inPlace = HashSet<int>()
        let users = Array.init graph.Nodes.Length (fun _ -> ResizeArray<int>())
        // how often a value is kept: as an output, as what a state or a loop carries next
        let kept = Array.zeroCreate<int> graph.Nodes.Length

        for n in graph.Nodes do
            for i in Graph.edges graph scanOf n do
                users[i].Add n.Id

        for o in graph.Outputs do
            kept[o.Node] <- kept[o.Node] + 1

        for next in Seq.append (graph.States |> Seq.map (fun s -> s.Next)) (graph.Scans |> Seq.collect (fun s -> s.Nexts)) do
            kept[next] <- kept[next] + 1

        let copy (source: int) =
            let n = nodes[source]
            let id = nodes.Count
            nodes.Add { n with Id = id; Op = Op.Reshape; Inputs = [| source |] }
            forced.Add id |> ignore
            id

        /// True if nothing else needs the value that is updated.
        let isUpdateOf (target: int) (n: Node) =
            match n.Op with
            | Op.DynamicUpdate -> n.Inputs[0] = target && users[target].Count = 1 && kept[target] = 0
            | _ -> false

        /// True if a step's value is read nowhere but as the next one and the last one: then no step's value must outlast the step.
        let isOnlyCarried (next: int) =
            let isFinal id =
                match graph.Nodes[id].Op with
                | Op.Final _ -> true
                | _ -> false

            kept[next] = 1 && Seq.forall isFinal users[next]

        let mayHold (id: int) =
            let n = nodes[id]

            not (sinks.ContainsKey id)
            && not (inPlace.Contains id)
            && n.Indices.Length = 0
            && not (Strategy.isView n.Op)
            && (match n.Op with
                | Op.Carry _ -> false
                | _ -> true)

        let claim (id: int) sink =
            let holder = if mayHold id then id else copy id
            sinks[holder] <- sink
            forced.Add holder |> ignore
            holder

        let nexts (s: GraphScan) =
            Array.mapi
                (fun k (next: int) ->
                    let n = nodes[next]
                    let carry = s.Carries[k]

                    if carry >= 0 && isUpdateOf carry n && isOnlyCarried next then
                        inPlace.Add next |> ignore
                        next
                    elif Strategy.isView n.Op then
                        copy next
                    else
                        match n.Op with
                        | Op.Carry _ -> copy next
                        | _ -> next)
                s.Nexts

        let scans = graph.Scans |> Array.map (fun s -> { s with Nexts = nexts s })

        let states =
            graph.States
            |> Array.mapi (fun k s ->
                if s.Next = s.Current then
                    s
                elif isUpdateOf s.Current nodes[s.Next] then
                    inPlace.Add s.Next |> ignore
                    s
                else
                    { s with Next = claim s.Next (Sink.State k) })

        let outputs = graph.Outputs |> Array.mapi (fun k o -> { o with Node = claim o.Node (Sink.Output k) })

        {
            Graph =
                { graph with
                    Nodes = nodes.ToArray()
                    Scans = scans
                    States = states
                    Outputs = outputs
                }
            Sinks = sinks
            Forced = forced
            InPlace = inPlace
            Panels = laidOut.Panels
            Products = laidOut.Products
        }
