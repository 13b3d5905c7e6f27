namespace Inference

/// What a site that is estimated by its score adds to a bound.
type internal ScoreTerm =
    {
        /// 0, with the gradient (R − b)·∇log q.
        Direction: Tensor
        /// 0, with the gradient of −½(R − b)² by a baseline that is learnt.
        Learning: Tensor option
        /// A baseline that moves by itself, with its next value.
        Update: (Tensor * Tensor) option
    }

/// Score-function estimates: ∇E_q[R] = E_q[(R − b)·∇log q], where R is what depends on the draw (Williams, 1992; Schulman et al., 2015).
[<RequireQualifiedAccess>]
module internal Scores =
    let private zero = Build.scalar DType.F32 0.0

    /// For each step its value and those of all later ones.
    let private onward (index: FreeIndex) (x: Tensor) =
        let _, total =
            Structure.scanIn true index [| Build.scalar x.DType 0.0 |] (fun later ->
                let total = later[0] + x
                [| total |], total)

        total

    /// The part of a site's return that comes from a term: the sum over whatever the draw reaches, for each draw.
    let private reached (q: SiteRecord) (t: Term) (x: Tensor) : Tensor option =
        if not (Dependence.needs q.Value x) then
            None
        else
            let kept = q.Plates @ q.Times

            let along (x': Tensor) (i: FreeIndex) =
                let at = Dependence.over i q.Value x

                if at &&& Positions.Any <> Positions.None then
                    if Array.contains i x.Indices || List.contains i t.Own then
                        Terms.sum [ i ] x'
                    else
                        x'
                elif at &&& Positions.Earlier <> Positions.None then
                    onward i x'
                else
                    x'

            Some(List.fold along (Terms.sum (Terms.except kept t.Own) x) kept)

    /// The mean of the others' values over an index.
    let private others (samples: FreeIndex) (x: Tensor) = (Terms.sum [ samples ] x - x) / double (samples.Capacity - 1)

    /// 1/(1 − α)·log mean exp((1 − α)·w) over samples.
    let powerMean (order: double) (samples: FreeIndex) (logWeight: Tensor) =
        (Structure.logSumExp [||] [ samples ] ((1.0 - order) * logWeight) - log (double samples.Capacity))
        / (1.0 - order)

    /// For each sample the bound in which its weight is the geometric mean of the others' (Mnih and Rezende, 2016, equation 10).
    let private boundWithout (samples: FreeIndex) order (logWeight: Tensor) =
        let other = FreeIndex("other", Extent.Fixed samples.Capacity, IndexKind.Plate)
        let same = Build.binary BinaryOp.Equal (Structure.position samples) (Structure.position other)
        let row = Structure.unstack other (Structure.stack samples logWeight)
        powerMean order other (Build.select same (others samples logWeight) row)

    let private checkedPrediction (pair: Paired) (q: SiteRecord) (prediction: Tensor) =
        if not prediction.IsScalar || not prediction.DType.IsFloat then
            Fail.at
                q.Location
                $"The baseline of the site \"{q.Path}\" is {prediction}; it predicts one number."
                "Give a scalar for each value of the site's plates."

        match
            prediction.Indices
            |> Array.tryFind (fun i -> not (List.contains i (pair.Given @ q.Plates @ q.Times)))
        with
        | Some i ->
            Fail.at
                q.Location
                $"The baseline of the site \"{q.Path}\" varies over \"{i.Name}\", which the site does not."
                $"Reduce it over \"{i.Name}\"."
        | None -> prediction

    let private baselineName (q: SiteRecord) = $"baseline.{q.Path}"

    let private meanOfAll (x: Tensor) =
        x.Indices
        |> Array.fold (fun (m: Tensor) i -> Terms.sum [ i ] m / Build.convert m.DType (Structure.extent i)) x

    /// The term of a site, of the bound's summands before sums over values, plates and samples; `logWeight` is their sum for each sample.
    let ofSite (pair: Paired) (o: Objective) order (logWeight: Tensor) (terms: Term list) (q: SiteRecord) baseline : ScoreTerm =
        let isElbo = order = 1.0
        // for each value of the enumerated sites that the draw varies over, the returns of its own draw
        let conditions = Summands.conditions pair q

        let reward =
            if isElbo then
                terms
                |> List.choose (fun t ->
                    let t = Summands.expectedBut conditions pair t
                    reached q t (Terms.factor o.Beta t * t.Scaled))
                |> List.fold (+) zero
            else
                powerMean order pair.Samples logWeight
            |> Calculus.stopGradient

        let centre, learning, update =
            match baseline with
            | Baseline.Nothing -> Build.scalar reward.DType 0.0, None, None
            | Baseline.LeaveOneOut when isNull pair.Samples ->
                Fail.at
                    q.Location
                    $"The baseline of the site \"{q.Path}\" is the mean of other samples; there is one sample."
                    "Set Samples to 2 or more."
            | Baseline.LeaveOneOut when isElbo -> others pair.Samples reward, None, None
            | Baseline.LeaveOneOut -> boundWithout pair.Samples order (Calculus.stopGradient logWeight), None, None
            | Baseline.Learned prediction ->
                let error = reward - checkedPrediction pair q prediction
                let loss = -0.5 * error * error
                Calculus.stopGradient prediction, Some(loss - Calculus.stopGradient loss), None
            | Baseline.MovingAverage decay ->
                if not (decay >= 0.0 && decay < 1.0) then
                    Fail.at q.Location $"The baseline of the site \"{q.Path}\" has a decay of {decay}." "Choose from 0 to below 1."

                let average = Parameter.create (baselineName q) [||] Initializer.Zeros
                Calculus.stopGradient average, None, Some(average, decay * average + (1.0 - decay) * meanOfAll reward)

        let score = q.Score.Value

        let overSite (x: Tensor) =
            let x = Summands.expectedScore pair q x

            if isNull pair.Samples then x
            elif isElbo then Terms.sum [ pair.Samples ] x / double pair.Samples.Capacity
            else Terms.sum [ pair.Samples ] x

        {
            Direction = overSite (Calculus.stopGradient (reward - centre) * (score - Calculus.stopGradient score))
            Learning = learning |> Option.map overSite
            Update = update
        }
