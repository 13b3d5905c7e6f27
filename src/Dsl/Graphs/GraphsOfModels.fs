namespace Inference

open System.Collections.Generic

/// What an action is drawn from before anything is planned; its density is of no concern to a graph.
[<Sealed>]
type private PriorPolicy(leaf: Leaf) =
    inherit Distribution("p(a)", leaf.Shape, leaf.DType)
    override _.Requirements = []
    override _.Support = Support.Real
    override _.IsReparameterised = false
    override _.Closed _ = None
    override _.LogDensity _ = Build.scalar DType.F32 0.0
    override _.Draw _ = Build.fill leaf.Shape (Build.scalar leaf.DType 0.0)

/// Graphs of programs, of models and guides of one datum, and of decision processes.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module ModelGraph =
    /// Refuses a graph in which a variable depends on itself. Two values of each plate are enough to see it, and so many steps as the way
    /// round may go forward.
    let private requireAcyclic (name: string) (nodes: GraphNode list) (edges: GraphEdge list) =
        let forward (i: FreeIndex) =
            edges
            |> List.sumBy (fun e ->
                e.At
                |> List.sumBy (fun (j, p) ->
                    match p with
                    | Position.Before n
                    | Position.FromEnd n when GraphIndex.isSame i j -> n
                    | Position.Before _
                    | Position.FromEnd _
                    | Position.Same
                    | Position.Every -> 0))

        let g =
            Unrolled(Array.ofList nodes, Array.ofList edges, fun i -> [| 0 .. min i.Capacity (2 + forward i) - 1 |])

        match g.Cycle() with
        | [] -> ()
        | cycle ->
            let text v =
                match g.Values v with
                | [] -> g.Node(v).Name
                | places ->
                    let inside = places |> List.map (fun (_, value) -> string value) |> String.concat ", "
                    $"{g.Node(v).Name}[{inside}]"

            let way = cycle @ [ cycle.Head ] |> List.map text |> String.concat " → "

            let location =
                cycle
                |> List.map (fun v -> g.Node(v).Location)
                |> List.tryFind (fun l -> not l.IsUnknown)
                |> Option.defaultValue Location.unknown

            Fail.within name (fun () ->
                Fail.at
                    location
                    $"The site \"{g.Node(cycle.Head).Name}\" depends on itself: {way}."
                    "Let it read what is made before it, or earlier steps alone: a chain's own values, summed or stacked within its step, are those of all steps.")

    /// A graph of these nodes and edges.
    let internal create name nodes edges : ModelGraph =
        requireAcyclic name nodes edges
        let order = Dictionary<GraphNode, int>(HashIdentity.Reference)
        nodes |> List.iteri (fun k n -> order[n] <- k)
        ModelGraph(name, nodes, edges |> List.sortBy (fun e -> order[e.To], order[e.From]))

    let internal within name (plates: FreeIndex list) (program: Prob<'T>) : ModelGraph =
        let nodes, edges = Fail.within name (fun () -> Extraction.ofProgram plates program)
        create name nodes edges

    /// The graph of a program, which is traced and not run.
    let ofProgram (name: string) (program: Prob<'T>) : ModelGraph = within name [] program

    let private inputOf (name: string) (shape: int[]) (dtype: DType) =
        Tensor(Op.Input(InputSlot(name, false, Location.unknown)), [||], shape, dtype, [||])

    let private input (name: string) (l: Leaf) = inputOf name l.Shape l.DType

    let private named (lone: string) (l: Leaf) = if l.Path = "" then lone else l.Path

    /// A datum in the plate of the data.
    let private datum<'D> (space: Space) (data: FreeIndex) : 'D =
        space.Leaves
        |> Array.map (fun l ->
            let rows = { l with Shape = Array.append [| data.Capacity |] l.Shape }
            input (named "datum" l) rows |> Structure.unstack data)
        |> Record.ofTensors<'D>

    let private dataIndex () = FreeIndex("data", Extent.UpTo("data", 2), IndexKind.Plate)

    let private ofDatum (name: string) (space: Space) (program: 'D -> Prob<unit>) : ModelGraph =
        let data = dataIndex ()
        within name [ data ] (Prob<unit>(fun c -> (program (datum<'D> space data)).Run c))

    let private ofAllData (name: string) (space: Space) (program: Data<'D> -> Prob<unit>) : ModelGraph =
        let data = dataIndex ()
        let total = lazy (inputOf "total" [||] DType.F32)
        within name [] (Prob<unit>(fun c -> (program (Data<'D>(data, datum<'D> space data, total))).Run c))

    /// The graph of a model of one datum, in the plate `data` in which fitting places it.
    let ofModel (m: Model<'D>) : ModelGraph = ofDatum m.Name m.Datum m.Of

    /// The graph of a guide of one datum, in the plate `data`.
    let ofGuide (g: Guide<'D>) : ModelGraph = ofDatum g.Name g.Datum g.Of

    /// The graph of a model with global variables: these, and the plate `data` of what each datum has of its own.
    let ofGlobalModel (m: GlobalModel<'D>) : ModelGraph = ofAllData m.Name m.Datum m.Of

    /// The graph of a guide with global variables, with the plate `data`.
    let ofGlobalGuide (g: GlobalGuide<'D>) : ModelGraph = ofAllData g.Name g.Datum g.Of

    let private actionOf (space: Space) : Prob<'A> =
        let draw (values: Tensor list) (l: Leaf) =
            Prob.sampleAt (named "value" l) (PriorPolicy l) Location.unknown
            |> Prob.map (fun x -> values @ [ x ])

        space.Leaves
        |> Array.fold (fun program l -> program |> Prob.bind (fun values -> draw values l)) (Prob.result [])
        |> Prob.map (Array.ofList >> Record.ofTensors<'A>)

    /// The graph of a decision process over so many steps: actions drawn from the prior policy, states carried from step to step, and for each
    /// step a factor for its optimality. A start that is not defined is an input.
    let ofMdp (horizon: int) (process': Mdp<'S, 'A, 'G>) : ModelGraph =
        let time = Language.TimeIndex("time", horizon)
        let given (s: Space) prefix = s.Leaves |> Array.map (fun l -> input (prefix + named "value" l) l)
        let settings = given process'.SettingsSpace "settings." |> Record.ofTensors<'G>
        let clock = Build.convert DType.F32 (Structure.position time)

        let start =
            match process'.Start with
            | Some program -> program
            | None -> Prob.result (given process'.StateSpace "start." |> Record.ofTensors<'S>)

        within
            process'.Name
            []
            (prob {
                let! first = Prob.named "start" start

                let! final, _ =
                    Prob.markov time first (fun s ->
                        prob {
                            let! action = Prob.named "action" (actionOf process'.ActionSpace)

                            match process'.Reward with
                            | Some reward -> do! Prob.factor (reward s action settings clock)
                            | None -> ()

                            let! next = Mdp.stepOf process' s action settings clock

                            match process'.Observation with
                            | Some seen ->
                                let! _ = Prob.sampleAt "observation" (seen next) Location.unknown
                                ()
                            | None -> ()

                            return next, ()
                        })

                match process'.TerminalValue with
                | Some value -> do! Prob.factor (value final settings)
                | None -> ()
            })
