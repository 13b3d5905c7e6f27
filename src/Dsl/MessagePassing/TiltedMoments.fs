namespace Inference

open System

/// What a factor t(L) makes of a Gaussian L ~ N(m, v): the normaliser Z = ∫ t(l)·N(l; m, v) dl and the moments of t(l)·N(l; m, v)/Z.
type internal Tilted =
    {
        LogZ: Tensor
        /// d log Z/dm = (mean − m)/v.
        Slope: Tensor
        /// 1 − variance/v: negative where the factor widens the density.
        Shrink: Tensor
        /// variance/v, accurate where it is small.
        Left: Tensor
    }

/// Moments that EP matches.
[<RequireQualifiedAccess>]
module internal Tilted =
    /// φ/Φ at −a, its excess over a, and 1 − h·(h − a), for a ≥ 6, where differences would cancel: the continued fraction of Mills' ratio (Abramowitz and
    /// Stegun, 26.2.14), ten levels deep, exact to double precision.
    let private farTail (a: Tensor) =
        let level (below: Tensor) k = double k / (a + below)
        // 2/(a + 3/(a + …))
        let inner = List.fold level (number a 0.0) [ 12..-1..2 ]
        let excess = 1.0 / (a + inner)
        a + excess, (inner - excess) / (a + inner)

    let private far = 6.0

    /// V(x) = φ(x)/Φ(x) and 1 − W(x) = 1 − V·(V + x): Herbrich, Minka and Graepel, "TrueSkill", 2006, equations for v and w; for x of any size.
    let correction (x: Tensor) : Tensor * Tensor =
        let isFar = less x (number x -far)
        let tailV, tailLeft = farTail (larger (number x far) -x)
        let near = larger (number x -far) x
        let v = Special.normalHazard near
        Build.select isFar tailV v, Build.select isFar tailLeft (1.0 - v * (v + near))

    /// t(l) = Φ(l).
    let probit (m: Tensor) (v: Tensor) : Tilted =
        let s = sqrt (1.0 + v)
        let u = m / s
        let hazard, left = correction u

        {
            LogZ = Special.logNormalCdf u
            Slope = hazard / s
            Shrink = (1.0 - left) * v / (1.0 + v)
            Left = (1.0 + v * left) / (1.0 + v)
        }

    /// t(l) = 1 where l > 0.
    let positive (m: Tensor) (v: Tensor) : Tilted =
        let s = sqrt v
        let u = m / s
        let hazard, left = correction u

        {
            LogZ = Special.logNormalCdf u
            Slope = hazard / s
            Shrink = 1.0 - left
            Left = left
        }

    /// The points and weights of n-point Gauss quadrature from a three-term recurrence: `evaluate x` gives the polynomial and its derivative.
    let private roots (n: int) (guess: int -> double) (evaluate: double -> struct (double * double)) =
        Array.init n (fun k ->
            let mutable x = guess k

            for _ in 1..100 do
                let struct (p, slope) = evaluate x
                x <- x - p / slope

            x)

    /// Gauss–Legendre on (−1, 1).
    let private legendre =
        let n = 48

        let evaluate x =
            let mutable p, before = x, 1.0

            for k in 2..n do
                let next = ((2.0 * double k - 1.0) * x * p - (double k - 1.0) * before) / double k
                before <- p
                p <- next

            struct (p, double n * (x * p - before) / (x * x - 1.0))

        let points = roots n (fun k -> cos (Math.PI * (double k + 0.75) / (double n + 0.5))) evaluate

        let weight x =
            let struct (_, slope) = evaluate x
            2.0 / ((1.0 - x * x) * slope * slope)

        points, Array.map weight points

    /// Points or weights over an index.
    let private over (index: FreeIndex) (like: Tensor) (values: double[]) =
        Structure.unstack index (Build.constantOf like.DType [| values.Length |] values)

    /// Moments of weights exp(l) over an index, at points z that measure deviations from m in √v.
    let private ofPoints (index: FreeIndex) (v: Tensor) (logWeights: Tensor) (z: Tensor) : Tilted =
        let sum x = Structure.sum [||] [ index ] x
        let logZ = Structure.logSumExp [||] [ index ] logWeights
        let isPossible = less (number logZ Double.NegativeInfinity) logZ
        let w = exp (logWeights - Build.select isPossible logZ (number logZ 0.0))
        let mean = sum (w * z)
        let left = sum (w * square (z - mean))

        { LogZ = logZ; Slope = mean / sqrt v; Shrink = 1.0 - left; Left = left }

    let private pointsOf (values: double[]) = FreeIndex("point", Extent.Fixed values.Length, IndexKind.Enumerated)

    /// t(l) = 1 where low < l < high, by Gauss–Legendre quadrature between the limits, or as far in as the density is above exp(−40) of its largest: the
    /// closed form is a difference that cancels where limits are near each other or far out.
    let between (low: Tensor) (high: Tensor) (m: Tensor) (v: Tensor) : Tilted =
        let s = sqrt v
        let a, b = (low - m) / s, (high - m) / s
        // the point between the limits where the density is largest, and how far from it anything is left
        let peak = larger a (smaller b (number a 0.0))
        let reach = 80.0 / (abs peak + sqrt (square peak + 80.0))
        let first, last = larger a (peak - reach), smaller b (peak + reach)
        let points, weights = legendre
        let index = pointsOf points
        // limits that exclude each other leave nothing
        let half, middle = larger (number m 0.0) (0.5 * (last - first)), 0.5 * (last + first)
        let z = middle + half * over index m points
        let logWeights = over index m (Array.map log weights) + log half - 0.5 * square z - halfLogTwoPi
        ofPoints index v logWeights z

    /// Gauss–Hermite for the weight N(0, 1): the recurrence of orthonormal polynomials; points found by bisection between those of one degree less,
    /// which interlace them.
    let private hermite (n: int) =
        // √(k+1)·p(k+1) = x·p(k) − √k·p(k−1)
        let evaluate degree x =
            let mutable p, before = 1.0, 0.0

            for k in 0 .. degree - 1 do
                let next = (x * p - sqrt (double k) * before) / sqrt (double k + 1.0)
                before <- p
                p <- next

            struct (p, before)

        let value degree x =
            let struct (p, _) = evaluate degree x
            p

        let bisect degree (low: double, high: double) =
            let mutable low, high = low, high
            let sign = value degree low

            for _ in 1..200 do
                let middle = 0.5 * (low + high)
                if sign * value degree middle > 0.0 then low <- middle else high <- middle

            0.5 * (low + high)

        let next (points: double[]) degree =
            let bound = sqrt (4.0 * double degree + 2.0)
            Array.concat [ [| -bound |]; points; [| bound |] ] |> Array.pairwise |> Array.map (bisect degree)

        let points = List.fold next [||] [ 1..n ]

        // 1/(n·p(n−1)²)
        let weight x =
            let struct (_, before) = evaluate n x
            1.0 / (double n * before * before)

        points, Array.map weight points

    /// Any t, by Gauss–Hermite quadrature with n points: `logWeight` gives log t at a value of L.
    let quadrature (n: int) (logWeight: Tensor -> Tensor) (m: Tensor) (v: Tensor) : Tilted =
        let points, weights = hermite n
        let index = pointsOf points
        let z = over index m points
        ofPoints index v (logWeight (m + sqrt v * z) + over index m (Array.map log weights)) z
