namespace Inference

open System.Collections.Generic

/// What is drawn of a node.
type internal PictureNode =
    {
        /// What stands in the node.
        Label: string
        /// Its full name, and what there is to say of it.
        Note: string
        /// The name of its distribution, or an empty string.
        Distribution: string
        Kind: NodeKind
        /// An earlier step's value, drawn beside those of the step that reads it.
        IsPast: bool
        /// The number of the box that it stands in; 0: in none.
        Box: int
    }

/// A plate or a chain as a frame around what stands in it. Box 0 is the whole picture.
type internal PictureBox = { Title: string; IsChain: bool; Within: int }

/// An arrow; its label says when or at which values it holds if not always at the reader's own.
type internal PictureArrow = { From: int; To: int; Label: string }

/// A graph as it is drawn, whatever draws it: parameters of one network together, carried values of earlier steps as nodes of their own, so
/// that arrows do not lead back.
type internal Picture =
    {
        Title: string
        Nodes: PictureNode[]
        Boxes: PictureBox[]
        Arrows: PictureArrow[]
    }

[<RequireQualifiedAccess>]
module internal Picture =
    let private isChain (isOrdered: FreeIndex -> bool) (i: FreeIndex) = isOrdered i

    let private titleOf isOrdered (i: FreeIndex) =
        match i.Extent.Runtime with
        | Some name when name = i.Name -> i.Name
        | Some name -> $"{i.Name} of {name}"
        | None when isChain isOrdered i -> $"{i.Name} = 0 … {i.Capacity - 1}"
        | None -> $"{i.Name} · {i.Capacity}"

    /// Boxes by the indices that lead to them.
    let private boxesOf isOrdered (nodes: GraphNode seq) =
        let boxes, numbers =
            List<PictureBox>([ { Title = ""; IsChain = false; Within = 0 } ]), Dictionary<struct (int * FreeIndex), int>()

        let numberOf (indices: FreeIndex list) =
            indices
            |> List.fold
                (fun within i ->
                    match numbers.TryGetValue(struct (within, i)) with
                    | true, k -> k
                    | _ ->
                        boxes.Add { Title = titleOf isOrdered i; IsChain = isChain isOrdered i; Within = within }
                        numbers[struct (within, i)] <- boxes.Count - 1
                        boxes.Count - 1)
                0

        let numbered = [ for n in nodes -> n, numberOf n.Indices ]
        let ofNode = Dictionary<GraphNode, int>(HashIdentity.Reference)

        for n, box in numbered do
            ofNode[n] <- box

        boxes, (fun n -> ofNode[n])

    /// A path without the plates and chains that are drawn around it.
    let private labelOf (n: GraphNode) =
        let rec without (path: string) (indices: FreeIndex list) =
            match indices |> List.tryFind (fun i -> path.StartsWith(i.Name + "/", System.StringComparison.Ordinal)) with
            | Some i -> without (path.Substring(i.Name.Length + 1)) (indices |> List.filter (fun j -> not (obj.ReferenceEquals(i, j))))
            | None -> path

        without n.Name n.Indices

    /// Parameters are known together by what stands before the first point of their names: those of one network.
    let private groupOf (n: GraphNode) =
        match n.Kind, n.Name.IndexOf '.' with
        | NodeKind.Parameter, k when k > 0 -> n.Name.Substring(0, k)
        | _ -> n.Name

    let private noteOf (own: GraphNode list) =
        let one (n: GraphNode) =
            let shape = if n.Shape.Length = 0 then "" else " " + Fail.shape n.Shape
            let distribution = if n.Distribution = "" then "" else $" ~ {n.Distribution}"
            $"{n.Name}{distribution}{shape}, {n.Kind}"

        own |> List.map one |> String.concat "\n"

    /// Where an edge reads what it reads, if not simply at the reader's own values: what is drawn as a node of its own, and what beside the
    /// arrow.
    let private away (e: GraphEdge) =
        let lags =
            e.At
            |> List.choose (fun (i, p) ->
                match p with
                | Position.Before n -> Some(i, n)
                | _ -> None)

        let words =
            [
                for i, p in e.At do
                    match p with
                    | Position.Every when GraphIndex.contains i e.To.Indices -> yield $"all {i.Name}"
                    | Position.FromEnd 0 -> yield "last"
                    | Position.FromEnd n -> yield $"last − {n}"
                    | Position.Every
                    | Position.Same
                    | Position.Before _ -> ()
                for i, t in e.Only do
                    yield $"{i.Name} = {t}"
            ]

        lags, String.concat ", " words

    let of' (name: string) (isOrdered: FreeIndex -> bool) (nodes: GraphNode seq) (edges: GraphEdge seq) : Picture =
        let boxes, boxOf = boxesOf isOrdered nodes
        let drawn, numbers = List<PictureNode>(), Dictionary<GraphNode, int>(HashIdentity.Reference)

        for group, own in nodes |> Seq.groupBy (fun n -> n.Kind, groupOf n) do
            let own = List.ofSeq own
            let n = own.Head

            for m in own do
                numbers[m] <- drawn.Count

            drawn.Add
                {
                    Label = if own.Length = 1 then labelOf n else snd group
                    Note = noteOf own
                    Distribution = n.Distribution
                    Kind = n.Kind
                    IsPast = false
                    Box = boxOf n
                }

        let pasts = Dictionary<struct (int * string), int>()

        let past (n: GraphNode) (lags: (FreeIndex * int) list) =
            let text = lags |> List.map (fun (i, k) -> $"{i.Name} − {k}") |> String.concat ", "
            let key = struct (numbers[n], text)

            match pasts.TryGetValue key with
            | true, k -> k
            | _ ->
                drawn.Add
                    { drawn[numbers[n]] with
                        Label = labelOf n
                        Distribution = text
                        Note = $"{n.Name} at {text}"
                        IsPast = true
                    }

                pasts[key] <- drawn.Count - 1
                drawn.Count - 1

        let arrows =
            [|
                for e in edges do
                    let lags, label = away e
                    let source = if lags.IsEmpty then numbers[e.From] else past e.From lags

                    match e.StandsFor with
                    // a start is drawn as the first of the earlier values that it stands for
                    | Some(n, i, lag) -> { From = source; To = past n [ i, lag ]; Label = "first" }
                    | None -> { From = source; To = numbers[e.To]; Label = label }
            |]

        {
            Title = name
            Nodes = drawn.ToArray()
            Boxes = boxes.ToArray()
            Arrows = Array.distinct arrows
        }
