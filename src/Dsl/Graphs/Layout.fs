namespace Inference

open System.Collections.Generic

/// A rectangle of a picture, in its units (pixels): the left side, the top, the width and the height.
[<Struct>]
type internal Frame = { X: float; Y: float; Width: float; Height: float }

/// Where all of a picture stands.
type internal Layout =
    {
        Width: float
        Height: float
        /// Of each node.
        Nodes: Frame[]
        /// Of each box; that of the whole picture first.
        Boxes: Frame[]
        /// The points that each arrow passes through, from its start to its end.
        Ways: (float * float) list[]
    }

/// Lays a picture out: each box by itself, in layers, with what stands in it and the boxes within it as items; so the outer ones take the inner
/// ones as they are. An arrow that crosses a box's frame passes through a place in the frame's top or bottom.
[<RequireQualifiedAccess>]
module internal Layout =
    [<Literal>]
    let private Row = 34.0

    [<Literal>]
    let private Padding = 18.0

    /// Below a box's contents there is room for its title.
    [<Literal>]
    let private TitleRoom = 16.0

    /// An item of one box's layers.
    [<RequireQualifiedAccess>]
    type private Item =
        | Node of int
        | Box of int
        /// A place on an arrow's way.
        | Pass of arrow: int

    /// A box laid out, its own corner at (0, 0).
    type private Placed =
        {
            Size: float * float
            Nodes: (int * Frame) list
            Boxes: (int * Frame) list
            /// What lies within of each arrow's way, from its start on.
            Ways: Dictionary<int, (float * float) list>
            /// Where arrows cross the frame.
            Ports: Dictionary<int, float>
        }

    let private moved dx dy (f: Frame) = { f with X = f.X + dx; Y = f.Y + dy }

    /// The boxes around a node, the innermost first, up to the whole picture.
    let private around (p: Picture) node =
        let rec up box = if box = 0 then [ 0 ] else box :: up p.Boxes[box].Within
        up p.Nodes[node].Box

    /// The item of a box that holds a node, if the box does.
    let private itemOf (p: Picture) box node =
        let boxes = around p node

        match List.tryFindIndex ((=) box) boxes with
        | None -> None
        | Some 0 -> Some(Item.Node node)
        | Some k -> Some(Item.Box boxes[k - 1])

    /// The layers of a box: its items, and places on the ways of arrows where they pass layers or the frame.
    let private layered (size: int -> float * float) (inner: Dictionary<int, Placed>) (p: Picture) box (own: Item[]) =
        let number (item: Item option) =
            item |> Option.map (fun i -> System.Array.IndexOf(own, i)) |> Option.defaultValue -1

        let ends = p.Arrows |> Array.map (fun a -> number (itemOf p box a.From), number (itemOf p box a.To))

        let direct =
            ends |> Array.filter (fun (a, b) -> a >= 0 && b >= 0 && a <> b) |> Array.distinct |> List.ofArray

        let forward = Layers.forward own.Length direct
        let found = Layers.layersOf own.Length forward
        // the first layer is that of the frame's top, the last that of its bottom
        let layer = found |> Array.map ((+) 1)
        let bottom = 1 + Array.max layer
        let items, links, kinds = List<LayerItem>(), List<LayerLink>(), List<Item>(own)

        for k, item in Array.indexed own do
            let width, height =
                match item with
                | Item.Node n -> size n
                | Item.Box b -> inner[b].Size
                | Item.Pass _ -> 0.0, 0.0

            items.Add { Width = width; Height = height; Layer = layer[k] }

        let port item arrow =
            match own[item] with
            | Item.Box b -> inner[b].Ports[arrow]
            | Item.Node _
            | Item.Pass _ -> 0.5 * items[item].Width

        let chains = Dictionary<int, int list>()

        for arrow, (tail, head) in Array.indexed ends do
            if tail <> head && (tail < 0 || head < 0 || List.contains (tail, head) forward) then
                let first = if tail < 0 then 0 else items[tail].Layer + 1
                let last = if head < 0 then bottom else items[head].Layer - 1

                let passes =
                    [
                        for l in first..last do
                            items.Add { Width = 0.0; Height = 0.0; Layer = l }
                            kinds.Add(Item.Pass arrow)
                            items.Count - 1
                    ]

                let stops = (if tail < 0 then [] else [ tail ]) @ passes @ (if head < 0 then [] else [ head ])
                let at k = if k < own.Length then port k arrow else 0.0

                for a, b in List.pairwise stops do
                    links.Add { Tail = a; Head = b; TailAt = at a; HeadAt = at b }

                chains[arrow] <- stops

        items.ToArray(), List.ofSeq links, kinds.ToArray(), chains, bottom

    let private place (size: int -> float * float) (inner: Dictionary<int, Placed>) (p: Picture) box : Placed =
        let own =
            [|
                for k in 0 .. p.Nodes.Length - 1 do
                    if p.Nodes[k].Box = box then
                        Item.Node k
                for k in 1 .. p.Boxes.Length - 1 do
                    if p.Boxes[k].Within = box then
                        Item.Box k
            |]

        let items, links, kinds, chains, bottom = layered size inner p box own
        let x = Layers.place items links
        let left = items |> Seq.indexed |> Seq.map (fun (k, _) -> x[k]) |> Seq.min
        let right = items |> Seq.indexed |> Seq.map (fun (k, i) -> x[k] + i.Width) |> Seq.max
        let x = x |> Array.map (fun v -> v - left + Padding)

        let heightOf l =
            items |> Seq.filter (fun i -> i.Layer = l) |> Seq.fold (fun h i -> max h i.Height) 0.0

        let heights = [| for l in 0..bottom -> heightOf l |]
        // nothing stands in the frame's own layers, and there is no row's distance to them
        let tops =
            Array.scan (fun y l -> y + heights[l] + (if l = 0 || l >= bottom - 1 then 0.0 else Row)) Padding [| 0..bottom |]

        let height = tops[bottom] + Padding + (if box = 0 then 0.0 else TitleRoom)
        let width = right - left + 2.0 * Padding
        let middle k = tops[items[k].Layer] + 0.5 * (heights[items[k].Layer] - items[k].Height)
        let ways, ports = Dictionary<int, (float * float) list>(), Dictionary<int, float>()

        for KeyValue(arrow, stops) in chains do
            ways[arrow] <-
                stops
                |> List.collect (fun k ->
                    match kinds[k] with
                    | Item.Node _ -> [ x[k] + 0.5 * items[k].Width, middle k + 0.5 * items[k].Height ]
                    | Item.Box b -> inner[b].Ways[arrow] |> List.map (fun (u, v) -> u + x[k], v + middle k)
                    | Item.Pass _ when items[k].Layer = 0 ->
                        ports[arrow] <- x[k]
                        [ x[k], 0.0 ]
                    | Item.Pass _ when items[k].Layer = bottom ->
                        ports[arrow] <- x[k]
                        [ x[k], height ]
                    | Item.Pass _ -> [ x[k], tops[items[k].Layer] + 0.5 * heights[items[k].Layer] ])

        // what stays within an inner box
        for k, item in Array.indexed own do
            match item with
            | Item.Box b ->
                for KeyValue(arrow, way) in inner[b].Ways do
                    if itemOf p box p.Arrows[arrow].From = Some item && itemOf p box p.Arrows[arrow].To = Some item then
                        ways[arrow] <- way |> List.map (fun (u, v) -> u + x[k], v + middle k)
            | Item.Node _
            | Item.Pass _ -> ()

        let frame k = { X = x[k]; Y = middle k; Width = items[k].Width; Height = items[k].Height }

        let inBoxes pick =
            own
            |> Array.indexed
            |> List.ofArray
            |> List.collect (fun (k, item) ->
                match item with
                | Item.Box b -> pick inner[b] |> List.map (fun (n, f) -> n, moved x[k] (middle k) f)
                | Item.Node _
                | Item.Pass _ -> [])

        {
            Size = width, height
            Nodes =
                [
                    for k, item in Array.indexed own do
                        match item with
                        | Item.Node n -> n, frame k
                        | Item.Box _
                        | Item.Pass _ -> ()
                ]
                @ inBoxes (fun b -> b.Nodes)
            Boxes =
                [
                    for k, item in Array.indexed own do
                        match item with
                        | Item.Box b -> b, frame k
                        | Item.Node _
                        | Item.Pass _ -> ()
                ]
                @ inBoxes (fun b -> b.Boxes)
            Ways = ways
            Ports = ports
        }

    /// Lays out a picture whose nodes have given sizes.
    let of' (size: int -> float * float) (p: Picture) : Layout =
        let inner = Dictionary<int, Placed>()

        // a box is made after the one that it stands in
        for box in p.Boxes.Length - 1 .. -1 .. 0 do
            inner[box] <- place size inner p box

        let whole = inner[0]
        let nodes = Dictionary(dict whole.Nodes)
        let boxes = Dictionary(dict whole.Boxes)
        let width, height = whole.Size

        {
            Width = width
            Height = height
            Nodes = Array.init p.Nodes.Length (fun k -> nodes[k])
            Boxes = Array.init p.Boxes.Length (fun k -> if k = 0 then { X = 0.0; Y = 0.0; Width = width; Height = height } else boxes[k])
            Ways =
                Array.init p.Arrows.Length (fun k ->
                    match whole.Ways.TryGetValue k with
                    | true, way -> way
                    | _ -> [])
        }
