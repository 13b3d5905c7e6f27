namespace Inference

open System

/// How many of `count` independent events occur, elementwise independent, by logits. Values are whole numbers of the logits' type. A draw
/// inverts the cumulative probabilities of 0 … count with one uniform, exactly, at a cost that grows with the count.
[<Sealed>]
type Binomial private (count: int, logits: Tensor, given: Requirement list) =
    inherit Distribution("Binomial", Binomial.CheckedShape(count, logits), logits.DType)
    let n = double count
    let p = Special.sigmoid logits

    /// The probabilities of 0 … count along a new last axis, as logarithms.
    let table () =
        let shape = Array.append logits.Shape [| count + 1 |]
        // beyond these logits one outcome alone is left
        let l = larger (number logits -1e4) (smaller (number logits 1e4) logits)

        let row (values: double[]) =
            Build.broadcast
                (Array.init shape.Length (fun k -> if k = logits.Shape.Length then 0 else -1))
                shape
                (Build.constantOf logits.DType [| count + 1 |] values)

        let choices = Seq.scan (fun sum k -> sum + log (n - k + 1.0) - log k) 0.0 [ 1.0 .. n ]
        let k = row [| 0.0 .. n |]

        row (Array.ofSeq choices)
        + k * spread shape (Special.logSigmoid l)
        + (n - k) * spread shape (Special.logSigmoid -l)

    static member private CheckedShape(count: int, logits: Tensor) : int[] =
        if count < 1 then
            Fail.model $"Binomial has a count of {count}." "Give at least 1."

        logits.Shape

    member _.Count = count
    member _.Logits = logits
    /// Where that is what was given.
    member internal _.Probability = given |> List.tryHead |> Option.map (fun r -> r.Value)
    override _.Requirements = given
    override _.Support = Support.Integers(Some(count + 1))
    override _.IsReparameterised = false

    override _.Closed s =
        match s with
        | Statistic.Mean -> Some(n * p)
        | Statistic.Mode -> Some(smaller (number p n) (floor ((n + 1.0) * p)))
        | Statistic.Variance -> Some(n * p * Special.sigmoid -logits)
        | Statistic.Entropy -> Some(entropyOf (table ()))

    override _.LogDensity x =
        let inside = both (both (atMost (number x 0.0) x) (atMost x (number x n))) (equals x (floor x))
        let k = Build.select inside x (number x 0.0)
        let choices = Special.logChoose (Build.fill k.Shape (number k n)) k
        let failure, success = Special.softplusOfBoth logits
        all (where inside (choices - weigh k success - weigh (n - k) failure))

    override _.Draw d =
        choose (exp (table ())) (d.UniformLike(logits, 0)) |> Build.convert logits.DType

    /// One of logits and a probability; null for the other.
    static member internal Of(count: int, logits: Tensor, probability: Tensor) =
        let logits, given = ofEither "Binomial" logits probability
        Binomial(count, logits, given)

/// Draws of Poisson by inversion, with one uniform.
[<RequireQualifiedAccess>]
module internal PoissonDraws =
    /// Rates below this one are counted up from 0.
    let private large = 30.0
    /// Above this count at a rate of 30 lies less than 1e-11.
    let private most = 76

    /// The smallest count whose cumulative probability reaches u, for a rate of at most 30.
    let private counted (rate: Tensor) (u: Tensor) =
        let next (p: Tensor, sum: Tensor, count: Tensor) k =
            let count = count + Build.select (less sum u) (number rate 1.0) (number rate 0.0)
            let p = p * rate * (1.0 / double (k + 1))
            p, sum + p, count

        let p = exp -rate
        let _, _, count = Seq.fold next (p, p, Build.fill rate.Shape (number rate 0.0)) [ 0 .. most - 1 ]
        count

    /// The same for larger rates: the normal quantile, corrected (Cornish & Fisher), names a count that is off by at most one; the distribution
    /// function there, Q(k + 1, rate) by Temme's expansion to 1e-10, and the probabilities around it decide.
    let private located (rate: Tensor) (u: Tensor) =
        let z = Special.normalQuantile u
        let guess = rate + sqrt rate * z + (z * z - 1.0) * (1.0 / 6.0) + z * (1.0 - z * z) / (72.0 * sqrt rate)
        let k = floor (larger (number rate 2.0) guess)
        let a = k + 1.0
        let mu = (rate - a) / a
        let perMu, _ = GammaDraws.eta mu (log rate - log a)
        let eta = mu * perMu
        let c = GammaDraws.temme |> Array.map (fun c -> Special.polynomial c eta)
        let w = 1.0 / a
        let correction = GammaDraws.series w c
        let density = exp (-0.5 * a * eta * eta - halfLogTwoPi)
        let at = exp (Special.logNormalCdf (-eta * sqrt a)) + density * sqrt w * correction
        // the probability of k: the density of Gamma(k + 1, 1) at the rate
        let p = density * sqrt a / (rate * exp (Special.stirlingRemainder a))
        let before = at - p
        let step sum = Build.select (less sum u) (number rate 1.0) (number rate 0.0)
        k - 2.0 + step (before - p * k / rate) + step before + step at + step (at + p * rate / a)

    let draw (d: Draws) (rate: Tensor) =
        let u = d.UniformLike(rate, 0)
        let isLarge = less (number rate large) rate
        let low, high = smaller (number rate large) rate, larger (number rate large) rate
        Build.select isLarge (located high u) (counted low u)

/// Counts of independent events at a rate, elementwise independent. Values are whole numbers of the rate's type. A draw inverts the
/// distribution function with one uniform: to 1e-10 in double precision, for rates up to 1e6; in single precision to the rounding of its sums.
[<Sealed>]
type Poisson(rate: Tensor) =
    inherit Distribution("Poisson", rate.Shape, rate.DType)
    member _.Rate = rate
    override _.Requirements = [ positive "a rate" rate ]
    override _.Support = Support.Integers None
    override _.IsReparameterised = false

    override _.Closed s =
        match s with
        | Statistic.Mean
        | Statistic.Variance -> Some rate
        | Statistic.Mode -> Some(floor rate)
        | Statistic.Entropy -> None

    override _.LogDensity x =
        let inside = both (atMost (number x 0.0) x) (equals x (floor x))
        let k = Build.select inside x (number x 0.0)
        // rateᵏ·exp(−rate)/k! is the density of Gamma(k + 1, 1) at the rate
        all (where inside (Special.logGammaDensity (k + 1.0) rate))

    override _.Draw d = PoissonDraws.draw d rate
