namespace Inference

open System
open System.Collections.Generic

/// A lower bound on the log-evidence, as a derivation from a model and its guide made it.
type EvidenceBound =
    {
        /// The bound in nats, one number for each value of the plates that were open around it. Its gradient is an unbiased estimate of
        /// that of the bound's expectation, whatever the estimators.
        Value: Tensor
        /// The parts of the bound by their names, such as `log p(image)` and `KL(q(z) ‖ p(z))`; means over samples.
        Parts: (string * Tensor) list
        /// Parameters that change with each step beside the optimiser's, with their next values.
        Updates: (Tensor * Tensor) list
        /// The objective in mathematical notation, term by term, with the estimator of each site.
        Explanation: string
    }

/// Which bound, and how it is estimated.
[<Sealed; AllowNullLiteral>]
type Objective() =
    /// Draws of the guide for each datum; at least 1.
    member val Samples = 1 with get, set
    /// What multiplies divergences (Higgins et al., 2017).
    member val Beta = 1.0 with get, set
    /// Divergences count as at least so many nats for each site, on the mean over plates and steps (Kingma et al., 2016).
    member val FreeNats = 0.0 with get, set
    /// Rényi's order α: 1 is the ELBO, 0 the importance-weighted bound (Li and Turner, 2016).
    member val Order = 1.0 with get, set
    /// Whether divergences are sampled even where a closed form is known.
    member val SampledDivergences = false with get, set
    /// How derivatives are found, by site.
    member val Estimators = Dictionary<string, Estimator>() with get, set

    /// The evidence lower bound.
    static member Elbo([<Runtime.InteropServices.Optional; Runtime.InteropServices.DefaultParameterValue(1)>] samples: int) =
        Objective(Samples = samples)

    /// The importance-weighted bound of so many samples (Burda et al., 2016). With a score-function estimator and a leave-one-out
    /// baseline it is VIMCO (Mnih and Rezende, 2016).
    static member ImportanceWeighted(samples: int) = Objective(Samples = samples, Order = 0.0)

    /// Rényi's bound of an order below 1.
    static member Renyi(order: float, samples: int) = Objective(Samples = samples, Order = order)

/// One summand of a bound, before it is reduced.
type internal Term =
    {
        Name: string
        /// Adds to the bound, or takes away.
        Sign: float
        /// Free in its plates, in samples and in the indices of enumerated values that it reads.
        Value: Tensor
        Own: FreeIndex list
        /// A divergence, which β multiplies.
        IsDivergence: bool
    }

[<RequireQualifiedAccess>]
module internal Terms =
    let private name (path: string) =
        if path |> Seq.forall (fun ch -> Char.IsLetterOrDigit ch || "_./".Contains ch) then
            path
        else
            $"\"{path}\""

    /// Whether a value needs another, at the same step of a loop.
    let reads (target: Tensor) (x: Tensor) =
        Traverse.postOrder [ x ] |> Array.exists (fun y -> obj.ReferenceEquals(y, target))

    /// Whether a value needs another, also from earlier steps of a loop.
    let needs (target: Tensor) (x: Tensor) =
        let seen = HashSet<Tensor>(HashIdentity.Reference)
        let pending = Stack<Tensor>([ x ])
        let mutable found = false

        while not found && pending.Count > 0 do
            let y = pending.Pop()

            if seen.Add y then
                found <- obj.ReferenceEquals(y, target)
                Array.iter pending.Push (Traverse.edges y)

                match y.Op with
                | Op.Carry(scan, _) -> Array.iter pending.Push scan.Nexts
                | _ -> ()

        found

    let private own (given: FreeIndex list) (s: SiteRecord) = s.Plates @ s.Times |> List.filter (fun i -> not (List.contains i given))

    let private sums (indices: FreeIndex list) = indices |> List.map (fun i -> $"Σ_{name i.Name} ") |> String.concat ""

    /// How a summand is written.
    let text (t: Term) = sums t.Own + t.Name

    let private ofSite given (s: SiteRecord) label sign value divergence =
        {
            Name = $"{label}({name s.Path})"
            Sign = sign
            Value = value
            Own = own given s
            IsDivergence = divergence
        }

    /// KL(q ‖ p) where it is known and what it is computed from is settled before the draw: then it is the mean over draws.
    let private divergence (sampled: bool) (q: SiteRecord) (p: SiteRecord) =
        if sampled then
            None
        else
            Divergence.kl q.Distribution p.Distribution
            |> Option.map p.Weighed
            |> Option.filter (fun kl -> not (reads q.Value kl) && kl.Indices |> Array.forall (fun i -> i.Kind <> IndexKind.Enumerated))

    /// The summands of log p(x, z) − log q(z), divergences in closed form where they are. What a prior says of a site that is summed out
    /// stands apart from what the guide says.
    let ofPair (sampled: bool) (pair: Paired) : Term list =
        let given = pair.Given

        let summed =
            pair.SummedOut
            |> Seq.collect (fun s -> s.Value.Indices)
            |> Seq.filter (fun i -> i.Kind = IndexKind.Enumerated)
            |> List.ofSeq

        [
            for s in pair.Observed do
                ofSite given s "log p" 1.0 s.LogDensity.Value false
            for struct (q, p, _) in pair.Latent do
                let drawn = lazy (p.Weighed(q.Distribution.LogDensity q.Value))

                match divergence sampled q p with
                | Some kl ->
                    { ofSite given q "KL" -1.0 kl true with
                        Name = $"KL(q({name q.Path}) ‖ p({name p.Path}))"
                    }
                | None when summed |> List.exists (fun i -> Array.contains i p.LogDensity.Value.Indices) ->
                    ofSite given p "log p" 1.0 p.LogDensity.Value true
                    ofSite given q "log q" -1.0 drawn.Value true
                | None ->
                    { ofSite given q "log q" -1.0 (drawn.Value - p.LogDensity.Value) true with
                        Name = $"(log q({name q.Path}) − log p({name p.Path}))"
                    }
            for s in pair.Auxiliary do
                ofSite given s "log q" -1.0 s.LogDensity.Value true
            for s in pair.SummedOut do
                ofSite given s "log p" 1.0 s.LogDensity.Value false
            for k, f in List.indexed pair.Factors do
                {
                    Name = $"factor {k + 1}"
                    Sign = 1.0
                    Value = f
                    Own = []
                    IsDivergence = false
                }
        ]

/// Lower bounds on the log-evidence of a model, derived from it and its guide.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module EvidenceBound =
    let private sum indices x = Structure.sum [||] indices x
    let private has (x: Tensor) (i: FreeIndex) = Array.contains i x.Indices

    /// Σ over the values of the guide's finite sites, each with its probability: Σ_z q(z)·f(z).
    let private expectExactly (pair: Paired) (x: Tensor) =
        let sites =
            [
                for struct (q, _, e) in pair.Latent do
                    if e = Estimator.Enumerated then
                        match q.Value.Indices |> Array.tryFind (fun i -> Seq.contains i pair.Enumerated.Values) with
                        | Some index -> q, index
                        | None -> ()
            ]

        // the last drawn first: its probabilities may vary over the values of those before it
        List.foldBack
            (fun (q: SiteRecord, index: FreeIndex) (x: Tensor) ->
                if not (has x index) then
                    x
                else
                    for i in q.Plates @ q.Times do
                        if not (has x i) && not (List.contains i pair.Given) then
                            Fail.at
                                q.Location
                                $"The site \"{q.Path}\" is enumerated for each value of \"{i.Name}\"; something mixes them."
                                "Estimate the site by Score, or keep what reads it in the plate."

                    let p = Build.unary UnaryOp.Exp (q.Distribution.LogDensity q.Value)
                    sum [ index ] (p * x))
            sites
            x

    /// log Σ_z exp(Σ terms) over a finite site of the model, for each value of its plates.
    let private sumOut (pair: Paired) (terms: Term list) : Term list =
        List.foldBack
            (fun (s: SiteRecord) (terms: Term list) ->
                let index = pair.Enumerated.Values |> Seq.find (fun i -> has s.Value i)
                let inside, outside = terms |> List.partition (fun t -> has t.Value index)
                let plates = s.Plates @ s.Times

                let within (t: Term) =
                    if plates |> List.exists (fun i -> not (List.contains i t.Own) && not (List.contains i pair.Given)) then
                        Fail.at
                            s.Location
                            $"The site \"{s.Path}\" is summed out for each value of its plates; {t.Name} mixes them."
                            "Keep what reads it in the plate."

                    t.Sign * sum (t.Own |> List.filter (fun i -> not (List.contains i plates))) t.Value

                let names =
                    inside
                    |> List.map (fun t -> Terms.text { t with Own = t.Own |> List.filter (fun i -> not (List.contains i plates)) })

                outside
                @ [
                    {
                        Name = $"""log Σ_{s.Path} exp({String.concat " + " names})"""
                        Sign = 1.0
                        Value = Structure.logSumExp [||] [ index ] (inside |> List.map within |> List.reduce (+))
                        Own = plates |> List.filter (fun i -> not (List.contains i pair.Given))
                        IsDivergence = false
                    }
                ])
            pair.SummedOut
            terms

    let private mean (samples: FreeIndex) (x: Tensor) =
        if isNull samples || not (has x samples) then
            x
        else
            sum [ samples ] x / double samples.Capacity

    /// How many values some indices have together.
    let private count (like: Tensor) (indices: FreeIndex list) =
        indices
        |> List.fold (fun n i -> n * Build.convert like.DType (Structure.extent i)) (Build.scalar like.DType 1.0)

    /// A divergence's sum, where its mean over plates and samples counts as at least so many nats.
    let private atLeast (free: double) (pair: Paired) (t: Term) (total: Tensor) =
        if free = 0.0 then
            total
        else
            let plates = pair.Given |> List.filter (fun i -> not (obj.ReferenceEquals(i, pair.Samples)))
            let average = sum plates (mean pair.Samples total) / (count total plates * count total t.Own)
            count total t.Own * Build.binary BinaryOp.Max (Build.scalar total.DType free) average

    /// The mean of the others' values over an index.
    let private others (samples: FreeIndex) (x: Tensor) = (sum [ samples ] x - x) / double (samples.Capacity - 1)

    /// For each sample the importance-weighted bound in which its weight is the geometric mean of the others'.
    let private boundWithout (samples: FreeIndex) (order: double) (logWeight: Tensor) =
        let n = samples.Capacity
        let row = Structure.stack samples logWeight
        let other = FreeIndex("other", Extent.Fixed n, IndexKind.Plate)
        let same = Build.binary BinaryOp.Equal (Structure.position samples) (Structure.position other)
        let weights = Build.select same (others samples logWeight) (Structure.unstack other row)
        let scaled = (1.0 - order) * weights
        (Structure.logSumExp [||] [ other ] scaled - log (double n)) / (1.0 - order)

    let private baselineName (q: SiteRecord) = $"baseline.{q.Path}"

    /// What a score-function site adds: nothing to the value, (R − b)·∇log q to the gradient; and what its baseline learns.
    let private scoreTerm (pair: Paired) (order: double) (logWeight: Tensor) (parts: Tensor list) (q: SiteRecord) baseline =
        let kept = pair.Given @ q.Plates @ q.Times

        let keep (x: Tensor) =
            sum (x.Indices |> Array.filter (fun i -> not (List.contains i kept)) |> List.ofArray) x

        // only what the draw reaches: the rest has no mean effect on the gradient
        let reached = parts |> List.filter (Terms.needs q.Value)

        let total =
            if order = 1.0 then
                reached |> List.map keep |> List.fold (+) (Build.scalar DType.F32 0.0)
            else
                logWeight

        let score = q.Distribution.LogDensity q.Value
        let held = Calculus.stopGradient total

        let centre, learning, update =
            match baseline with
            | Baseline.Nothing -> Build.scalar held.DType 0.0, None, None
            | Baseline.LeaveOneOut when isNull pair.Samples ->
                Fail.at
                    q.Location
                    $"The baseline of the site \"{q.Path}\" is the mean of other samples; there is one sample."
                    "Set Samples to 2 or more."
            | Baseline.LeaveOneOut when order = 1.0 -> others pair.Samples held, None, None
            | Baseline.LeaveOneOut -> boundWithout pair.Samples order held, None, None
            | Baseline.Learned prediction -> Calculus.stopGradient prediction, Some(-0.5 * (held - prediction) * (held - prediction)), None
            | Baseline.MovingAverage decay ->
                let average = Parameter.create (baselineName q) [||] Initializer.Zeros

                let mean =
                    held.Indices
                    |> Array.fold (fun (x: Tensor) i -> sum [ i ] x / Build.convert x.DType (Structure.extent i)) held

                Calculus.stopGradient average, None, Some(average, decay * average + (1.0 - decay) * mean)

        let reward =
            if order = 1.0 then
                held
            else
                Calculus.stopGradient (
                    (Structure.logSumExp [||] [ pair.Samples ] ((1.0 - order) * logWeight)
                     - log (double pair.Samples.Capacity))
                    / (1.0 - order)
                )

        let direction = Calculus.stopGradient (reward - centre) * (score - Calculus.stopGradient score)
        direction, learning, update

    let private check (o: Objective) =
        if o.Samples < 1 then
            Fail.model $"An objective takes {o.Samples} samples." "Take at least 1."

        if o.Order <> 1.0 && (o.Samples < 2 || o.Order > 1.0) then
            Fail.model $"A bound of order {o.Order} with {o.Samples} samples." "Orders are at most 1, and below 1 need 2 samples or more."

        if o.Order <> 1.0 && (o.Beta <> 1.0 || o.FreeNats <> 0.0) then
            Fail.model "Weights of samples know no β and no free nats." "Leave Beta and FreeNats, or take the ELBO."

        if not (o.Beta >= 0.0) || not (o.FreeNats >= 0.0) then
            Fail.model $"An objective has β = {o.Beta} and {o.FreeNats} free nats." "Both are at least 0."

    let private requireFreeNatsFit (o: Objective) (pair: Paired) =
        let isScored (struct (_, _, e)) =
            match e with
            | Estimator.Score _ -> true
            | Estimator.Reparameterised
            | Estimator.Enumerated -> false

        if o.FreeNats > 0.0 && (not pair.SummedOut.IsEmpty || List.exists isScored pair.Latent) then
            Fail.model
                "Free nats are for divergences whose derivatives go through draws or exact sums."
                "Leave FreeNats at 0, or estimate every site by Reparameterised or Enumerated."

    let private explain (o: Objective) (pair: Paired) (terms: Term list) =
        let beta (t: Term) =
            if t.IsDivergence && o.Beta <> 1.0 then
                $"{o.Beta.ToString Globalization.CultureInfo.InvariantCulture}·"
            else
                ""

        let free (t: Term) text =
            if t.IsDivergence && o.FreeNats > 0.0 then
                $"max({o.FreeNats.ToString Globalization.CultureInfo.InvariantCulture}, mean {text})"
            else
                text

        let written (t: Term) =
            let sign = if t.Sign < 0.0 then "− " else "+ "
            sign + beta t + free t (Terms.text t)

        let inner = terms |> List.map written |> String.concat " "
        let inner = if inner.StartsWith "+ " then inner.Substring 2 else inner

        let headline =
            match o.Samples, o.Order with
            | 1, _ -> $"maximise {inner}"
            | k, 1.0 -> $"maximise mean_{k} [ {inner} ]"
            | k, 0.0 -> $"maximise log mean_{k} exp[ {inner} ]"
            | k, a ->
                let rest = (1.0 - a).ToString(Globalization.CultureInfo.InvariantCulture)
                $"maximise 1/{rest}·log mean_{k} exp({rest}·[ {inner} ])"

        String.Join(
            "\n",
            [
                yield headline
                for s in pair.Observed do
                    yield $"  {s.Path} ~ {s.Distribution.Name}{Fail.shape s.Distribution.Shape}, observed"
                for struct (q, p, e) in pair.Latent do
                    yield $"  {q.Path} ~ {q.Distribution.Name}{Fail.shape q.Distribution.Shape}, prior {p.Distribution.Name}; {e}"
                for s in pair.Auxiliary do
                    yield $"  {s.Path} ~ {s.Distribution.Name}{Fail.shape s.Distribution.Shape}, of the guide alone"
                for s in pair.SummedOut do
                    yield $"  {s.Path} ~ {s.Distribution.Name}, summed out"
            ]
        )

    /// Derives the bound of a model and its guide where the program stands: plates that are open there stay free.
    let derive (o: Objective) (model: Prob<'T>) (guide: Prob<'U>) : Prob<EvidenceBound> =
        Prob(fun c ->
            check o
            let pair = Pairing.trace o.Samples o.Estimators model guide c
            requireFreeNatsFit o pair

            for site in pair.Sites do
                c.Trace.Claim(site.Path, site.Location)
                c.Trace.Record site

            let terms = Terms.ofPair (o.SampledDivergences || o.Order <> 1.0) pair |> sumOut pair

            let reduced =
                terms
                |> List.map (fun t ->
                    let exact = expectExactly pair t.Value
                    let total = sum t.Own exact
                    t, exact, (if t.IsDivergence then o.Beta * atLeast o.FreeNats pair t total else total))

            let logWeight = reduced |> List.map (fun (t, _, total) -> t.Sign * total) |> List.reduce (+)

            let bound =
                if o.Order = 1.0 then
                    mean pair.Samples logWeight
                else
                    let scaled = (1.0 - o.Order) * logWeight
                    (Structure.logSumExp [||] [ pair.Samples ] scaled - log (double o.Samples)) / (1.0 - o.Order)

            let scores =
                [
                    for struct (q, _, estimator) in pair.Latent do
                        match estimator with
                        | Estimator.Score baseline ->
                            let weight (t: Term) = t.Sign * (if t.IsDivergence then o.Beta else 1.0)
                            let parts = reduced |> List.map (fun (t, exact, _) -> weight t * exact)
                            q, scoreTerm pair o.Order logWeight parts q baseline
                        | Estimator.Reparameterised
                        | Estimator.Enumerated -> ()
                ]

            let overSite (q: SiteRecord) (x: Tensor) =
                let own = q.Plates @ q.Times |> List.filter (fun i -> not (List.contains i pair.Given))
                let x = sum own x
                if o.Order = 1.0 then mean pair.Samples x else sum [ pair.Samples ] x

            let surrogate = scores |> List.fold (fun v (q, (direction, _, _)) -> v + overSite q direction) bound

            let learned =
                scores
                |> List.choose (fun (q, (_, learning, _)) -> learning |> Option.map (overSite q))
                |> List.fold (fun v (x: Tensor) -> v + (x - Calculus.stopGradient x)) surrogate

            {
                Value = learned
                Parts = reduced |> List.map (fun (t, _, total) -> Terms.text t, mean pair.Samples (t.Sign * total))
                Updates = scores |> List.choose (fun (_, (_, _, update)) -> update)
                Explanation = explain o pair terms
            })
