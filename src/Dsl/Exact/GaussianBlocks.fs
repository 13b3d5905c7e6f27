namespace Inference

/// The joint distribution of some variables, block by block; where a block is absent it is zero. Within a plate, all is given deviations δ of
/// the variables outside it from their means: z = mean + slope·δ + noise.
type internal GaussianMoments =
    {
        Variables: GaussianVariable list
        /// [n]
        Mean: Map<int, Tensor>
        /// [n, outer n] by own and outer variable.
        Slope: Map<int * int, Tensor>
        /// [n, m] of variables in order of their creation.
        Covariance: Map<int * int, Tensor>
    }

/// What the evidence says of variables outside: the logarithm of exp(Fit + Determinant + hᵀδ − ½ δᵀJδ), with δ the deviations from their means.
type internal GaussianMessage =
    {
        /// What depends on observed values, and constants; null for zero.
        Fit: Tensor
        /// What depends on covariances alone; null for zero.
        Determinant: Tensor
        /// h, [n] by variable.
        Natural: Map<int, Tensor>
        /// J, [n, m] by variables in order of their creation.
        Precision: Map<int * int, Tensor>
    }

/// Algebra of small blocks; null stands for zero.
[<RequireQualifiedAccess>]
module internal Blocks =
    let add (a: Tensor) (b: Tensor) = Tangents.add a b

    let minus (a: Tensor) (b: Tensor) : Tensor =
        if isNull b then a
        elif isNull a then -b
        else a - b

    let transposed (a: Tensor) = if isNull a then null else Matrices.transposed a
    let private both (f: Tensor -> Tensor -> Tensor) (a: Tensor) (b: Tensor) = if isNull a || isNull b then null else f a b
    /// A·B, or A·x of a vector.
    let times a b = both Matrices.product a b
    /// A·Bᵀ
    let timesTransposed a b = both Matrices.productByTransposed a b
    /// Aᵀ·B, or Aᵀ·x of a vector.
    let transposedTimes a b = both Matrices.productOfTransposed a b

    /// C·B, or C·x of a vector.
    let apply (c: Linear) (b: Tensor) =
        match c with
        | Linear.Identity -> b
        | Linear.Matrix a -> times a b

    /// B·Cᵀ
    let applyRight (b: Tensor) (c: Linear) =
        match c with
        | Linear.Identity -> b
        | Linear.Matrix a -> timesTransposed b a

    let sum (terms: Tensor seq) = Seq.fold add null terms
    let find key (m: Map<'k, Tensor>) = m |> Map.tryFind key |> Option.toObj
    let set key (x: Tensor) (m: Map<'k, Tensor>) = if isNull x then Map.remove key m else Map.add key x m

    /// A block of a symmetric matrix that is kept for i ≤ j.
    let symmetric i j (m: Map<int * int, Tensor>) = if i <= j then find (i, j) m else transposed (find (j, i) m)

    let private scalarOf (a: Tensor) = Shapes.reshape [||] a

    /// The Cholesky factor of a positive definite matrix.
    let factor (a: Tensor) = if a.Count = 1 then sqrt a else Factorisations.cholesky a

    /// L⁻¹·B
    let solve (l: Tensor) (b: Tensor) =
        if isNull b then null
        elif l.Count = 1 then b / Build.fill b.Shape (scalarOf l)
        else Factorisations.triangularSolve l false b

    /// log det L
    let logDeterminant (l: Tensor) =
        if l.Count = 1 then
            log (scalarOf l)
        else
            Structure.sum [| 0 |] [] (log (Matrices.diagonal l))

[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module internal GaussianMessage =
    let none = { Fit = null; Determinant = null; Natural = Map.empty; Precision = Map.empty }

    let private merge (a: Map<'k, Tensor>) (b: Map<'k, Tensor>) =
        Map.fold (fun m key x -> Blocks.set key (Blocks.add (Blocks.find key m) x) m) a b

    let add (a: GaussianMessage) (b: GaussianMessage) =
        {
            Fit = Blocks.add a.Fit b.Fit
            Determinant = Blocks.add a.Determinant b.Determinant
            Natural = merge a.Natural b.Natural
            Precision = merge a.Precision b.Precision
        }

    /// Added up over a plate or a chain. Terms of the evidence are added in double precision: once a filter has settled they are the same at each step,
    /// and so is what single precision loses of each.
    let sumOver (index: FreeIndex) (m: GaussianMessage) =
        let over (x: Tensor) = if isNull x then null else Structure.sum [||] [ index ] x

        let evidence (x: Tensor) =
            if isNull x then
                null
            else
                over (Build.convert DType.F64 x) |> Build.convert x.DType

        {
            Fit = evidence m.Fit
            Determinant = evidence m.Determinant
            Natural = Map.map (fun _ x -> over x) m.Natural
            Precision = Map.map (fun _ x -> over x) m.Precision
        }

    /// J's block of two variables.
    let precision i j (m: GaussianMessage) = Blocks.symmetric i j m.Precision

    /// What an observation says, of which the whitened residual is e and whose slopes by outer variables are E: −½ |e + E·δ|² − log det L.
    let ofResidual (l: Tensor) (e: Tensor) (slopes: (int * Tensor) list) : GaussianMessage =
        let constant = Build.scalar l.DType (-halfLogTwoPi * double l.Shape[0])

        {
            Fit = Blocks.add constant (if isNull e then null else -0.5 * all (square e))
            Determinant = -(Blocks.logDeterminant l)
            Natural =
                Map
                    [
                        if not (isNull e) then
                            for o, slope in slopes do
                                o, -(Blocks.transposedTimes slope e)
                    ]
            Precision =
                Map
                    [
                        for i, a in slopes do
                            for j, b in slopes do
                                if i <= j then
                                    (i, j), Blocks.transposedTimes a b
                    ]
        }
