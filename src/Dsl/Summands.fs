namespace Inference

open System

/// The summands of the bound of a model and its guide, and the exact sums over values of finite sites in them.
[<RequireQualifiedAccess>]
module internal Summands =
    let private divergent (p: SiteRecord) (t: Term) = { t with Weight = Some(p.Weighed(Build.scalar t.Value.DType 1.0)) }

    /// Whether a divergence is settled before its site is drawn, so that its mean over draws is that of log q − log p. It may need what
    /// earlier steps drew.
    let private isSettled (pair: Paired) (q: SiteRecord) (kl: Tensor) =
        let before =
            pair.Latent
            |> List.takeWhile (fun struct (other, _, _) -> other.Path <> q.Path)
            |> List.choose (fun struct (other, _, _) ->
                match pair.Enumerated.TryGetValue other.Path with
                | true, index -> Some index
                | _ -> None)

        // the probabilities of values that are enumerated later may vary with the draw
        let isKnown (i: FreeIndex) = i.Kind <> IndexKind.Enumerated || List.contains i before

        Array.forall isKnown kl.Indices && Dependence.isBefore q.Times q.Value kl

    let private divergence sampled (balance: Nullable<double>) (pair: Paired) (q: SiteRecord) (p: SiteRecord) =
        if sampled then
            None
        elif balance.HasValue then
            match Divergence.balanced balance.Value q.Distribution p.Distribution |> Option.map p.MaskedBy with
            | Some kl when isSettled pair q kl -> Some kl
            | _ ->
                Fail.at
                    q.Location
                    $"The divergence of the site \"{q.Path}\", of {q.Distribution.Name} from {p.Distribution.Name}, has no closed form to balance."
                    "Leave Balance unset, or use distributions whose divergence is known."
        else
            Divergence.kl q.Distribution p.Distribution
            |> Option.map p.MaskedBy
            |> Option.filter (isSettled pair q)

    let private ofLatent sampled balance (pair: Paired) (q: SiteRecord) (p: SiteRecord) : Term list =
        let ofSite = Terms.ofSite pair.Given
        let path = Terms.name q.Path

        let isSummedOver i =
            pair.SummedOut
            |> List.exists (fun s -> pair.Enumerated[s.Path] = i || List.contains i pair.Lags[s.Path])

        match divergence sampled balance pair q p with
        | Some kl -> [ ofSite p $"KL(q({path}) ‖ p({path}))" -1.0 kl |> divergent p ]
        | None ->
            let drawn = p.MaskedBy q.Score.Value

            // a prior that reads a site which is summed out stands within that sum
            if Array.exists isSummedOver p.Masked.Value.Indices then
                [
                    ofSite p $"log p({path})" 1.0 p.Masked.Value |> divergent p
                    ofSite p $"log q({path})" -1.0 drawn |> divergent p
                ]
            else
                [ ofSite p $"(log q({path}) − log p({path}))" -1.0 (drawn - p.Masked.Value) |> divergent p ]

    let private finite (pair: Paired) : FiniteSite list =
        [
            for s in pair.SummedOut -> { Site = s; Index = pair.Enumerated[s.Path]; Lags = pair.Lags[s.Path] }
        ]

    /// The summands of log p(x, z) − log q(z), divergences in closed form where that is their mean, unless all are to be sampled.
    let ofPair (sampled: bool) (balance: Nullable<double>) (pair: Paired) : Term list =
        let ofSite = Terms.ofSite pair.Given
        let prior = Terms.prior pair.Given

        [
            yield! List.map prior pair.Observed
            for struct (q, p, _) in pair.Latent do
                yield! ofLatent sampled balance pair q p
            for s in pair.Auxiliary do
                ofSite s $"log q({Terms.name s.Path})" -1.0 s.Masked.Value |> divergent s
            yield! finite pair |> List.map (SumOut.prior pair.Given)
            yield! Terms.ofFactors pair.Given pair.Factors
        ]

    /// log Σ_z exp(Σ terms) over the finite sites of the model that the guide leaves to it.
    let sumOut (beta: float) (pair: Paired) (terms: Term list) : Term list =
        let sites = finite pair
        let isWithin (t: Term) = sites |> List.exists (fun s -> s.All |> List.exists (Terms.has t.Value))

        match terms |> List.tryFind (fun t -> t.Weight.IsSome && isWithin t) with
        | Some t when beta <> 1.0 ->
            Fail.model
                $"β = {beta} multiplies divergences; {t.Text} stands within the sum over a finite site."
                "Leave Beta at 1, or draw the finite site in the guide."
        | _ -> ()

        SumOut.run Combination.Sum pair.Given "Draw it in the guide" sites terms |> fst

    /// The indices of enumerated sites whose values a site's probabilities vary over, directly or by those of such sites.
    let conditions (pair: Paired) (q: SiteRecord) : FreeIndex list =
        let enumerated (indices: FreeIndex[]) =
            indices |> Seq.filter (fun i -> Seq.contains i pair.Enumerated.Values) |> List.ofSeq

        List.foldBack
            (fun (struct (other: SiteRecord, _, _)) found ->
                match pair.Enumerated.TryGetValue other.Path with
                | true, index when List.contains index found -> List.distinct (found @ enumerated other.Score.Value.Indices)
                | _ -> found)
            pair.Latent
            (enumerated q.Score.Value.Indices)

    let private average check (kept: FreeIndex list) (pair: Paired) (t: Term) : Term =
        let isOver (q: SiteRecord) (t: Term) =
            let index = pair.Enumerated[q.Path]
            Terms.has t.Value index && not (List.contains index kept)

        // the last drawn first: its probabilities may vary over the values of those before it
        List.foldBack
            (fun (struct (q: SiteRecord, _, estimator)) (t: Term) ->
                match estimator with
                | Estimator.Enumerated when isOver q t ->
                    check q t
                    let p = Build.unary UnaryOp.Exp q.Score.Value

                    { t with
                        Text = $"E_{Terms.name q.Path} {t.Text}"
                        Value = Terms.sum [ pair.Enumerated[q.Path] ] (weigh p t.Value)
                    }
                | Estimator.Enumerated
                | Estimator.Reparameterised
                | Estimator.Score _ -> t)
            pair.Latent
            t

    let private requireDrawnApart (pair: Paired) (q: SiteRecord) (t: Term) =
        match Terms.mixes pair.Given (q.Plates @ q.Times) q.Value t with
        | Some i -> Terms.refuseMixed q.Path q.Location "enumerated" i "Estimate the site by Score" t
        | None -> ()

    /// Σ_z q(z)·f(z) over the values of the guide's finite sites, but for some indices; where q(z) is 0, whatever f is there.
    let expectedBut (kept: FreeIndex list) (pair: Paired) (t: Term) : Term = average (requireDrawnApart pair) kept pair t

    /// Σ_z q(z)·f(z) over the values of the guide's finite sites.
    let expected (pair: Paired) (t: Term) : Term = expectedBut [] pair t

    /// The same of what a site's log-density is multiplied to: that may come from other samples as well.
    let expectedScore (pair: Paired) (q: SiteRecord) (x: Tensor) : Tensor =
        let own =
            { Terms.ofSite pair.Given q $"log q({Terms.name q.Path})" 1.0 q.Score.Value with
                Scale = null
            }

        average (fun other t -> requireDrawnApart pair other { own with Text = t.Text }) [] pair { own with Value = x }
        |> fun t -> Terms.sum t.Own t.Scaled
