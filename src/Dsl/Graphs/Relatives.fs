namespace Inference

/// Where a node stands in a plate or a chain, as seen from another.
[<RequireQualifiedAccess>]
type private Place =
    /// So many steps later; 0: at the same value.
    | Later of int
    | All
    | Step of int
    | BeforeEnd of int

/// Parents, children and Markov blankets of nodes, named as they are seen from the node's own plate values and steps.
[<RequireQualifiedAccess>]
module internal Relatives =
    let private isAt (i: FreeIndex) (j: FreeIndex, _) = GraphIndex.isSame i j

    let private own (n: GraphNode) = n.Indices |> List.map (fun i -> i, Place.Later 0)

    /// Where what an edge reads stands, if its reader stands there.
    let private source (reader: (FreeIndex * Place) list) (e: GraphEdge) =
        let placeOf i =
            e.Only
            |> List.tryFind (isAt i)
            |> Option.map (fun (_, t) -> Place.Step t)
            |> Option.orElse (reader |> List.tryFind (isAt i) |> Option.map snd)
            |> Option.defaultValue Place.All

        e.At
        |> List.map (fun (i, p) ->
            i,
            match p, placeOf i with
            | Position.Every, _ -> Place.All
            | Position.FromEnd n, _ -> Place.BeforeEnd n
            | Position.Same, place -> place
            | Position.Before n, Place.Later k -> Place.Later(k - n)
            | Position.Before n, Place.Step t -> Place.Step(t - n)
            | Position.Before _, place -> place)

    /// Where the reader of an edge stands, seen from what it reads.
    let private reader (e: GraphEdge) =
        e.To.Indices
        |> List.map (fun i ->
            i,
            match List.tryFind (isAt i) e.Only, List.tryFind (isAt i) e.At with
            | Some(_, t), _ -> Place.Step t
            | None, Some(_, Position.Same) -> Place.Later 0
            | None, Some(_, Position.Before n) -> Place.Later n
            | None, Some(_, (Position.Every | Position.FromEnd _))
            | None, None -> Place.All)

    let private signed (name: string) n =
        if n = 0 then name
        elif n > 0 then $"{name}+{n}"
        else $"{name}{n}"

    let private text (from: GraphNode) (n: GraphNode, at: (FreeIndex * Place) list) =
        let isPlain (i, place) =
            match place with
            | Place.Later k -> k = 0
            | Place.All -> not (GraphIndex.contains i from.Indices)
            | Place.Step _
            | Place.BeforeEnd _ -> false

        let inside (i: FreeIndex, place) =
            match place with
            | Place.Later k -> signed i.Name k
            | Place.All -> "*"
            | Place.Step t -> string t
            | Place.BeforeEnd k -> signed "last" -k

        if List.forall isPlain at then
            n.Name
        else
            let places = at |> List.map inside |> String.concat ", "
            $"{n.Name}[{places}]"

    let private texts from found = found |> List.map (text from) |> List.distinct
    let private readBy (edges: GraphEdge list) (n: GraphNode) = edges |> List.filter (fun e -> obj.ReferenceEquals(e.To, n))

    let parents (edges: GraphEdge list) (n: GraphNode) : string list =
        readBy edges n |> List.map (fun e -> e.From, source (own n) e) |> texts n

    let children (edges: GraphEdge list) (n: GraphNode) : string list =
        edges
        |> List.filter (fun e -> obj.ReferenceEquals(e.From, n))
        |> List.map (fun e -> e.To, reader e)
        |> texts n

    /// Parents, children, and the other parents of children: given these, a variable is independent of all others. A factor is a child that
    /// is always given. Inputs and parameters are no variables.
    let blanket (edges: GraphEdge list) (n: GraphNode) : string list =
        let below =
            edges |> List.filter (fun e -> obj.ReferenceEquals(e.From, n)) |> List.map (fun e -> e.To, reader e)

        let above = readBy edges n |> List.map (fun e -> e.From, source (own n) e)

        let beside =
            [
                for child, at in below do
                    for e in readBy edges child -> e.From, source at e
            ]

        above @ below @ beside
        |> List.filter (fun (m, at) -> m.IsVariable && not (obj.ReferenceEquals(m, n) && at = own n))
        |> texts n
