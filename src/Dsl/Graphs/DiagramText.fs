namespace Inference

open System
open System.Text

/// Pictures of graphs as texts that other tools draw.
[<RequireQualifiedAccess>]
module internal DiagramText =
    /// The boxes within a box, and the nodes in it alone.
    let private inside (p: Picture) (box: int) =
        [
            for k in 1 .. p.Boxes.Length - 1 do
                if p.Boxes[k].Within = box then
                    k
        ],
        [
            for k in 0 .. p.Nodes.Length - 1 do
                if p.Nodes[k].Box = box then
                    k
        ]

    let private caption (n: PictureNode) newLine =
        if n.Distribution = "" then n.Label
        elif n.IsPast then $"{n.Label}{newLine}({n.Distribution})"
        else $"{n.Label}{newLine}{n.Distribution}"

    /// A string of the DOT language (graphviz.org, "The DOT language"): in quotes, with quotes and backslashes escaped. It holds no
    /// null character.
    let private dotString (text: string) =
        let escaped =
            text.Replace("\\", "\\\\").Replace("\"", "\\\"").Replace("\r", "").Replace("\n", "\\n").Replace("\000", "\uFFFD")

        "\"" + escaped + "\""

    let private dotStyle (n: PictureNode) =
        let outline = if n.IsPast then [ "style=\"dashed\"" ] else []

        match n.Kind with
        | NodeKind.Latent -> [ "shape=ellipse" ] @ outline
        | NodeKind.Observed ->
            [
                "shape=ellipse"
                (if n.IsPast then "style=\"filled,dashed\"" else "style=filled")
                "fillcolor=gray85"
            ]
        | NodeKind.Intervened -> [ "shape=ellipse"; "peripheries=2"; "style=filled"; "fillcolor=gray85" ]
        | NodeKind.Deterministic -> [ "shape=diamond" ] @ outline
        | NodeKind.Factor -> [ "shape=square"; "style=filled"; "fillcolor=black"; "fontcolor=white" ]
        | NodeKind.Input -> [ "shape=box" ] @ outline
        | NodeKind.Parameter -> [ "shape=plain" ] @ outline

    /// The picture in the DOT language of Graphviz.
    let dot (p: Picture) : string =
        let text = StringBuilder()
        let line depth (s: string) = text.Append(' ', 2 * depth).Append(s).Append('\n') |> ignore
        line 0 $"digraph {dotString p.Title} {{"
        line 1 "graph [rankdir=TB, fontname=\"sans-serif\", labeljust=r, labelloc=b];"
        line 1 "node [fontname=\"sans-serif\"];"
        line 1 "edge [fontname=\"sans-serif\", fontsize=10];"

        let rec draw depth box =
            let boxes, nodes = inside p box

            for k in nodes do
                let attributes = $"label={dotString (caption p.Nodes[k] Environment.NewLine)}" :: dotStyle p.Nodes[k]
                let list = String.Join(", ", attributes)
                line depth $"n{k} [{list}];"

            for k in boxes do
                line depth $"subgraph cluster_{k} {{"
                line (depth + 1) $"label={dotString p.Boxes[k].Title};"
                line (depth + 1) "style=rounded;"
                draw (depth + 1) k
                line depth "}"

        draw 1 0

        for a in p.Arrows do
            let label = if a.Label = "" then "" else $" [label={dotString a.Label}, style=dashed]"
            line 1 $"n{a.From} -> n{a.To}{label};"

        line 0 "}"
        text.ToString()

    /// A string of Mermaid: in quotes, with all that may mean something to it or to HTML as numbered entities.
    let private mermaidString (text: string) =
        let isPlain (ch: char) = Char.IsLetterOrDigit ch || " _-=./,()·…−′[]*+:".Contains ch
        let escaped = StringBuilder()

        for rune in text.EnumerateRunes() do
            if rune.IsBmp && isPlain (char rune.Value) then
                escaped.Append(rune.ToString()) |> ignore
            elif rune.Value = int '\n' then
                escaped.Append "<br>" |> ignore
            elif rune.Value >= 32 then
                escaped.Append('#').Append(rune.Value).Append(';') |> ignore

        "\"" + (if escaped.Length = 0 then " " else escaped.ToString()) + "\""

    let private mermaidShape (n: PictureNode) (label: string) =
        match n.Kind with
        | NodeKind.Latent
        | NodeKind.Observed -> $"([{label}])"
        | NodeKind.Intervened -> $"((({label})))"
        | NodeKind.Deterministic -> $"{{{{{label}}}}}"
        | NodeKind.Factor
        | NodeKind.Input -> $"[{label}]"
        | NodeKind.Parameter -> $"[/{label}/]"

    let private mermaidClass (n: PictureNode) =
        match n.IsPast, n.Kind with
        | true, _ -> Some "past"
        | false, NodeKind.Observed -> Some "observed"
        | false, NodeKind.Factor -> Some "factor"
        | false, (NodeKind.Latent | NodeKind.Intervened | NodeKind.Deterministic | NodeKind.Input | NodeKind.Parameter) -> None

    /// The picture as a Mermaid flowchart.
    let mermaid (p: Picture) : string =
        let text = StringBuilder()
        let line depth (s: string) = text.Append(' ', 2 * depth).Append(s).Append('\n') |> ignore
        line 0 "flowchart TB"

        let rec draw depth box =
            let boxes, nodes = inside p box

            for k in nodes do
                let shape = mermaidShape p.Nodes[k] (mermaidString (caption p.Nodes[k] "\n"))
                line depth $"n{k}{shape}"

            for k in boxes do
                line depth $"subgraph b{k} [{mermaidString p.Boxes[k].Title}]"
                draw (depth + 1) k
                line depth "end"

        draw 1 0

        for a in p.Arrows do
            line
                1
                (if a.Label = "" then
                     $"n{a.From} --> n{a.To}"
                 else
                     $"n{a.From} -. {mermaidString a.Label} .-> n{a.To}")

        let classes = p.Nodes |> Array.mapi (fun k n -> mermaidClass n, k) |> Array.groupBy fst

        for name, own in classes do
            match name with
            | Some name ->
                let ids = own |> Array.map (fun (_, k) -> $"n{k}") |> String.concat ","
                line 1 $"class {ids} {name}"
            | None -> ()

        line 1 "classDef observed fill:#dcdad2,stroke:#66645d,color:#1c1c1a"
        line 1 "classDef factor fill:#1c1c1a,stroke:#1c1c1a,color:#ffffff"
        line 1 "classDef past stroke-dasharray:4 3"
        text.ToString()
