namespace Inference

open System

/// exp of a Normal(location, scale), elementwise independent.
[<Sealed>]
type LogNormal private (p: Tensor list) =
    inherit Distribution("LogNormal", p[0].Shape, p[0].DType)
    let location, scale = p[0], p[1]
    let normal = Normal(location, scale)
    new(location: Tensor, scale: Tensor) = LogNormal(parameters "LogNormal" [ location; scale ])
    /// The Normal of the logarithm.
    member _.OfLog = normal
    override _.Requirements = [ positive "a scale" scale ]
    override _.Support = Support.Positive
    override _.IsReparameterised = true

    override _.Closed s =
        let v = square scale

        match s with
        | Statistic.Mean -> Some(exp (location + 0.5 * v))
        | Statistic.Mode -> Some(exp (location - v))
        | Statistic.Variance -> Some(expm1 v * exp (2.0 * location + v))
        | Statistic.Entropy -> Some(all (location + log scale + (0.5 + halfLogTwoPi)))

    override _.LogDensity x =
        let inside = less (number x 0.0) x
        let l = log (Build.select inside x (number x 1.0))
        let z = (l - location) / scale
        all (where inside (-0.5 * z * z - log scale - halfLogTwoPi - l))

    override _.Draw d = exp (normal.Draw d)

/// exp(−|x − location|/scale)/(2·scale), elementwise independent.
[<Sealed>]
type Laplace private (p: Tensor list) =
    inherit Distribution("Laplace", p[0].Shape, p[0].DType)
    let location, scale = p[0], p[1]
    new(location: Tensor, scale: Tensor) = Laplace(parameters "Laplace" [ location; scale ])
    member _.Location = location
    member _.Scale = scale
    override _.Requirements = [ positive "a scale" scale ]
    override _.Support = Support.Real
    override _.IsReparameterised = true

    override _.Closed s =
        match s with
        | Statistic.Mean
        | Statistic.Mode -> Some location
        | Statistic.Variance -> Some(2.0 * square scale)
        | Statistic.Entropy -> Some(all (1.0 + log (2.0 * scale)))

    override _.LogDensity x = all (-(abs (x - location)) / scale - log (2.0 * scale))

    /// Inverts the distribution function, on each side by itself.
    override _.Draw d =
        let u = d.UniformLike(location, 0)
        let l = log (2.0 * smaller u (1.0 - u))
        location + scale * Build.select (less u (number u 0.5)) l -l

/// rate·exp(−rate·x) for x ≥ 0, elementwise independent.
[<Sealed>]
type Exponential(rate: Tensor) =
    inherit Distribution("Exponential", rate.Shape, rate.DType)
    member _.Rate = rate
    override _.Requirements = [ positive "a rate" rate ]
    override _.Support = Support.Positive
    override _.IsReparameterised = true

    override _.Closed s =
        match s with
        | Statistic.Mean -> Some(1.0 / rate)
        | Statistic.Mode -> Some(Build.fill rate.Shape (number rate 0.0))
        | Statistic.Variance -> Some(1.0 / square rate)
        | Statistic.Entropy -> Some(all (1.0 - log rate))

    override _.LogDensity x = all (where (atMost (number x 0.0) x) (log rate - rate * x))
    override _.Draw d = -(log (d.UniformLike(rate, 0))) / rate

/// A Normal(mean, standard deviation) kept between two limits, either of which may be infinite, elementwise independent. Its mass between the limits
/// is computed by logarithms, on the side where it is small, so that limits may lie far in a tail.
[<Sealed>]
type TruncatedNormal private (p: Tensor list) =
    inherit Distribution("TruncatedNormal", p[0].Shape, p[0].DType)
    let mean, deviation, low, high = p[0], p[1], p[2], p[3]
    // so far out nothing is left; an infinite number would have derivatives that are none
    let reach = 1e4 * deviation
    let a = (larger (mean - reach) low - mean) / deviation
    let b = (smaller (mean + reach) high - mean) / deviation
    // mirrored, if need be, so that the greater part is left of 0
    let isMirrored = less (number a 0.0) (a + b)
    let left, right = Build.select isMirrored -b a, Build.select isMirrored -a b
    let logLeft, logRight = Special.logNormalCdf left, Special.logNormalCdf right
    let logShare = larger (number a -80.0) (logLeft - logRight)
    let logMass = logRight + log (-(expm1 logShare))
    let density (z: Tensor) = exp (-0.5 * z * z - halfLogTwoPi - logMass)
    let first = density a - density b
    let second = 1.0 + a * density a - b * density b

    new(mean: Tensor, standardDeviation: Tensor, low: Tensor, high: Tensor) =
        TruncatedNormal(parameters "TruncatedNormal" [ mean; standardDeviation; low; high ])

    member _.Low = low
    member _.High = high

    override _.Requirements =
        [
            positive "a standard deviation" deviation
            // limits may be infinite; a number that is required to be positive may not
            positive "high − low" (smaller (number low 1e30) (high - low))
        ]

    override _.Support = Support.Interval(low, high)
    override _.IsReparameterised = true

    override _.Closed s =
        match s with
        | Statistic.Mean -> Some(mean + deviation * first)
        | Statistic.Mode -> Some(larger low (smaller high mean))
        | Statistic.Variance -> Some(square deviation * (second - square first))
        | Statistic.Entropy -> Some(all (log deviation + halfLogTwoPi + logMass + 0.5 * second))

    override _.LogDensity x =
        let z = (x - mean) / deviation

        all (where (both (atMost low x) (atMost x high)) (-0.5 * z * z - log deviation - halfLogTwoPi - logMass))

    /// Inverts the distribution function.
    override _.Draw d =
        let u = d.UniformLike(mean, 0)
        let l = logRight + log (u + (1.0 - u) * exp logShare)
        let z = Special.normalQuantileOfLog l
        larger low (smaller high (mean + deviation * Build.select isMirrored -z z))

/// symexp of a Normal(mean, standard deviation): a prediction of values of any size, whose squared error counts after symlog (Hafner et al.,
/// "Mastering diverse domains through world models", 2023, equation 10). With a standard deviation of √½ the derivatives by the mean are
/// those of the squared distance (mean − symlog x)².
[<Sealed>]
type SymlogNormal(mean: Tensor, standardDeviation: Tensor) =
    inherit
        Transformed(
            "SymlogNormal",
            Normal(mean, standardDeviation),
            Bijectors.Symexp,
            (parameters "SymlogNormal" [ mean; standardDeviation ]).[0].Shape
        )

    let p = parameters "SymlogNormal" [ mean; standardDeviation ]
    /// symexp(mean): the median, which serves as the prediction.
    member _.Median = Special.symexp p[0]

    /// E sign(z)·(exp|z| − 1): each side is a LogNormal's mean cut off at z = 0.
    override d.Closed s =
        match s with
        | Statistic.Mean ->
            let m, v = p[0] / p[1], square p[1]
            let side sign = exp (0.5 * v + sign * p[0] + Special.logNormalCdf (sign * m + p[1]))
            Some(side 1.0 - side -1.0 - (exp (Special.logNormalCdf m) - exp (Special.logNormalCdf -m)))
        | Statistic.Mode
        | Statistic.Variance
        | Statistic.Entropy -> None
