namespace Inference

open System

/// Special functions, elementwise, written in the primitives: one formula for single and double precision. Each has its exact derivative as
/// a rule, so that derivatives are as accurate as values, to any order. Polynomials are our own fits, in double precision.
[<RequireQualifiedAccess>]
module Special =
    let private number (like: Tensor) (value: double) = Build.scalar like.DType value
    let private less a b = Build.binary BinaryOp.Less a b
    let private log1p x = Build.unary UnaryOp.Log1p x
    let private expm1 x = Build.unary UnaryOp.Expm1 x

    /// Σ cₖ·xᵏ.
    let polynomial (c: double[]) (x: Tensor) =
        Array.foldBack (fun c (sum: Tensor) -> sum * x + c) (Array.take (c.Length - 1) c) (Build.fill x.Shape (number x (Array.last c)))

    /// A function's value with the derivative that is given.
    let private withSlope name (slope: Tensor -> Tensor) (x: Tensor) (value: Tensor) =
        let tangent _ (xs: Tensor[]) (ts: Tensor[]) = if isNull ts[0] then null else slope xs[0] * ts[0]
        Calculus.withDerivative { Name = name; Tangent = tangent } [| x |] value

    /// 1 / (1 + exp(−x)).
    let sigmoid (x: Tensor) = 0.5 * tanh (0.5 * x) + 0.5

    /// softplus x and softplus(−x), which share what is costly.
    let internal softplusOfBoth (x: Tensor) =
        let tail = log1p (exp (-(abs x)))
        let above (y: Tensor) = Build.binary BinaryOp.Max (number x 0.0) y + tail
        withSlope "softplus" sigmoid x (above x), withSlope "softplus of minus" (fun x -> sigmoid x - 1.0) x (above -x)

    /// log(1 + exp x), without overflow.
    let softplus (x: Tensor) = fst (softplusOfBoth x)

    /// log(1 / (1 + exp(−x))).
    let logSigmoid (x: Tensor) = -(softplus -x)

    /// sign(x)·log(1 + |x|): Hafner et al., "Mastering diverse domains through world models", 2023, equation 9.
    let symlog (x: Tensor) =
        let l = log1p (abs x)
        Build.select (less x (number x 0.0)) -l l |> withSlope "symlog" (fun x -> 1.0 / (1.0 + abs x)) x

    /// sign(x)·(exp|x| − 1), the inverse of symlog.
    let symexp (x: Tensor) =
        let e = expm1 (abs x)
        Build.select (less x (number x 0.0)) -e e |> withSlope "symexp" (fun x -> exp (abs x)) x

    // Γ: recurrences into a range, a series there (Abramowitz & Stegun, 6.1.40, 6.3.18, 6.4.11).

    /// B₂ₖ for k = 1 … 10.
    let private bernoulli =
        [|
            1.0 / 6.0
            -1.0 / 30.0
            1.0 / 42.0
            -1.0 / 30.0
            5.0 / 66.0
            -691.0 / 2730.0
            7.0 / 6.0
            -3617.0 / 510.0
            43867.0 / 798.0
            -174611.0 / 330.0
        |]

    let internal halfLogTwoPi = 0.5 * log (2.0 * Math.PI)
    /// From here on the asymptotic series are exact to double precision.
    let private far = 8.0

    /// logΓ(2 + z)/z for |z| ≤ ½, to 3e-19.
    let private nearTwo =
        [|
            0.42278433509846714
            0.32246703342411322
            -0.067352301053198139
            0.020580808427784569
            -0.0073855510286681537
            0.002890510330738737
            -0.0011927539120010226
            0.00050966952488530961
            -0.00022315475074520367
            9.9457509098893916e-5
            -4.4926351103833331e-5
            2.0507267416057788e-5
            -9.4384587162428112e-6
            4.3743749169151307e-6
            -2.0449201467015115e-6
            9.5786633341147577e-7
            -4.3035587603599612e-7
            2.0304806751615228e-7
            -1.3412819758517286e-7
            6.3790475076197737e-8
        |]

    /// Σ B₂ₖ/(2k(2k−1)·x²ᵏ⁻¹), for x ≥ 8.
    let private stirlingSeries (x: Tensor) =
        let c = bernoulli |> Array.mapi (fun i b -> let k = double (i + 1) in b / (2.0 * k * (2.0 * k - 1.0)))
        let w = 1.0 / x
        w * polynomial c (w * w)

    /// ψ⁽ⁿ⁾(x) for n ≥ 1 and x > 0; NaN elsewhere. Relative error below 1e-13 in double, 1e-6 in single precision.
    let rec polygamma (n: int) (x: Tensor) : Tensor =
        if n < 1 then
            Fail.model $"Polygamma has an order of at least 1; {n} came." "Digamma is the function of order 0."

        let factorial k = Seq.fold (*) 1.0 (Seq.map double [ 1..k ])
        let isFar = Build.binary BinaryOp.LessEqual (number x far) x
        let shifted = Build.select isFar x (x + far)
        let w = 1.0 / shifted
        let power (w: Tensor) k = Seq.fold (fun p _ -> p * w) w [ 2..k ]

        // B₂ₖ·(2k + n − 1)!/(2k)!/x²ᵏ⁺ⁿ
        let c =
            bernoulli
            |> Array.mapi (fun i b -> Seq.fold (fun p j -> p * double (2 * i + 2 + j)) b [ 1 .. n - 1 ])

        let series = power w n * (factorial (n - 1) + w * (0.5 * factorial n + w * polynomial c (w * w)))
        let before = Seq.init (int far) (fun k -> power (1.0 / (x + double k)) (n + 1)) |> Seq.reduce (+)
        let sum = series + Build.select isFar (number x 0.0) (factorial n * before)
        let value = if n % 2 = 1 then sum else -sum

        Build.select (less (number x 0.0) x) value (number x nan)
        |> withSlope $"polygamma {n}" (polygamma (n + 1)) x

    /// ψ(x), the derivative of logΓ, for x > 0; NaN elsewhere. The error is below 1e-14 (single precision: 1e-6) of the larger of
    /// |ψ(x)| and 1, so that digits are lost only at the zero near 1.46.
    let digamma (x: Tensor) : Tensor =
        let isFar = Build.binary BinaryOp.LessEqual (number x far) x
        let shifted = Build.select isFar x (x + far)
        let w = 1.0 / shifted
        let c = bernoulli |> Array.mapi (fun i b -> b / double (2 * i + 2))
        let before = Seq.init (int far) (fun k -> 1.0 / (x + double k)) |> Seq.reduce (+)
        let series = log shifted - w * (0.5 + w * polynomial c (w * w))
        let value = series - Build.select isFar (number x 0.0) before

        Build.select (less (number x 0.0) x) value (number x nan) |> withSlope "digamma" (polygamma 1) x

    /// logΓ(x) for x > 0; +∞ at 0, NaN below. Below 8 the argument is brought into 1½ … 2½ by the recurrence, where a polynomial with the
    /// factor x − 2 stands, so that both zeros keep their relative accuracy: 2e-14 in double, 1e-6 in single precision.
    let logGamma (x: Tensor) : Tensor =
        let below bound a b = Build.select (less x (number x bound)) a b
        let z = x - floor (x + 0.5)
        let one = number x 1.0
        // x above 2½ goes down, x below 1½ goes up; a negative x makes a negative product
        let up = x * below 0.5 (Build.binary BinaryOp.Max one (x + 1.0)) one
        let down = Seq.init 6 (fun k -> below (double k + 2.5) one (x - double (k + 1))) |> Seq.reduce (*)
        let l = log (below 1.5 up (below far down x))
        let near = z * polynomial nearTwo z + below 1.5 -l l
        // the series is only for arguments where it is finite
        let large =
            (x - 0.5) * (l - 1.0) - 0.5
            + halfLogTwoPi
            + stirlingSeries (Build.binary BinaryOp.Max (number x far) x)

        below far near large |> withSlope "logGamma" digamma x

    /// logΓ(x) − ((x − ½)·log x − x + ½·log 2π): what Stirling's formula leaves, for x > 0.
    let internal stirlingRemainder (x: Tensor) =
        let isFar = Build.binary BinaryOp.LessEqual (number x far) x
        let near = logGamma x - ((x - 0.5) * log x - x + halfLogTwoPi)

        Build.select isFar (stirlingSeries (Build.binary BinaryOp.Max (number x far) x)) near
        |> withSlope "stirlingRemainder" (fun x -> digamma x - log x + 0.5 / x) x

    /// log B(a, b) = logΓ(a) + logΓ(b) − logΓ(a + b) for a, b > 0, without the loss of digits of that difference.
    let logBeta (a: Tensor) (b: Tensor) : Tensor =
        let a, b = Build.agree "LogBeta" a b

        let value =
            halfLogTwoPi + stirlingRemainder a + stirlingRemainder b
            - stirlingRemainder (a + b)
            - (a - 0.5) * log1p (b / a)
            - b * log1p (a / b)
            - 0.5 * log b

        let tangent _ (xs: Tensor[]) (ts: Tensor[]) =
            let part (x: Tensor) (t: Tensor) = if isNull t then null else (digamma x - digamma (xs[0] + xs[1])) * t
            Tangents.add (part xs[0] ts[0]) (part xs[1] ts[1])

        Calculus.withDerivative { Name = "logBeta"; Tangent = tangent } [| a; b |] value

    /// The log of the binomial coefficient, n over k, for 0 ≤ k ≤ n.
    let logChoose (n: Tensor) (k: Tensor) = -(log (n + 1.0)) - logBeta (n - k + 1.0) (k + 1.0)

    /// (μ − log(1 + μ))/μ² for μ > −1, with log(1 + μ) given.
    let internal halfDeviance (mu: Tensor) (logOnePlus: Tensor) =
        let isNear = less (abs mu) (number mu 0.2)
        let series = polynomial (Array.init 20 (fun k -> (if k % 2 = 0 then 1.0 else -1.0) / double (k + 2))) mu
        let away = Build.select isNear (number mu 1.0) mu
        Build.select isNear series ((away - logOnePlus) / (away * away))

    /// The log-density of Gamma(shape a, rate 1) at x > 0. Written about x = a, where its terms would cancel (Loader, "Fast and accurate
    /// computation of binomial probabilities", 2000).
    let logGammaDensity (a: Tensor) (x: Tensor) =
        let mu = (x - a) / a

        let value =
            -a * mu * mu * halfDeviance mu (log x - log a) + 0.5 * log a
            - halfLogTwoPi
            - log x
            - stirlingRemainder a

        let tangent _ (xs: Tensor[]) (ts: Tensor[]) =
            let a, x = xs[0], xs[1]
            let byShape = if isNull ts[0] then null else (log x - digamma a) * ts[0]
            let byValue = if isNull ts[1] then null else ((a - 1.0) / x - 1.0) * ts[1]
            Tangents.add byShape byValue

        Calculus.withDerivative { Name = "logGammaDensity"; Tangent = tangent } [| a; x |] value

    // The standard normal.

    /// log erfcx(z) − log t in s = 2t − 1, where t = 2/(2 + z) and erfcx(z) = exp(z²)·erfc(z), for z ≥ 0, to 6e-18.
    let private tail =
        [|
            -0.67179408405669227
            0.67264322397765679
            0.04734330684190473
            -0.046895610231182673
            -0.0098726893664067264
            0.0088249385573277625
            0.0017589335581654429
            -0.0023458125049825927
            -0.00014624686754056437
            0.00067367883825071935
            -9.3735003019128553e-5
            -0.00017430319943060902
            7.1400891886805629e-5
            3.1746165647750106e-5
            -3.0187528828682886e-5
            1.3509101574728218e-7
            8.5619148750120893e-6
            -2.943092652176664e-6
            -1.2713430219452432e-6
            1.2437190965227252e-6
            -1.6939242146948577e-7
            -2.440465780143277e-7
            1.5387609642431632e-7
            -1.7110994250062188e-9
            -3.9356544679657946e-8
            1.2225721800806064e-8
            4.0892243518904705e-9
            -2.0464689068615991e-9
        |]

    /// log Φ(−a) + a²/2 for a ≥ 0.
    let private logTail (a: Tensor) =
        let t = 1.0 / (1.0 + a * (0.5 * sqrt 0.5))
        polynomial tail (2.0 * t - 1.0) + log (0.5 * t)

    /// φ(x)/Φ(x), the slope of log Φ. Relative error below 1e-14 (1e-6) for x ≤ 0, of Φ's kind above.
    let rec normalHazard (x: Tensor) : Tensor =
        let tail = logTail (abs x)
        let lower = -0.5 * x * x + tail
        let upper = exp (-0.5 * x * x - halfLogTwoPi) / (1.0 - exp lower)

        Build.select (less (number x 0.0) x) upper (exp (-halfLogTwoPi - tail))
        |> withSlope
            "normalHazard"
            (fun x ->
                let h = normalHazard x
                -h * (x + h))
            x

    /// log Φ(x), the log of the standard normal's distribution function, to full relative accuracy in both tails.
    let logNormalCdf (x: Tensor) : Tensor =
        let lower = -0.5 * x * x + logTail (abs x)

        Build.select (less (number x 0.0) x) (log1p (-(exp lower))) lower
        |> withSlope "logNormalCdf" normalHazard x

    /// Φ⁻¹(exp l) for l < 0: the normal quantile of a probability that is known by its log. Hastings' rational approximation (Abramowitz &
    /// Stegun, 26.2.23), then two of Newton's steps on log Φ.
    let rec normalQuantileOfLog (l: Tensor) : Tensor =
        let isUpper = less (number l (log 0.5)) l
        // the tail beyond the quantile holds at most one half
        let mass = Build.select isUpper (log (-(expm1 (Build.select isUpper l (number l -1.0))))) l
        let r = sqrt (-2.0 * mass)

        let rational =
            polynomial [| 2.515517; 0.802853; 0.010328 |] r
            / polynomial [| 1.0; 1.432788; 0.189269; 0.001308 |] r

        let newton (x: Tensor) =
            let tail = logTail -x
            x - (tail - 0.5 * x * x - mass) * exp (tail + halfLogTwoPi)

        let x = newton (newton (rational - r))

        Build.select isUpper -x x
        |> withSlope "normalQuantileOfLog" (fun l -> 1.0 / normalHazard (normalQuantileOfLog l)) l

    /// Φ⁻¹(p), the standard normal's quantile, for p in (0, 1); NaN elsewhere. Error below 1e-13 (single precision: 1e-6) of the larger of
    /// its size and 1.
    let normalQuantile (p: Tensor) : Tensor =
        let smaller = Build.binary BinaryOp.Min (1.0 - p) p
        let x = normalQuantileOfLog (log smaller)
        Build.select (less p (number p 0.5)) x -x
