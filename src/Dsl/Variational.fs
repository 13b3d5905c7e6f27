namespace Inference

open System.Collections.Generic

/// What is known of a model and its guide once both are traced: the guide's draws are the model's latent values.
type internal Paired =
    {
        /// The plate of samples, or null for one sample.
        Samples: FreeIndex
        Given: FreeIndex list
        /// Latent sites of the guide with the model's, in the guide's order.
        Latent: struct (SiteRecord * SiteRecord * Estimator) list
        /// What the guide draws for its own use.
        Auxiliary: SiteRecord list
        /// Sites of the model that are observed, or whose values a handler within it gave.
        Observed: SiteRecord list
        Factors: FactorRecord list
        /// All sites of the model.
        Sites: SiteRecord list
        /// The index over all values of a site, by the site's path.
        Enumerated: IReadOnlyDictionary<string, FreeIndex>
        /// The same for earlier steps of a chain, of sites of the model.
        Lags: IReadOnlyDictionary<string, FreeIndex list>
        /// Latent sites of the model that are summed out.
        SummedOut: SiteRecord list
    }

/// Traces a guide, then its model with the guide's draws, and sees that they fit each other.
[<RequireQualifiedAccess>]
module internal Pairing =
    /// What the plate of a guide's draws is called.
    let sampleName = "sample"

    let private quoted (paths: string seq) = paths |> Seq.map (fun p -> $"\"{p}\"") |> String.concat ", "

    let private possible (d: Distribution) =
        [
            if d.IsReparameterised then
                "Reparameterised"
            "Score"
            if (Enumeration.count d).IsSome then
                "Enumerated"
        ]
        |> String.concat ", "

    /// The estimator of a site: the one that is named, or the draw's own derivatives.
    let private choose (named: IReadOnlyDictionary<string, Estimator>) (r: SiteRequest) path =
        match named.TryGetValue path with
        | true, Estimator.Reparameterised when not r.Distribution.IsReparameterised ->
            Fail.at
                r.Location
                $"The site \"{path}\" draws from {r.Distribution.Name}, whose draws have no derivatives."
                $"Name another estimator: {possible r.Distribution}."
        | true, Estimator.Enumerated when (Enumeration.count r.Distribution).IsNone ->
            Fail.at
                r.Location
                $"The site \"{path}\" draws from {r.Distribution.Name}, whose values cannot be listed."
                $"Name another estimator: {possible r.Distribution}."
        | true, estimator -> estimator
        | false, _ when r.Distribution.IsReparameterised -> Estimator.Reparameterised
        | false, _ ->
            Fail.at
                r.Location
                $"The site \"{path}\" draws from {r.Distribution.Name}, whose draws have no derivatives, and no estimator is named for it."
                $"Name one of: {possible r.Distribution}."

    /// The kinds of support that a density on one may be used with draws from the other.
    let private covers (prior: Support) (drawn: Support) =
        match prior, drawn with
        | _, Support.Point -> true
        | Support.Real, (Support.Real | Support.Positive | Support.UnitInterval | Support.Interval _) -> true
        | Support.Positive, (Support.Positive | Support.UnitInterval | Support.Interval _) -> true
        | Support.UnitInterval, (Support.UnitInterval | Support.Interval _) -> true
        | Support.Interval _, (Support.Interval _ | Support.UnitInterval) -> true
        | Support.Simplex, Support.Simplex
        | Support.OneHot, Support.OneHot
        | Support.Binary, Support.Binary
        | Support.Integers None, Support.Integers _ -> true
        | Support.Integers(Some n), Support.Integers(Some m) -> m <= n
        | _ -> false

    let private describe (s: Support) =
        match s with
        | Support.Real -> "all numbers"
        | Support.Positive -> "positive numbers"
        | Support.UnitInterval -> "(0, 1)"
        | Support.Interval(low, high) ->
            match Known.numbers low, Known.numbers high with
            | Some [| l |], Some [| h |] -> $"({l}, {h})"
            | _ -> "an interval"
        | Support.Simplex -> "a simplex"
        | Support.Integers(Some n) -> $"0 … {n - 1}"
        | Support.Integers None -> "whole numbers"
        | Support.Binary -> "0 and 1"
        | Support.OneHot -> "one-hot vectors"
        | Support.Point -> "one value"

    /// Whether draws of a known range may lie outside another.
    let private exceeds (prior: Support) (drawn: Support) =
        let limits s =
            match s with
            | Support.UnitInterval -> Some([| 0.0 |], [| 1.0 |])
            | Support.Positive -> Some([| 0.0 |], [| infinity |])
            | Support.Interval(low, high) -> Option.map2 (fun l h -> l, h) (Known.numbers low) (Known.numbers high)
            | _ -> None

        match limits prior, limits drawn with
        | Some(low, high), Some(low', high') ->
            let at (x: double[]) k = if x.Length = 1 then x[0] else x[k]
            let n = [ low; high; low'; high' ] |> List.map Array.length |> List.max
            Seq.exists (fun k -> at low' k < at low k || at high' k > at high k) (seq { 0 .. n - 1 })
        | _ -> false

    /// Whether a guide's draws are values of the model's site.
    let private requireDrawsFit (model: Distribution) (guide: SiteRecord) path =
        let d = guide.Distribution

        if model.Shape <> d.Shape || model.DType <> d.DType then
            Fail.at
                guide.Location
                $"The site \"{path}\" is {model.DType}{Fail.shape model.Shape} in the model and {d.DType}{Fail.shape d.Shape} in the guide."
                "Give both one shape and type."

        if not (covers model.Support d.Support) || exceeds model.Support d.Support then
            Fail.at
                guide.Location
                $"The site \"{path}\" lies in {describe model.Support} in the model; its guide {d.Name} draws from {describe d.Support}."
                "Draw from a distribution on the model's support, or transform one."

    let private requirePlatesFit (model: SiteRecord) (guide: SiteRecord) path =
        let names (indices: FreeIndex list) =
            if indices.IsEmpty then
                "none"
            else
                indices |> List.map (fun i -> i.Name) |> String.concat " × "

        if model.Plates @ model.Times <> guide.Plates @ guide.Times then
            Fail.at
                guide.Location
                $"The site \"{path}\" stands in other plates in the model ({names (model.Plates @ model.Times)}) than in the guide ({names (guide.Plates @ guide.Times)})."
                "Make each index once and use it in both."

    /// What becomes of the guide's sites: drawn, held constant or enumerated, as their estimators say.
    let private ofGuide
        (c: ProbContext)
        (estimators: IReadOnlyDictionary<string, Estimator>)
        (chosen: Dictionary<string, Estimator>)
        enumerate
        =
        fun (r: SiteRequest) ->
            let path = c.Within r.Path

            if r.IsObserved then
                Fail.at r.Location $"The guide observes the site \"{path}\"." "Observe in the model; a guide only draws."

            let estimator = choose estimators r path
            chosen[path] <- estimator

            match estimator with
            | Estimator.Enumerated -> enumerate r
            | Estimator.Score _ -> { r with IsHeld = true }
            | Estimator.Reparameterised -> r

    let private lacks (c: ProbContext) (drawn: Trace) (r: SiteRequest) path =
        let finite =
            if (Enumeration.count r.Distribution).IsSome then
                ", or name the estimator Enumerated to sum it out"
            else
                ""

        let made =
            if drawn.Sites.Count = 0 then
                "no sites"
            else
                quoted (drawn.Sites |> Seq.map (fun s -> c.Within s.Path))

        Fail.at
            r.Location
            $"The guide lacks the site \"{path}\", which the model draws."
            $"The guide draws {made}: draw the site there too{finite}."

    /// What becomes of the model's sites: those that the guide draws take its values, those left to it that are finite are enumerated.
    let private ofModel (c: ProbContext) (estimators: IReadOnlyDictionary<string, Estimator>) (drawn: Trace) enumerate =
        fun (r: SiteRequest) ->
            let path = c.Within r.Path

            match drawn.TryFind r.Path, estimators.TryGetValue path with
            | Some site, _ when not (isNull r.Value) ->
                let verb = if r.IsObserved then "observes" else "sets"
                Fail.at site.Location $"The guide draws the site \"{path}\", which the model {verb}." "Leave it out of the guide."
            | Some site, _ ->
                requireDrawsFit r.Distribution site path
                { r with Value = site.Value }
            | None, (true, Estimator.Enumerated) when isNull r.Value && (Enumeration.count r.Distribution).IsSome -> enumerate r
            | None, _ when isNull r.Value -> lacks c drawn r path
            | None, _ -> r

    let private latent (c: ProbContext) (drawn: Trace) (scored: Trace) (chosen: IReadOnlyDictionary<string, Estimator>) =
        [
            for q in drawn.Sites |> Seq.filter (fun s -> not s.IsAuxiliary) do
                let path = c.Within q.Path

                match scored.TryFind q.Path with
                | Some p ->
                    requirePlatesFit p q path
                    struct (q, p, chosen[path])
                | None ->
                    let made = scored.Sites |> Seq.filter (fun s -> not s.IsObserved) |> Seq.map (fun s -> c.Within s.Path)

                    Fail.at
                        q.Location
                        $"The guide draws the site \"{path}\", which the model does not make."
                        (if Seq.isEmpty made then
                             "The model makes no latent sites."
                         else
                             $"The model's latent sites are {quoted made}.")
        ]

    /// What is computed from the values of an enumerated site is computed once for all data. Formally, they vary over the plates and steps
    /// that the site stands in: what mixes them can be seen.
    let trace
        isFormal
        samples
        (estimators: IReadOnlyDictionary<string, Estimator>)
        (model: Prob<'T>)
        (guide: Prob<'U>)
        (c: ProbContext)
        : Paired =
        let plate =
            if samples = 1 then
                null
            else
                FreeIndex(sampleName, Extent.Fixed samples, IndexKind.Plate)

        let plates = if isNull plate then c.Plates else c.Plates @ [ plate ]
        let ofGuides, ofModels = EnumeratedSites isFormal, EnumeratedSites isFormal
        let chosen = Dictionary<string, Estimator>()

        let chains = Chains()

        let inside trace handlers =
            { c with
                Plates = plates
                Given = plates @ c.Times
                Trace = trace
                Handlers = handlers
            }

        let drawn = Trace()

        guide.Run
            { inside drawn [ ofGuide c estimators chosen ofGuides.Enumerate ] with
                Recorded = chains
            }
        |> ignore


        if drawn.LooseFactors.Count > 0 then
            Fail.model "The guide has a factor." "Weigh runs in the model; a guide only draws."

        let scored = Trace()
        // handlers around the bound are asked first: they change the model
        model.Run
            { inside scored (c.Handlers @ [ ofModel c estimators drawn ofModels.Enumerate ]) with
                Shared = chains
                HandOn = ofModels.HandOn
            }
        |> ignore

        let pairs = latent c drawn scored chosen

        for name in estimators.Keys do
            if not (chosen.ContainsKey name || ofModels.Contains (c.Enter name).Path) then
                Fail.model
                    $"An estimator is named for the site \"{name}\", which neither the guide draws nor the model enumerates."
                    $"The guide draws {quoted chosen.Keys}."

        let undrawn = scored.Sites |> Seq.filter (fun s -> (drawn.TryFind s.Path).IsNone) |> List.ofSeq

        let summedOut, given = undrawn |> List.partition (fun s -> ofModels.Contains s.Path)

        {
            Samples = plate
            Given = plates @ c.Times
            Latent = pairs
            Auxiliary = drawn.Sites |> Seq.filter (fun s -> s.IsAuxiliary) |> List.ofSeq
            Observed = given
            Factors = List.ofSeq scored.LooseFactors
            Sites = List.ofSeq scored.Sites
            Enumerated = EnumeratedSites.Indices [ ofGuides; ofModels ]
            Lags = ofModels.Lags
            SummedOut = summedOut
        }
