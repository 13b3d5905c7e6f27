namespace Inference

open System
open System.Runtime.InteropServices

/// An invertible map of tensors, with the log of the absolute determinant of its Jacobian, log |det ∂y/∂x|, a scalar. Maps of one's
/// own are made the same way: a forward map, its inverse, and the log-determinant as a function of x.
[<Sealed; AllowNullLiteral>]
type Bijector
    (
        name: string,
        forward: Func<Tensor, Tensor>,
        inverse: Func<Tensor, Tensor>,
        logDeterminant: Func<Tensor, Tensor>,
        image: Func<Support, Support>,
        isAffine: bool
    ) =
    new(name, forward, inverse, logDeterminant) =
        Bijector(name, forward, inverse, logDeterminant, Func<Support, Support>(fun _ -> Support.Real), false)

    member _.Name = name
    /// y from x.
    member _.Forward(x: Tensor) : Tensor = forward.Invoke x
    /// x from y.
    member _.Inverse(y: Tensor) : Tensor = inverse.Invoke y
    /// log |det ∂y/∂x| at x, a scalar.
    member _.LogDeterminant(x: Tensor) : Tensor = logDeterminant.Invoke x
    /// Where y lies, for x in a support.
    member _.Image(support: Support) : Support = image.Invoke support
    /// Whether y is linear in x elementwise, up to a shift: statistics of x then are those of y, moved.
    member _.IsAffine = isAffine

    /// The inverse map as a bijector. `image` says where x lies.
    member b.Inverted(image: Support) : Bijector =
        Bijector("inverse of " + name, inverse, forward, (fun y -> -(b.LogDeterminant(b.Inverse y))), (fun _ -> image), isAffine)

    /// This map, then another.
    member b.Then(next: Bijector) : Bijector =
        Bijector(
            name + ", " + next.Name,
            (fun x -> next.Forward(b.Forward x)),
            (fun y -> b.Inverse(next.Inverse y)),
            (fun x -> b.LogDeterminant x + next.LogDeterminant(b.Forward x)),
            (fun s -> next.Image(b.Image s)),
            (isAffine && next.IsAffine)
        )

/// Bijectors by name. Elementwise unless they say otherwise.
[<AbstractClass; Sealed>]
type Bijectors private () =
    static let elementwise name (forward: Tensor -> Tensor) (inverse: Tensor -> Tensor) (logSlope: Tensor -> Tensor) (image: Support) =
        Bijector(name, Func<_, _> forward, Func<_, _> inverse, (fun x -> all (logSlope x)), (fun _ -> image), false)

    /// The largest number below 1 in single precision: what saturates is taken as there.
    static let belowOne = 1.0 - Math.Pow(2.0, -24.0)

    static let exponential = elementwise "exp" exp log id Support.Positive

    // softplus⁻¹ y = y + log(1 − exp(−y))
    static let softplus =
        elementwise
            "softplus"
            Special.softplus
            (fun y -> y + log (-(expm1 (-(smaller (number y 80.0) y)))))
            Special.logSigmoid
            Support.Positive

    // log(1 − tanh² x) = 2·(log 2 − x − softplus(−2x)), without the cancellation at the edges
    static let tangent =
        elementwise
            "tanh"
            tanh
            (fun y ->
                let y = larger (number y -belowOne) (smaller (number y belowOne) y)
                0.5 * (log1p y - log1p -y))
            (fun x -> 2.0 * (log 2.0 - x - Special.softplus (-2.0 * x)))
            (Support.Interval(Build.scalar DType.F32 -1.0, Build.scalar DType.F32 1.0))

    static let sigmoid =
        elementwise
            "sigmoid"
            (fun x -> exp (Special.logSigmoid x))
            (fun y ->
                let y = smaller (number y belowOne) y
                log y - log1p -y)
            (fun x -> Special.logSigmoid x + Special.logSigmoid -x)
            Support.UnitInterval

    static let symexp = elementwise "symexp" Special.symexp Special.symlog abs Support.Real

    /// exp x.
    static member Exp = exponential
    /// log(1 + exp x).
    static member Softplus = softplus
    /// tanh x. The inverse takes values beyond ±(1 − 2⁻²⁴) as there; the density of a draw is computed before tanh, and exact.
    static member Tanh = tangent
    /// 1/(1 + exp(−x)). The inverse takes values above 1 − 2⁻²⁴ as there.
    static member Sigmoid = sigmoid
    /// sign(x)·(exp|x| − 1): Hafner et al., 2023.
    static member Symexp = symexp

    /// shift + scale·x, with a scale that is not 0 anywhere; both of x's shape or scalars.
    static member Affine(shift: Tensor, scale: Tensor) : Bijector =
        let p = parameters "Affine" [ shift; scale ]
        let shift, scale = p[0], p[1]

        let image (support: Support) =
            let between (low: Tensor) (high: Tensor) =
                let a, b = shift + scale * low, shift + scale * high
                Support.Interval(smaller a b, larger a b)

            match support with
            | Support.UnitInterval -> between (number shift 0.0) (number shift 1.0)
            | Support.Positive -> between (number shift 0.0) (number shift Double.PositiveInfinity)
            | Support.Interval(low, high) -> between low high
            | Support.Point -> Support.Point
            | Support.Real
            | Support.Simplex
            | Support.Integers _
            | Support.Binary
            | Support.OneHot -> Support.Real

        Bijector(
            "affine",
            (fun x -> shift + scale * x),
            (fun y -> (y - shift) / scale),
            (fun x -> all (Build.fill x.Shape (log (abs scale)))),
            image,
            true
        )

    /// From a vector of n − 1 to n positive numbers that sum to one: xₖ is the logit, less log(n − k), of what element k takes of what
    /// those before it left, so that 0 maps to equal parts. The density is that of the first n − 1 elements (Stan's reference
    /// manual, "Unit simplex").
    static member StickBreaking: Bijector =
        let vector (x: Tensor) =
            if x.Shape.Length <> 1 then
                Fail.model $"StickBreaking needs a vector; {Fail.shape x.Shape} came." "Give one axis."

            x.Shape[0]

        let offsets (x: Tensor) n = Build.constantOf x.DType [| n |] (Array.init n (fun k -> -log(double (n - k))))

        // the logs of what is left before each piece, and of the piece's share
        let pieces (x: Tensor) =
            let n = vector x
            let logit = x + offsets x n
            let left = Shapes.cumSum 0 (Special.logSigmoid -logit)

            let before =
                Shapes.concat 0 [| Build.constantOf x.DType [| 1 |] [| 0.0 |]; Shapes.part 0 0 (n - 1) left |]

            logit, before, left

        let forward (x: Tensor) =
            let n = vector x
            let logit, before, left = pieces x
            exp (Shapes.concat 0 [| before + Special.logSigmoid logit; Shapes.part 0 (n - 1) n left |])

        let inverse (y: Tensor) =
            let n = vector y - 1
            // what is left after each piece: summed from behind, so that small rests keep their digits
            let after =
                Shapes.part 0 1 (n + 1) (Shapes.reverse [| 0 |] (Shapes.cumSum 0 (Shapes.reverse [| 0 |] y)))

            log (Shapes.part 0 0 n y) - log after - offsets y n

        let logDeterminant (x: Tensor) =
            let logit, before, _ = pieces x
            all (before + Special.logSigmoid logit + Special.logSigmoid -logit)

        Bijector("stick-breaking", forward, inverse, logDeterminant, (fun _ -> Support.Simplex), false)

    /// A coupling layer (Dinh et al., "Density estimation using Real NVP", 2017, equations 7 and 8) of vectors of n: the first k elements pass, the
    /// others become x·exp(s) + t. The network maps the k elements to 2(n − k): s, then t. `last`: the last k pass instead.
    static member Coupling(passing: int, network: Func<Tensor, Tensor>, [<Optional; DefaultParameterValue(false)>] last: bool) : Bijector =
        let split (x: Tensor) =
            if x.Shape.Length <> 1 || passing < 1 || passing >= x.Shape[0] then
                Fail.model
                    $"A coupling that passes {passing} elements needs a vector of more; {Fail.shape x.Shape} came."
                    "Pass at least one element, and leave at least one."

            let n = x.Shape[0]

            if last then
                Shapes.part 0 (n - passing) n x, Shapes.part 0 0 (n - passing) x
            else
                Shapes.part 0 0 passing x, Shapes.part 0 passing n x

        let scaleAndShift (fixedPart: Tensor) count =
            let out = network.Invoke fixedPart

            if out.Shape <> [| 2 * count |] then
                Fail.model
                    $"The network of a coupling must give {2 * count} numbers, log-scales and then shifts; {Fail.shape out.Shape} came."
                    "Give its last layer that size."

            Shapes.part 0 0 count out, Shapes.part 0 count (2 * count) out

        let join kept moved = Shapes.concat 0 (if last then [| moved; kept |] else [| kept; moved |])

        let forward x =
            let kept, moving = split x
            let s, t = scaleAndShift kept moving.Count
            join kept (moving * exp s + t)

        let inverse y =
            let kept, moved = split y
            let s, t = scaleAndShift kept moved.Count
            join kept ((moved - t) * exp -s)

        let logDeterminant x =
            let kept, moving = split x
            all (fst (scaleAndShift kept moving.Count))

        Bijector("coupling", forward, inverse, logDeterminant)

    /// Inverse autoregressive flow (Kingma et al., "Improved variational inference with inverse autoregressive flow", 2016): yᵢ =
    /// xᵢ·exp(sᵢ) + tᵢ, where sᵢ and tᵢ depend on x₁ … xᵢ₋₁ alone. The network maps a vector of n to 2n, s and then t, and is itself responsible for that
    /// dependence. The inverse applies it n times, once for each element that becomes known.
    static member InverseAutoregressive(network: Func<Tensor, Tensor>) : Bijector =
        let scaleAndShift (x: Tensor) =
            let out = network.Invoke x

            if x.Shape.Length <> 1 || out.Shape <> [| 2 * x.Count |] then
                Fail.model
                    $"The network of an autoregressive flow must map n numbers to 2n; {Fail.shape x.Shape} became {Fail.shape out.Shape}."
                    "Give log-scales, then shifts."

            Shapes.part 0 0 x.Count out, Shapes.part 0 x.Count (2 * x.Count) out

        let forward x =
            let s, t = scaleAndShift x
            x * exp s + t

        let inverse (y: Tensor) =
            let solve x _ =
                let s, t = scaleAndShift x
                (y - t) * exp -s

            Seq.fold solve (Build.fill y.Shape (number y 0.0)) [ 1 .. y.Count ]

        Bijector("inverse autoregressive", forward, inverse, (fun x -> all (fst (scaleAndShift x))))

/// A distribution's draws passed through a bijector. Its statistics are known where the map is affine.
type Transformed internal (name: string, from: Distribution, map: Bijector, shape: int[]) =
    inherit Distribution(name, shape, from.DType)

    new(from: Distribution, map: Bijector) =
        if not from.DType.IsFloat then
            Fail.model
                $"Transformed needs a distribution of floating-point numbers; {from.Name} is of {from.DType}."
                "Transform its parameters instead."

        let shape = (map.Forward(Build.constantOf from.DType from.Shape [| 0.0 |])).Shape
        Transformed($"{from.Name} through {map.Name}", from, map, shape)

    member _.From = from
    member _.Map = map
    override _.Requirements = from.Requirements
    override _.Support = map.Image from.Support
    override _.IsReparameterised = from.IsReparameterised

    override _.Closed s =
        match s, from.Closed s with
        | _, None -> None
        | _ when not map.IsAffine -> None
        | (Statistic.Mean | Statistic.Mode), Some x -> Some(map.Forward x)
        | Statistic.Variance, Some v ->
            let zero = Build.fill shape (number v 0.0)
            let slope = map.Forward(zero + 1.0) - map.Forward zero
            Some(square slope * v)
        | Statistic.Entropy, Some h -> Some(h + map.LogDeterminant(Build.fill from.Shape (number h 0.0)))

    /// Which elements of a value are inside the map's image, with a value that stands in for those outside; none where all are. Upper edges,
    /// and both of an interval, count as inside: draws are rounded to them.
    static member private Inside(support: Support, y: Tensor) : (Tensor * Tensor) option =
        let n = number y
        let most = n 1e30

        match support with
        | Support.Positive -> Some(less (n 0.0) y, n 1.0)
        | Support.UnitInterval -> Some(both (less (n 0.0) y) (atMost y (n 1.0)), n 0.5)
        | Support.Interval(low, high) ->
            let middle = 0.5 * larger -most low + 0.5 * smaller most high
            Some(both (atMost low y) (atMost y high), middle)
        | Support.Real
        | Support.Simplex
        | Support.Integers _
        | Support.Binary
        | Support.OneHot
        | Support.Point -> None

    override d.LogDensity y =
        let density (y: Tensor) =
            let x = map.Inverse y
            from.LogDensity x - map.LogDeterminant x

        match Transformed.Inside(d.Support, y) with
        | None -> density y
        | Some(inside, middle) -> all (where inside (Build.fill y.Shape (number y 0.0))) + density (Build.select inside y middle)

    override _.Draw d = map.Forward(from.Draw d)

    override _.DrawScored d =
        let x, score = from.DrawScored d
        map.Forward x, lazy (score.Value - map.LogDeterminant x)

/// tanh of a Normal: actions between limits (Haarnoja et al., "Soft actor-critic algorithms and applications", 2018, appendix C). The
/// log-density of a draw is computed from what stands before tanh, so that it is exact where tanh rounds to ±1.
[<Sealed>]
type TanhNormal(mean: Tensor, standardDeviation: Tensor) =
    inherit
        Transformed(
            "TanhNormal",
            Normal(mean, standardDeviation),
            Bijectors.Tanh,
            (parameters "TanhNormal" [ mean; standardDeviation ]).[0].Shape
        )
