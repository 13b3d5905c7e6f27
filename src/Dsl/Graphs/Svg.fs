namespace Inference

open System
open System.Globalization
open System.Text

/// Pictures of graphs as SVG, without scripts or fonts of their own. In a page that has the variables of the project's reports they take its
/// colours; alone they bring their own, light or dark.
[<RequireQualifiedAccess>]
module internal Svg =
    let private style =
        """
.model-graph { --g-paper: var(--surface, #ffffff); --g-ink: var(--ink, #1c1c1a); --g-muted: var(--muted, #66645d);
  --g-line: var(--line, #cfcbc0); --g-fill: #e4e1d9; --g-accent: var(--accent, #0a6c70);
  font-family: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "Helvetica Neue", Arial, sans-serif; }
@media (prefers-color-scheme: dark) { :root:not([data-theme="light"]) .model-graph, .model-graph:root {
  --g-paper: var(--surface, #181b1c); --g-ink: var(--ink, #ebeae6); --g-muted: var(--muted, #a09f99);
  --g-line: var(--line, #3b4042); --g-fill: #363b3d; --g-accent: var(--accent, #52c4bd); } }
:root[data-theme="dark"] .model-graph { --g-fill: #363b3d; }
.model-graph .paper { fill: var(--g-paper); }
.model-graph .box { fill: none; stroke: var(--g-line); stroke-width: 1.5; }
.model-graph text { fill: var(--g-ink); font-size: 13px; text-anchor: middle; }
.model-graph text.small { fill: var(--g-muted); font-size: 10.5px; }
.model-graph text.title { fill: var(--g-muted); font-size: 11px; text-anchor: end; }
.model-graph text.beside { fill: var(--g-muted); font-size: 10.5px; text-anchor: start; paint-order: stroke; stroke: var(--g-paper); stroke-width: 4px; }
.model-graph .site { fill: var(--g-paper); stroke: var(--g-ink); stroke-width: 1.5; }
.model-graph .observed { fill: var(--g-fill); }
.model-graph .set { fill: none; stroke: var(--g-ink); stroke-width: 1.5; }
.model-graph .computed { fill: var(--g-paper); stroke: var(--g-ink); stroke-width: 1.5; }
.model-graph .factor { fill: var(--g-ink); }
.model-graph .input { fill: var(--g-paper); stroke: var(--g-muted); stroke-width: 1; }
.model-graph .parameter { fill: none; stroke: var(--g-line); stroke-width: 1; stroke-dasharray: 1.5 2.5; }
.model-graph .past { stroke-dasharray: 4 3; stroke-width: 1.2; }
.model-graph .arrow { fill: none; stroke: var(--g-ink); stroke-width: 1.2; }
.model-graph .leaf { stroke: var(--g-muted); stroke-width: 0.9; }
.model-graph .head { fill: var(--g-ink); }
.model-graph .leaf.head { fill: var(--g-muted); stroke: none; }
"""

    /// Text of XML: what XML has no place for is shown as U+FFFD.
    let private escape (text: string) =
        let escaped = StringBuilder()

        for rune in text.EnumerateRunes() do
            match rune.Value with
            | 38 -> escaped.Append "&amp;"
            | 60 -> escaped.Append "&lt;"
            | 62 -> escaped.Append "&gt;"
            | 34 -> escaped.Append "&quot;"
            | c when (c < 32 && c <> 9 && c <> 10) || c = 0xFFFE || c = 0xFFFF -> escaped.Append '\uFFFD'
            | _ -> escaped.Append(rune.ToString())
            |> ignore

        escaped.ToString()

    let private short (text: string) =
        let text = text.ReplaceLineEndings " "
        let elements = StringInfo text

        if elements.LengthInTextElements <= 26 then
            text
        else
            elements.SubstringByTextElements(0, 25) + "…"

    let private widthOf perLetter (text: string) = perLetter * double (StringInfo(short text)).LengthInTextElements

    /// Letters of these sizes are about so wide.
    let private sizeOf (n: PictureNode) =
        match n.Kind with
        | NodeKind.Factor -> max 16.0 (widthOf 5.8 n.Label), 32.0
        | NodeKind.Parameter -> widthOf 6.2 n.Label + 18.0, 22.0
        | NodeKind.Input -> widthOf 7.4 n.Label + 22.0, 26.0
        | NodeKind.Latent
        | NodeKind.Observed
        | NodeKind.Intervened
        | NodeKind.Deterministic ->
            let text = max (widthOf 7.4 n.Label) (widthOf 5.8 n.Distribution)
            let height = if n.Distribution = "" then 34.0 else 44.0
            max 56.0 (text + (if n.Kind = NodeKind.Deterministic then 36.0 else 30.0)), height

    let private number (x: float) = Math.Round(x, 1).ToString CultureInfo.InvariantCulture
    let private point (x, y) = $"{number x} {number y}"

    let private rectangle (f: Frame) radius (classes: string) =
        $"<rect class=\"{classes}\" x=\"{number f.X}\" y=\"{number f.Y}\" width=\"{number f.Width}\" height=\"{number f.Height}\" rx=\"{number radius}\"/>"

    let private within by (f: Frame) =
        {
            X = f.X + by
            Y = f.Y + by
            Width = f.Width - 2.0 * by
            Height = f.Height - 2.0 * by
        }

    /// A lozenge with flat top and bottom: what is computed.
    let private hexagon (f: Frame) classes =
        let c, r, b = 14.0, f.X + f.Width, f.Y + f.Height
        let m = f.Y + 0.5 * f.Height

        let points =
            [ f.X, m; f.X + c, f.Y; r - c, f.Y; r, m; r - c, b; f.X + c, b ]
            |> List.map point
            |> String.concat " "

        $"<polygon class=\"{classes}\" points=\"{points}\"/>"

    /// What arrows lead to: of a factor, which has its name below it, the square.
    let private bodyOf (n: PictureNode) (f: Frame) =
        match n.Kind with
        | NodeKind.Factor -> { f with X = f.X + 0.5 * f.Width - 8.0; Width = 16.0; Height = 16.0 }
        | NodeKind.Latent
        | NodeKind.Observed
        | NodeKind.Intervened
        | NodeKind.Deterministic
        | NodeKind.Input
        | NodeKind.Parameter -> f

    let private outline (n: PictureNode) (f: Frame) =
        let past = if n.IsPast then " past" else ""
        let round = 0.5 * f.Height

        match n.Kind with
        | NodeKind.Latent -> [ rectangle f round ("site" + past) ]
        | NodeKind.Observed -> [ rectangle f round ("site observed" + past) ]
        | NodeKind.Intervened -> [ rectangle f round "site observed"; rectangle (within 3.0 f) (round - 3.0) "set" ]
        | NodeKind.Deterministic -> [ hexagon f ("computed" + past) ]
        | NodeKind.Factor -> [ rectangle (bodyOf n f) 2.0 "factor" ]
        | NodeKind.Input -> [ rectangle f 4.0 ("input" + past) ]
        | NodeKind.Parameter -> [ rectangle f 4.0 "parameter" ]

    let private textAt classes (x, y) (text: string) =
        let classes = if classes = "" then "" else $" class=\"{classes}\""
        $"<text{classes} x=\"{number x}\" y=\"{number y}\">{escape (short text)}</text>"

    let private caption (n: PictureNode) (f: Frame) =
        let x, y = f.X + 0.5 * f.Width, f.Y + 0.5 * f.Height

        match n.Kind with
        | NodeKind.Factor -> [ textAt "small" (x, f.Y + 28.0) n.Label ]
        | NodeKind.Parameter -> [ textAt "small" (x, y + 3.5) n.Label ]
        | NodeKind.Latent
        | NodeKind.Observed
        | NodeKind.Intervened
        | NodeKind.Deterministic
        | NodeKind.Input when n.Distribution = "" -> [ textAt "" (x, y + 4.5) n.Label ]
        | NodeKind.Latent
        | NodeKind.Observed
        | NodeKind.Intervened
        | NodeKind.Deterministic
        | NodeKind.Input -> [ textAt "" (x, y - 1.5) n.Label; textAt "small" (x, y + 13.0) n.Distribution ]

    /// Where a line from a point to a node's middle meets the node: nodes are round or nearly so at their sides.
    let private edgeOf (f: Frame) (x, y) =
        let cx, cy = f.X + 0.5 * f.Width, f.Y + 0.5 * f.Height
        let dx, dy = x - cx, y - cy
        // a stadium: a box of no height between two half circles
        let r = 0.5 * f.Height
        let flat = max 0.0 (0.5 * f.Width - r)

        let isOutside t =
            let px, py = abs (t * dx), abs (t * dy)
            let beyond = max 0.0 (px - flat)
            beyond * beyond + py * py >= r * r

        let rec bisect low high k =
            if k = 0 then
                high
            else
                let t = 0.5 * (low + high)
                if isOutside t then bisect low t (k - 1) else bisect t high (k - 1)

        let t = bisect 0.0 1.0 24
        cx + t * dx, cy + t * dy

    /// A smooth line through points, straight if they are two: upright where it passes between others, and straight towards its ends.
    let private smooth (way: (float * float)[]) =
        let text = StringBuilder($"M{point way[0]}")

        for k in 0 .. way.Length - 2 do
            let (ax, ay), (bx, by) = way[k], way[k + 1]
            let part = 0.45
            let first = (if k = 0 then ax + 0.3 * (bx - ax) else ax), ay + part * (by - ay)
            let second = (if k = way.Length - 2 then bx - 0.3 * (bx - ax) else bx), by - part * (by - ay)
            text.Append($"C{point first} {point second} {point (bx, by)}") |> ignore

        text.ToString()

    let private head (fx, fy) (tx, ty) =
        let d = max 1e-6 (sqrt ((tx - fx) ** 2.0 + (ty - fy) ** 2.0))
        let ux, uy = (tx - fx) / d, (ty - fy) / d
        let side s = tx - 8.0 * ux - s * 3.4 * uy, ty - 8.0 * uy + s * 3.4 * ux
        $"M{point (tx, ty)}L{point (side 1.0)}L{point (side -1.0)}Z"

    let private arrow (p: Picture) (l: Layout) k =
        let a = p.Arrows[k]
        let bodyOf k = bodyOf p.Nodes[k] l.Nodes[k]
        let source, target = bodyOf a.From, bodyOf a.To
        let middle (f: Frame) = f.X + 0.5 * f.Width, f.Y + 0.5 * f.Height

        let inner =
            match l.Ways[k] with
            | [] -> []
            | way -> way |> List.skip 1 |> List.truncate (way.Length - 2)

        let next = inner |> List.tryHead |> Option.defaultValue (middle target)
        let last = inner |> List.tryLast |> Option.defaultValue (middle source)
        let way = [| edgeOf source next; yield! inner; edgeOf target last |]

        let leaf =
            match p.Nodes[a.From].Kind with
            | NodeKind.Input
            | NodeKind.Parameter -> " leaf"
            | NodeKind.Latent
            | NodeKind.Observed
            | NodeKind.Intervened
            | NodeKind.Deterministic
            | NodeKind.Factor -> ""

        let before = way[way.Length - 2]

        [
            $"<path class=\"arrow{leaf}\" d=\"{smooth way}\"/>"
            $"<path class=\"head{leaf}\" d=\"{head before way[way.Length - 1]}\"/>"
            if a.Label <> "" then
                let (x, y), (u, v) = way[way.Length - 1], before
                textAt "beside" (x + 0.45 * (u - x) + 6.0, y + 0.45 * (v - y) + 4.0) a.Label
        ]

    let private box (p: Picture) (l: Layout) k =
        let f = l.Boxes[k]

        [
            rectangle f 10.0 "box"
            textAt "title" (f.X + f.Width - 10.0, f.Y + f.Height - 8.0) p.Boxes[k].Title
        ]

    let private node (p: Picture) (l: Layout) k =
        let n, f = p.Nodes[k], l.Nodes[k]
        [ $"<g><title>{escape n.Note}</title>" ] @ outline n f @ caption n f @ [ "</g>" ]

    /// The whole of an SVG file.
    let of' (p: Picture) : string =
        let l =
            if p.Nodes.Length = 0 then
                { Width = 56.0; Height = 34.0; Nodes = [||]; Boxes = [||]; Ways = [||] }
            else
                Layout.of' (fun k -> sizeOf p.Nodes[k]) p

        String.Join(
            "\n",
            [
                $"<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"model-graph\" role=\"img\" width=\"{number l.Width}\" height=\"{number l.Height}\" viewBox=\"0 0 {number l.Width} {number l.Height}\">"
                $"<title>{escape p.Title}</title>"
                $"<style>{style}</style>"
                rectangle { X = 0.0; Y = 0.0; Width = l.Width; Height = l.Height } 10.0 "paper"
                for k in 1 .. l.Boxes.Length - 1 do
                    yield! box p l k
                for k in 0 .. p.Arrows.Length - 1 do
                    yield! arrow p l k
                for k in 0 .. p.Nodes.Length - 1 do
                    yield! node p l k
                "</svg>"
                ""
            ]
        )
