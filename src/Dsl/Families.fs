namespace Inference

open System
open System.Runtime.InteropServices

/// A value that is computed from other draws of a guide, with the log-density that its own map adds to theirs.
[<Sealed>]
type internal Placed(value: Tensor, logDensity: Tensor, support: Support) =
    inherit Distribution("Placed", value.Shape, value.DType)
    override _.Requirements = []
    override _.LogDensity _ = logDensity
    override _.Draw _ = value
    override _.Closed _ = None
    override _.Support = support
    override _.IsReparameterised = true

/// A Normal of n elements with covariance W·Wᵀ + diag(d²), where W is [n, r].
[<Sealed>]
type LowRankNormal(mean: Tensor, factor: Tensor, deviation: Tensor) =
    inherit Distribution("LowRankNormal", LowRankNormal.CheckedShape(mean, factor, deviation), mean.DType)
    let n, rank = factor.Shape[0], factor.Shape[1]
    let columns (x: Tensor) = Build.broadcast [| 0; -1 |] [| n; rank |] x
    let scaled = factor / columns deviation

    // the matrix determinant lemma and Woodbury's identity: only an r × r matrix is factored
    let inner =
        let identity = Array.init (rank * rank) (fun k -> if k / rank = k % rank then 1.0 else 0.0)

        Build.constantOf mean.DType [| rank; rank |] identity
        + Structure.dot Semiring.SumProduct [| 0 |] [| 0 |] [] scaled scaled

    let cholesky = lazy (Factorisations.cholesky inner)

    static member private CheckedShape(mean: Tensor, factor: Tensor, deviation: Tensor) : int[] =
        if
            mean.Shape.Length <> 1
            || deviation.Shape <> mean.Shape
            || factor.Shape.Length <> 2
            || factor.Shape[0] <> mean.Count
        then
            Fail.model
                $"LowRankNormal needs a mean [n], a factor [n, r] and deviations [n]; {Fail.shape mean.Shape}, {Fail.shape factor.Shape} and {Fail.shape deviation.Shape} came."
                "Give the factor one row for each element."

        mean.Shape

    override _.Requirements = [ positive "a standard deviation" deviation ]
    override _.Support = Support.Real
    override _.IsReparameterised = true

    override _.Closed s =
        match s with
        | Statistic.Mean
        | Statistic.Mode -> Some mean
        | Statistic.Variance -> Some(Structure.sum [| 1 |] [] (square factor) + square deviation)
        | Statistic.Entropy -> None

    override _.LogDensity x =
        let z = (x - mean) / deviation
        let l = cholesky.Value

        let diagonal =
            Structure.sum
                [| 1 |]
                []
                (l
                 * Build.constantOf l.DType l.Shape (Array.init (rank * rank) (fun k -> if k / rank = k % rank then 1.0 else 0.0)))

        let taken =
            Factorisations.triangularSolve l false (Structure.dot Semiring.SumProduct [| 0 |] [| 0 |] [] scaled z)

        -0.5 * (all (square z) - all (square taken))
        - all (log diagonal)
        - all (log deviation)
        - double n * halfLogTwoPi

    override _.Draw d =
        let shared = d.Part(1).NormalLike(Build.constantOf mean.DType [| rank |] [| 0.0 |], 0)

        mean
        + Structure.dot Semiring.SumProduct [| 1 |] [| 0 |] [] factor shared
        + deviation * d.NormalLike(mean, 0)

/// A latent site of a model, as a family sees it.
type private Latent =
    {
        Site: SiteRecord
        /// The site's path within the model, wherever that is run: parameters are called by it.
        Path: string
        /// The plates and times that parameters vary over.
        Indices: FreeIndex list
        /// From unbounded numbers of `Shape` to the site's support; null where they are the same.
        Map: Bijector
        Shape: int[]
    }

    /// How many unbounded numbers the site has in all.
    member l.Count = (l.Indices |> List.fold (fun n i -> n * i.Capacity) 1) * Array.fold (*) 1 l.Shape

/// Guides made from a model: each continuous latent site is drawn from a family whose parameters are learnt, on unbounded numbers that a
/// bijector takes to the site's support (Kucukelbir et al., "Automatic differentiation variational inference", 2017). Finite sites are left to be summed
/// out. For what is drawn once, not for each datum of a batch: there a guide reads the datum.
[<AbstractClass; Sealed>]
type Family private () =
    static let mapOf (s: SiteRecord) : (Bijector * int[]) option =
        let shape = s.Distribution.Shape

        match s.Distribution.Support with
        | Support.Real -> Some(null, shape)
        | Support.Positive -> Some(Bijectors.Softplus, shape)
        | Support.UnitInterval -> Some(Bijectors.Sigmoid, shape)
        | Support.Interval(low, high) -> Some(Bijectors.Sigmoid.Then(Bijectors.Affine(low, high - low)), shape)
        | Support.Simplex when shape.Length = 1 -> Some(Bijectors.StickBreaking, [| shape[0] - 1 |])
        | Support.Simplex
        | Support.Integers _
        | Support.Binary
        | Support.OneHot
        | Support.Point -> None

    static let refuseData (name: string) (c: ProbContext) =
        match c.Plates |> List.tryFind (fun i -> i.Name <> Pairing.sampleName) with
        | Some plate ->
            Fail.model
                $"The family \"{name}\" stands in the plate \"{plate.Name}\", whose values come anew with each batch."
                "Write a guide that reads the datum, or draw what the family fits outside the plate."
        | None -> ()

    /// The continuous latent sites of a model, found by running it once with draws that are thrown away.
    static let latents (name: string) (model: Prob<'T>) (c: ProbContext) : Latent list =
        refuseData name c
        let trace = Trace()
        let zero = Build.scalar DType.U32 0.0

        model.Run
            { c with
                Trace = trace
                Handlers = []
                Source = Draw([| zero; zero |], [| zero; zero |])
            }
        |> ignore

        let relative (path: string) = if c.Path = "" then path else path.Substring(c.Path.Length + 1)
        let isOpen i = List.contains i c.Plates || List.contains i c.Times

        [
            for s in trace.Sites do
                if not s.IsObserved then
                    match mapOf s with
                    | Some(map, shape) ->
                        {
                            Site = s
                            Path = relative s.Path
                            Indices = s.Plates @ s.Times |> List.filter (isOpen >> not)
                            Map = map
                            Shape = shape
                        }
                    | None -> ()
        ]

    static let unstack (indices: FreeIndex list) (x: Tensor) = List.fold (fun v i -> Structure.unstack i v) x indices

    static let parameter (name: string) (l: Latent) (what: string) initial =
        let leading = l.Indices |> List.map (fun i -> i.Capacity) |> Array.ofList

        Parameter.create $"{name}.{l.Path}.{what}" (Array.append leading l.Shape) initial
        |> unstack l.Indices

    static let through (map: Bijector) (d: Distribution) : Distribution = if isNull map then d else Transformed(d, map)

    /// A draw of a distribution at a site of the model.
    static let place (c: ProbContext) (l: Latent) (d: Distribution) =
        let path = l.Site.Path
        let cut = path.LastIndexOf '/'
        let prefix, last = if cut < 0 then "", path else path.Substring(0, cut), path.Substring(cut + 1)

        (Prob.sampleAt last d l.Site.Location).Run
            { c with
                Path = prefix
                Plates = c.Plates @ (l.Site.Plates |> List.filter (fun i -> not (List.contains i c.Plates)))
                Times = c.Times @ (l.Site.Times |> List.filter (fun i -> not (List.contains i c.Times)))
            }
        |> ignore

    static let separate (name: string) (model: Prob<'T>) (distribution: Latent -> Distribution) : Prob<unit> =
        Prob(fun c ->
            for l in latents name model c do
                place c l (distribution l))

    /// All latent sites together: one draw of unbounded numbers, shared out among the sites.
    static let joint (name: string) (model: Prob<'T>) (distribution: int -> Distribution) : Prob<unit> =
        Prob(fun c ->
            let found = latents name model c
            let count = found |> List.sumBy (fun l -> l.Count)

            if count = 0 then
                Fail.model $"The model of the family \"{name}\" has no continuous latent site." "Leave the family out."

            let all = (Prob.auxiliaryAt name (distribution count) (Location.unknown)).Run c
            let mutable start = 0

            for l in found do
                let leading = l.Indices |> List.map (fun i -> i.Capacity) |> Array.ofList

                let own =
                    Shapes.part 0 start (start + l.Count) all
                    |> Shapes.reshape (Array.append leading l.Shape)
                    |> unstack l.Indices

                start <- start + l.Count

                let value, density =
                    if isNull l.Map then
                        own, Build.scalar own.DType 0.0
                    else
                        l.Map.Forward own, -(l.Map.LogDeterminant own)

                place c l (Placed(value, density, l.Site.Distribution.Support)))

    /// ln 0.1: deviations start small, so that early draws lie near the means.
    static let narrow = Initializer.Constant(log 0.1)

    static let numbers (name: string) what shape initial = Parameter.create $"{name}.{what}" shape initial

    /// One value for each site: the most probable ones, a maximum a posteriori estimate.
    static member Delta(name: string, model: Prob<'T>) : Prob<unit> =
        separate name model (fun l ->
            let location = parameter name l "location" Initializer.Zeros
            Dirac(if isNull l.Map then location else l.Map.Forward location))

    /// Independent Normals: parameters `name.site.location` and `name.site.log_scale`.
    static member MeanField(name: string, model: Prob<'T>) : Prob<unit> =
        separate name model (fun l ->
            let location, scale = parameter name l "location" Initializer.Zeros, parameter name l "log_scale" narrow
            through l.Map (Normal(location, exp scale)))

    /// One Normal over all sites with a full covariance, by its Cholesky factor.
    static member FullRank(name: string, model: Prob<'T>) : Prob<unit> =
        joint name model (fun n ->
            let scale = exp (numbers name "log_scale" [| n |] narrow)
            let below = numbers name "factor" [| n; n |] Initializer.Zeros

            let strict =
                Build.constantOf below.DType [| n; n |] (Array.init (n * n) (fun k -> if k / n > k % n then 1.0 else 0.0))

            let diagonal =
                Build.constantOf below.DType [| n; n |] (Array.init (n * n) (fun k -> if k / n = k % n then 1.0 else 0.0))

            MultivariateNormal(
                numbers name "location" [| n |] Initializer.Zeros,
                strict * below + diagonal * Build.broadcast [| 0; -1 |] [| n; n |] scale
            ))

    /// One Normal over all sites whose covariance is a diagonal and a matrix of low rank.
    static member LowRank(name: string, rank: int, model: Prob<'T>) : Prob<unit> =
        if rank < 1 then
            Fail.model $"The family \"{name}\" has rank {rank}." "Choose at least 1."

        joint name model (fun n ->
            let start = Initializer.Uniform(100 * n)

            LowRankNormal(
                numbers name "location" [| n |] Initializer.Zeros,
                numbers name "factor" [| n; rank |] start,
                exp (numbers name "log_scale" [| n |] narrow)
            ))

    /// A Normal over all sites through coupling layers, each moving the half that the one before it passed (Dinh et al., 2017), by
    /// networks `name.k` with one hidden layer.
    static member Flow
        (
            name: string,
            model: Prob<'T>,
            [<Optional; DefaultParameterValue(4)>] layers: int,
            [<Optional; DefaultParameterValue(32)>] hidden: int
        ) : Prob<unit> =
        if layers < 1 || hidden < 1 then
            Fail.model $"The family \"{name}\" has {layers} layers of {hidden}." "Choose at least 1 of each."

        joint name model (fun n ->
            if n < 2 then
                Fail.model $"The family \"{name}\" couples elements of one number." "Use MeanField: there is nothing to couple."

            let coupling k =
                let passing = if k % 2 = 0 then n / 2 else n - n / 2
                let network = Net.Mlp($"{name}.{k}", [| passing; hidden; 2 * (n - passing) |], Activation.Tanh)
                // log-scales within ±2, so that no layer can blow up
                let moved x =
                    let out = network.Apply x
                    let s = Shapes.part 0 0 (n - passing) out
                    Shapes.concat 0 [| 2.0 * tanh (0.5 * s); Shapes.part 0 (n - passing) (2 * (n - passing)) out |]

                Bijectors.Coupling(passing, Func<_, _> moved, k % 2 = 1)

            let start =
                Bijectors.Affine(numbers name "location" [| n |] Initializer.Zeros, exp (numbers name "log_scale" [| n |] narrow))

            let flow = [ 0 .. layers - 1 ] |> List.fold (fun (b: Bijector) k -> b.Then(coupling k)) start
            let zero = Build.constantOf DType.F32 [| n |] [| 0.0 |]
            Transformed(Normal(zero, zero + 1.0), flow))
