namespace Inference.Compiler

open System
open Inference

/// The schedule as text for people: what each kernel loops over, and what it computes where.
[<RequireQualifiedAccess>]
module Describe =
    let private verb (graph: Graph) (n: Node) =
        match n.Op with
        | Op.Random r -> $"draw {(string r.Kind).ToLowerInvariant()}"
        | Op.Carry _ -> "carry"
        | Op.Final _ -> "final"
        | Op.Reshape -> "copy"
        | Op.Dot _ -> "dot"
        | Op.Reduce(op, _, held) ->
            let over = held |> List.map (fun i -> i.Name)

            (string op).ToLowerInvariant()
            + (if over.IsEmpty then "" else $""" over {String.Join(", ", over)}""")
        | op ->
            let text = OpText.ofOp graph.IndexOf (fun _ -> 0) (fun s -> s.Name) op
            text.Split('(')[0]

    let private summary (graph: Graph) (nodes: Node list) =
        let one (n: Node) =
            let shape = if n.Shape.Length = 0 then "" else Fail.shape n.Shape
            $"%%{n.Id} {verb graph n}{shape}"

        String.Join("; ", List.map one nodes)

    /// One line for each run of nodes and each loop, indented as they nest.
    let rec nest (graph: Graph) (depth: int) (item: Item) : string list =
        let indent = String(' ', 4 + 2 * depth)

        let flush (nodes: Node list) = if nodes.IsEmpty then [] else [ indent + summary graph (List.rev nodes) ]

        let mutable lines = []
        let mutable run = []

        for child in item.Children do
            match child.Key with
            | Some(Key.Within i) ->
                let name = graph.Indices[i].Name

                let head =
                    if child.Scans.Count > 0 then
                        (if graph.Scans[child.Scans[0]].Backward then
                             $"scan back over {name}"
                         else
                             $"scan over {name}")
                    else
                        $"map over {name}"

                lines <- lines @ flush run @ [ indent + head ] @ nest graph (depth + 1) child
                run <- []
            | Some _ -> ()
            | None -> run <- graph.Nodes[child.Node] :: run

        lines @ flush run
