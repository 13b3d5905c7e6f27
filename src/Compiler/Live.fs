namespace Inference.Compiler

open System.Collections.Generic
open Inference

/// Keeps of a graph what its outputs and states need, and its inputs. What only a condition, a probe or a derivative's rule named goes.
[<RequireQualifiedAccess>]
module Live =
    let private reached (graph: Graph) (scanOf: Scan -> int) =
        let live = Array.zeroCreate<bool> graph.Nodes.Length
        let running = Array.zeroCreate<bool> graph.Scans.Length
        let pending = Stack<int>()

        let need id =
            if id >= 0 && not live[id] then
                live[id] <- true
                pending.Push id

        // a loop runs as a whole: what it carries needs its start, its step and its place
        let run s =
            if not running[s] then
                running[s] <- true
                let scan = graph.Scans[s]

                for ids in [ scan.Inits; scan.Carries; scan.Nexts ] do
                    Array.iter need ids

        for _, id in graph.Inputs do
            need id

        for s in graph.States do
            need s.Current
            need s.Next

        for o in graph.Outputs do
            need o.Node

        while pending.Count > 0 do
            let n = graph.Nodes[pending.Pop()]
            Array.iter need n.Inputs

            match n.Op with
            | Op.Carry(s, _)
            | Op.Final(s, _) -> run (scanOf s)
            | _ -> ()

        live, running

    /// New numbers, in the old order; −1 for what goes.
    let private numbers (kept: bool[]) =
        kept |> Array.mapFold (fun next keep -> if keep then next, next + 1 else -1, next) 0 |> fst

    let only (graph: Graph) (scanOf: Scan -> int) : struct (Graph * (Scan -> int)) =
        let live, running = reached graph scanOf

        if Array.forall id live && Array.forall id running then
            struct (graph, scanOf)
        else
            let node, scan = numbers live, numbers running
            let at id = if id < 0 then -1 else node[id]
            let keep (kept: bool[]) (all: 'T[]) = Array.indexed all |> Array.filter (fun (k, _) -> kept[k]) |> Array.map snd

            let lean =
                { graph with
                    Nodes =
                        keep live graph.Nodes
                        |> Array.map (fun n -> { n with Id = at n.Id; Inputs = Array.map at n.Inputs })
                    Scans =
                        keep running graph.Scans
                        |> Array.map (fun s ->
                            { s with
                                Inits = Array.map at s.Inits
                                Carries = Array.map at s.Carries
                                Nexts = Array.map at s.Nexts
                            })
                    Inputs = graph.Inputs |> Array.map (fun (slot, id) -> slot, at id)
                    States = graph.States |> Array.map (fun s -> { s with Current = at s.Current; Next = at s.Next })
                    Outputs = graph.Outputs |> Array.map (fun o -> { o with Node = at o.Node })
                }

            struct (lean, (fun s -> scan[scanOf s]))
