namespace Inference

open System

/// Gamma(shape, rate), elementwise independent.
[<Sealed>]
type Gamma private (p: Tensor list) =
    inherit Distribution("Gamma", p[0].Shape, p[0].DType)
    let a, rate = p[0], p[1]
    new(concentration: Tensor, rate: Tensor) = Gamma(parameters "Gamma" [ concentration; rate ])
    /// The shape parameter.
    member _.Concentration = a
    member _.Rate = rate
    override _.Requirements = [ positive "a shape" a; positive "a rate" rate ]
    override _.Support = Support.Positive
    override _.IsReparameterised = true

    override _.Closed s =
        match s with
        | Statistic.Mean -> Some(a / rate)
        | Statistic.Mode -> Some(larger (number a 0.0) (a - 1.0) / rate)
        | Statistic.Variance -> Some(a / square rate)
        | Statistic.Entropy -> Some(all (a - log rate + Special.logGamma a + (1.0 - a) * Special.digamma a))

    override _.LogDensity x =
        let inside = less (number x 0.0) x
        let x = Build.select inside x (number x 1.0)
        all (where inside (Special.logGammaDensity a (rate * x) + log rate))

    override _.Draw d = exp (GammaDraws.logDraw d a) / rate

/// Beta(alpha, beta) on (0, 1), elementwise independent. Draws are kept between 1e-37 and 1 − 2⁻²⁴.
[<Sealed>]
type Beta private (p: Tensor list) =
    inherit Distribution("Beta", p[0].Shape, p[0].DType)
    let a, b = p[0], p[1]
    new(alpha: Tensor, beta: Tensor) = Beta(parameters "Beta" [ alpha; beta ])
    member _.Alpha = a
    member _.Beta = b
    override _.Requirements = [ positive "an alpha" a; positive "a beta" b ]
    override _.Support = Support.UnitInterval
    override _.IsReparameterised = true

    override _.Closed s =
        let sum = a + b

        match s with
        | Statistic.Mean -> Some(a / sum)
        // at an edge where the density grows toward it; the likelier one of two
        | Statistic.Mode ->
            let one = number a 1.0
            let isInner = both (less one a) (less one b)
            let edge = Build.select (equals a b) (number a 0.5) (Build.select (less a b) (number a 0.0) one)
            Some(Build.select isInner ((a - 1.0) / Build.select isInner (sum - 2.0) one) edge)
        | Statistic.Variance -> Some(a * b / (square sum * (sum + 1.0)))
        | Statistic.Entropy ->
            let part x = (x - 1.0) * Special.digamma x
            Some(all (Special.logBeta a b - part a - part b + (sum - 2.0) * Special.digamma sum))

    override _.LogDensity x =
        let inside = both (atMost (number x 0.0) x) (atMost x (number x 1.0))
        let x = Build.select inside x (number x 0.5)
        all (where inside (weigh (a - 1.0) (log x) + weigh (b - 1.0) (log1p -x) - Special.logBeta a b))

    override _.Draw d =
        let gammas = GammaDraws.logDraw d (Shapes.pack [| a; b |])
        let x = exp (Special.logSigmoid (Shapes.at 0 0 gammas - Shapes.at 0 1 gammas))
        larger (number x 1e-37) (smaller (number x (1.0 - Math.Pow(2.0, -24.0))) x)

/// Dirichlet of a vector of concentrations: positive numbers that sum to one. Its density is that of all elements but the last. Whether an observed
/// value sums to one is not asked. The mode is NaN unless all concentrations are above 1.
[<Sealed>]
type Dirichlet(concentration: Tensor) =
    inherit Distribution("Dirichlet", Dirichlet.Checked(concentration).Shape, concentration.DType)
    let a = concentration
    let total = all a
    let n = double a.Count

    static member private Checked(a: Tensor) : Tensor =
        if a.Shape.Length <> 1 || a.Count < 2 then
            Fail.model $"Dirichlet needs a vector of at least two concentrations; {Fail.shape a.Shape} came." "Give one for each part."

        a

    member _.Concentration = a
    /// log B(a) = Σ log Γ(aᵢ) − log Γ(Σ aᵢ)
    member internal _.LogNormaliser = all (Special.logGamma a) - Special.logGamma total
    override _.Requirements = [ positive "concentrations" a ]
    override _.Support = Support.Simplex
    override _.IsReparameterised = true

    override d.Closed s =
        match s with
        | Statistic.Mean -> Some(a / total)
        | Statistic.Mode ->
            let one = number a 1.0
            let least = Structure.reduce ReduceOp.Min [| 0 |] [] a
            Some(Build.select (less one least) ((a - 1.0) / (total - n)) (number a nan))
        | Statistic.Variance ->
            let m = a / total
            Some(m * (1.0 - m) / (total + 1.0))
        | Statistic.Entropy ->
            let part x = (x - 1.0) * Special.digamma x
            Some(d.LogNormaliser + (total - n) * Special.digamma total - all (part a))

    override d.LogDensity x =
        all (where (atMost (number x 0.0) x) (weigh (a - 1.0) (log x))) - d.LogNormaliser

    override _.Draw d = Structure.softmax [| 0 |] [] (GammaDraws.logDraw d a)

/// Student's t: location + scale·t, with t of some degrees of freedom, elementwise independent. The mean is NaN up to 1 degree; the variance is infinite up to
/// 2 degrees, and NaN up to 1.
[<Sealed>]
type StudentT private (p: Tensor list) =
    inherit Distribution("StudentT", p[0].Shape, p[0].DType)
    let degrees, location, scale = p[0], p[1], p[2]
    let half = 0.5 * degrees

    let logNormaliser =
        Special.logBeta half (Build.fill half.Shape (number half 0.5)) + 0.5 * log degrees + log scale

    new(degrees: Tensor, location: Tensor, scale: Tensor) = StudentT(parameters "StudentT" [ degrees; location; scale ])

    override _.Requirements = [ positive "degrees of freedom" degrees; positive "a scale" scale ]
    override _.Support = Support.Real
    override _.IsReparameterised = true

    override _.Closed s =
        let above (bound: double) x otherwise = Build.select (less (number degrees bound) degrees) x otherwise
        let none = number degrees nan

        match s with
        | Statistic.Mean -> Some(above 1.0 location none)
        | Statistic.Mode -> Some location
        | Statistic.Variance ->
            let v = square scale * degrees / above 2.0 (degrees - 2.0) (number degrees 1.0)
            Some(above 2.0 v (above 1.0 (Build.fill degrees.Shape (number degrees infinity)) none))
        | Statistic.Entropy -> Some(all ((half + 0.5) * (Special.digamma (half + 0.5) - Special.digamma half) + logNormaliser))

    override _.LogDensity x =
        all (-(half + 0.5) * log1p (square ((x - location) / scale) / degrees) - logNormaliser)

    /// A normal over the root of its own variance, which is a Gamma's inverse.
    override _.Draw d =
        let precision = GammaDraws.logDraw (d.Part 0) half
        location + scale * d.NormalLike(location, 0) * exp (0.5 * (log half - precision))
