namespace Inference.Compiler

open System
open System.Collections.Generic
open Inference

/// A node of a closed graph. Nodes are numbered so that operands come first; only carries refer back, through their scan.
type Node =
    {
        Id: int
        Op: Op
        Inputs: int[]
        Shape: int[]
        DType: DType
        /// Free indices, ascending.
        Indices: int[]
    }

    member node.Count = Array.fold (*) 1 node.Shape

/// A sequential loop of a closed graph.
type GraphScan =
    {
        Index: int
        /// Whether the steps are taken from the last to the first.
        Backward: bool
        Inits: int[]
        Carries: int[]
        Nexts: int[]
    }

/// What a graph's output is for.
type GraphOutput = { Name: string; Node: int; Kind: OutputKind; Message: string }

type GraphState = { Name: string; Slot: InputSlot; Initial: double[]; Current: int; Next: int }

/// A program as numbered nodes, shared and cleaned.
type Graph =
    {
        Name: string
        Nodes: Node[]
        Indices: FreeIndex[]
        Scans: GraphScan[]
        Inputs: (InputSlot * int)[]
        States: GraphState[]
        Outputs: GraphOutput[]
    }

    member graph.IndexOf(i: FreeIndex) = Array.IndexOf(graph.Indices, i)

[<RequireQualifiedAccess>]
module Graph =
    let private list (xs: 'a seq) = String.Join(",", xs)

    let dtypeText (t: DType) = (string t).ToLowerInvariant()

    let nodeText (graph: Graph) (text: Op -> string) (n: Node) =
        let over =
            if n.Indices.Length = 0 then
                ""
            else
                " over " + list (n.Indices |> Array.map (fun i -> graph.Indices[i].Name))

        let inputs = n.Inputs |> Array.map (fun i -> "%" + string i) |> String.concat " "
        // joined, not interpolated: a large graph has many nodes
        String.Concat(
            [|
                "%"
                string n.Id
                " = "
                text n.Op
                " "
                inputs
                " : "
                dtypeText n.DType
                "["
                list n.Shape
                "]"
                over
            |]
        )

    /// The graph as text for people; equal graphs print equally, so that it also identifies a compilation.
    let print (graph: Graph) (scanOf: Scan -> int) =
        let text =
            OpText.ofOp graph.IndexOf scanOf (fun s -> (if s.IsState then "state " else "input ") + s.Name)

        let indexLine k (i: FreeIndex) =
            let count =
                match i.Extent.Runtime with
                | None -> string i.Capacity
                | Some n -> $"{n} ≤ {i.Capacity}"

            $"index i{k} = {i.Kind} \"{i.Name}\" {count}"

        let scanLine k (s: GraphScan) =
            let direction = if s.Backward then "back " else ""
            $"scan s{k} {direction}over i{s.Index}: from {list s.Inits}, carries {list s.Carries}, next {list s.Nexts}"

        let stateLine (s: GraphState) =
            $"state {s.Name}: %%{s.Current} becomes %%{s.Next}, from {OpText.digest s.Initial}"

        let outputLine (o: GraphOutput) = $"output {o.Name} ({o.Kind}): %%{o.Node} {o.Message}"

        String.Join(
            "\n",
            [
                yield $"program {graph.Name}"
                yield! graph.Indices |> Seq.mapi indexLine
                yield! graph.Nodes |> Seq.map (nodeText graph text)
                yield! graph.Scans |> Seq.mapi scanLine
                yield! graph.States |> Seq.map stateLine
                yield! graph.Outputs |> Seq.map outputLine
                yield ""
            ]
        )

    /// What a node needs computed before it; a carry needs its start.
    let edges (graph: Graph) (scanOf: Scan -> int) (n: Node) =
        match n.Op with
        | Op.Carry(s, k) -> [| graph.Scans[scanOf s].Inits[k] |]
        | Op.Final(s, _) -> let scan = graph.Scans[scanOf s] in Array.append scan.Inits scan.Nexts
        | _ -> n.Inputs

    /// Throws if the graph is not what its passes promise: operands before their users, indices of operands all accounted for.
    let verify (graph: Graph) =
        let broken n text = invalidOp $"The graph of \"{graph.Name}\" is broken at %%{n}: {text}."

        let removed (n: Node) =
            match n.Op with
            | Op.Reduce(_, _, i)
            | Op.Dot(_, _, _, i)
            | Op.Convolution(_, _, i) -> i |> List.map graph.IndexOf
            | Op.Stack i -> [ graph.IndexOf i ]
            | _ -> []

        for n in graph.Nodes do
            if not (Array.pairwise n.Indices |> Array.forall (fun (a, b) -> a < b)) then
                broken n.Id "its indices are not ascending"

            for i in n.Inputs do
                if i >= n.Id then
                    broken n.Id $"its operand %%{i} comes later"

                for index in graph.Nodes[i].Indices do
                    let kept = Array.contains index n.Indices

                    if kept = List.contains index (removed n) then
                        broken n.Id $"index i{index} of operand %%{i} is neither kept nor contracted once"

        for o in graph.Outputs do
            if graph.Nodes[o.Node].Indices.Length > 0 then
                broken o.Node $"output \"{o.Name}\" has a free index"

    /// The indices that a node eliminates.
    let eliminated (graph: Graph) (scanOf: Scan -> int) (n: Node) =
        match n.Op with
        | Op.Reduce(_, _, held)
        | Op.Dot(_, _, _, held)
        | Op.Convolution(_, _, held) -> held |> List.map graph.IndexOf
        | Op.Stack i -> [ graph.IndexOf i ]
        | Op.Final(s, _) -> [ graph.Scans[scanOf s].Index ]
        | _ -> []
