namespace Inference

open System
open System.Runtime.CompilerServices
open System.Runtime.InteropServices

/// The functions of the language, for `using static Inference.Language` in C# and `open type Inference.Language` in F#.
/// All are elementwise unless they say otherwise; values with different plates and time steps combine by themselves.
[<AbstractClass; Sealed; Extension>]
type Language private () =
    static member PI = Math.PI

    // Constants.

    /// A tensor of numbers that never change, row-major.
    static member Constant(values: double[], [<ParamArray>] shape: int[]) = Build.constantOf DType.F32 shape values
    /// A vector of numbers that never change.
    static member Constant(values: double[]) = Build.constantOf DType.F32 [| values.Length |] values

    /// Whole numbers that never change (positions for Gather).
    static member Integers(values: int[], [<ParamArray>] shape: int[]) =
        Build.constantOf DType.I32 (if shape.Length = 0 then [| values.Length |] else shape) (Array.map double values)

    static member Zeros([<ParamArray>] shape: int[]) = Build.constantOf DType.F32 shape [| 0.0 |]
    static member Ones([<ParamArray>] shape: int[]) = Build.constantOf DType.F32 shape [| 1.0 |]
    /// A number repeated over a shape.
    static member Fill(value: Tensor, [<ParamArray>] shape: int[]) = Build.fill shape value
    /// 0 … count−1, i32.
    static member Iota(count: int) = Shapes.iota count

    /// A tensor that a function takes: its name and its element shape.
    static member Input(name: string, [<ParamArray>] shape: int[]) : TensorInput = { Name = name; Shape = shape }

    // Elementwise.
    static member Exp(x: Tensor) = Build.unary UnaryOp.Exp x
    static member Log(x: Tensor) = Build.unary UnaryOp.Log x
    /// exp(x) − 1, accurate near 0.
    static member Expm1(x: Tensor) = Build.unary UnaryOp.Expm1 x
    /// log(1 + x), accurate near 0.
    static member Log1p(x: Tensor) = Build.unary UnaryOp.Log1p x
    static member Sin(x: Tensor) = Build.unary UnaryOp.Sin x
    static member Cos(x: Tensor) = Build.unary UnaryOp.Cos x
    static member Tanh(x: Tensor) = Build.unary UnaryOp.Tanh x
    static member Sqrt(x: Tensor) = Build.unary UnaryOp.Sqrt x
    static member Erf(x: Tensor) = Build.unary UnaryOp.Erf x
    static member Floor(x: Tensor) = Build.unary UnaryOp.Floor x
    static member Abs(x: Tensor) = Build.unary UnaryOp.Abs x
    static member Pow(x: Tensor, y: Tensor) = Build.binary BinaryOp.Pow x y
    static member Square(x: Tensor) = Build.binary BinaryOp.Mul x x
    /// The smaller one; the second where either is NaN.
    static member Min(x: Tensor, y: Tensor) = Build.binary BinaryOp.Min x y
    /// The larger one; the second where either is NaN.
    static member Max(x: Tensor, y: Tensor) = Build.binary BinaryOp.Max x y
    /// 1 / (1 + exp(−x))
    static member Sigmoid(x: Tensor) = 0.5 * Build.unary UnaryOp.Tanh (0.5 * x) + 0.5

    /// log(1 + exp x), without overflow.
    static member Softplus(x: Tensor) = Special.softplus x

    /// log(1 / (1 + exp(−x))), without overflow.
    static member LogSigmoid(x: Tensor) = Special.logSigmoid x

    /// sign(x)·log(1 + |x|): Hafner et al., 2023.
    static member Symlog(x: Tensor) = Special.symlog x
    /// sign(x)·(exp|x| − 1), which undoes Symlog.
    static member Symexp(x: Tensor) = Special.symexp x
    /// log Γ(x), x > 0; +∞ at 0, NaN below. Relative error below 1e-13 (single precision: 1e-6), at the zeros 1 and 2 too.
    static member LogGamma(x: Tensor) = Special.logGamma x
    /// The derivative of LogGamma, x > 0; NaN elsewhere. Error below 1e-13 (single precision: 1e-6) of the larger of its size and 1.
    static member Digamma(x: Tensor) = Special.digamma x
    /// The derivative of Digamma, x > 0; NaN elsewhere. Relative error below 1e-12 (single precision: 2e-6).
    static member Trigamma(x: Tensor) = Special.polygamma 1 x
    /// log B(a, b) = log Γ(a) + log Γ(b) − log Γ(a + b), a and b > 0, without the loss of digits of that difference.
    static member LogBeta(a: Tensor, b: Tensor) = Special.logBeta a b
    /// log Φ(x), the log of the standard normal's distribution function. Relative error below 1e-12 (single precision: 1e-5 far in the upper
    /// tail, where the value is as small as Φ(−x)).
    static member LogNormalCdf(x: Tensor) = Special.logNormalCdf x
    /// Φ⁻¹(p), the standard normal's quantile, 0 < p < 1; NaN elsewhere. Error below 1e-12 (single precision: 2e-6) of the larger of its
    /// size and 1.
    static member NormalQuantile(p: Tensor) = Special.normalQuantile p

    static member Relu(x: Tensor) = Build.binary BinaryOp.Max (Build.scalar x.DType 0.0) x

    /// The nearest value within the limits; NaN stays NaN.
    static member Clip(x: Tensor, low: Tensor, high: Tensor) =
        (match low.Op, high.Op with
         | Op.Constant l, Op.Constant h when l.Length = 1 || h.Length = 1 || l.Length = h.Length ->
             let at (v: double[]) k = if v.Length = 1 then v[0] else v[k]

             for k in 0 .. max l.Length h.Length - 1 do
                 if at l k > at h k then
                     Fail.model $"Clip has limits {at l k} … {at h k}, which are reversed." "Give the low limit first."
         | _ -> ())

        Build.binary BinaryOp.Min high (Build.binary BinaryOp.Max low x)

    // Overloads on numbers: without them F# would convert each argument, and warn, or refuse an expression.
    static member Clip(x: Tensor, low: double, high: double) = Language.Clip(x, Build.scalar x.DType low, Build.scalar x.DType high)

    /// The angle in [−π, π) that differs from this one by whole turns.
    static member WrapAngle(x: Tensor) = x - 2.0 * Math.PI * Build.unary UnaryOp.Floor (x * (0.5 / Math.PI) + 0.5)

    static member Less(x: Tensor, y: Tensor) = Build.binary BinaryOp.Less x y
    static member LessEqual(x: Tensor, y: Tensor) = Build.binary BinaryOp.LessEqual x y
    static member Equal(x: Tensor, y: Tensor) = Build.binary BinaryOp.Equal x y
    static member And(x: Tensor, y: Tensor) = Build.binary BinaryOp.And x y
    static member Or(x: Tensor, y: Tensor) = Build.binary BinaryOp.Or x y
    static member Not(x: Tensor) = Build.unary UnaryOp.Not x
    /// True where the value is neither NaN nor infinite.
    static member IsFinite(x: Tensor) = Build.binary BinaryOp.Equal (x * 0.0) (Build.scalar x.DType 0.0)
    /// Both values are computed; the condition chooses.
    static member Select(condition: Tensor, ifTrue: Tensor, ifFalse: Tensor) = Build.select condition ifTrue ifFalse

    /// A choice between two records.
    static member Cond<'T>(condition: Tensor, ifTrue: 'T, ifFalse: 'T) : 'T =
        Array.map2 (Build.select condition) (Record.toTensors ifTrue) (Record.toTensors ifFalse)
        |> Record.ofTensors<'T>

    static member Convert(x: Tensor, dtype: DType) = Build.convert dtype x

    // Elements: shapes.
    static member Reshape(x: Tensor, [<ParamArray>] shape: int[]) = Shapes.reshape shape x

    static member Transpose(x: Tensor, [<ParamArray>] permutation: int[]) =
        Shapes.transpose
            (if permutation.Length = 0 then
                 Array.rev [| 0 .. x.Shape.Length - 1 |]
             else
                 permutation)
            x

    /// Elements start … stop−1 along an axis.
    static member Slice(x: Tensor, axis: int, start: int, stop: int) = Shapes.part axis start stop x
    /// One element along the leading axis.
    static member Element(x: Tensor, position: int) = Shapes.at 0 position x
    static member Concat(axis: int, [<ParamArray>] parts: Tensor[]) = Shapes.concat axis parts
    /// Values of one shape, side by side along a new leading axis.
    static member Pack([<ParamArray>] parts: Tensor[]) = Shapes.pack parts
    static member Pad(x: Tensor, low: int[], high: int[], value: Tensor) = Shapes.pad low high value x
    static member Reverse(x: Tensor, [<ParamArray>] axes: int[]) = Shapes.reverse axes x
    /// Rows of a table at positions (clamped to it).
    static member Gather(table: Tensor, positions: Tensor) = Shapes.gather table positions
    static member ScatterAdd(target: Tensor, positions: Tensor, updates: Tensor) = Shapes.scatterAdd target positions updates
    static member DynamicSlice(x: Tensor, sizes: int[], [<ParamArray>] starts: Tensor[]) = Shapes.dynamicSlice sizes starts x
    static member DynamicUpdate(x: Tensor, update: Tensor, [<ParamArray>] starts: Tensor[]) = Shapes.dynamicUpdate starts update x

    // Elements: reductions and contractions.

    /// The sum of all elements.
    static member Sum(x: Tensor) = Structure.sum [| 0 .. x.Shape.Length - 1 |] [] x
    static member Sum(x: Tensor, [<ParamArray>] axes: int[]) = Structure.sum axes [] x
    static member Mean(x: Tensor) = Structure.sum [| 0 .. x.Shape.Length - 1 |] [] x / double x.Count

    static member Maximum(x: Tensor, [<ParamArray>] axes: int[]) =
        Structure.max (if axes.Length = 0 then [| 0 .. x.Shape.Length - 1 |] else axes) [] x

    static member LogSumExp(x: Tensor, axis: int) = Structure.logSumExp [| axis |] [] x
    static member Softmax(x: Tensor, axis: int) = Structure.softmax [| axis |] [] x
    static member ArgMax(x: Tensor, axis: int) = Shapes.argMax axis x
    static member CumSum(x: Tensor, axis: int) = Shapes.cumSum axis x
    /// The positions of the k largest elements of a vector, largest first.
    static member TopK(x: Tensor, k: int) = Shapes.topK k x
    /// The last axis of the first against the first axis of the second: matrix × vector, matrix × matrix, inner product.
    static member Dot(a: Tensor, b: Tensor) = Structure.dot Semiring.SumProduct [| -1 |] [| 0 |] [] a b
    static member Dot(semiring: Semiring, a: Tensor, b: Tensor) = Structure.dot semiring [| -1 |] [| 0 |] [] a b

    /// Convolution in two dimensions of x [channels, height, width] with weights [outputs, channels, rows, columns], without padding:
    /// y[o, a, b] = Σ w[o, c, i, j]·x[c, stride·a + i, stride·b + j]. `Pad` puts zeros around x.
    static member Convolve(x: Tensor, weights: Tensor, [<Optional; DefaultParameterValue(1)>] stride: int) : Tensor =
        Convolutions.forward stride x weights

    /// The transposed convolution: of y [outputs, h, v] with weights [outputs, channels, rows, columns], to [channels, height, width],
    /// of (h − 1)·stride + rows by (v − 1)·stride + columns unless told.
    static member ConvolveTransposed
        (
            y: Tensor,
            weights: Tensor,
            [<Optional; DefaultParameterValue(1)>] stride: int,
            [<Optional; DefaultParameterValue(0)>] height: int,
            [<Optional; DefaultParameterValue(0)>] width: int
        ) : Tensor =
        let size told axis =
            if told > 0 || y.Shape.Length <> 3 || weights.Shape.Length <> 4 then
                told
            else
                (y.Shape[axis] - 1) * stride + weights.Shape[axis + 1]

        Convolutions.transposed stride (size height 1) (size width 2) y weights

    // Indices: plates, time, enumerated values.

    /// A plate of independent repetitions.
    static member PlateIndex(name: string, count: int) =
        if count < 1 then
            Fail.model $"The plate \"{name}\" has {count} repetitions." "Give at least 1."

        FreeIndex(name, Extent.Fixed count, IndexKind.Plate)

    /// A plate whose number of repetitions is an input of the program, up to a capacity.
    static member PlateIndex(name: string, extent: Extent) = FreeIndex(name, extent, IndexKind.Plate)

    static member TimeIndex(name: string, steps: int) =
        if steps < 1 then
            Fail.model $"The chain \"{name}\" has {steps} steps." "Give at least 1."

        FreeIndex(name, Extent.Fixed steps, IndexKind.Time)

    /// The values 0 … count−1 of a finite variable.
    static member EnumeratedIndex(name: string, count: int) =
        if count < 1 then
            Fail.model $"The variable \"{name}\" has {count} values." "Give at least 1."

        FreeIndex(name, Extent.Fixed count, IndexKind.Enumerated)

    /// The value of an index, i32.
    static member Position(index: FreeIndex) = Structure.position index
    /// The leading element axis becomes the index.
    static member Unstack(x: Tensor, index: FreeIndex) = Structure.unstack index x
    /// The index becomes the leading element axis.
    static member Stack(x: Tensor, index: FreeIndex) = Structure.stack index x
    static member SumOver(index: FreeIndex, x: Tensor) = Structure.sum [||] [ index ] x
    static member MaxOver(index: FreeIndex, x: Tensor) = Structure.max [||] [ index ] x
    static member MinOver(index: FreeIndex, x: Tensor) = Structure.reduce ReduceOp.Min [||] [ index ] x
    static member MeanOver(index: FreeIndex, x: Tensor) = Structure.sum [||] [ index ] x / Build.convert x.DType (Structure.extent index)
    static member LogSumExpOver(index: FreeIndex, x: Tensor) = Structure.logSumExp [||] [ index ] x
    static member SoftmaxOver(index: FreeIndex, x: Tensor) = Structure.softmax [||] [ index ] x

    /// Σ over the index of weights × values: an expectation, when the weights sum to one.
    static member Expectation(index: FreeIndex, weights: Tensor, values: Tensor) =
        Structure.dot Semiring.SumProduct [||] [||] [ index ] weights values

    /// Σ over the index of weights × values, for each tensor of a record.
    static member Expectation<'T>(index: FreeIndex, weights: Tensor, values: 'T) : 'T =
        values |> Record.map (Structure.dot Semiring.SumProduct [||] [||] [ index ] weights)

    /// The value at one position of the index, clamped to its capacity; 0 where that is not below its run-time extent.
    static member At(x: Tensor, index: FreeIndex, position: Tensor) = Shapes.gather (Structure.stack index x) position

    /// What stands for values behind a run-time count comes last in every order.
    static member private StackForRanking(index: FreeIndex, x: Tensor) =
        let lowest =
            match x.DType with
            | DType.F32
            | DType.F64 -> Double.NegativeInfinity
            | DType.I32 -> double Int32.MinValue
            | DType.U32
            | DType.Bool -> 0.0

        Structure.stackWith lowest index x

    /// The positions of the k largest of a scalar over an index, largest first.
    static member TopKOver(index: FreeIndex, k: int, x: Tensor) = Shapes.topK k (Language.StackForRanking(index, x))
    /// The k-th largest of a scalar over an index: what a sample must reach to be among the best k.
    static member KthLargestOver(index: FreeIndex, k: int, x: Tensor) = Shapes.kthLargest k (Language.StackForRanking(index, x))
    /// The k-th largest element of a vector.
    static member KthLargest(x: Tensor, k: int) = Shapes.kthLargest k x

    /// A sequential loop: `step` maps the record carried into a step to the record carried out of it and what else leaves the loop,
    /// which is free in the index.
    static member Scan<'C, 'R>(index: FreeIndex, start: 'C, step: Func<'C, struct ('C * 'R)>) : struct ('C * 'R) =
        let finals, results =
            Structure.scan index (Record.toTensors start) (fun carried ->
                let struct (next, result) = step.Invoke(Record.ofTensors<'C> carried)
                Record.toTensors next, result)

        struct (Record.ofTensors<'C> finals, results)

    /// A loop whose derivative keeps what is carried into each of some segments and takes the steps of a segment again, so that memory
    /// grows with their square root where there are as many segments as steps in one. What differs from step to step is handed in as
    /// `each`. The number of segments divides that of the steps.
    static member ScanCheckpointed<'C, 'X, 'R>
        (index: FreeIndex, segments: int, start: 'C, each: 'X, step: Func<'C, 'X, struct ('C * 'R)>)
        : struct ('C * 'R) =
        let finals, results =
            Checkpoints.scan index segments (Record.toTensors start) (Record.toTensors each) (fun carried reads ->
                let struct (next, result) = step.Invoke(Record.ofTensors<'C> carried, Record.ofTensors<'X> reads)
                Record.toTensors next, Record.toTensors result)

        struct (Record.ofTensors<'C> finals, Record.ofTensors<'R> results)

    /// f(x), of which only x is kept for the derivative: what f computes on the way is computed again when the derivative comes to it, and no sharing
    /// merges the two. For a part of a network that computes little and remembers much (Griewank and Walther, "Evaluating Derivatives", 2008, chapter 12).
    static member Recompute<'X, 'R>(x: 'X, f: Func<'X, 'R>) : 'R =
        Checkpoints.recompute (Record.toTensors x) (fun x -> Record.toTensors (f.Invoke(Record.ofTensors<'X> x)))
        |> Record.ofTensors<'R>

    /// A loop from the last step to the first: `step` maps what is carried into a step from the one after it.
    static member ScanBack<'C, 'R>(index: FreeIndex, start: 'C, step: Func<'C, struct ('C * 'R)>) : struct ('C * 'R) =
        let finals, results =
            Structure.scanIn true index (Record.toTensors start) (fun carried ->
                let struct (next, result) = step.Invoke(Record.ofTensors<'C> carried)
                Record.toTensors next, result)

        struct (Record.ofTensors<'C> finals, results)

    /// Takes steps while a condition holds, at most `limit` of them; each value of a plate stops for itself. What comes out is the record
    /// carried last and the number of steps taken. Derivatives are those of the steps taken.
    static member While<'C>(limit: int, start: 'C, condition: Func<'C, Tensor>, step: Func<'C, 'C>) : struct ('C * Tensor) =
        let finals, taken =
            Iteration.boundedWhile limit (Record.toTensors start) (fun c -> condition.Invoke(Record.ofTensors<'C> c)) (fun c ->
                Record.toTensors (step.Invoke(Record.ofTensors<'C> c)))

        struct (Record.ofTensors<'C> finals, taken)

    /// The x with x = f(x, θ), by iterating until no element moves by more than the tolerance, at most `limit` times. Its derivative by
    /// θ is implicit and needs nothing of the path: that of the equation, found by as many iterations.
    static member FixedPoint<'X, 'P>(limit: int, tolerance: double, start: 'X, parameters: 'P, f: Func<'X, 'P, 'X>) : 'X =
        Iteration.fixedPoint limit tolerance (Record.toTensors start) (Record.toTensors parameters) (fun x p ->
            Record.toTensors (f.Invoke(Record.ofTensors<'X> x, Record.ofTensors<'P> p)))
        |> Record.ofTensors<'X>

    /// The lower triangular L with L·Lᵀ = A, for a positive definite matrix [n, n]; only its symmetric part counts.
    static member Cholesky(a: Tensor) : Tensor = Factorisations.cholesky a

    /// The x of L·x = b, or Lᵀ·x = b, for a lower triangular L of shape [n, n] and a b of shape [n] or [n, m].
    static member TriangularSolve(l: Tensor, b: Tensor, [<Optional; DefaultParameterValue(false)>] transpose: bool) : Tensor =
        Factorisations.triangularSolve l transpose b

    // Derivatives. What they are taken by is a tensor or a record of tensors: inputs, parameters, or any values on the way.

    /// The gradient of a scalar. An index that a value does not have is summed over.
    static member Gradient<'P>(loss: Tensor, by: 'P) : 'P = Calculus.gradient loss (Record.toTensors by) |> Record.ofTensors<'P>

    /// How a value moves when others move along a direction: the Jacobian times the direction.
    static member Jvp<'P>(value: Tensor, by: 'P, direction: 'P) : Tensor =
        (Calculus.jvp [| value |] (Record.toTensors by) (Record.toTensors direction)).[0]

    /// The transposed Jacobian times a cotangent of the value's shape.
    static member Vjp<'P>(value: Tensor, by: 'P, cotangent: Tensor) : 'P =
        Calculus.vjp [| value |] (Record.toTensors by) [| cotangent |] |> Record.ofTensors<'P>

    /// The Hessian of a scalar times a direction.
    static member HessianVector<'P>(loss: Tensor, by: 'P, direction: 'P) : 'P =
        Calculus.hessianVector loss (Record.toTensors by) (Record.toTensors direction)
        |> Record.ofTensors<'P>

    /// The value, taken as a constant by every derivative.
    static member StopGradient(x: Tensor) = Calculus.stopGradient x

    /// The first value, with the derivatives of the second.
    static member StraightThrough(value: Tensor, differentiable: Tensor) = Calculus.straightThrough value differentiable

    /// Passes its operand on. The value is shown after each run: to subscribers of `Executable.Probed`, else where
    /// `EngineOptions.Probed` says, else on standard error. It is stored and copied, and each run allocates.
    static member Probe(name: string, x: Tensor) = Build.node (Op.Probe name) [| x |] x.Shape x.DType

    // Distributions. Parameters of one shape, or scalars, give that many independent elements, unless it is said otherwise.

    /// Normal by its mean and its standard deviation.
    static member Normal(mean: Tensor, standardDeviation: Tensor) : Distribution = Inference.Normal(mean, standardDeviation)

    static member Normal(mean: double, standardDeviation: double) : Distribution =
        Inference.Normal(Build.scalar DType.F32 mean, Build.scalar DType.F32 standardDeviation)

    /// A Normal from a vector of 2n: n means, then n log-variances.
    static member DiagonalNormal(parameters: Tensor) : Distribution = Inference.DiagonalNormal parameters
    /// A Normal of a vector by its mean and the Cholesky factor of its covariance, which `Cholesky` gives.
    static member MultivariateNormal(mean: Tensor, factor: Tensor) : Distribution = Inference.MultivariateNormal(mean, factor)
    /// tanh of a Normal: values in (−1, 1).
    static member TanhNormal(mean: Tensor, standardDeviation: Tensor) : Distribution = Inference.TanhNormal(mean, standardDeviation)

    /// A Normal kept between two limits, either of which may be infinite.
    static member TruncatedNormal(mean: Tensor, standardDeviation: Tensor, low: Tensor, high: Tensor) : Distribution =
        Inference.TruncatedNormal(mean, standardDeviation, low, high)

    /// exp of a Normal(location, scale).
    static member LogNormal(location: Tensor, scale: Tensor) : Distribution = Inference.LogNormal(location, scale)

    /// symexp of a Normal(mean, standard deviation), for values of any size.
    static member SymlogNormal(mean: Tensor, standardDeviation: Tensor) : Distribution = Inference.SymlogNormal(mean, standardDeviation)

    static member Laplace(location: Tensor, scale: Tensor) : Distribution = Inference.Laplace(location, scale)

    static member StudentT(degrees: Tensor, location: Tensor, scale: Tensor) : Distribution = Inference.StudentT(degrees, location, scale)

    /// Uniform between low and high. A draw may be rounded to either end, which have density as well.
    static member Uniform(low: Tensor, high: Tensor) : Distribution = Inference.Uniform(low, high)

    static member Uniform(low: double, high: double) : Distribution =
        Inference.Uniform(Build.scalar DType.F32 low, Build.scalar DType.F32 high)

    static member Beta(alpha: Tensor, beta: Tensor) : Distribution = Inference.Beta(alpha, beta)
    /// Gamma by its shape parameter and its rate: the mean is their quotient.
    static member Gamma(shape: Tensor, rate: Tensor) : Distribution = Inference.Gamma(shape, rate)
    /// Parts of one, by a vector of concentrations.
    static member Dirichlet(concentration: Tensor) : Distribution = Inference.Dirichlet concentration
    static member Exponential(rate: Tensor) : Distribution = Inference.Exponential rate
    /// All mass at one value.
    static member Dirac(value: Tensor) : Distribution = Inference.Dirac value
    /// One of n values, 0 … n−1, by n unnormalised log-probabilities.
    static member Categorical(logits: Tensor) : Distribution = Inference.Categorical logits
    /// A single one among zeros along the last axis, by unnormalised log-probabilities; gradients pass straight through.
    static member OneHotCategorical(logits: Tensor) : Distribution = Inference.OneHotCategorical(logits, 0.0)
    /// The same with a share of the probability spread evenly, such as 0.01.
    static member OneHotCategorical(logits: Tensor, mix: double) : Distribution = Inference.OneHotCategorical(logits, mix)
    static member Poisson(rate: Tensor) : Distribution = Inference.Poisson rate

    /// Zeros and ones, by one of the two: `Bernoulli(logits: x)`, `Bernoulli(probability: p)`.
    static member Bernoulli
        (
            [<Optional; DefaultParameterValue(null: Tensor)>] logits: Tensor,
            [<Optional; DefaultParameterValue(null: Tensor)>] probability: Tensor
        ) : Distribution =
        Inference.Bernoulli.Of(logits, probability)

    /// How many of `count` events occur, by one of the two: `Binomial(10, logits: x)`, `Binomial(10, probability: p)`.
    static member Binomial
        (
            count: int,
            [<Optional; DefaultParameterValue(null: Tensor)>] logits: Tensor,
            [<Optional; DefaultParameterValue(null: Tensor)>] probability: Tensor
        ) : Distribution =
        Inference.Binomial.Of(count, logits, probability)

    /// One of several distributions, by unnormalised log-weights.
    static member Mixture(logits: Tensor, [<ParamArray>] components: Distribution[]) : Distribution = Inference.Mixture(logits, components)

    /// A mixture over an index: the component's parameters vary over it, as `Unstack` makes them.
    static member Mixture(logits: Tensor, index: FreeIndex, ``component``: Distribution) : Distribution =
        Inference.Mixture(logits, index, ``component``)

    /// A scalar by probabilities over bins, in rising order; a value counts as the two bins around it.
    static member TwoHot(logits: Tensor, bins: Tensor) : Distribution = Inference.TwoHot(logits, bins)

    /// Draws passed through an invertible map, such as `Bijectors.Exp`.
    static member Transformed(from: Distribution, map: Bijector) : Distribution = Inference.Transformed(from, map)

    /// KL(p ‖ q) in nats, in closed form; an error where there is none.
    static member Kl(p: Distribution, q: Distribution) : Tensor =
        match Divergence.kl p q with
        | Some x -> x
        | None ->
            Fail.model
                $"KL of {p.Name} and {q.Name} has no closed form here."
                "Estimate it: average log p(x) − log q(x) over draws x of p, as Divergence.estimate does."

    // Programs.

    /// A draw, under a name of its own.
    static member Sample
        (
            name: string,
            distribution: Distribution,
            [<CallerFilePath; Optional; DefaultParameterValue("")>] file: string,
            [<CallerLineNumber; Optional; DefaultParameterValue(0)>] line: int
        ) : Prob<Tensor> =
        Prob.sampleAt name distribution { File = file; Line = line }

    /// Weighs the run by the density of a known value.
    static member Observe
        (
            name: string,
            distribution: Distribution,
            value: Tensor,
            [<CallerFilePath; Optional; DefaultParameterValue("")>] file: string,
            [<CallerLineNumber; Optional; DefaultParameterValue(0)>] line: int
        ) : Prob<unit> =
        Prob.observeAt name distribution value { File = file; Line = line } |> Prob.map ignore

    /// Weighs the run by exp(log-weight).
    static member Factor(logWeight: Tensor) : Prob<unit> = Prob.factor logWeight

    /// This value, in a run that is weighed by the density of an observation: `select z.Observed("image", Bernoulli(logits: y), image)`.
    [<Extension>]
    static member Observed<'T>
        (
            value: 'T,
            name: string,
            distribution: Distribution,
            observation: Tensor,
            [<CallerFilePath; Optional; DefaultParameterValue("")>] file: string,
            [<CallerLineNumber; Optional; DefaultParameterValue(0)>] line: int
        ) : Prob<'T> =
        Prob.observeAt name distribution observation { File = file; Line = line }
        |> Prob.map (fun _ -> value)

    /// The program's value, in a run that is also weighed by the density of an observation.
    [<Extension>]
    static member Observed<'T>
        (
            program: Prob<'T>,
            name: string,
            distribution: Distribution,
            observation: Tensor,
            [<CallerFilePath; Optional; DefaultParameterValue("")>] file: string,
            [<CallerLineNumber; Optional; DefaultParameterValue(0)>] line: int
        ) : Prob<'T> =
        program
        |> Prob.bind (fun value -> Language.Observed(value, name, distribution, observation, file, line))

    /// This value, in a run that is weighed by exp(log-weight).
    [<Extension>]
    static member Factored<'T>(value: 'T, logWeight: Tensor) : Prob<'T> = Prob.factor logWeight |> Prob.map (fun () -> value)

    /// The program's value, in a run that is also weighed by exp(log-weight).
    [<Extension>]
    static member Factored<'T>(program: Prob<'T>, logWeight: Tensor) : Prob<'T> =
        program |> Prob.bind (fun value -> Language.Factored(value, logWeight))

    /// Independent repetitions of a program; the value is free in the plate's index.
    static member Plate<'T>(name: string, count: int, body: Prob<'T>) : Prob<Plated<'T>> =
        Prob.plate (Language.PlateIndex(name, count)) body

    /// Independent repetitions of a program over an index.
    static member Plate<'T>(index: FreeIndex, body: Prob<'T>) : Prob<Plated<'T>> = Prob.plate index body

    /// A Markov chain: each step maps the state to the next state and to what else leaves the step.
    static member Markov<'S, 'R>(name: string, steps: int, start: 'S, step: Func<'S, Prob<struct ('S * 'R)>>) : Prob<Chain<'S, 'R>> =
        Language.Markov(Language.TimeIndex(name, steps), start, step)

    /// The same over an index that is made beforehand: what differs from step to step is unstacked along it, and a model shares it with its
    /// guide.
    static member Markov<'S, 'R>(index: FreeIndex, start: 'S, step: Func<'S, Prob<struct ('S * 'R)>>) : Prob<Chain<'S, 'R>> =
        Prob.markov index start (fun s -> step.Invoke s |> Prob.map (fun (struct (next, each)) -> next, each))
        |> Prob.map (fun (final, each) -> { Index = index; Final = final; Each = each })

    /// A Markov chain of states; `Each` holds the state after each step.
    static member Markov<'S>(name: string, steps: int, start: 'S, step: Func<'S, Prob<'S>>) : Prob<Chain<'S, 'S>> =
        Language.Markov<'S>(Language.TimeIndex(name, steps), start, step)

    /// The same over an index that is made beforehand.
    static member Markov<'S>(index: FreeIndex, start: 'S, step: Func<'S, Prob<'S>>) : Prob<Chain<'S, 'S>> =
        Language.Markov<'S, 'S>(
            index,
            start,
            Func<'S, Prob<struct ('S * 'S)>>(fun s -> step.Invoke s |> Prob.map (fun next -> struct (next, next)))
        )
