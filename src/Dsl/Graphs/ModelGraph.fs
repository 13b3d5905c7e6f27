namespace Inference

open System
open System.Collections.Generic
open System.Runtime.InteropServices

/// The graph of a model: its sites, factors and what its chains carry, with the plates and chains that they stand in, and the inputs and
/// parameters that they read.
[<Sealed>]
type ModelGraph internal (name: string, nodes: GraphNode list, edges: GraphEdge list) =
    let all = Array.ofList nodes

    let isOrdered =
        let ordered = HashSet<FreeIndex>(HashIdentity.Reference)

        for e in edges do
            for i, p in e.At do
                match p with
                | Position.Before _
                | Position.FromEnd _ -> ordered.Add i |> ignore
                | Position.Same
                | Position.Every -> ()

            for i, _ in e.Only do
                ordered.Add i |> ignore

        fun (i: FreeIndex) -> i.Kind <> IndexKind.Plate || ordered.Contains i

    let isVariable (n: GraphNode) = n.IsVariable || n.Kind = NodeKind.Factor
    let random = all |> Array.filter isVariable
    let between = edges |> List.filter (fun e -> isVariable e.From && isVariable e.To) |> Array.ofList

    let variables (text: string) =
        let named = Naming.variables name all isOrdered text

        if not named.Node.IsVariable then
            Fail.model
                $"\"{named.Node.Name}\" is {named.Node.Kind}: independence is asked of variables."
                "Name a site, or what a chain carries."

        named

    let picture () = Picture.of' name isOrdered nodes edges
    let unroll (meaning: Meaning) = Unrolled(random, between, meaning.ValuesOf)
    let wholly names = Meaning(names, isOrdered, (fun i -> i.Capacity))

    /// The variables that names stand for, or nothing if one of them is at no step.
    let found (g: Unrolled) (meaning: Meaning) steps (names: Named list) : int list option =
        names
        |> List.map (fun n ->
            let at = n.At |> List.map (fun (i, s) -> i, meaning.Value(steps, i, s))

            if at |> List.exists (fun (_, v) -> v.IsNone) then
                None
            else
                Some(g.Find(n.Node, at |> List.map (fun (i, v) -> i, v.Value))))
        |> fun each ->
            if List.forall Option.isSome each then
                Some(List.collect Option.get each |> List.distinct)
            else
                None

    let factors (g: Unrolled) =
        [
            for v in 0 .. g.Count - 1 do
                if g.Node(v).Kind = NodeKind.Factor then
                    v
        ]

    let quoted (names: string seq) = names |> String.concat ", "

    let trailText (g: Unrolled) (text: int -> string) (trail: int list) =
        let arrows =
            trail
            |> List.pairwise
            |> List.map (fun (a, b) -> (if g.Parents(b).Contains a then " → " else " ← ") + text b)

        text trail.Head + String.Join("", arrows)

    /// Why arrows may meet on a trail: each of these variables is given, or leads to one that is.
    let reasons (g: Unrolled) (text: int -> string) (given: HashSet<int>) (trail: int list) =
        let verb v = if g.Node(v).Kind = NodeKind.Factor then "weighs every run" else "is given"

        [
            for v in Separation.colliders g trail do
                if given.Contains v then
                    $"{text v} {verb v}"
                else
                    let below = g.Descendants [ v ]
                    let known = given |> Seq.filter (fun u -> below[u]) |> Seq.min
                    $"{text v} leads to {text known}, which {verb known}"
        ]

    let condition given =
        if List.isEmpty given then
            ""
        else
            " given " + quoted (given |> List.map (fun n -> n.Text))

    let dependent (g: Unrolled) (meaning: Meaning) steps (a: Named) (b: Named) given known (trail: int list) =
        let text v = meaning.Text(g, steps, v)
        let where = steps |> List.map (fun ((_, l), t) -> $"{l} = {t}") |> String.concat ", "

        let why =
            match reasons g text (HashSet<int>(known: int list)) trail with
            | [] -> ""
            | reasons -> ": " + String.Join("; ", reasons)

        {
            IsIndependent = false
            Path = trail |> List.map text |> Array.ofList
            Explanation =
                $"{a.Text} and {b.Text} are not independent{condition given}."
                + Environment.NewLine
                + $"  {trailText g text trail} is open{why}."
                + (if where = "" then "" else $" This is for {where}.")
        }

    /// Whether sets that must not share a variable share one.
    let meets (sets: int list list) = (List.concat sets |> List.distinct).Length < (sets |> List.sumBy List.length)

    /// Tries the ways in which letters may stand for steps: the variables that are asked for, and an open trail between them, of the first way that has one.
    /// None if the question is none for any of these.
    let tried (q: Question) (meaning: Meaning) (g: Unrolled) ways =
        let fixedOnes = factors g
        let mutable asked = false

        let openFor steps =
            match found g meaning steps [ q.First ], found g meaning steps [ q.Second ], found g meaning steps q.Given with
            | Some va, Some vb, Some vz when not (meets [ va; vb; vz ]) ->
                asked <- true
                let known = vz @ fixedOnes
                Separation.openTrail g va vb known |> Option.map (fun trail -> steps, known, trail)
            | _ -> None

        let first = Seq.tryPick openFor ways
        if asked then Some first else None

    let independent (first: string) (second: string) (given: string list) =
        let q =
            {
                First = variables first
                Second = variables second
                Given = List.map variables given
            }

        let short = ShortQuestion(random, between, isOrdered, q)
        let asked = short.Question
        let meaning = Meaning(asked.First :: asked.Second :: asked.Given, isOrdered, short.StepsOf)
        let g = unroll meaning

        let work =
            (meaning.Steps |> List.fold (fun n (i, _) -> n * double (short.StepsOf i)) 1.0) * double g.Count

        if work > 4e9 then
            Fail.model
                $"The letters of the question stand for too many steps to try them all, {work:G2} variables."
                "Name steps by numbers, or fewer of them by letters."

        match tried asked meaning g meaning.Assignments with
        | Some None ->
            {
                IsIndependent = true
                Path = [||]
                Explanation = $"{q.First.Text} and {q.Second.Text} are independent{condition q.Given}."
            }
        | Some(Some(steps, _, _)) ->
            let meaning = wholly (q.First :: q.Second :: q.Given)
            let g = unroll meaning
            let steps, known, trail = (tried q meaning g [ short.Whole steps ]).Value.Value
            dependent g meaning steps q.First q.Second q.Given known trail
        | None ->
            Fail.model
                $"\"{q.First.Text}\" and \"{q.Second.Text}\"{condition q.Given} share variables, or stand at no steps that there are."
                "Name different variables, at steps that the chain has."

    let requireSite (n: Named) =
        match n.Node.Kind with
        | NodeKind.Latent
        | NodeKind.Observed
        | NodeKind.Intervened -> n
        | NodeKind.Deterministic
        | NodeKind.Factor
        | NodeKind.Input
        | NodeKind.Parameter -> Fail.model $"\"{n.Node.Name}\" is {n.Node.Kind}, and nothing that is set from outside." "Name a site."

    /// The variables of a set, those of a node together where the set has all of them.
    let collected (g: Unrolled) (text: int -> string) (set: int list) =
        set
        |> List.groupBy (fun v -> g.Node v)
        |> List.collect (fun (n, own) -> if own.Length = (g.Find(n, [])).Length then [ n.Name ] else List.map text own)

    let adjusting (cause: string) (effect: string) (unobserved: string list) =
        let site = variables >> requireSite
        let x, y, hidden = site cause, site effect, List.map site unobserved
        let meaning = wholly (x :: y :: hidden)

        match meaning.Steps with
        | (i, l) :: _ ->
            Fail.model $"\"{l}\" may be any step of \"{i.Name}\"; what to adjust for may differ from step to step." "Name steps by numbers."
        | [] -> ()

        match random |> Array.tryFind (fun n -> n.Kind = NodeKind.Factor) with
        | Some f ->
            Fail.model
                $"The graph has a factor, \"{f.Name}\": a run that is weighed is selected, and adjusting does not undo that."
                "Say what the factor means by an observed site, or leave it out."
        | None -> ()

        let g = unroll meaning
        let variablesOf names = found g meaning [] names |> Option.get
        let vx, vy, vh = variablesOf [ x ], variablesOf [ y ], HashSet<int>(variablesOf hidden)

        if meets [ vx; vy ] then
            Fail.model $"\"{x.Text}\" and \"{y.Text}\" share a variable." "Name different ones."

        let cost v =
            match g.Node(v).Kind with
            | NodeKind.Latent
            | NodeKind.Observed when not (vh.Contains v) ->
                Some(g.Values v |> List.fold (fun n (i, value) -> n * meaning.Repeats(i, value)) 1L)
            | _ -> None

        let without =
            if hidden.IsEmpty then
                ""
            else
                " without " + quoted (hidden |> List.map (fun n -> n.Text))

        let of' = $"the effect of {x.Text} on {y.Text}"

        match Adjusting.smallest g vx vy cost with
        | None ->
            {
                Exists = false
                Sites = [||]
                Explanation = $"No set to adjust for gives {of'}{without}."
            }
        | Some set ->
            let sites = collected g (fun v -> meaning.Text(g, [], v)) set |> Array.ofList

            {
                Exists = true
                Sites = sites
                Explanation =
                    if sites.Length = 0 then
                        $"Nothing needs to be adjusted for to have {of'}{without}."
                    else
                        $"Adjusting for {quoted sites} gives {of'}{without}; no smaller set does."
            }

    member _.Name = name
    /// Sites in the order in which they are made, then what chains carry, factors, inputs and parameters.
    member _.Nodes: IReadOnlyList<GraphNode> = all

    /// The node of a name: a path, or the end of one path alone.
    member _.Node(name': string) : GraphNode = Naming.node name all name'

    /// What a site's distribution reads, or what a factor or a carried value is computed from. Where a parent stands at other steps or plate
    /// values than the site, brackets say at which: `z[time-1]`, `z[*]`.
    member g.Parents(site: string) : IReadOnlyList<string> = Array.ofList (Relatives.parents edges (g.Node site))

    /// What reads a site, an input or a parameter, named like parents.
    member g.Children(site: string) : IReadOnlyList<string> = Array.ofList (Relatives.children edges (g.Node site))

    /// The parents, the children and the children's other parents of a site: given these, it is independent of all others.
    member g.MarkovBlanket(site: string) : IReadOnlyList<string> = Array.ofList (Relatives.blanket edges (g.Node site))

    /// Whether two variables are independent given others, in every model that has this graph. A name alone stands for a site at all its plate
    /// values and steps; brackets say which: `x[3]`, `x[t-1]`, `x[last]`, with one subscript for each plate and chain, the outermost first.
    /// Different letters stand for different values, and an answer with letters for steps is one for all such steps. Observed sites are given
    /// only where they are named; factors, which weigh every run, always are.
    member _.Independent
        (first: string, second: string, [<Optional; DefaultParameterValue(null: string seq)>] given: string seq)
        : Independence =
        independent first second (if isNull given then [] else List.ofSeq given)

    /// A smallest set of sites to adjust for when the effect of setting one site on another is asked of data, by summing
    /// p(effect | cause, set)·p(set) over the set. Sites that are not observed in the data cannot be in it.
    member _.Adjustment
        (cause: string, effect: string, [<Optional; DefaultParameterValue(null: string seq)>] unobserved: string seq)
        : Adjustment =
        adjusting cause effect (if isNull unobserved then [] else List.ofSeq unobserved)

    /// The graph in which sites are set from outside: nothing leads to them any more.
    member g.Intervene([<ParamArray>] sites: string[]) : ModelGraph =
        let isSet =
            let set = sites |> Array.map (fun s -> (requireSite (variables s)).Node)
            fun n -> set |> Array.exists (fun m -> obj.ReferenceEquals(n, m))

        let changed = Dictionary<GraphNode, GraphNode>(HashIdentity.Reference)

        for n in nodes do
            changed[n] <- if isSet n then { n with Kind = NodeKind.Intervened; IsComputed = false } else n

        let kept = edges |> List.filter (fun e -> not (isSet e.To))

        ModelGraph(
            name,
            nodes |> List.map (fun n -> changed[n]),
            kept |> List.map (fun e -> { e with From = changed[e.From]; To = changed[e.To] })
        )

    /// The graph in the DOT language of Graphviz.
    member _.ToDot() : string = DiagramText.dot (picture ())
    /// The graph as a Mermaid flowchart.
    member _.ToMermaid() : string = DiagramText.mermaid (picture ())
    /// The graph as an SVG file: latent sites white, observed ones shaded, what chains carry with corners, factors as black squares, values
    /// of earlier steps dashed, plates and chains as frames, parameters dotted, those of one network together.
    member _.ToSvg() : string = Svg.of' (picture ())
    override _.ToString() = $"graph of \"{name}\": {nodes.Length} nodes, {edges.Length} edges"
