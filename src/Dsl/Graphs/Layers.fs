namespace Inference

open System
open System.Collections.Generic

/// What is laid out in layers: something of a size, or a place that a long line passes through.
type internal LayerItem =
    {
        Width: float
        Height: float
        /// The layer, or −1 where it is to be found.
        Layer: int
    }

/// A line from one item to another in a later layer; it leaves and enters them so far from their left sides.
type internal LayerLink = { Tail: int; Head: int; TailAt: float; HeadAt: float }

/// Items from top to bottom, each below those that lead to it, with the lines between them as straight as can be: Sugiyama, Tagawa and Toda,
/// Methods for visual understanding of hierarchical system structures, 1981. For the dozens of nodes that a picture has.
[<RequireQualifiedAccess>]
module internal Layers =
    [<Literal>]
    let private Between = 22.0

    /// The order of items such that links lead forward, as far as there is one: links that close a circle are left out.
    let forward (count: int) (links: (int * int) list) : (int * int) list =
        let next =
            Array.init count (fun k -> links |> List.choose (fun (a, b) -> if a = k then Some b else None))

        let state = Array.zeroCreate<int> count
        let back = HashSet<struct (int * int)>()

        let rec visit k =
            state[k] <- 1

            for m in next[k] do
                if state[m] = 1 then
                    back.Add(struct (k, m)) |> ignore
                elif state[m] = 0 then
                    visit m

            state[k] <- 2

        for k in 0 .. count - 1 do
            if state[k] = 0 then
                visit k

        links |> List.filter (fun (a, b) -> not (back.Contains(struct (a, b))))

    /// The layer of each item: below all that lead to it, and just above what it leads to if nothing leads to it.
    let layersOf (count: int) (links: (int * int) list) : int[] =
        let layer = Array.zeroCreate<int> count

        for _ in 1..count do
            for a, b in links do
                layer[b] <- max layer[b] (layer[a] + 1)

        let isRoot k = links |> List.forall (fun (_, b) -> b <> k)

        for k in 0 .. count - 1 do
            match links |> List.filter (fun (a, _) -> a = k) with
            | [] -> ()
            | own when isRoot k -> layer[k] <- (own |> List.map (fun (_, b) -> layer[b]) |> List.min) - 1
            | _ -> ()

        layer

    let private mean (values: float seq) = if Seq.isEmpty values then nan else Seq.average values

    /// Rows in an order in which few lines cross: each row is sorted by where its neighbours stand, down and up again and again. `near` gives
    /// the neighbours of an item in a row, and at which part of their widths its lines meet them.
    let private ordered (rows: int[][]) (near: int -> int -> (int * float) seq) =
        let place = Dictionary<int, float>()

        let number (row: int[]) = row |> Array.iteri (fun k item -> place[item] <- double k / double row.Length)

        Array.iter number rows

        for sweep in 1..12 do
            let down = sweep % 2 = 1
            let order = if down then [ 1 .. rows.Length - 1 ] else [ rows.Length - 2 .. -1 .. 0 ]

            for r in order do
                let towards = if down then r - 1 else r + 1

                let wish item =
                    let share = 1.0 / double rows[towards].Length
                    let m = near item towards |> Seq.map (fun (other, at) -> place[other] + at * share) |> mean
                    if Double.IsNaN m then place[item] else m

                rows[r] <- Array.sortBy wish rows[r]
                number rows[r]

        rows

    /// Left sides nearest to what is wished for that keep the order and the distances of a row.
    let private spread (widths: float[]) (wishes: float[]) =
        let n = widths.Length
        let right, left = Array.copy wishes, Array.copy wishes

        for k in 1 .. n - 1 do
            right[k] <- max right[k] (right[k - 1] + widths[k - 1] + Between)

        for k in n - 2 .. -1 .. 0 do
            left[k] <- min left[k] (left[k + 1] - widths[k] - Between)

        // both keep the distances, and so does what lies between them
        Array.map2 (fun a b -> 0.5 * (a + b)) right left

    /// The left side of each item.
    let place (items: LayerItem[]) (links: LayerLink list) : float[] =
        let rows =
            let last = items |> Array.map (fun i -> i.Layer) |> Array.max

            Array.init (last + 1) (fun r ->
                [|
                    for k in 0 .. items.Length - 1 do
                        if items[k].Layer = r then
                            k
                |])

        let touching =
            Array.init items.Length (fun k ->
                [
                    for l in links do
                        if l.Tail = k then
                            l.Head, l.TailAt, l.HeadAt

                        if l.Head = k then
                            l.Tail, l.HeadAt, l.TailAt
                ])

        let near item row =
            touching[item]
            |> Seq.filter (fun (other, _, _) -> items[other].Layer = row)
            |> Seq.map (fun (other, _, its) -> other, (if items[other].Width > 0.0 then its / items[other].Width else 0.5))

        let rows = ordered rows near
        let x = Array.zeroCreate<float> items.Length

        for row in rows do
            let starts = row |> Array.scan (fun at k -> at + items[k].Width + Between) 0.0
            let middle = 0.5 * (Array.last starts - Between)
            row |> Array.iteri (fun k item -> x[item] <- starts[k] - middle)

        for sweep in 1..24 do
            let down = sweep % 2 = 1

            for r in (if down then [ 0 .. rows.Length - 1 ] else [ rows.Length - 1 .. -1 .. 0 ]) do
                let wish item =
                    let m = touching[item] |> Seq.map (fun (other, own, its) -> x[other] + its - own) |> mean
                    if Double.IsNaN m then x[item] else m

                let row = rows[r]
                let placed = spread (row |> Array.map (fun k -> items[k].Width)) (row |> Array.map wish)
                row |> Array.iteri (fun k item -> x[item] <- placed[k])

        x
