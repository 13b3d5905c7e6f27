namespace Inference

open System
open System.Collections.Generic

/// What a program's tracing showed of a site.
type private SiteSeen =
    {
        Request: SiteRequest
        Node: GraphNode
        /// What stands for the site's value.
        Marker: Tensor
    }

/// Finds the graph of a program: runs its functions with symbolic values, and reads from the expressions that come out what depends on what.
[<RequireQualifiedAccess>]
module internal Extraction =
    let private rename (names: HashSet<string>) (name: string) =
        let unused = Seq.initInfinite (fun k -> name + String('′', k)) |> Seq.find (names.Contains >> not)
        names.Add unused |> ignore
        unused

    /// Indices in the order in which a path enters them.
    let private nested (path: string) (indices: FreeIndex list) =
        let parts = path.Split '/'

        let depth (i: FreeIndex) =
            match Array.IndexOf(parts, i.Name) with
            | -1 -> -1
            | k -> k

        indices |> List.sortBy depth

    let private kindOf (r: SiteRequest) =
        if r.IsFixed then NodeKind.Intervened
        elif r.IsObserved then NodeKind.Observed
        else NodeKind.Latent

    let private siteNode (r: SiteRequest) =
        {
            Name = r.Path
            Kind = kindOf r
            Distribution = r.Distribution.Name
            Shape = r.Distribution.Shape
            Indices = nested r.Path r.Indices
            IsComputed = not r.IsFixed && r.Distribution.Support = Support.Point
            Location = r.Location
        }

    /// A tensor that stands for a site's value wherever it is read.
    let private marker (r: SiteRequest) =
        let d = r.Distribution
        let op = Op.Input(InputSlot(r.Path, false, r.Location))
        Tensor(op, [||], d.Shape, d.DType, Array.ofList r.Indices)

    /// Traces a program. Sites of a step that is traced again are seen again: the last time counts.
    let private traced (indices: FreeIndex list) (program: Prob<'T>) =
        let seen, order = Dictionary<string, SiteSeen>(), List<string>()
        let chains, trace = Chains(), Trace()

        let see (r: SiteRequest) =
            let x = marker r

            if not (seen.ContainsKey r.Path) then
                order.Add r.Path

            seen[r.Path] <- { Request = r; Node = siteNode r; Marker = x }
            x

        // a value that is given is followed no further than to the site that has it
        let handle (r: SiteRequest) = if isNull r.Value then r else { r with Value = see r }

        program.Run
            { ProbContext.At(Choose see, trace, indices, []) with
                Handlers = [ handle ]
                Recorded = chains
            }
        |> ignore

        [ for path in order -> seen[path] ], chains, trace

    /// The carried values that need nodes of their own: those on a cycle of carried values. All others are functions of what so many
    /// earlier steps drew, and are read as that.
    let private cyclic (marks: Landmarks) : Carried list =
        let all =
            [
                for chain in marks.Chains.Values do
                    for k in 0 .. chain.Nexts.Length - 1 do
                        { Chain = chain; Number = k }
            ]

        let reads = Dictionary<Carried, Carried list>()

        for c in all do
            let start, next = c.Chain.Starts[c.Number], c.Chain.Nexts[c.Number]
            let roots = if Reads.isConstant c.Chain c.Number then [ start ] else [ start; next ]
            reads[c] <- Reads.carriesOf marks roots

        let reaches (c: Carried) =
            let seen, pending = HashSet<Carried>(), Stack<Carried>(reads[c])

            while pending.Count > 0 do
                let d = pending.Pop()

                if seen.Add d then
                    for e in reads[d] do
                        pending.Push e

            seen.Contains c

        List.filter reaches all

    let private carriedNode names (path: string) (c: Carried) =
        let x = c.Chain.Nexts[c.Number]
        let field = c.Chain.Names[c.Number]

        {
            Name = rename names (path + "/" + (if field = "" then "state" else field))
            Kind = NodeKind.Deterministic
            Distribution = ""
            Shape = x.Shape
            Indices =
                c.Chain.Carries[c.Number].Indices
                |> List.ofArray
                |> fun indices ->
                    if GraphIndex.contains c.Chain.Index indices then
                        indices
                    else
                        indices @ [ c.Chain.Index ]
                |> nested path
            IsComputed = true
            Location = Location.unknown
        }

    /// An input may have the name of the site that observes it.
    let private leafNode (names: HashSet<string>) (slot: InputSlot) (x: Tensor) =
        let kind = if slot.IsParameter then NodeKind.Parameter else NodeKind.Input

        {
            Name = rename names (if names.Contains slot.Name then $"{slot.Name} {kind}" else slot.Name)
            Kind = kind
            Distribution = ""
            Shape = x.Shape
            Indices = []
            IsComputed = false
            Location = slot.Location
        }

    /// A factor's path is not known: its plates and chains nest as those of a site in the same ones.
    let private factorNode (sites: SiteSeen list) names (name: string) (f: FactorRecord) =
        let own = f.Plates @ f.Times

        let isSameSet (s: SiteSeen) =
            s.Node.Indices.Length = own.Length
            && own |> List.forall (fun i -> GraphIndex.contains i s.Node.Indices)

        {
            Name = rename names name
            Kind = NodeKind.Factor
            Distribution = ""
            Shape = [||]
            Indices = sites |> List.tryFind isSameSet |> Option.map (fun s -> s.Node.Indices) |> Option.defaultValue own
            IsComputed = false
            Location = Location.unknown
        }

    let private marksOf (sites: SiteSeen list) (chains: Chains) leaf =
        let marks =
            {
                Nodes = Dictionary(HashIdentity.Reference)
                Given = Dictionary()
                Order = Dictionary(HashIdentity.Reference)
                Chains = Dictionary(HashIdentity.Reference)
                Leaf = leaf
            }

        for k, s in List.indexed sites do
            marks.Nodes[s.Marker] <- s.Node
            marks.Order[s.Node] <- k
            let given = s.Request.Value

            if s.Request.IsObserved && not (isNull given) then
                match given.Op with
                | Op.Constant _ when given.IsScalar -> ()
                | Op.Unstack i -> marks.Given.TryAdd(struct (i, given.Inputs[0]), s.Node) |> ignore
                | _ -> marks.Given.TryAdd(struct (null, given), s.Node) |> ignore

        for chain in chains.Values do
            match chain.Carries |> Array.tryHead |> Option.map (fun x -> x.Op) with
            | Some(Op.Carry(scan, _)) -> marks.Chains[scan] <- chain
            | _ -> ()

        marks

    let private edges (reader: GraphNode) (reads: Read list) =
        [
            for r in List.distinct reads do
                let isOwn =
                    obj.ReferenceEquals(r.Source, reader) && r.At |> List.forall (fun (_, p) -> p = Position.Same)

                if not isOwn then
                    {
                        From = r.Source
                        To = reader
                        At = r.At
                        Only = r.Only
                        StandsFor = r.StandsFor
                    }
        ]

    /// What a site's distribution reads, what decides whether it counts, and what its value was computed from if it was given.
    let private ofSite (marks: Landmarks) (trace: Trace) (s: SiteSeen) =
        let given = s.Request.Value
        let variables (reads: Read list) = reads |> List.filter (fun r -> r.Source.IsVariable)

        let value () = if isNull given then [] else Reads.find marks s.Node true given |> variables

        let weight () =
            match trace.Sites |> Seq.tryFind (fun t -> t.Path = s.Request.Path) with
            | Some site -> site.Weighed(Build.scalar DType.F32 1.0) |> Reads.find marks s.Node false |> variables
            | None -> []

        if s.Request.IsFixed then
            value ()
        else
            let score = s.Request.Distribution.LogDensity s.Marker
            Reads.find marks s.Node false score @ weight () @ (if s.Request.IsObserved then value () else [])

    /// The nodes of carried values, each with what it is computed from; they stand for these from now on.
    let private carriedNodes (marks: Landmarks) names (sites: SiteSeen list) (chains: Chains) =
        [
            for c in cyclic marks do
                let path =
                    chains
                    |> Seq.pick (fun (KeyValue(path, chain)) -> if obj.ReferenceEquals(c.Chain, chain) then Some path else None)

                let node = carriedNode names path c
                let isOwn (s: SiteSeen) = s.Request.Path.StartsWith(path + "/", StringComparison.Ordinal)
                // it is made when all sites of its step are
                marks.Order[node] <- sites |> Seq.filter isOwn |> Seq.fold (fun last s -> max last (marks.Order[s.Node] + 1)) 0
                marks.Nodes.TryAdd(c.Chain.Nexts[c.Number], node) |> ignore
                c.Chain.Nexts[c.Number], node
        ]

    let private factorNodes (marks: Landmarks) names (sites: SiteSeen list) (trace: Trace) =
        [
            for k, f in Seq.indexed trace.LooseFactors do
                let name = if trace.LooseFactors.Count = 1 then "factor" else $"factor {k + 1}"
                let node = factorNode sites names name f
                marks.Order[node] <- Int32.MaxValue
                f.LogWeight, node
        ]

    /// The nodes and edges of a program that stands in some plates. Inputs and parameters that nothing reads are left out.
    let ofProgram (indices: FreeIndex list) (program: Prob<'T>) : GraphNode list * GraphEdge list =
        let sites, chains, trace = traced indices program
        let names = HashSet<string>(sites |> Seq.map (fun s -> s.Node.Name))
        let leaves = Dictionary<InputSlot, GraphNode>(HashIdentity.Reference)

        let leaf (slot: InputSlot) x =
            if not (leaves.ContainsKey slot) then
                leaves[slot] <- leafNode names slot x

            leaves[slot]

        let marks = marksOf sites chains leaf
        let carried = carriedNodes marks names sites chains
        let factors = factorNodes marks names sites trace

        let found =
            [
                for s in sites do
                    yield! edges s.Node (ofSite marks trace s)
                for x, node in carried do
                    // a value that is carried under two names has the node of the first
                    let isFirst = obj.ReferenceEquals(marks.Nodes[x], node)
                    yield! edges node (Reads.find marks node isFirst x)
                for x, node in factors do
                    yield! edges node (Reads.find marks node false x)
            ]

        let isRead = HashSet<GraphNode>(found |> Seq.map (fun e -> e.From), HashIdentity.Reference)

        [
            for s in sites do
                s.Node
            yield! List.map snd carried
            yield! List.map snd factors
            yield! leaves.Values |> Seq.filter isRead.Contains
        ],
        found
