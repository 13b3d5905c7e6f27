namespace Inference

open System

/// Draws of Gamma(shape, 1), as logarithms: a small shape's draws lie below what a number can hold.
[<RequireQualifiedAccess>]
module internal GammaDraws =
    /// Coefficients in η of c₀ … c₃ of the uniform expansion of the incomplete gamma function (Temme, "The asymptotic expansion of the
    /// incomplete gamma functions", 1979; DLMF 8.12.9–8.12.12).
    let internal temme =
        [|
            [|
                -0.333333333333
                0.0833333333333
                -0.0148148148148
                0.00115740740741
                0.000352733686067
                -0.000178755144033
                3.91926317852e-5
                -2.18544851068e-6
                -1.85406221072e-6
                8.29671134095e-7
                -1.76659527368e-7
                6.7078535434e-9
                1.02618097842e-8
                -4.38203601845e-9
                9.14769958224e-10
                -2.55141939949e-11
                -5.83077213255e-11
                2.43619480207e-11
            |]
            [|
                -0.00185185185185
                -0.00347222222222
                0.0026455026455
                -0.000990226337449
                0.000205761316872
                -4.01877572016e-7
                -1.80985503345e-5
                7.64916091608e-6
                -1.61209008946e-6
                4.64712780281e-9
                1.37863344692e-7
                -5.75254560352e-8
            |]
            [|
                0.0041335978836
                -0.00268132716049
                0.000771604938272
                2.00938786008e-6
                -0.000107366532264
                5.29234488291e-5
                -1.27606351886e-5
            |]
            [| 0.000649434156379; 0.000229472093621; -0.000469189494395; 0.000267720632063; -7.56180167188e-5 |]
        |]

    /// η with ½η² = μ − log(1 + μ) and η's sign μ's, as η/μ; and log(1 + μ)/η.
    let internal eta (mu: Tensor) (logOnePlus: Tensor) =
        let q = Special.halfDeviance mu logOnePlus
        let ratio = sqrt (2.0 * q)
        ratio, (1.0 - mu * q) / ratio

    /// Σ cₖ·wᵏ.
    let internal series (w: Tensor) (c: Tensor[]) = c |> Array.reduceBack (fun c sum -> c + w * sum)

    let private within limit (x: Tensor) = larger (number x -limit) (smaller (number x limit) x)

    /// dx/da of a quantile x of Gamma(a, 1) for a ≥ 12: −(∂P(a, x)/∂a)/p(x) by Temme's expansion, in which the exponentials cancel.
    let private slopeOfLarge (a: Tensor) (x: Tensor) =
        // far below the mean nothing depends on it
        let ratio = larger (number x 1e-6) (x / a)
        let mu = ratio - 1.0
        let l = log ratio
        let perMu, logPerEta = eta mu l
        let eta = within 2.2 (mu * perMu)
        let c = temme |> Array.map (fun c -> Special.polynomial c eta)
        let derivative (c: double[]) = Array.init (c.Length - 1) (fun k -> double (k + 1) * c[k + 1])
        let c' = temme |> Array.map (fun c -> Special.polynomial (derivative c) eta)
        let w = 1.0 / a
        let byShape = -(w / perMu) * series w c' - w * w * (c[1] + w * (2.0 * c[2] + 3.0 * w * c[3]))
        ratio * exp (Special.stirlingRemainder a) * (logPerEta + series w c * (l - 0.5 * w) + byShape)

    /// Below this shape the recurrence P(a, x) = P(a + 1, x) + xᵃe⁻ˣ/Γ(a + 1) leads to the expansion.
    let private large = 12

    /// d(log x)/da of a quantile x of Gamma(a, 1), by log x: what stands in for the derivative of a draw that is accepted or not (Figurnov et al., "Implicit
    /// reparameterization gradients", 2018, equation 5). Relative error below 1e-6 in double precision; in single precision as small
    /// wherever the density is not.
    let slope (a: Tensor) (logX: Tensor) =
        let x = exp logX
        let isSmall = less a (number a (double large))
        let beyond = slopeOfLarge (Build.select isSmall (a + double large) a) x
        let near = Build.select isSmall a (number a 1.0)
        // term k is xᵏ/((a + 1)…(a + k)), and its tangent that times log x − ψ(a + 1 + k)
        let first = logX - Special.digamma (near + 1.0)

        let next (term: Tensor, log: Tensor, sum: Tensor) k =
            let w = 1.0 / (near + double k)
            let term, log = term * x * w, log - w
            term, log, sum + term * log

        let one = Build.fill a.Shape (number a 1.0)
        let last, _, sum = Seq.fold next (one, first, first) [ 1 .. large - 1 ]
        Build.select isSmall ((beyond * last - sum) / near) (beyond / x)

    /// The value with the derivatives of a quantile, to any order.
    let rec private implicitly (a: Tensor) (logX: Tensor) : Tensor =
        let tangent (value: Tensor) (xs: Tensor[]) (ts: Tensor[]) =
            if isNull ts[0] then null else slope xs[0] (implicitly xs[0] value) * ts[0]

        Calculus.withDerivative { Name = "gamma draw"; Tangent = tangent } [| a |] logX

    /// An attempt is refused with probability at most 0.049 (at shape 1): all of them with one below 4e-11.
    let private attempts = 8

    /// The log of a draw of Gamma(a, 1): Marsaglia and Tsang, "A simple method for generating gamma variables", 2000; of Gamma(a + 1,
    /// 1) times a power of a uniform where a < 1. Takes attempts 0 … 16 of the source; the first that is accepted counts.
    let logDraw (d: Draws) (a: Tensor) : Tensor =
        let isSmall = less a (number a 1.0)
        let b = Build.select isSmall (a + 1.0) a - 1.0 / 3.0
        let c = (1.0 / 3.0) / sqrt b

        let attempt (found: Tensor, root: Tensor) k =
            let z = d.NormalLike(a, 2 * k)
            let v = 1.0 + c * z
            let isPositive = less (number a 0.0) v
            let logCube = 3.0 * log (Build.select isPositive v (number a 1.0))
            let bound = 0.5 * z * z + b * (1.0 - v * v * v + logCube)
            let accepted = both isPositive (less (log (d.UniformLike(a, 2 * k + 1))) bound)
            let first = both accepted (Build.unary UnaryOp.Not found)
            Build.binary BinaryOp.Or found accepted, Build.select first v root

        let one = Build.fill a.Shape (number a 1.0)
        let none = Build.binary BinaryOp.Less one one
        let _, root = Seq.fold attempt (none, one) [ 0 .. attempts - 1 ]
        let power = Build.select isSmall (log (d.UniformLike(a, 2 * attempts)) / a) (number a 0.0)
        implicitly a (log b + 3.0 * log root + power)
