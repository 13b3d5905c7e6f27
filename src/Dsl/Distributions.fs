namespace Inference

open System

/// The source of a site's draws: its key, the plates and times it stands in. A further attempt or a second kind of draw at one
/// site takes a number of its own.
type Draws =
    {
        Key: Tensor[]
        Plates: FreeIndex list
        Times: FreeIndex list
    }

    member d.Words(shape, attempt) = Structure.random RandomKind.Word d.Plates d.Times attempt d.Key shape
    member d.Uniform(shape, attempt) = Structure.random RandomKind.Uniform d.Plates d.Times attempt d.Key shape
    member d.Normal(shape, attempt) = Structure.random RandomKind.Normal d.Plates d.Times attempt d.Key shape

    member private d.Like(kind, like: Tensor, attempt) : Tensor =
        let r = Structure.random kind d.Plates d.Times attempt d.Key like.Shape
        Tensor(r.Op, r.Inputs, r.Shape, like.DType, r.Indices)

    /// Uniforms in (0, 1) of a value's shape and type.
    member d.UniformLike(like: Tensor, attempt) : Tensor = d.Like(RandomKind.Uniform, like, attempt)
    /// Standard normals of a value's shape and type.
    member d.NormalLike(like: Tensor, attempt) : Tensor = d.Like(RandomKind.Normal, like, attempt)

    /// A source of its own for a part of the site's distribution, so that parts need not share out attempts: its key is words 0
    /// and 1 of Philox(counter = (part, 0, 0, 2³² − 1), key).
    member d.Part(part: int) : Draws =
        let word (v: uint32) = Build.scalar DType.U32 (double v)
        let counter = [| word (uint32 part); word 0u; word 0u; word UInt32.MaxValue |]

        { d with
            Key = [| Structure.philox 0 counter d.Key; Structure.philox 1 counter d.Key |]
        }

/// A condition on a distribution's parameter: what it is called, the value, when it holds, and the same for a known number.
type Requirement =
    {
        Text: string
        Value: Tensor
        Holds: Tensor -> Tensor
        HoldsFor: double -> bool
    }

/// Where draws lie, each element or, for Simplex, OneHot and Point, the whole.
[<RequireQualifiedAccess>]
type Support =
    | Real
    | Positive
    /// (0, 1)
    | UnitInterval
    /// Between two limits, which have the shape of a draw or are scalars.
    | Interval of low: Tensor * high: Tensor
    /// Positive numbers that sum to one along the last axis.
    | Simplex
    /// Whole numbers from 0 on; the count, if it is bounded.
    | Integers of count: int option
    /// 0 and 1
    | Binary
    /// Zeros and a single one along the last axis.
    | OneHot
    /// One value alone.
    | Point

/// What may be known of a distribution in closed form.
[<RequireQualifiedAccess>]
type Statistic =
    | Mean
    | Mode
    | Variance
    | Entropy

    override s.ToString() =
        match s with
        | Mean -> "mean"
        | Mode -> "mode"
        | Variance -> "variance"
        | Entropy -> "entropy"

/// A distribution over tensors of one element shape. Parameters may vary over plates and times.
[<AbstractClass>]
type Distribution(name: string, shape: int[], dtype: DType) =
    member _.Name = name
    /// The element shape of a draw.
    member _.Shape = shape
    member _.DType = dtype
    abstract Requirements: Requirement list
    /// The log-density, or log-probability, of one value: a scalar, in nats; −∞ outside the support.
    abstract LogDensity: value: Tensor -> Tensor
    abstract Draw: Draws -> Tensor
    /// A draw and its log-density, where that is known better than from the draw's rounded value.
    abstract DrawScored: Draws -> Tensor * Lazy<Tensor>

    default d.DrawScored draws =
        let x = d.Draw draws
        x, lazy (d.LogDensity x)

    /// A statistic in closed form, or none.
    abstract Closed: Statistic -> Tensor option
    abstract Support: Support
    /// Whether draws have derivatives by the parameters.
    abstract IsReparameterised: bool
    /// Whether a statistic is known in closed form.
    member d.Knows(statistic: Statistic) : bool = (d.Closed statistic).IsSome

    member private d.Of(statistic: Statistic) : Tensor =
        match d.Closed statistic with
        | Some x -> x
        | None -> Fail.model $"{name} has no {statistic} in closed form." "Average over draws, or ask Knows first."

    /// A value of the shape and type of a draw, for a trace in which numbers do not matter: the mean, or a draw under one key.
    member internal d.Typical: Tensor =
        match d.Closed Statistic.Mean with
        | Some mean -> Build.convert dtype mean
        | None ->
            let zero = Build.scalar DType.U32 0.0

            d.Draw { Key = [| zero; zero |]; Plates = []; Times = [] }

    /// The mean, elementwise; an error where there is no closed form. Categorical: of its values 0 … n−1.
    member d.Mean: Tensor = d.Of Statistic.Mean
    /// The most likely value; an error where there is no closed form. Where all are alike, their middle.
    member d.Mode: Tensor = d.Of Statistic.Mode
    /// The variance, elementwise; an error where there is no closed form.
    member d.Variance: Tensor = d.Of Statistic.Variance
    /// The entropy in nats, a scalar; an error where there is no closed form.
    member d.Entropy: Tensor = d.Of Statistic.Entropy

/// What formulas of densities share.
[<AutoOpen>]
module internal Densities =
    let all (x: Tensor) = Structure.sum [| 0 .. x.Shape.Length - 1 |] [] x
    let square (x: Tensor) = x * x
    let number (like: Tensor) (value: double) = Build.scalar like.DType value
    let less (a: Tensor) (b: Tensor) = Build.binary BinaryOp.Less a b
    let atMost (a: Tensor) (b: Tensor) = Build.binary BinaryOp.LessEqual a b
    let both (a: Tensor) (b: Tensor) = Build.binary BinaryOp.And a b
    let smaller (a: Tensor) (b: Tensor) = Build.binary BinaryOp.Min a b
    let larger (a: Tensor) (b: Tensor) = Build.binary BinaryOp.Max a b
    let equals (a: Tensor) (b: Tensor) = Build.binary BinaryOp.Equal a b
    let log1p (x: Tensor) = Build.unary UnaryOp.Log1p x
    let expm1 (x: Tensor) = Build.unary UnaryOp.Expm1 x

    /// The value where a condition holds, else −∞.
    let where condition (x: Tensor) = Build.select condition x (number x Double.NegativeInfinity)

    /// weight·x, and 0 where the weight is, whatever x is there.
    let weigh (weight: Tensor) (x: Tensor) =
        let zero = number x 0.0
        weight * Build.select (equals weight (number weight 0.0)) zero x

    /// Parameters as one shape and one floating type: scalars are repeated, literals take the others' type.
    let parameters (what: string) (given: Tensor list) : Tensor list =
        let shapes =
            given |> List.map (fun p -> p.Shape) |> List.filter (fun s -> s.Length > 0) |> List.distinct

        if shapes.Length > 1 then
            let text = shapes |> List.map Fail.shape |> String.concat " and "
            Fail.model $"{what} has parameters of shapes {text}." "Give all one shape, or scalars."

        let isLiteral (p: Tensor) =
            match p.Op with
            | Op.Constant _ -> p.IsScalar
            | _ -> false

        let settled = given |> List.filter (isLiteral >> not)
        let types = (if settled.IsEmpty then given else settled) |> List.map (fun p -> p.DType)

        let dtype =
            if List.contains DType.F64 types then
                DType.F64
            else
                types |> List.tryFind (fun t -> t.IsFloat) |> Option.defaultValue types.Head

        let shape = List.tryHead shapes |> Option.defaultValue [||]

        [
            for p in given ->
                match Build.literal p dtype with
                | Some c when dtype.IsFloat -> Build.fill shape c
                | _ when p.DType = dtype && dtype.IsFloat -> Build.fill shape p
                | _ ->
                    Fail.model
                        $"{what} needs parameters of one floating-point type; {p.DType} and {dtype} came."
                        "Convert them: Convert(x, DType.F32)."
        ]

    let positive text (x: Tensor) =
        {
            Text = text + " > 0"
            Value = x
            Holds = fun v -> less (number v 0.0) v
            HoldsFor = fun v -> v > 0.0
        }

    let probability (x: Tensor) =
        {
            Text = "a probability in [0, 1]"
            Value = x
            Holds = fun p -> both (atMost (number p 0.0) p) (atMost p (number p 1.0))
            HoldsFor = fun p -> p >= 0.0 && p <= 1.0
        }

    let halfLogTwoPi = Special.halfLogTwoPi

/// Normal(mean, standard deviation), elementwise independent.
[<Sealed>]
type Normal private (p: Tensor list) =
    inherit Distribution("Normal", p[0].Shape, p[0].DType)
    let mean, deviation = p[0], p[1]
    new(mean: Tensor, standardDeviation: Tensor) = Normal(parameters "Normal" [ mean; standardDeviation ])
    member _.Location = mean
    member _.StandardDeviation = deviation
    override _.Requirements = [ positive "a standard deviation" deviation ]
    override _.Support = Support.Real
    override _.IsReparameterised = true

    override _.Closed s =
        match s with
        | Statistic.Mean
        | Statistic.Mode -> Some mean
        | Statistic.Variance -> Some(square deviation)
        | Statistic.Entropy -> Some(all (log deviation + (0.5 + halfLogTwoPi)))

    override _.LogDensity x =
        let z = (x - mean) / deviation
        all (-0.5 * z * z - log deviation - halfLogTwoPi)

    override _.Draw d = mean + deviation * d.NormalLike(mean, 0)

/// A Normal from a vector of 2n: n means, then n log-variances.
[<Sealed>]
type DiagonalNormal(parameters: Tensor) =
    inherit Distribution("DiagonalNormal", DiagonalNormal.HalfOf parameters, parameters.DType)
    let n = (DiagonalNormal.HalfOf parameters)[0]
    let mean = Shapes.part 0 0 n parameters
    let logVariance = Shapes.part 0 n (2 * n) parameters

    static member private HalfOf(parameters: Tensor) =
        if parameters.Shape.Length <> 1 || parameters.Shape[0] % 2 <> 0 then
            Fail.model
                $"DiagonalNormal needs a vector of 2n numbers, n means then n log-variances; {Fail.shape parameters.Shape} came."
                "Let the layer that makes it give an even number."

        [| parameters.Shape[0] / 2 |]

    override _.Requirements = []
    override _.Support = Support.Real
    override _.IsReparameterised = true
    member _.Location = mean
    member _.LogVariance = logVariance

    override _.Closed s =
        match s with
        | Statistic.Mean
        | Statistic.Mode -> Some mean
        | Statistic.Variance -> Some(exp logVariance)
        | Statistic.Entropy -> Some(all (0.5 * logVariance + (0.5 + halfLogTwoPi)))

    override _.LogDensity x =
        let d = x - mean
        all (-0.5 * (d * d * exp -logVariance + logVariance) - halfLogTwoPi)

    override _.Draw d = mean + exp (0.5 * logVariance) * d.NormalLike(mean, 0)

/// Uniform on [low, high), elementwise independent. Its mode is the middle.
[<Sealed>]
type Uniform private (p: Tensor list) =
    inherit Distribution("Uniform", p[0].Shape, p[0].DType)
    let low, high = p[0], p[1]
    new(low: Tensor, high: Tensor) = Uniform(parameters "Uniform" [ low; high ])
    member _.Low = low
    member _.High = high
    override _.Requirements = [ positive "high − low" (high - low) ]
    override _.Support = Support.Interval(low, high)
    override _.IsReparameterised = true

    override _.Closed s =
        match s with
        | Statistic.Mean
        | Statistic.Mode -> Some(0.5 * (low + high))
        | Statistic.Variance -> Some(square (high - low) / 12.0)
        | Statistic.Entropy -> Some(all (log (high - low)))

    override _.LogDensity x = all (where (both (atMost low x) (atMost x high)) (-(log (high - low))))
    override _.Draw d = low + (high - low) * d.UniformLike(low, 0)

/// All mass at one value: log-probability 0 there, −∞ elsewhere.
[<Sealed>]
type Dirac(value: Tensor) =
    inherit Distribution("Dirac", value.Shape, value.DType)
    let none = Build.scalar (if value.DType.IsFloat then value.DType else DType.F32) 0.0
    member _.Value = value
    override _.Requirements = []
    override _.Support = Support.Point
    override _.IsReparameterised = value.DType.IsFloat

    override _.Closed s =
        match s with
        | Statistic.Mean
        | Statistic.Mode -> Some value
        | Statistic.Variance -> Some(Build.fill value.Shape none)
        | Statistic.Entropy -> Some none

    override _.LogDensity x = all (where (equals x value) (Build.fill value.Shape none))
    override _.Draw _ = value
