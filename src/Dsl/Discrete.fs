namespace Inference

open System

/// What discrete distributions share.
[<AutoOpen>]
module internal Choices =
    let private last (x: Tensor) = x.Shape.Length - 1
    let private rows (x: Tensor) = Array.init (last x) id

    /// Repeats a value along a new last axis.
    let spread (shape: int[]) (x: Tensor) =
        Build.broadcast (Array.init shape.Length (fun k -> if k < x.Shape.Length then k else -1)) shape x

    /// The first position whose cumulative probability is above a share of the whole, along the last axis: one of probability 0 is never chosen. The
    /// probabilities need not sum to one. i32.
    let choose (probabilities: Tensor) (uniform: Tensor) : Tensor =
        let axis = last probabilities
        let cumulative = Shapes.cumSum axis probabilities
        let whole = Shapes.at axis (probabilities.Shape[axis] - 1) cumulative
        let below = atMost cumulative (spread probabilities.Shape (uniform * whole))
        Structure.sum [| axis |] [] (Build.select below (Build.scalar DType.I32 1.0) (Build.scalar DType.I32 0.0))

    /// logits − log Σ exp, along the last axis; −∞ where a logit is.
    let normalised (logits: Tensor) =
        let axis = last logits
        // all may be −∞
        let total = larger (number logits -1e30) (Structure.logSumExp [| axis |] [] logits)
        logits - spread logits.Shape total

    /// −Σ p·log p over all elements.
    let entropyOf (logProbabilities: Tensor) = -(all (weigh (exp logProbabilities) logProbabilities))

    /// 0 … n−1 along the last axis.
    let countingLike (x: Tensor) =
        let axis = last x
        let n = Build.convert x.DType (Shapes.iota x.Shape[axis])
        Build.broadcast (Array.init x.Shape.Length (fun k -> if k = axis then 0 else -1)) x.Shape n

    /// Ones at positions along a new last axis of n, of a type.
    let oneHot (like: Tensor) (position: Tensor) =
        let own = equals (Build.convert DType.I32 (countingLike like)) (spread like.Shape position)
        Build.select own (number like 1.0) (number like 0.0)

    /// ±∞ at 0 and 1: what cannot be otherwise teaches nothing, and its derivative is 0 there instead of NaN.
    let logitOf (probability: Tensor) =
        let isNever, isAlways =
            equals probability (number probability 0.0), equals probability (number probability 1.0)

        let between =
            Build.select (Build.binary BinaryOp.Or isNever isAlways) (number probability 0.5) probability

        let inside = log between - log1p -between

        Build.select isNever (number inside Double.NegativeInfinity) (Build.select isAlways (number inside Double.PositiveInfinity) inside)

    /// One of logits and a probability, which are named; the requirement that comes with it.
    let ofEither what (logits: Tensor) (probability: Tensor) =
        match isNull logits, isNull probability with
        | false, true -> logits, []
        | true, false -> logitOf probability, [ Densities.probability probability ]
        | given, _ ->
            Fail.model
                $"""{what} takes logits or a probability; {if given then "neither" else "both"} came."""
                "Name one of them, logits: x or probability: p."

/// One of n values, 0 … n−1, by n unnormalised log-probabilities.
[<Sealed>]
type Categorical(logits: Tensor) =
    inherit Distribution("Categorical", Categorical.CheckedShape logits, DType.I32)
    let logProbabilities = normalised logits

    static member private CheckedShape(logits: Tensor) : int[] =
        if logits.Shape.Length <> 1 then
            Fail.model $"Categorical needs a vector of logits; {Fail.shape logits.Shape} came." "Give one log-probability for each value."

        [||]

    /// As they were given: unnormalised.
    member internal _.Logits = logits
    member _.LogProbabilities = logProbabilities
    override _.Requirements = []
    override _.Support = Support.Integers(Some logits.Shape[0])
    override _.IsReparameterised = false

    override _.Closed s =
        let p, k = exp logProbabilities, countingLike logits

        match s with
        | Statistic.Mean -> Some(all (p * k))
        | Statistic.Mode -> Some(Shapes.argMax 0 logits)
        | Statistic.Variance -> Some(all (p * square (k - Build.fill k.Shape (all (p * k)))))
        | Statistic.Entropy -> Some(entropyOf logProbabilities)

    override _.LogDensity x =
        let inside = both (atMost (number x 0.0) x) (less x (number x (double logits.Shape[0])))
        where inside (Shapes.gather logProbabilities x)

    /// Inverts the cumulative probabilities with one uniform.
    override _.Draw d = choose (exp logProbabilities) (d.UniformLike(Build.scalar logits.DType 0.0, 0))

/// A single one among zeros along the last axis, independent over the others, by unnormalised log-probabilities, of which a share `mix` is made
/// uniform. Draws have the derivatives of the probabilities, straight through (Bengio et al., "Estimating or propagating gradients through
/// stochastic neurons", 2013; with a mix of 0.01: Hafner et al., 2023). A mean is a vector of probabilities.
[<Sealed>]
type OneHotCategorical(logits: Tensor, mix: double) =
    inherit Distribution("OneHotCategorical", OneHotCategorical.CheckedShape(logits, mix), logits.DType)
    let axis = logits.Shape.Length - 1

    let logProbabilities =
        let l = normalised logits

        if mix = 0.0 then
            l
        else
            log ((1.0 - mix) * exp l + mix / double logits.Shape[axis])

    static member private CheckedShape(logits: Tensor, mix: double) : int[] =
        if logits.IsScalar then
            Fail.model "OneHotCategorical needs an axis of logits; a scalar came." "Give one log-probability for each value."

        if not (mix >= 0.0 && mix <= 1.0) then
            Fail.model $"OneHotCategorical has a uniform share of {mix}." "Give a share from 0 to 1, such as 0.01."

        logits.Shape

    member internal _.Logits = logits
    member internal _.Mix = mix
    member _.LogProbabilities = logProbabilities
    override _.Requirements = []
    override _.Support = Support.OneHot
    override _.IsReparameterised = true

    override _.Closed s =
        let p = exp logProbabilities

        match s with
        | Statistic.Mean -> Some p
        | Statistic.Mode -> Some(oneHot logits (Shapes.argMax axis logProbabilities))
        | Statistic.Variance -> Some(p * (1.0 - p))
        | Statistic.Entropy -> Some(entropyOf logProbabilities)

    override _.LogDensity x = all (weigh x logProbabilities)

    override _.Draw d =
        let p = exp logProbabilities
        let u = d.UniformLike(Shapes.at axis 0 logits, 0)
        Calculus.straightThrough (oneHot logits (choose p u)) p

/// Zeros and ones, elementwise independent, by logits. Its log-density is linear in the value, so that a value between is a cross-entropy.
[<Sealed>]
type Bernoulli private (logits: Tensor, given: Requirement list) =
    inherit Distribution("Bernoulli", logits.Shape, logits.DType)
    let p = Special.sigmoid logits
    // −log of the probabilities of zero and of one
    let zero, one = Special.softplusOfBoth logits
    member _.Logits = logits
    /// Where that is what was given.
    member internal _.Probability = given |> List.tryHead |> Option.map (fun r -> r.Value)
    override _.Requirements = given
    override _.Support = Support.Binary
    override _.IsReparameterised = false

    override _.Closed s =
        match s with
        | Statistic.Mean -> Some p
        | Statistic.Mode -> Some(Build.select (atMost (number logits 0.0) logits) (number logits 1.0) (number logits 0.0))
        | Statistic.Variance -> Some(p * Special.sigmoid -logits)
        | Statistic.Entropy -> Some(all (weigh p one + weigh (1.0 - p) zero))

    override _.LogDensity x = all (-(weigh x one) - weigh (1.0 - x) zero)

    override _.Draw d =
        Build.select (less (d.UniformLike(logits, 0)) p) (number logits 1.0) (number logits 0.0)

    static member OfLogits(logits: Tensor) = Bernoulli(logits, [])
    static member OfProbability(probability: Tensor) = Bernoulli(ofEither "Bernoulli" null probability)
    static member internal Of(logits: Tensor, probability: Tensor) = Bernoulli(ofEither "Bernoulli" logits probability)
