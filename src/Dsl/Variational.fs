namespace Inference

open System
open System.Collections.Generic

/// What a score-function estimate is centred by: the nearer to the return, the smaller the variance.
[<RequireQualifiedAccess>]
type Baseline =
    | Nothing
    /// The mean of the other samples' returns; needs at least two.
    | LeaveOneOut
    /// A moving average of the returns, kept as a parameter `baseline.site`.
    | MovingAverage of decay: double
    /// A prediction of the return from what is known before the draw, such as a network's; it learns by the squared error.
    | Learned of prediction: Tensor

/// How the derivative of an expectation over a site's draws is found.
[<RequireQualifiedAccess>]
type Estimator =
    /// Through the draw itself, for distributions whose draws have derivatives, straight-through ones included.
    | Reparameterised
    /// By ∇E[f] = E[(f − b)·∇log q] (Williams, 1992), for any distribution.
    | Score of Baseline
    /// Exactly: a sum over all values of a finite site.
    | Enumerated

    override e.ToString() =
        match e with
        | Reparameterised -> "reparameterised"
        | Score Baseline.Nothing -> "score function"
        | Score Baseline.LeaveOneOut -> "score function, leave-one-out baseline"
        | Score(Baseline.MovingAverage _) -> "score function, moving-average baseline"
        | Score(Baseline.Learned _) -> "score function, learned baseline"
        | Enumerated -> "enumerated exactly"

/// Values of finite sites, all at once.
[<RequireQualifiedAccess>]
module internal Enumeration =
    /// The number of values of a site, if they can be listed.
    let count (d: Distribution) =
        match d.Support with
        | Support.Integers(Some n) when d.Shape.Length = 0 -> Some n
        | Support.Binary when d.Shape.Length = 0 -> Some 2
        | Support.OneHot when d.Shape.Length = 1 -> Some d.Shape[0]
        | _ -> None

    /// All values of a site, over an index of their own.
    let values (path: string) (d: Distribution) : (FreeIndex * Tensor) option =
        count d
        |> Option.map (fun n ->
            let index = FreeIndex(path, Extent.Fixed n, IndexKind.Enumerated)
            let position = Structure.position index

            match d.Support with
            | Support.OneHot ->
                let hot = Build.binary BinaryOp.Equal (Shapes.iota n) (Build.fill [| n |] position)
                index, Build.convert d.DType hot
            | _ -> index, Build.convert d.DType position)

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
        Observed: SiteRecord list
        Factors: Tensor list
        /// All sites of the model.
        Sites: SiteRecord list
        /// The index over all values of a site, by the site's path.
        Enumerated: IReadOnlyDictionary<string, FreeIndex>
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

    let private relative (c: ProbContext) (path: string) = if c.Path = "" then path else path.Substring(c.Path.Length + 1)

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
        | Support.Interval _ -> "an interval"
        | Support.Simplex -> "a simplex"
        | Support.Integers(Some n) -> $"0 … {n - 1}"
        | Support.Integers None -> "whole numbers"
        | Support.Binary -> "0 and 1"
        | Support.OneHot -> "one-hot vectors"
        | Support.Point -> "one value"

    let private requireFit (model: SiteRecord) (guide: SiteRecord) =
        if
            model.Distribution.Shape <> guide.Distribution.Shape
            || model.Distribution.DType <> guide.Distribution.DType
        then
            Fail.at
                guide.Location
                $"The site \"{guide.Path}\" is {model.Distribution.DType}{Fail.shape model.Distribution.Shape} in the model and {guide.Distribution.DType}{Fail.shape guide.Distribution.Shape} in the guide."
                "Give both one shape and type."

        if not (covers model.Distribution.Support guide.Distribution.Support) then
            Fail.at
                guide.Location
                $"The site \"{guide.Path}\" lies in {describe model.Distribution.Support} in the model; its guide {guide.Distribution.Name} draws from {describe guide.Distribution.Support}."
                "Draw from a distribution on the model's support, or transform one."

        let names (indices: FreeIndex list) = indices |> List.map (fun i -> i.Name) |> String.concat " × "

        if model.Plates @ model.Times <> guide.Plates @ guide.Times then
            Fail.at
                guide.Location
                $"The site \"{guide.Path}\" stands in other plates in the model ({names (model.Plates @ model.Times)}) than in the guide ({names (guide.Plates @ guide.Times)})."
                "Make each index once and use it in both."

    let trace samples (estimators: IReadOnlyDictionary<string, Estimator>) (model: Prob<'T>) (guide: Prob<'U>) (c: ProbContext) : Paired =
        let plate =
            if samples = 1 then
                null
            else
                FreeIndex(sampleName, Extent.Fixed samples, IndexKind.Plate)

        let plates = if isNull plate then c.Plates else c.Plates @ [ plate ]
        let enumerated = Dictionary<string, FreeIndex>()
        let chosen = Dictionary<string, Estimator>()

        let inside trace handler =
            { c with
                Plates = plates
                Given = plates @ c.Times
                Trace = trace
                Handlers = [ handler ]
            }

        let enumerate path (r: SiteRequest) =
            let index, values = (Enumeration.values path r.Distribution).Value
            enumerated[path] <- index
            { r with Value = values }

        let ofGuide (r: SiteRequest) =
            if r.IsObserved then
                Fail.at r.Location $"The guide observes the site \"{r.Path}\"." "Observe in the model; a guide only draws."

            let path = relative c r.Path
            let estimator = choose estimators r path
            chosen[path] <- estimator

            match estimator with
            | Estimator.Enumerated -> enumerate path r
            | Estimator.Score _ -> { r with IsHeld = true }
            | Estimator.Reparameterised -> r

        let drawn = Trace()
        guide.Run(inside drawn ofGuide) |> ignore

        if drawn.LooseFactors.Count > 0 then
            Fail.model "The guide has a factor." "Weigh runs in the model; a guide only draws."

        let ofModel (r: SiteRequest) =
            let path = relative c r.Path

            match drawn.TryFind r.Path, estimators.TryGetValue path with
            | Some site, _ when r.IsObserved ->
                Fail.at site.Location $"The guide draws the site \"{path}\", which the model observes." "Leave it out of the guide."
            | Some site, _ -> { r with Value = site.Value }
            | None, (true, Estimator.Enumerated) when isNull r.Value && (Enumeration.count r.Distribution).IsSome -> enumerate path r
            | None, _ when isNull r.Value ->
                let finite =
                    if (Enumeration.count r.Distribution).IsSome then
                        ", or name the estimator Enumerated to sum it out"
                    else
                        ""

                let made =
                    if drawn.Sites.Count = 0 then
                        "no sites"
                    else
                        quoted (drawn.Sites |> Seq.map (fun s -> relative c s.Path))

                Fail.at
                    r.Location
                    $"The guide lacks the site \"{path}\", which the model draws."
                    $"The guide draws {made}: draw the site there too{finite}."
            | None, _ -> r

        let scored = Trace()
        model.Run(inside scored ofModel) |> ignore

        let latent =
            [
                for q in drawn.Sites |> Seq.filter (fun s -> not s.IsAuxiliary) do
                    match scored.TryFind q.Path with
                    | Some p ->
                        requireFit p q
                        struct (q, p, chosen[relative c q.Path])
                    | None ->
                        let made =
                            scored.Sites |> Seq.filter (fun s -> not s.IsObserved) |> Seq.map (fun s -> relative c s.Path)

                        Fail.at
                            q.Location
                            $"The guide draws the site \"{relative c q.Path}\", which the model does not make."
                            (if Seq.isEmpty made then
                                 "The model makes no latent sites."
                             else
                                 $"The model's latent sites are {quoted made}.")
            ]

        for name in estimators.Keys do
            if not (chosen.ContainsKey name || enumerated.ContainsKey name) then
                Fail.model
                    $"An estimator is named for the site \"{name}\", which neither the guide draws nor the model enumerates."
                    $"The guide draws {quoted chosen.Keys}."

        {
            Samples = plate
            Given = plates @ c.Times
            Latent = latent
            Auxiliary = drawn.Sites |> Seq.filter (fun s -> s.IsAuxiliary) |> List.ofSeq
            Observed = scored.Sites |> Seq.filter (fun s -> s.IsObserved) |> List.ofSeq
            Factors = List.ofSeq scored.LooseFactors
            Sites = List.ofSeq scored.Sites
            Enumerated = enumerated
            SummedOut =
                scored.Sites
                |> Seq.filter (fun s -> not s.IsObserved && (drawn.TryFind s.Path).IsNone)
                |> List.ofSeq
        }
