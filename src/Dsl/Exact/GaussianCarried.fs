namespace Inference

/// A block of a joint Gaussian.
[<RequireQualifiedAccess>]
type internal GaussianBlock =
    | Mean of int
    | Slope of int * int
    | Covariance of int * int

/// Joint Gaussians as the values that a loop carries.
[<RequireQualifiedAccess>]
module internal GaussianCarried =
    /// Variables under other names.
    let renamed (name: GaussianVariable -> GaussianVariable) (g: GaussianMoments) : GaussianMoments =
        let ids = dict [ for v in g.Variables -> v.Id, (name v).Id ]

        let ordered ((i, j), x) =
            if ids[i] <= ids[j] then
                (ids[i], ids[j]), x
            else
                (ids[j], ids[i]), Blocks.transposed x

        {
            Variables = List.map name g.Variables
            Mean = g.Mean |> Map.toList |> List.map (fun (i, x) -> ids[i], x) |> Map
            Slope = g.Slope |> Map.toList |> List.map (fun ((i, o), x) -> (ids[i], o), x) |> Map
            Covariance = g.Covariance |> Map.toList |> List.map ordered |> Map
        }

    /// The blocks that are not zero.
    let blocks (g: GaussianMoments) : Map<GaussianBlock, Tensor> =
        [
            for i, x in Map.toList g.Mean -> GaussianBlock.Mean i, x
            for (i, o), x in Map.toList g.Slope -> GaussianBlock.Slope(i, o), x
            for (i, j), x in Map.toList g.Covariance -> GaussianBlock.Covariance(i, j), x
        ]
        |> Map

    /// A joint of blocks that are named.
    let ofBlocks variables (blocks: (GaussianBlock * Tensor) seq) : GaussianMoments =
        blocks
        |> Seq.fold
            (fun g (block, x) ->
                match block with
                | GaussianBlock.Mean i -> { g with Mean = Map.add i x g.Mean }
                | GaussianBlock.Slope(i, o) -> { g with Slope = Map.add (i, o) x g.Slope }
                | GaussianBlock.Covariance(i, j) -> { g with Covariance = Map.add (i, j) x g.Covariance })
            { GaussianMoments.empty with Variables = variables }

    let shape (sizeOf: int -> int) (block: GaussianBlock) : int[] =
        match block with
        | GaussianBlock.Mean i -> [| sizeOf i |]
        | GaussianBlock.Slope(i, j)
        | GaussianBlock.Covariance(i, j) -> [| sizeOf i; sizeOf j |]
