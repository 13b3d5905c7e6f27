namespace Inference

open System

/// One of several distributions, by unnormalised log-weights. A draw takes one uniform to choose; the components share the other numbers, since
/// only one of them counts.
[<Sealed>]
type Mixture private (logits: Tensor, one: Distribution, rows: (Distribution -> Tensor) -> Tensor, requirements: Requirement list) =
    inherit Distribution("Mixture", one.Shape, one.DType)
    let logWeights = normalised logits

    /// Σ over the components, which are the leading axis.
    let average (x: Tensor) =
        let w =
            Build.broadcast (Array.init x.Shape.Length (fun k -> if k = 0 then 0 else -1)) x.Shape (exp logWeights)

        Structure.sum [| 0 |] [] (w * x)

    static let checkedLogits (logits: Tensor) count =
        if logits.Shape <> [| count |] then
            Fail.model
                $"Mixture of {count} components needs as many logits; {Fail.shape logits.Shape} came."
                "Give one log-weight for each component."

        logits

    /// Components of one shape and type.
    new(logits: Tensor, components: Distribution[]) =
        if components.Length = 0 then
            Fail.model "Mixture has no components." "Give at least one."

        for c in components do
            if c.Shape <> components[0].Shape || c.DType <> components[0].DType then
                Fail.model
                    $"Mixture has components of {components[0].DType}{Fail.shape components[0].Shape} and {c.DType}{Fail.shape c.Shape}."
                    "Give all one shape and type."

        Mixture(
            checkedLogits logits components.Length,
            components[0],
            (fun f -> components |> Array.map f |> Shapes.pack),
            [
                for c in components do
                    yield! c.Requirements
            ]
        )

    /// A component whose parameters vary over an index, which the mixture sums out.
    new(logits: Tensor, index: FreeIndex, ``component``: Distribution) =
        let stacked =
            ``component``.Requirements
            |> List.map (fun r -> { r with Value = Structure.stackWith 1.0 index r.Value })

        Mixture(checkedLogits logits index.Capacity, ``component``, (fun f -> Structure.stack index (f ``component``)), stacked)

    member _.LogWeights = logWeights
    override _.Requirements = requirements
    override _.Support = one.Support
    override _.IsReparameterised = false

    override _.Closed s =
        match s with
        | Statistic.Mean when one.Knows Statistic.Mean -> Some(average (rows (fun c -> c.Mean)))
        | Statistic.Variance when one.Knows Statistic.Mean && one.Knows Statistic.Variance ->
            let means = rows (fun c -> c.Mean)
            Some(average (rows (fun c -> c.Variance) + square means) - square (average means))
        | Statistic.Mean
        | Statistic.Variance
        | Statistic.Mode
        | Statistic.Entropy -> None

    override _.LogDensity x = Structure.logSumExp [| 0 |] [] (logWeights + rows (fun c -> c.LogDensity x))

    override _.Draw d =
        let k = choose (exp logWeights) (d.UniformLike(Build.scalar logits.DType 0.0, 0))
        let part = d.Part 0
        Shapes.gather (rows (fun c -> c.Draw part)) k

/// A number by probabilities over bins (Hafner et al., "Mastering diverse domains through world models", 2023, equation 9 and after). A value's
/// log-probability is the cross-entropy with its two-hot encoding: the two bins around it, weighed so that their mean is the
/// value; beyond the outer bins, that bin alone. Between bins this is no density. Draws are bins.
[<Sealed>]
type TwoHot(logits: Tensor, bins: Tensor) =
    inherit Distribution("TwoHot", TwoHot.CheckedShape(logits, bins), logits.DType)
    let bins = Build.convert logits.DType bins
    let n = bins.Count
    let logProbabilities = normalised logits

    static member private CheckedShape(logits: Tensor, bins: Tensor) : int[] =
        if bins.Shape.Length <> 1 || bins.Count < 2 || logits.Shape <> bins.Shape then
            Fail.model
                $"TwoHot needs a vector of logits and one of at least two bins alike; {Fail.shape logits.Shape} and {Fail.shape bins.Shape} came."
                "Give one logit for each bin."

        match bins.Op with
        | Op.Constant v when Seq.exists (fun (a: double, b) -> not (a < b)) (Seq.pairwise v) ->
            Fail.model "The bins of TwoHot do not increase." "Give them in rising order."
        | _ -> ()

        [||]

    /// The weights of the bins for a scalar: at most two, neighbours, that sum to one.
    member _.Encode(x: Tensor) : Tensor =
        let x = Build.literal x logits.DType |> Option.defaultValue x
        let whole (k: int) = Build.scalar DType.I32 (double k)
        let reached = atMost bins (Build.fill bins.Shape x)
        let count = all (Build.select reached (whole 1) (whole 0))
        let k = larger (whole 0) (smaller (whole (n - 2)) (count - whole 1))
        let low, high = Shapes.gather bins k, Shapes.gather bins (k + whole 1)
        let w = larger (number x 0.0) (smaller (number x 1.0) ((x - low) / (high - low)))
        oneHot bins k * (1.0 - w) + oneHot bins (k + whole 1) * w

    member _.LogProbabilities = logProbabilities
    override _.Requirements = []
    override _.Support = Support.Interval(Shapes.at 0 0 bins, Shapes.at 0 (n - 1) bins)
    override _.IsReparameterised = false

    override _.Closed s =
        let p = exp logProbabilities

        match s with
        // in pairs from both ends, so that equal probabilities of bins around 0 give exactly 0
        | Statistic.Mean ->
            let terms = p * bins
            Some(0.5 * all (terms + Shapes.reverse [| 0 |] terms))
        | Statistic.Mode -> Some(Shapes.gather bins (Shapes.argMax 0 logits))
        | Statistic.Variance -> Some(all (p * square (bins - Build.fill bins.Shape (all (p * bins)))))
        | Statistic.Entropy -> Some(entropyOf logProbabilities)

    override d.LogDensity x = all (weigh (d.Encode x) logProbabilities)

    override _.Draw d =
        choose (exp logProbabilities) (d.UniformLike(Build.scalar logits.DType 0.0, 0))
        |> Shapes.gather bins
