namespace Inference

open System

/// One summand of a bound, before it is reduced.
type internal Term =
    {
        /// In mathematical notation, without its sign and without the sums over `Own`.
        Text: string
        /// Adds to the bound, or takes away.
        Sign: float
        /// Free in its plates, in samples and in the indices of enumerated values that it reads.
        Value: Tensor
        /// The plates and times that it is summed over.
        Own: FreeIndex list
        /// Of a divergence, which β multiplies: how much each of its values counts, by masks and scales.
        Weight: Tensor option
    }

/// The summands of a bound, and the exact sums over values of finite sites in them.
[<RequireQualifiedAccess>]
module internal Terms =
    let private quoted (path: string) =
        "\""
        + String.collect
            (fun ch ->
                match ch with
                | '"' -> "\\\""
                | '\\' -> "\\\\"
                | '\n' -> "\\n"
                | '\r' -> "\\r"
                | _ -> string ch)
            path
        + "\""

    /// A name as it is written in a formula: in quotes if it has other characters than letters, digits, _, . and /.
    let name (path: string) =
        if path <> "" && path |> Seq.forall (fun ch -> Char.IsLetterOrDigit ch || "_./".Contains ch) then
            path
        else
            quoted path

    /// Without the indices of a list.
    let except (gone: FreeIndex list) (indices: FreeIndex list) = indices |> List.filter (fun i -> not (List.contains i gone))

    let sum indices x = Structure.sum [||] indices x
    let private has (x: Tensor) (i: FreeIndex) = Array.contains i x.Indices
    let private sums (indices: FreeIndex list) = indices |> List.map (fun i -> $"Σ_{name i.Name} ") |> String.concat ""

    /// What a summand's value is multiplied by.
    let factor (beta: float) (t: Term) = t.Sign * (if t.Weight.IsSome then beta else 1.0)

    /// How a summand is written with its sums.
    let text (t: Term) = sums t.Own + t.Text

    /// Summands with their signs.
    let joined (parts: (float * string) list) =
        let all =
            parts
            |> List.map (fun (sign, text) -> (if sign < 0.0 then "− " else "+ ") + text)
            |> String.concat " "

        if all.StartsWith "+ " then all.Substring 2 else all

    let private ofSite given (s: SiteRecord) text sign value =
        {
            Text = text
            Sign = sign
            Value = value
            Own = except given (s.Plates @ s.Times)
            Weight = None
        }

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
            match Divergence.balanced balance.Value q.Distribution p.Distribution |> Option.map p.Weighed with
            | Some kl when isSettled pair q kl -> Some kl
            | _ ->
                Fail.at
                    q.Location
                    $"The divergence of the site \"{q.Path}\", of {q.Distribution.Name} from {p.Distribution.Name}, has no closed form to balance."
                    "Leave Balance unset, or use distributions whose divergence is known."
        else
            Divergence.kl q.Distribution p.Distribution
            |> Option.map p.Weighed
            |> Option.filter (isSettled pair q)

    let private ofLatent sampled balance (pair: Paired) (q: SiteRecord) (p: SiteRecord) : Term list =
        let ofSite = ofSite pair.Given
        let path = name q.Path
        let isSummedOver i = pair.SummedOut |> List.exists (fun s -> pair.Enumerated[s.Path] = i)

        match divergence sampled balance pair q p with
        | Some kl -> [ ofSite q $"KL(q({path}) ‖ p({path}))" -1.0 kl |> divergent p ]
        | None ->
            let drawn = p.Weighed q.Score.Value

            // a prior that reads a site which is summed out stands within that sum
            if Array.exists isSummedOver p.LogDensity.Value.Indices then
                [
                    ofSite q $"log p({path})" 1.0 p.LogDensity.Value |> divergent p
                    ofSite q $"log q({path})" -1.0 drawn |> divergent p
                ]
            else
                [ ofSite q $"(log q({path}) − log p({path}))" -1.0 (drawn - p.LogDensity.Value) |> divergent p ]

    /// The summands of log p(x, z) − log q(z), divergences in closed form where that is their mean, unless all are to be sampled.
    let ofPair (sampled: bool) (balance: Nullable<double>) (pair: Paired) : Term list =
        let ofSite = ofSite pair.Given
        let prior (s: SiteRecord) = ofSite s $"log p({name s.Path})" 1.0 s.LogDensity.Value

        [
            yield! List.map prior pair.Observed
            for struct (q, p, _) in pair.Latent do
                yield! ofLatent sampled balance pair q p
            for s in pair.Auxiliary do
                ofSite s $"log q({name s.Path})" -1.0 s.LogDensity.Value |> divergent s
            yield! List.map prior pair.SummedOut
            for k, f in List.indexed pair.Factors do
                {
                    Text = $"factor {k + 1}"
                    Sign = 1.0
                    Value = f.LogWeight
                    Own = except pair.Given (f.Plates @ f.Times)
                    Weight = None
                }
        ]

    /// A finite site has values of its own for each value of its plates: a term that mixes them is no sum over one site.
    let private requireApart (pair: Paired) (s: SiteRecord) what mend (t: Term) =
        for i in s.Plates @ s.Times do
            let isOpen = List.contains i t.Own || List.contains i pair.Given

            if not isOpen || Dependence.over i s.Value t.Value > Positions.Same then
                Fail.at
                    s.Location
                    $"The site \"{s.Path}\" is {what} for each value of \"{i.Name}\"; {t.Text} mixes them."
                    $"{mend}, or keep what reads it in the plate."

    let private sumOutOf (pair: Paired) (s: SiteRecord) (terms: Term list) : Term list =
        let index = pair.Enumerated[s.Path]
        let inside, outside = terms |> List.partition (fun t -> has t.Value index)
        inside |> List.iter (requireApart pair s "summed out" "Draw it in the guide")
        let plates = s.Plates @ s.Times
        let within = inside |> List.map (fun t -> { t with Own = except plates t.Own })
        let written = within |> List.map (fun t -> t.Sign, text t) |> joined

        outside
        @ [
            {
                Text = $"log Σ_{name s.Path} exp({written})"
                Sign = 1.0
                Value =
                    within
                    |> List.map (fun t -> t.Sign * sum t.Own t.Value)
                    |> List.reduce (+)
                    |> Structure.logSumExp [||] [ index ]
                Own = except pair.Given plates
                Weight = None
            }
        ]

    /// log Σ_z exp(Σ terms) over each finite site of the model that the guide leaves to it, those in most plates first.
    let sumOut (beta: float) (pair: Paired) (terms: Term list) : Term list =
        let isWithin (t: Term) = pair.SummedOut |> List.exists (fun s -> has t.Value pair.Enumerated[s.Path])

        match terms |> List.tryFind (fun t -> t.Weight.IsSome && isWithin t) with
        | Some t when beta <> 1.0 ->
            Fail.model
                $"β = {beta} multiplies divergences; {t.Text} stands within the sum over a finite site."
                "Leave Beta at 1, or draw the finite site in the guide."
        | _ -> ()

        List.foldBack (sumOutOf pair) (pair.SummedOut |> List.sortBy (fun s -> s.Plates.Length + s.Times.Length)) terms

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
            has t.Value index && not (List.contains index kept)

        // the last drawn first: its probabilities may vary over the values of those before it
        List.foldBack
            (fun (struct (q: SiteRecord, _, estimator)) (t: Term) ->
                match estimator with
                | Estimator.Enumerated when isOver q t ->
                    check q t
                    let p = Build.unary UnaryOp.Exp q.Score.Value

                    { t with
                        Text = $"E_{name q.Path} {t.Text}"
                        Value = sum [ pair.Enumerated[q.Path] ] (weigh p t.Value)
                    }
                | Estimator.Enumerated
                | Estimator.Reparameterised
                | Estimator.Score _ -> t)
            pair.Latent
            t

    let private requireDrawnApart pair q t = requireApart pair q "enumerated" "Estimate the site by Score" t

    /// Σ_z q(z)·f(z) over the values of the guide's finite sites, but for some indices; where q(z) is 0, whatever f is there.
    let expectedBut (kept: FreeIndex list) (pair: Paired) (t: Term) : Term = average (requireDrawnApart pair) kept pair t

    /// Σ_z q(z)·f(z) over the values of the guide's finite sites.
    let expected (pair: Paired) (t: Term) : Term = expectedBut [] pair t

    /// The same of what a site's log-density is multiplied to: that may come from other samples as well.
    let expectedScore (pair: Paired) (q: SiteRecord) (x: Tensor) : Tensor =
        let own = ofSite pair.Given q $"log q({name q.Path})" 1.0 q.Score.Value

        average (fun other t -> requireDrawnApart pair other { own with Text = t.Text }) [] pair { own with Value = x }
        |> fun t -> sum t.Own t.Value
