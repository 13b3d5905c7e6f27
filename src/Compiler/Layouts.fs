namespace Inference.Compiler

open System.Collections.Generic
open Inference

/// How a copy of a value lies: in panels of some elements of an axis, one panel's values one after another over all plates and
/// steps. Where the axis is no multiple of the width the last panel overlaps the one before it.
type Panels =
    {
        Axis: int
        Width: int
        /// Taken from memory in which lanes lie side by side, so that blocks of it are transposed.
        Transposed: bool
    }

/// A graph in which the operands of large products over plates lie in panels.
type LaidOut =
    {
        Graph: Graph
        Panels: IReadOnlyDictionary<int, Panels>
        /// Contractions over plates of two values that lie in panels, or of one in panels and the windows of another: the elements of a
        /// panel are lanes.
        Products: HashSet<int>
        /// What is transposed: it must lie in memory.
        Sources: HashSet<int>
    }

/// Changes of layout. A kernel over a plate leaves its values with the plate's lanes side by side. A contraction over that plate, as a
/// weight's gradient is, runs fastest where elements lie side by side, each load serving more products, and where it reads memory from
/// one end to the other. The change is an operation of its own.
[<RequireQualifiedAccess>]
module Layouts =
    /// The narrowest axis that lanes go along.
    let private narrowest = 16

    /// The widths of panels of the two operands: the products of one element of each are sixteen accumulators of the widest vectors.
    let private widths (a: Node) (b: Node) = min 8 (Array.last a.Shape), (if Array.last b.Shape >= 32 then 32 else 16)

    /// The lane of values over some indices.
    let laneOf (graph: Graph) (roles: Roles) (indices: int seq) : int option =
        indices
        |> Seq.filter (fun i -> roles.Role[i] = Role.Parallel)
        |> Seq.sortBy (fun i -> roles.Lane[i])
        |> Seq.tryLast

    let private isProduct (graph: Graph) (roles: Roles) (n: Node) =
        match n.Op with
        | Op.Dot(Semiring.SumProduct, [||], [||], held) ->
            let gone = held |> List.map graph.IndexOf
            let a, b = graph.Nodes[n.Inputs[0]], graph.Nodes[n.Inputs[1]]
            let terms = gone |> List.fold (fun count i -> count * int64 graph.Indices[i].Capacity) 1L

            match laneOf graph roles (Seq.append a.Indices b.Indices) with
            | Some lane ->
                List.contains lane gone
                && Array.contains lane a.Indices
                && Array.contains lane b.Indices
                && a.Shape.Length > 0
                && b.Shape.Length > 0
                && Array.last b.Shape >= narrowest
                && a.Count >= 4
                && terms >= 32L
                && terms <= 65536L
            | None -> false
        | _ -> false

    /// The weights of convolutions over a plate.
    let private isWeights (graph: Graph) (roles: Roles) (n: Node) =
        match n.Op with
        | Op.Dot(Semiring.SumProduct, [| 1; 2 |], [| 3; 4 |], held) ->
            let y, window = graph.Nodes[n.Inputs[0]], graph.Nodes[n.Inputs[1]]

            (match window.Op, laneOf graph roles (Seq.append y.Indices window.Indices) with
             | Op.Window _, Some lane ->
                 List.contains lane (held |> List.map graph.IndexOf)
                 && Array.contains lane y.Indices
                 && Array.contains lane window.Indices
                 && y.Shape[0] >= narrowest
             | _ -> false)
        | _ -> false

    /// The width of panels of a convolution's outputs: as many as make items for some threads.
    let private weightsWidth (n: Node) = if n.Shape[0] / 32 * n.Shape[1] >= 16 then 32 else 16

    let add (graph: Graph) (scanOf: Scan -> int) : LaidOut =
        let roles = Roles.analyse graph scanOf
        let nodes = ResizeArray<Node>()
        let renamed = Array.zeroCreate<int> graph.Nodes.Length
        let panels = Dictionary<int, Panels>()
        let products, sources = HashSet<int>(), HashSet<int>()
        let copies = Dictionary<struct (int * int * int), int>()

        let append (n: Node) =
            nodes.Add { n with Id = nodes.Count }
            nodes.Count - 1

        /// A view of an input whose elements lie side by side already.
        let rec liesInRows id =
            let n = graph.Nodes[id]

            match n.Op with
            | Op.Input _ -> true
            | Op.Unstack _ -> liesInRows n.Inputs[0]
            | _ -> false

        /// The same view once more: contractions of other layouts read the first.
        let rec viewAgain id =
            let n = graph.Nodes[id]

            match n.Op with
            | Op.Unstack _ -> append { n with Inputs = [| viewAgain n.Inputs[0] |] }
            | _ -> renamed[id]

        let inPanels axis width id =
            match copies.TryGetValue(struct (id, axis, width)) with
            | true, copy -> copy
            | _ ->
                let transposed = not (liesInRows id)
                let source = if transposed then renamed[id] else viewAgain id

                let copy = append { graph.Nodes[id] with Op = Op.Reshape; Inputs = [| source |] }

                if transposed then
                    sources.Add source |> ignore

                panels[copy] <- { Axis = axis; Width = width; Transposed = transposed }
                copies[struct (id, axis, width)] <- copy
                copy

        for n in graph.Nodes do
            if isProduct graph roles n then
                let a, b = graph.Nodes[n.Inputs[0]], graph.Nodes[n.Inputs[1]]
                let first, second = widths a b

                let inputs = [| inPanels (a.Shape.Length - 1) first a.Id; inPanels (b.Shape.Length - 1) second b.Id |]

                renamed[n.Id] <- append { n with Inputs = inputs }
                products.Add renamed[n.Id] |> ignore
            elif isWeights graph roles n then
                let inputs = [| inPanels 0 (weightsWidth n) n.Inputs[0]; renamed[n.Inputs[1]] |]
                renamed[n.Id] <- append { n with Inputs = inputs }
                products.Add renamed[n.Id] |> ignore
            else
                renamed[n.Id] <- append { n with Inputs = n.Inputs |> Array.map (fun i -> renamed[i]) }

        let rename id = if id < 0 then id else renamed[id]

        {
            Graph =
                { graph with
                    Nodes = nodes.ToArray()
                    Scans =
                        graph.Scans
                        |> Array.map (fun s ->
                            { s with
                                Inits = Array.map rename s.Inits
                                Carries = Array.map rename s.Carries
                                Nexts = Array.map rename s.Nexts
                            })
                    Inputs = graph.Inputs |> Array.map (fun (slot, id) -> slot, rename id)
                    States = graph.States |> Array.map (fun s -> { s with Current = rename s.Current; Next = rename s.Next })
                    Outputs = graph.Outputs |> Array.map (fun o -> { o with Node = rename o.Node })
                }
            Panels = panels
            Products = products
            Sources = sources
        }
