/// Pictures of graphs: well-formed whatever names there are, and nothing over anything else.
module Inference.Dsl.Tests.Graphs.DrawingTests

open System
open System.Globalization
open System.Text
open System.Xml.Linq
open FsCheck
open FsCheck.FSharp
open Inference
open Inference.Dsl.Tests.Evaluation
open Inference.Dsl.Tests.Graphs.RandomModels
open Xunit

/// A program whose sites, plates, chains and parameters have these names.
let private named (names: string list) : ModelGraph =
    let part k =
        List.item (k % names.Length) names + (if k < names.Length then "" else string k)

    let weight = Parameter.create ("w" + part 0) [||] (Initializer.Constant 1.0)
    let normal mean = L.Normal(mean, L.Fill 1.0)

    ModelGraph.ofProgram
        (part 1)
        (prob {
            let! a = L.Sample("a" + part 2, normal (L.Fill 0.0))

            let! _ =
                Prob.plate
                    (FreeIndex("p" + part 3, Extent.Fixed 3, IndexKind.Plate))
                    (Prob.markov (FreeIndex("t" + part 4, Extent.Fixed 4, IndexKind.Time)) a (fun s ->
                        prob {
                            let! x = L.Sample("x" + part 5, normal (weight * s))
                            do! L.Observe("y" + part 6, normal x, L.Fill 0.0)
                            return x, ()
                        }))

            do! Prob.factor a
        })

let private anyNames count (property: string list -> bool) =
    let names =
        ArbMap.defaults
        |> ArbMap.generate<NonNull<string>>
        |> Gen.map (fun s -> s.Get)
        |> Gen.listOfLength 7

    let hostile =
        Gen.elements
            [
                "\""
                "\\"
                "\\\""
                "]]>"
                "</svg>"
                "&amp;"
                "#quot;"
                "\n"
                "\000"
                "\uFFFE"
                "end"
                "-->"
                "{}"
                "é𝒳"
            ]

    let mixed = Gen.map2 (List.map2 (+)) names (Gen.listOfLength 7 hostile)
    Check.One(Config.QuickThrowOnFailure.WithMaxTest count, Prop.forAll (Arb.fromGen (Gen.oneof [ names; mixed ])) property)

let private shown (text: string) =
    String.Join(
        "",
        [
            for rune in text.EnumerateRunes() ->
                let isXml = rune.Value >= 32 || rune.Value = 9 || rune.Value = 10

                if isXml && rune.Value <> 0xFFFE && rune.Value <> 0xFFFF then
                    rune.ToString()
                else
                    "\uFFFD"
        ]
    )

[<Fact>]
let ``SVG is well-formed XML with all names in it, whatever they are`` () =
    anyNames 300 (fun names ->
        let graph = named names

        let titles =
            [
                for t in (XDocument.Parse(graph.ToSvg())).Descendants(XName.Get("title", "http://www.w3.org/2000/svg")) -> t.Value
            ]

        [
            for n in graph.Nodes do
                if n.Kind <> NodeKind.Parameter then
                    n.Name
        ]
        |> List.forall (fun name -> titles |> List.exists (fun t -> t.StartsWith(shown name, StringComparison.Ordinal))))

/// Tokens of the DOT language: quoted strings, taken out of their quotes, and all else.
let private tokens (dot: string) =
    let rec from k (found: (bool * string) list) =
        if k >= dot.Length then
            List.rev found
        elif Char.IsWhiteSpace dot[k] then
            from (k + 1) found
        elif dot[k] = '"' then
            let text = StringBuilder()

            let rec inside j =
                match dot[j] with
                | '"' -> j + 1
                | '\\' ->
                    text.Append(if dot[j + 1] = 'n' then '\n' else dot[j + 1]) |> ignore
                    inside (j + 2)
                | ch ->
                    text.Append ch |> ignore
                    inside (j + 1)

            let after = inside (k + 1)
            from after ((true, text.ToString()) :: found)
        elif Char.IsAsciiLetterOrDigit dot[k] || dot[k] = '_' then
            let stop =
                seq { k .. dot.Length }
                |> Seq.find (fun j -> j = dot.Length || not (Char.IsAsciiLetterOrDigit dot[j] || dot[j] = '_'))

            from stop ((false, dot.Substring(k, stop - k)) :: found)
        elif dot.AsSpan(k).StartsWith("->") then
            from (k + 2) ((false, "->") :: found)
        elif "{}[]=,;".Contains dot[k] then
            from (k + 1) ((false, string dot[k]) :: found)
        else
            failwith $"'{dot[k]}' stands outside of quotes."

    from 0 []

[<Fact>]
let ``DOT is made of its tokens, with brackets that close, whatever the names are`` () =
    anyNames 300 (fun names ->
        let graph = named names
        let found = tokens (graph.ToDot())
        let plain = found |> List.filter (fst >> not) |> List.map snd
        let count x = plain |> List.filter ((=) x) |> List.length
        let labels = found |> List.filter fst |> List.map snd
        let same (a: string) (b: string) = a.Replace("\r", "").Replace("\000", "\uFFFD") = b

        let isLabelled (n: GraphNode) =
            let last = n.Name.Substring(n.Name.LastIndexOf '/' + 1)

            n.Kind = NodeKind.Parameter
            || labels
               |> List.exists (fun l -> l.Contains(last.Replace("\r", "").Replace("\000", "\uFFFD"), StringComparison.Ordinal))

        plain.Head = "digraph"
        && same graph.Name labels.Head
        && count "{" = count "}"
        && count "[" = count "]"
        && Seq.forall isLabelled graph.Nodes)

[<Fact>]
let ``Each line of Mermaid is a statement, with quotes around text alone, whatever the names are`` () =
    let statement =
        RegularExpressions.Regex(
            "^(flowchart TB|end|subgraph b\\d+ \\[\"[^\"]*\"\\]|n\\d+[\\[({/]+\"[^\"]*\"[\\])}/]+|n\\d+ --> n\\d+|n\\d+ -\\. \"[^\"]*\" \\.-> n\\d+|class [n\\d,]+ \\w+|classDef \\w+ [\\w:#,\\- ]+)$"
        )

    anyNames 300 (fun names ->
        (named names).ToMermaid().TrimEnd('\n').Split '\n'
        |> Array.forall (fun line -> statement.IsMatch(line.Trim ' ') && not (line.Contains ';' && not (line.Contains '#'))))

let private svg = XNamespace.Get "http://www.w3.org/2000/svg"

let private frameOf (x: XElement) =
    let number (name: string) = Double.Parse(x.Attribute(XName.Get name).Value, CultureInfo.InvariantCulture)

    if x.Name.LocalName = "rect" then
        number "x", number "y", number "x" + number "width", number "y" + number "height"
    else
        let points =
            x.Attribute(XName.Get "points").Value.Split ' '
            |> Array.map (fun p -> Double.Parse(p, CultureInfo.InvariantCulture))
            |> Array.chunkBySize 2

        let along k = points |> Array.map (Array.item k)
        Array.min (along 0), Array.min (along 1), Array.max (along 0), Array.max (along 1)

[<Fact>]
let ``Nodes stand apart, within the frames of their plates and chains and no others`` () =
    holds 300 (fun random ->
        let m = layout random
        let graph = ModelGraph.ofProgram "random" (programOfLayout m)
        let root = (XDocument.Parse(graph.ToSvg())).Root

        let classOf (x: XElement) =
            match x.Attribute(XName.Get "class") with
            | null -> ""
            | a -> a.Value

        let boxes =
            [
                for r in root.Elements(svg + "rect") do
                    if classOf r = "box" then
                        frameOf r
            ]

        let nodes =
            [
                for g in root.Elements(svg + "g") do
                    let body = g.Elements() |> Seq.find (fun x -> x.Name.LocalName = "rect" || x.Name.LocalName = "polygon")
                    g.Element(svg + "title").Value, frameOf body
            ]

        let apart (ax, ay, aX, aY) (bx, by, bX, bY) = aX < bx || bX < ax || aY < by || bY < ay
        let inside (ax, ay, aX, aY) (bx, by, bX, bY) = bx < ax && by < ay && aX < bX && aY < bY

        let depth (title: string) =
            let name = title.Split([| ' '; ',' |])[0]
            (graph.Node name).Indices.Length

        List.allPairs (List.indexed nodes) (List.indexed nodes)
        |> List.forall (fun ((i, (_, a)), (j, (_, b))) -> i >= j || apart a b)
        && List.allPairs nodes boxes |> List.forall (fun ((_, a), b) -> inside a b || apart a b)
        && nodes |> List.forall (fun (title, a) -> (boxes |> List.filter (inside a)).Length = depth title))

[<Fact>]
let ``An empty program has an empty picture`` () =
    let graph = ModelGraph.ofProgram "nothing" (Prob.result ())
    Assert.Empty graph.Nodes
    Assert.NotNull(XDocument.Parse(graph.ToSvg()).Root)
