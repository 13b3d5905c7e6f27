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

/// A condition on a distribution's parameter: what it is called, the value, when it holds, and the same for a known number.
type Requirement =
    {
        Text: string
        Value: Tensor
        Holds: Tensor -> Tensor
        HoldsFor: double -> bool
    }

/// A distribution over tensors of one element shape. Parameters may vary over plates and times.
[<AbstractClass>]
type Distribution(name: string, shape: int[], dtype: DType) =
    member _.Name = name
    /// The element shape of a draw.
    member _.Shape = shape
    member _.DType = dtype
    abstract Requirements: Requirement list
    /// The log-density, or log-probability, of one value: a scalar, in nats.
    abstract LogDensity: value: Tensor -> Tensor
    abstract Draw: Draws -> Tensor
    abstract Mean: Tensor

[<AutoOpen>]
module internal Densities =
    let all (x: Tensor) = Structure.sum [| 0 .. x.Shape.Length - 1 |] [] x

    let shapeOf (what: string) (a: Tensor) (b: Tensor) =
        if a.Shape = b.Shape || b.IsScalar then
            a.Shape
        elif a.IsScalar then
            b.Shape
        else
            Fail.model
                $"{what} has parameters of shapes {Fail.shape a.Shape} and {Fail.shape b.Shape}."
                "Give both one shape, or one of them as a scalar."

    let positive text (x: Tensor) =
        {
            Text = text + " > 0"
            Value = x
            Holds = fun v -> Build.binary BinaryOp.Less (Build.scalar v.DType 0.0) v
            HoldsFor = fun v -> v > 0.0
        }

    /// high − low, as a number if both are.
    let width (low: Tensor) (high: Tensor) =
        match low.Op, high.Op with
        | Op.Constant l, Op.Constant h ->
            let at (v: double[]) k = if v.Length = 1 then v[0] else v[k]
            Build.constantOf high.DType high.Shape (Array.init (max l.Length h.Length) (fun k -> at h k - at l k))
        | _ -> high - low

    let halfLogTwoPi = 0.5 * log (2.0 * Math.PI)

/// Normal(mean, standard deviation), elementwise independent.
[<Sealed>]
type Normal(mean: Tensor, standardDeviation: Tensor) =
    inherit Distribution("Normal", shapeOf "Normal" mean standardDeviation, mean.DType)
    let shape = shapeOf "Normal" mean standardDeviation
    let mean, deviation = Build.fill shape mean, Build.fill shape standardDeviation
    override _.Requirements = [ positive "a standard deviation" deviation ]
    override _.Mean = mean
    member _.StandardDeviation = deviation

    override _.LogDensity x =
        let z = (x - mean) / deviation
        all (-0.5 * z * z - Build.unary UnaryOp.Log deviation - halfLogTwoPi)

    override _.Draw d = mean + deviation * d.Normal(shape, 0)

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
    override _.Mean = mean
    member _.LogVariance = logVariance

    override _.LogDensity x =
        let d = x - mean
        all (-0.5 * (d * d * Build.unary UnaryOp.Exp (-logVariance) + logVariance) - halfLogTwoPi)

    override _.Draw d = mean + Build.unary UnaryOp.Exp (0.5 * logVariance) * d.Normal([| n |], 0)

/// Uniform on [low, high), elementwise independent.
[<Sealed>]
type Uniform(low: Tensor, high: Tensor) =
    inherit Distribution("Uniform", shapeOf "Uniform" low high, low.DType)
    let shape = shapeOf "Uniform" low high
    let low, high = Build.fill shape low, Build.fill shape high
    member _.Low = low
    member _.High = high
    override _.Requirements = [ positive "high − low" (width low high) ]
    override _.Mean = 0.5 * (low + high)

    override _.LogDensity x =
        let inside =
            Build.binary BinaryOp.And (Build.binary BinaryOp.LessEqual low x) (Build.binary BinaryOp.LessEqual x high)

        all (Build.select inside (-(Build.unary UnaryOp.Log (high - low))) (Build.scalar x.DType Double.NegativeInfinity))

    override _.Draw d = low + (high - low) * d.Uniform(shape, 0)

/// All mass at one value.
[<Sealed>]
type Dirac(value: Tensor) =
    inherit Distribution("Dirac", value.Shape, value.DType)
    override _.Requirements = []
    override _.Mean = value

    override _.LogDensity x =
        let same = Build.binary BinaryOp.Equal x value
        all (Build.select same (Build.scalar DType.F32 0.0) (Build.scalar DType.F32 Double.NegativeInfinity))

    override _.Draw _ = value

/// One of n values, 0 … n−1, by n unnormalised log-probabilities.
[<Sealed>]
type Categorical(logits: Tensor) =
    inherit Distribution("Categorical", Categorical.CheckedShape logits, DType.I32)
    let logProbabilities = logits - Build.fill logits.Shape (Structure.logSumExp [| 0 |] [] logits)

    static member private CheckedShape(logits: Tensor) : int[] =
        if logits.Shape.Length <> 1 then
            Fail.model $"Categorical needs a vector of logits; {Fail.shape logits.Shape} came." "Give one log-probability for each value."

        [||]

    member _.LogProbabilities = logProbabilities
    override _.Requirements = []

    override _.Mean =
        all (Build.unary UnaryOp.Exp logProbabilities * Build.convert logits.DType (Shapes.iota logits.Shape[0]))

    override _.LogDensity x =
        let inside =
            Build.binary
                BinaryOp.And
                (Build.binary BinaryOp.LessEqual (Build.scalar x.DType 0.0) x)
                (Build.binary BinaryOp.Less x (Build.scalar x.DType (double logits.Shape[0])))

        Build.select inside (Shapes.gather logProbabilities x) (Build.scalar logits.DType Double.NegativeInfinity)

    /// Inverts the cumulative probabilities with one uniform.
    override _.Draw d =
        let cumulative = Shapes.cumSum 0 (Build.unary UnaryOp.Exp logProbabilities)
        let below = Build.binary BinaryOp.LessEqual cumulative (Build.fill logits.Shape (d.Uniform([||], 0)))
        let count = all (Build.select below (Build.scalar DType.I32 1.0) (Build.scalar DType.I32 0.0))
        Build.binary BinaryOp.Min (Build.scalar DType.I32 (double (logits.Shape[0] - 1))) count

/// Zeros and ones, elementwise independent, by logits.
[<Sealed>]
type Bernoulli private (logits: Tensor, given: Requirement list) =
    inherit Distribution("Bernoulli", logits.Shape, DType.F32)

    static let softplus (x: Tensor) =
        Build.binary BinaryOp.Max (Build.scalar x.DType 0.0) x
        + Build.unary UnaryOp.Log1p (Build.unary UnaryOp.Exp (-(Build.unary UnaryOp.Abs x)))

    member _.Logits = logits
    override _.Requirements = given
    override _.Mean = 0.5 * Build.unary UnaryOp.Tanh (0.5 * logits) + 0.5
    override _.LogDensity x = all (x * logits - softplus logits)

    override d.Draw draws =
        let one = Build.binary BinaryOp.Less (draws.Uniform(logits.Shape, 0)) d.Mean
        Build.select one (Build.scalar DType.F32 1.0) (Build.scalar DType.F32 0.0)

    static member OfLogits(logits: Tensor) = Bernoulli(logits, [])

    static member OfProbability(probability: Tensor) =
        let within =
            {
                Text = "a probability in (0, 1)"
                Value = probability
                Holds =
                    fun p ->
                        Build.binary
                            BinaryOp.And
                            (Build.binary BinaryOp.Less (Build.scalar p.DType 0.0) p)
                            (Build.binary BinaryOp.Less p (Build.scalar p.DType 1.0))
                HoldsFor = fun p -> p > 0.0 && p < 1.0
            }

        Bernoulli(Build.unary UnaryOp.Log (probability / (1.0 - probability)), [ within ])
