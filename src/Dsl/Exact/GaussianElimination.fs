namespace Inference

open System.Collections.Generic

/// What is known of a site at one place: mean [n] and covariance [n, n], free in the indices of its plates and chains.
type internal GaussianKnown =
    {
        Mean: Tensor
        Covariance: Tensor
        /// Whether it is given variables outside a plate.
        IsGiven: bool
    }

/// The evidence of a linear-Gaussian model: sites in the order of the program join and condition the joint distribution of those that are still to be read.
/// Along a chain a loop carries that of what the chain carries: the Kalman filter. In a plate sites are given the variables outside, and what is observed there
/// is a message to these.
[<Sealed>]
type internal GaussianElimination(model: GaussianModel, fields: GaussianFields) =
    let filtered = Dictionary<string, GaussianKnown>()
    let sizes = dict [ for v in model.Variables -> v.Id, v.Size ]
    let sizeOf id = sizes[id]

    let rec reads (item: GaussianItem) : Set<int> =
        let ofForm (f: AffineForm) = set [ for v, _ in f.Terms -> v.Id ]

        match item with
        | GaussianItem.Site s -> ofForm s.Form
        | GaussianItem.Plate(_, items) -> Set.unionMany (List.map reads items)
        | GaussianItem.Chain(_, carries, items) ->
            Set.unionMany
                [
                    yield! List.map reads items
                    for c in carries do
                        ofForm c.Start
                        ofForm c.Next
                ]

    let rec locationOf (items: GaussianItem list) : Location =
        match items with
        | GaussianItem.Site s :: _ -> s.Record.Location
        | GaussianItem.Plate(_, inside) :: _
        | GaussianItem.Chain(_, _, inside) :: _ -> locationOf inside
        | [] -> Location.unknown

    let known (g: GaussianMoments) (v: GaussianVariable) : GaussianKnown =
        let mean = Blocks.find v.Id g.Mean

        {
            Mean =
                (if isNull mean then
                     Build.constantOf model.DType [| v.Size |] [| 0.0 |]
                 else
                     mean)
            Covariance = GaussianMoments.covariance v.Id v.Id g
            IsGiven = g.Slope |> Map.exists (fun (i, _) _ -> i = v.Id)
        }

    let fieldAt (all: IReadOnlyDictionary<string, Tensor>) (s: GaussianSite) = GaussianFields.at s.Indices all[s.Path]

    let site outer (s: GaussianSite) (g: GaussianMoments) =
        match s.Variable with
        | None -> GaussianMoments.observe outer (GaussianFields.observed (fieldAt fields.Data s) s.Form) s.Noise g
        | Some v ->
            let g = GaussianMoments.append outer v s.Form s.Noise g
            GaussianFields.apply sizeOf v (fieldAt fields.Linear s) (fieldAt fields.Quadratic s) g

    /// What a chain carries may be known for certain, and a plate's message needs a covariance that can be factorised.
    let requireDrawn (index: FreeIndex) items (g: GaussianMoments) (message: GaussianMessage) =
        let isRead (v: GaussianVariable) =
            message.Natural.ContainsKey v.Id
            || message.Precision |> Map.exists (fun (i, j) _ -> i = v.Id || j = v.Id)

        match g.Variables |> List.tryFind (fun v -> model.Carried.Contains v.Id && isRead v) with
        | Some v ->
            Fail.at
                (locationOf items)
                $"The plate \"{index.Name}\" reads {v.Name} from the step before."
                "Draw what the plate reads in the step, before it."
        | None -> ()

    /// What a step carries on: of the variables that stay, and of the chain's values after the step, under their names before it.
    let carriedOn outer stays (carries: GaussianCarry list) (g: GaussianMoments) : GaussianMoments =
        // apart from the values before the step while both are there
        let after (v: GaussianVariable) = { v with Id = v.Id + model.Variables.Length }
        let append g c = GaussianMoments.append outer (after c.Variable) c.Next null g
        let all = List.fold append g carries

        let isNext (v: GaussianVariable) = v.Id >= model.Variables.Length

        let before (v: GaussianVariable) =
            match carries |> List.tryFind (fun c -> (after c.Variable).Id = v.Id) with
            | Some c -> c.Variable
            | None -> v

        all |> GaussianMoments.restrict (fun v -> stays v || isNext v) |> GaussianCarried.renamed before

    let rec run outer (later: Set<int>) (items: GaussianItem list) (start: GaussianMoments) : GaussianMoments * GaussianMessage =
        let step (g, message) (k, item) =
            let later = Set.unionMany (later :: List.map reads (List.skip (k + 1) items))

            let g, next =
                match item with
                | GaussianItem.Site s -> site outer s g
                | GaussianItem.Plate(i, inside) -> plate outer i inside g
                | GaussianItem.Chain(time, carries, inside) -> chain outer later time carries inside g

            g, GaussianMessage.add message next

        List.fold step (start, GaussianMessage.none) (List.indexed items)

    and plate outer index items g =
        let outer = g.Mean |> Map.fold (fun all i x -> Map.add i x all) outer
        let _, message = run outer Set.empty items GaussianMoments.empty
        requireDrawn index items g message
        GaussianPlates.absorb sizeOf (GaussianMessage.sumOver index message) g

    and chain outer later time carries items g =
        let needed = Set.union later (reads (GaussianItem.Chain(time, carries, items)))
        let stays (v: GaussianVariable) = g.Variables |> List.exists (fun o -> o.Id = v.Id) && needed.Contains v.Id

        let first =
            carries
            |> List.fold (fun g c -> GaussianMoments.append outer c.Variable c.Start null g) g
            |> GaussianMoments.restrict (fun v -> stays v || carries |> List.exists (fun c -> c.Variable.Id = v.Id))

        let nexts = Set.unionMany [ for c in carries -> set [ for v, _ in c.Next.Terms -> v.Id ] ]

        let step (g: GaussianMoments) =
            let g, message = run outer (Set.union later nexts) items g

            for item in items do
                match item with
                | GaussianItem.Site { Variable = Some v; Record = r } -> filtered[r.Path] <- known g v
                | GaussianItem.Site _
                | GaussianItem.Plate _
                | GaussianItem.Chain _ -> ()

            carriedOn outer stays carries g, message

        let value (blocks: Map<GaussianBlock, Tensor>) block =
            match Map.tryFind block blocks with
            | Some x -> x
            | None -> Build.constantOf model.DType (GaussianCarried.shape sizeOf block) [| 0.0 |]

        /// Steps may fill blocks that were zero before: then the loop carries these as well.
        let rec loop (kept: GaussianBlock[]) =
            let starts = kept |> Array.map (value (GaussianCarried.blocks first))
            let mutable filled = Set.empty

            let finals, message =
                Structure.scan time starts (fun carried ->
                    let g, message = step (GaussianCarried.ofBlocks first.Variables (Seq.zip kept carried))
                    let after = GaussianCarried.blocks g
                    filled <- after |> Map.keys |> Set
                    kept |> Array.map (value after), message)

            let all = Set.union (Set kept) filled

            if all.Count > kept.Length then
                loop (Set.toArray all)
            else
                kept, finals, message

        let kept, finals, message = loop (GaussianCarried.blocks first |> Map.keys |> Array.ofSeq)

        let ended (v: GaussianVariable) =
            carries |> List.tryFind (fun c -> c.Variable.Id = v.Id) |> Option.bind (fun c -> c.Final)

        let last =
            GaussianCarried.ofBlocks first.Variables (Seq.zip kept finals)
            |> GaussianMoments.restrict (fun v -> stays v || (ended v).IsSome)
            |> GaussianCarried.renamed (fun v -> Option.defaultValue v (ended v))

        last, GaussianMessage.sumOver time message

    let message = lazy (snd (run Map.empty Set.empty model.Items GaussianMoments.empty))

    /// What the evidence depends on data for, and what it does not: their sum is log p(observed).
    member _.Message: GaussianMessage = message.Value

    /// Latent sites of chains after each step: given what is observed up to it.
    member _.Filtered: IReadOnlyDictionary<string, GaussianKnown> =
        message.Force() |> ignore
        filtered
