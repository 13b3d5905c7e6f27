namespace Inference.Compiler

open Inference

/// Which plate of a value gives the lanes of vectors, and how many of its values one item of a kernel takes.
[<RequireQualifiedAccess>]
module Lanes =
    /// A contraction of this many products is worth registers, and lanes, of its own.
    let manyProducts = 256

    /// The number of products of each element of a contraction, and of how many elements.
    let products (graph: Graph) (n: Node) =
        match n.Op with
        | Op.Convolution _ ->
            let y, w = graph.Nodes[n.Inputs[0]], graph.Nodes[n.Inputs[1]]
            y.Count / y.Shape[0] * w.Count
        | Op.Dot(_, left, _, _) -> n.Count * (left |> Array.fold (fun size a -> size * graph.Nodes[n.Inputs[0]].Shape[a]) 1)
        | _ -> 0

    /// The fewest repetitions that are worth lanes where another plate would give more.
    let private enoughLanes = 16

    /// Plates that matrices vary over, where something else is multiplied with each matrix many times: lanes over those other
    /// repetitions share every load of the matrix.
    let private matrixPlates (graph: Graph) (isParallel: int -> bool) : Set<int> =
        let shared (matrix: Node) (other: Node) =
            let repeats i =
                isParallel i && graph.Indices[i].Capacity >= enoughLanes && not (Array.contains i matrix.Indices)

            if matrix.Shape.Length >= 2 && Array.exists repeats other.Indices then
                matrix.Indices
            else
                [||]

        Set.ofSeq (
            seq {
                for n in graph.Nodes do
                    if products graph n >= manyProducts then
                        let a, b = graph.Nodes[n.Inputs[0]], graph.Nodes[n.Inputs[1]]
                        yield! shared a b
                        yield! shared b a
            }
        )

    /// For each index how much rather it gives the lanes: the largest plate does, but for those of matrices.
    let order (graph: Graph) (isParallel: int -> bool) : int[] =
        let matrices = matrixPlates graph isParallel
        let places = Array.zeroCreate graph.Indices.Length

        [| 0 .. graph.Indices.Length - 1 |]
        |> Array.sortBy (fun i -> not (matrices.Contains i), graph.Indices[i].Capacity, -i)
        |> Array.iteri (fun place i -> places[i] <- place)

        places

    /// Tables [tiles, rows…, lanes] that a plate sees as [plate, rows…]: the plate, and the lanes of a tile.
    let private tiled (graph: Graph) : (int * int) seq =
        let operand (n: Node) = graph.Nodes[n.Inputs[0]]

        let whole (n: Node) =
            match n.Op with
            | Op.Slice _ -> operand n
            | _ -> n

        seq {
            for n in graph.Nodes do
                match n.Op with
                | Op.Unstack i ->
                    let flat = whole (operand n)

                    if flat.Op.IsReshape then
                        let turned = operand flat

                        match turned.Op with
                        | Op.Transpose p when
                            p.Length >= 2
                            && p[0] = 0
                            && p[1] = p.Length - 1
                            && flat.Shape[0] = turned.Shape[0] * turned.Shape[1]
                            ->
                            yield graph.IndexOf i, turned.Shape[1]
                        | _ -> ()
                | _ -> ()
        }

    /// For each index how many of its values one item of a kernel takes. Enough lanes for any vector to hide latencies; where matrices meet the lanes, so few that what a matrix is multiplied with
    /// stays in the first cache, with more rows at once instead.
    let tiles (graph: Graph) (isParallel: int -> bool) (lane: int[]) : int[] =
        let tile = graph.Indices |> Array.map (fun _ -> 64)

        // so that such a table is read from one end to the other
        for i, lanes in tiled graph do
            if lanes % 16 = 0 && lanes < 64 then
                tile[i] <- lanes

        for n in graph.Nodes do
            if products graph n >= manyProducts then
                let plates =
                    Seq.append n.Indices (Graph.eliminated graph (fun _ -> -1) n) |> Seq.filter (fun i -> isParallel i)

                if not (Seq.isEmpty plates) then
                    tile[plates |> Seq.maxBy (fun i -> lane[i])] <- 32

        tile
