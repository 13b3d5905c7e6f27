namespace Inference

open System
open System.Collections.Generic

/// A lower bound on the log-evidence, as a derivation from a model and its guide made it.
type EvidenceBound =
    {
        /// The bound in nats, one number for each value of the plates that were open around it. Its gradient is an unbiased estimate of
        /// that of the bound's expectation, whatever the estimators.
        Value: Tensor
        /// What the bound is made of by name, such as `log p(image)` and `KL(q(z) ‖ p(z))`, in nats: means over samples, before signs, β and
        /// free nats.
        Parts: (string * Tensor) list
        /// Parameters that change with each step beside the optimiser's, with their next values.
        Updates: (Tensor * Tensor) list
        /// The objective in mathematical notation, term by term, with the estimator of each site.
        Explanation: string
    }

/// Lower bounds on the log-evidence of a model, derived from it and its guide.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module EvidenceBound =
    let private written (x: double) = x.ToString Globalization.CultureInfo.InvariantCulture

    let private check (o: Objective) =
        if o.Samples < 1 then
            Fail.model $"An objective takes {o.Samples} samples." "Take at least 1."

        if not (o.Order >= 0.0 && o.Order <= 1.0) then
            Fail.model $"A bound has order {written o.Order}." "Orders are from 0, the importance-weighted bound, to 1, the ELBO."

        if o.Order <> 1.0 && (o.Beta <> 1.0 || o.FreeNats <> 0.0 || o.Balance.HasValue) then
            Fail.model "Weights of samples know no β, no free nats and no balance." "Leave Beta, FreeNats and Balance, or take the ELBO."

        if
            o.Balance.HasValue
            && (o.SampledDivergences || not (o.Balance.Value >= 0.0 && o.Balance.Value <= 1.0))
        then
            Fail.model
                $"An objective has balance {written o.Balance.Value}."
                "It is the prior's share of the derivatives of divergences in closed form, from 0 to 1."

        let isAmount (x: double) = x >= 0.0 && Double.IsFinite x

        if not (isAmount o.Beta && isAmount o.FreeNats) then
            Fail.model $"An objective has β = {written o.Beta} and {written o.FreeNats} free nats." "Both are finite and at least 0."

    let private isScored (struct (_, _, e)) =
        match e with
        | Estimator.Score _ -> true
        | Estimator.Reparameterised
        | Estimator.Enumerated -> false

    /// What an objective cannot be combined with, once the sites are known.
    let private requireFit (o: Objective) order (pair: Paired) (c: ProbContext) =
        let scored = pair.Latent |> List.tryFind isScored

        if o.FreeNats > 0.0 && (scored.IsSome || not pair.SummedOut.IsEmpty || not pair.Auxiliary.IsEmpty) then
            Fail.model
                "Free nats are for divergences of single sites whose derivatives go through draws or exact sums."
                "Leave FreeNats at 0, or draw every site by itself and estimate it by Reparameterised or Enumerated."

        match scored with
        | Some(struct (q, _, _)) when not c.Times.IsEmpty ->
            Fail.at
                q.Location
                $"The site \"{q.Path}\" is estimated by Score in a bound of one step, which does not see what later steps make of the draw."
                "Derive the bound of the whole chain."
        | _ -> ()

        match pair.Latent |> List.tryFind (fun struct (_, _, e) -> e = Estimator.Enumerated) with
        | Some(struct (q, _, _)) when order <> 1.0 ->
            Fail.at
                q.Location
                $"The site \"{q.Path}\" is enumerated by the guide; weights belong to samples that are drawn."
                "Leave the site out of the guide, so that the model sums it out, or estimate it by Score."
        | _ -> ()

    let private mean (samples: FreeIndex) (x: Tensor) =
        if isNull samples || not (Array.contains samples x.Indices) then
            x
        else
            Terms.sum [ samples ] x / double samples.Capacity

    /// A divergence's sum, where its mean over plates, steps and samples counts as at least so many nats. The mean is of what masks leave.
    let private atLeast (free: double) (pair: Paired) (t: Term) (total: Tensor) =
        match t.Weight with
        | Some weight when free > 0.0 ->
            let plates = pair.Given |> List.filter (fun i -> not (obj.ReferenceEquals(i, pair.Samples)))
            let count = Terms.sum t.Own weight
            let all = Terms.sum plates count
            let none = Build.binary BinaryOp.Equal all (Build.scalar all.DType 0.0)

            let average =
                Terms.sum plates (mean pair.Samples total) / Build.select none (Build.scalar all.DType 1.0) all

            count * Build.binary BinaryOp.Max (Build.scalar total.DType free) average
        | _ -> total

    let private explain (o: Objective) order (pair: Paired) (terms: Term list) =
        let summand (t: Term) =
            let text =
                if t.Weight.IsSome && o.FreeNats > 0.0 then
                    Terms.text { t with Text = $"max({written o.FreeNats}, mean {t.Text})" }
                else
                    Terms.text t

            t.Sign, (if t.Weight.IsSome && o.Beta <> 1.0 then $"{written o.Beta}·{text}" else text)

        let inner = terms |> List.map summand |> Terms.joined

        let headline =
            match o.Samples, order with
            | 1, _ -> inner
            | k, 1.0 -> $"mean_{k} [ {inner} ]"
            | k, 0.0 -> $"log mean_{k} exp[ {inner} ]"
            | k, a -> $"1/{written (1.0 - a)}·log mean_{k} exp({written (1.0 - a)}·[ {inner} ])"

        let site (s: SiteRecord) =
            $"  {Terms.name s.Path} ~ {s.Distribution.Name}{Fail.shape s.Distribution.Shape}"

        String.Join(
            "\n",
            [
                yield $"maximise {headline}"
                for s in pair.Observed do
                    yield $"{site s}, observed"
                for struct (q, p, e) in pair.Latent do
                    let balance =
                        if o.Balance.HasValue then
                            $"; {written o.Balance.Value} of the divergence's slope to the prior"
                        else
                            ""

                    yield $"{site q}, prior {p.Distribution.Name}; {e}{balance}"
                for s in pair.Auxiliary do
                    yield $"{site s}, of the guide alone"
                for s in pair.SummedOut do
                    yield $"{site s}, summed out"
            ]
        )

    let private summands (o: Objective) (pair: Paired) : Term list =
        Summands.ofPair (o.SampledDivergences || o.Order <> 1.0) o.Balance pair
        |> Summands.sumOut o.Beta pair

    /// Derives the bound of a model and its guide where the program stands: plates that are open there stay free. Masks and scales are those
    /// of the model; a guide's do not count.
    let derive (o: Objective) (model: Prob<'T>) (guide: Prob<'U>) : Prob<EvidenceBound> =
        Prob(fun c ->
            check o
            // of one sample every order is the ELBO, its divergences sampled
            let order = if o.Samples = 1 then 1.0 else o.Order
            let pair = Pairing.trace false o.Samples o.Estimators model guide c
            requireFit o order pair c

            if pair.Enumerated.Count > 0 then
                let formal = Pairing.trace true o.Samples o.Estimators model guide c
                summands o formal |> List.iter (Summands.expected formal >> ignore)

            for site in pair.Sites do
                c.Trace.Claim(site.Path, site.Location)
                c.Trace.Record site

            let terms = summands o pair

            let expected = terms |> List.map (Summands.expected pair)

            let totals = expected |> List.map (fun t -> t, Terms.sum t.Own t.Scaled)

            let logWeight =
                totals
                |> List.map (fun (t, x) -> Terms.factor o.Beta t * atLeast o.FreeNats pair t x)
                |> List.reduce (+)

            let bound =
                if order = 1.0 then
                    mean pair.Samples logWeight
                else
                    Scores.powerMean order pair.Samples logWeight

            let scores =
                [
                    for struct (q, _, estimator) in pair.Latent do
                        match estimator with
                        | Estimator.Score baseline -> Scores.ofSite pair o order logWeight terms q baseline
                        | Estimator.Reparameterised
                        | Estimator.Enumerated -> ()
                ]

            {
                Value =
                    [
                        for s in scores do
                            yield s.Direction
                            yield! Option.toList s.Learning
                    ]
                    |> List.fold (+) bound
                Parts = totals |> List.map (fun (t, x) -> Terms.text t, mean pair.Samples x)
                Updates = scores |> List.choose (fun s -> s.Update)
                Explanation = explain o order pair expected
            })
