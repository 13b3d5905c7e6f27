namespace Inference

open System

/// A Normal of a vector with dependent elements: mean [n] and the lower triangular L [n, n] of the covariance L·Lᵀ, with a positive diagonal.
/// What lies above the diagonal is not read. With a covariance: `MultivariateNormal(mean, Cholesky(covariance))`.
[<Sealed>]
type MultivariateNormal(mean: Tensor, factor: Tensor) =
    inherit Distribution("MultivariateNormal", MultivariateNormal.CheckedShape(mean, factor), factor.DType)
    let n = mean.Count
    let mean = Build.convert factor.DType mean

    let masked below =
        let mask = Array.init (n * n) (fun k -> if below (k / n) (k % n) then 1.0 else 0.0)
        Build.select (equals (Build.constantOf factor.DType [| n; n |] mask) (number factor 1.0)) factor (number factor 0.0)

    let lower = masked (fun row column -> column <= row)
    let diagonal = Structure.sum [| 1 |] [] (masked (=))

    static member private CheckedShape(mean: Tensor, factor: Tensor) : int[] =
        if mean.Shape.Length <> 1 || factor.Shape <> [| mean.Count; mean.Count |] then
            Fail.model
                $"MultivariateNormal needs a mean [n] and a factor [n, n]; {Fail.shape mean.Shape} and {Fail.shape factor.Shape} came."
                "Give the Cholesky factor of the covariance."

        mean.Shape

    /// Independent elements as a MultivariateNormal.
    static member internal Diagonal(mean: Tensor, deviation: Tensor) =
        let n = mean.Count

        let isOwn =
            Build.constantOf mean.DType [| n; n |] (Array.init (n * n) (fun k -> if k / n = k % n then 1.0 else 0.0))

        MultivariateNormal(mean, isOwn * Build.broadcast [| 0; -1 |] [| n; n |] deviation)

    member _.Location = mean
    /// The factor as it was given.
    member _.Factor = factor
    /// The factor with zeros above its diagonal.
    member _.LowerFactor = lower
    /// log det L, half the log-determinant of the covariance.
    member _.LogDeterminant = all (log diagonal)
    override _.Requirements = [ positive "a factor with a diagonal" diagonal ]
    override _.Support = Support.Real
    override _.IsReparameterised = true

    override d.Closed s =
        match s with
        | Statistic.Mean
        | Statistic.Mode -> Some mean
        | Statistic.Variance -> Some(Structure.sum [| 1 |] [] (square lower))
        | Statistic.Entropy -> Some(d.LogDeterminant + double n * (0.5 + halfLogTwoPi))

    override d.LogDensity x =
        let z = Factorisations.triangularSolve factor false (x - mean)
        -0.5 * all (square z) - d.LogDeterminant - double n * halfLogTwoPi

    override _.Draw d =
        mean + Structure.dot Semiring.SumProduct [| 1 |] [| 0 |] [] lower (d.NormalLike(mean, 0))
