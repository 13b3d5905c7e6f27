namespace Inference

/// A family of densities exp(λ·u(x) − Φ(λ)), over each element of a site or, for Dirichlet, over its vector. λ, the natural parameters, are one tensor
/// each of the site's shape.
[<RequireQualifiedAccess>]
type internal ExponentialFamily =
    /// u = (x, −x²/2), λ = (mean·precision, precision).
    | Gaussian
    /// u = (log x, −x), λ = (shape − 1, rate).
    | Gamma
    /// u = (log x, log(1 − x)), λ = (alpha − 1, beta − 1).
    | Beta
    /// u = log x, λ = concentration − 1.
    | Dirichlet
    /// A Gaussian between limits, with the u and λ that it has without them.
    | Truncated of low: Tensor * high: Tensor
    /// One of n values: u = a one among n, λ = log-weights, along an axis of n.
    | Categorical of count: int

    override f.ToString() =
        match f with
        | Gaussian -> "Gaussian"
        | Truncated _ -> "Truncated Gaussian"
        | Categorical n -> $"Categorical of {n}"
        | Gamma -> "Gamma"
        | Beta -> "Beta"
        | Dirichlet -> "Dirichlet"

/// What exponential families have in common (Wainwright and Jordan, "Graphical models, exponential families, and variational inference", 2008, table 3.1).
[<RequireQualifiedAccess>]
module internal ExponentialFamily =
    /// How many natural parameters there are.
    let count (f: ExponentialFamily) =
        match f with
        | ExponentialFamily.Gaussian
        | ExponentialFamily.Truncated _
        | ExponentialFamily.Gamma
        | ExponentialFamily.Beta -> 2
        | ExponentialFamily.Dirichlet
        | ExponentialFamily.Categorical _ -> 1

    /// The shape of natural parameters of a site of some shape.
    let shape (f: ExponentialFamily) (site: int[]) : int[] =
        match f with
        | ExponentialFamily.Gaussian
        | ExponentialFamily.Truncated _
        | ExponentialFamily.Gamma
        | ExponentialFamily.Beta
        | ExponentialFamily.Dirichlet -> site
        | ExponentialFamily.Categorical n -> [| n |]

    /// What limits make of a Gaussian.
    let private tilted (low: Tensor) (high: Tensor) (l: Tensor[]) = Tilted.between low high (l[0] / l[1]) (1.0 / l[1])

    let private gaussianPartition (l: Tensor[]) = 0.5 * square l[0] / l[1] - 0.5 * log l[1] + halfLogTwoPi

    /// Φ = log ∫ exp(λ·u(x)) dx, for each element, or for the vector.
    let logPartition (f: ExponentialFamily) (l: Tensor[]) : Tensor =
        match f with
        | ExponentialFamily.Gaussian -> gaussianPartition l
        | ExponentialFamily.Truncated(low, high) -> gaussianPartition l + (tilted low high l).LogZ
        | ExponentialFamily.Categorical _ -> Structure.logSumExp [| 0 |] [] l[0]
        | ExponentialFamily.Gamma -> Special.logGamma (l[0] + 1.0) - (l[0] + 1.0) * log l[1]
        | ExponentialFamily.Beta -> Special.logBeta (l[0] + 1.0) (l[1] + 1.0)
        | ExponentialFamily.Dirichlet -> all (Special.logGamma (l[0] + 1.0)) - Special.logGamma (all (l[0] + 1.0))

    /// The mean and the variance of each element.
    let moments (f: ExponentialFamily) (l: Tensor[]) : Tensor * Tensor =
        match f with
        | ExponentialFamily.Gaussian -> l[0] / l[1], 1.0 / l[1]
        | ExponentialFamily.Truncated(low, high) ->
            let z = tilted low high l
            (l[0] + z.Slope) / l[1], z.Left / l[1]
        | ExponentialFamily.Categorical _ ->
            let p, values = Structure.softmax [| 0 |] [] l[0], countingLike l[0]
            let mean = all (p * values)
            mean, all (p * square (values - mean))
        | ExponentialFamily.Gamma -> (l[0] + 1.0) / l[1], (l[0] + 1.0) / square l[1]
        | ExponentialFamily.Beta ->
            let a, b = l[0] + 1.0, l[1] + 1.0
            a / (a + b), a * b / (square (a + b) * (a + b + 1.0))
        | ExponentialFamily.Dirichlet ->
            let a = l[0] + 1.0

            let total =
                Structure.restore [| a.Shape.Length - 1 |] a.Shape (Structure.sum [| a.Shape.Length - 1 |] [] a)

            let mean = a / total
            mean, mean * (1.0 - mean) / (total + 1.0)

    /// E[u], the gradient of Φ.
    let expected (f: ExponentialFamily) (l: Tensor[]) : Tensor[] =
        match f with
        | ExponentialFamily.Gaussian
        | ExponentialFamily.Truncated _ ->
            let mean, variance = moments f l
            [| mean; -0.5 * (square mean + variance) |]
        | ExponentialFamily.Categorical _ -> [| Structure.softmax [| 0 |] [] l[0] |]
        | ExponentialFamily.Gamma ->
            let a = l[0] + 1.0
            [| Special.digamma a - log l[1]; -a / l[1] |]
        | ExponentialFamily.Beta ->
            let a, b = l[0] + 1.0, l[1] + 1.0
            let whole = Special.digamma (a + b)
            [| Special.digamma a - whole; Special.digamma b - whole |]
        | ExponentialFamily.Dirichlet ->
            let a = l[0] + 1.0
            [| Special.digamma a - Build.fill a.Shape (Special.digamma (all a)) |]

    /// Φ − λ·E[u], for each element, or for the vector: of Gaussians without what cancels where means are large beside deviations.
    let entropy (f: ExponentialFamily) (l: Tensor[]) : Tensor =
        match f with
        | ExponentialFamily.Gaussian -> halfLogTwoPi + 0.5 - 0.5 * log l[1]
        | ExponentialFamily.Truncated(low, high) ->
            let z = tilted low high l
            z.LogZ + halfLogTwoPi - 0.5 * log l[1] + 0.5 * (square z.Slope / l[1] + z.Left)
        | ExponentialFamily.Gamma
        | ExponentialFamily.Beta -> logPartition f l - (Array.map2 (*) l (expected f l) |> Array.reduce (+))
        | ExponentialFamily.Dirichlet
        | ExponentialFamily.Categorical _ -> logPartition f l - all (l[0] * (expected f l).[0])

    /// Whether the density has a finite integral, for each element.
    let isProper (f: ExponentialFamily) (l: Tensor[]) : Tensor =
        let above (bound: double) (x: Tensor) = less (number x bound) x
        // NaN and infinities are not below
        let finite (x: Tensor) = less (Build.unary UnaryOp.Abs x) (number x System.Double.PositiveInfinity)

        match f with
        | ExponentialFamily.Gaussian
        | ExponentialFamily.Truncated _ -> both (finite l[0]) (both (finite l[1]) (above 0.0 l[1]))
        | ExponentialFamily.Categorical _ -> finite l[0]
        | ExponentialFamily.Gamma -> both (both (finite l[0]) (finite l[1])) (both (above -1.0 l[0]) (above 0.0 l[1]))
        | ExponentialFamily.Beta -> both (both (finite l[0]) (finite l[1])) (both (above -1.0 l[0]) (above -1.0 l[1]))
        | ExponentialFamily.Dirichlet -> both (finite l[0]) (above -1.0 l[0])

    /// Names of the usual parameters, and these.
    let parameters (f: ExponentialFamily) (l: Tensor[]) : (string * Tensor) list =
        match f with
        | ExponentialFamily.Gaussian
        | ExponentialFamily.Truncated _ ->
            let mean, variance = moments f l
            [ "mean", mean; "variance", variance ]
        | ExponentialFamily.Categorical _ -> [ "probabilities", Structure.softmax [| 0 |] [] l[0] ]
        | ExponentialFamily.Gamma -> [ "shape", l[0] + 1.0; "rate", l[1] ]
        | ExponentialFamily.Beta -> [ "alpha", l[0] + 1.0; "beta", l[1] + 1.0 ]
        | ExponentialFamily.Dirichlet -> [ "concentration", l[0] + 1.0 ]

    /// How far natural parameters moved: of a Gaussian in its standard deviations and relative to its precision, of others relative to 1 + |λ|, and of one of n values by
    /// its probabilities.
    let distance (f: ExponentialFamily) (before: Tensor[]) (after: Tensor[]) : Tensor =
        let largest = Array.reduce larger

        match f with
        | ExponentialFamily.Categorical _ -> abs ((expected f after).[0] - (expected f before).[0])
        | ExponentialFamily.Gaussian
        | ExponentialFamily.Truncated _ ->
            let shift = abs (after[0] / after[1] - before[0] / before[1]) * sqrt after[1]
            let stretch = abs (after[1] - before[1]) / after[1]
            larger shift stretch
        | ExponentialFamily.Gamma
        | ExponentialFamily.Beta
        | ExponentialFamily.Dirichlet -> Array.map2 (fun (a: Tensor) (b: Tensor) -> abs (a - b) / (1.0 + abs a)) after before |> largest
