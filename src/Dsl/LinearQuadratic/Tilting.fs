namespace Inference

/// A Gaussian belief N(m, P) times exp(f/α) of a quadratic form f(x) = ½·xᵀ·H·x, x = (s, 1): how rewards that were earned, and those to come, bend
/// what is believed under the exact posterior. P may be singular: what is known for certain stays so.
[<RequireQualifiedAccess>]
module internal Tilting =
    // a pivot this much smaller than its variance is what rounding has left of zero
    let private rounding = 1e-13

    /// C of P = C·Cᵀ, lower triangular, with a column of zeros for a number that those before it determine: Cholesky by outer products.
    let factor (p: Tensor) : Tensor =
        let n = p.Shape[0]
        let index = FreeIndex("column", Extent.Fixed n, IndexKind.Time)
        let zeros = Matrices.constant n n (fun _ _ -> 0.0)

        let here =
            Build.binary BinaryOp.Equal (Shapes.iota n) (Build.fill [| n |] (Structure.position index))
            |> Build.convert DType.F64

        let pick (v: Tensor) = Structure.sum [| 0 |] [] (here * v)

        let finals, _ =
            Structure.scan index [| p; zeros |] (fun carried ->
                let column = Matrices.product carried[0] here
                let pivot = pick column
                let counts = less (rounding * pick (Matrices.diagonal p)) pivot
                let scale = Build.select counts (1.0 / sqrt pivot) (Build.scalar DType.F64 0.0)
                let own = Matrices.column (scale * column)
                let rest = carried[0] - Matrices.productByTransposed own own
                [| rest; carried[1] + Matrices.productByTransposed own (Matrices.column here) |], ())

        finals[1]

    /// The covariance (P⁻¹ − H_ss/α)⁻¹ = C·(D·Dᵀ)⁻¹·Cᵀ with D·Dᵀ = I − Cᵀ·H_ss·C/α; and the diagonal of D, NaN from the first that is not positive,
    /// where the product has no integral.
    let covariance (alpha: Tensor) (h: Tensor) (p: Tensor) : Tensor * Tensor =
        let n = p.Shape[0]
        let c = factor p
        let bend = Matrices.congruent (Matrices.block (0, n) (0, n) h) c
        let d = Factorisations.cholesky (Matrices.identity n - 1.0 / alpha * bend)
        let half = Factorisations.triangularSolve d false (Matrices.transposed c)
        Matrices.productOfTransposed half half, Matrices.diagonal d

    /// By how much the mean moves for (m, 1): P′·H_s/α, [n, n+1].
    let shift (alpha: Tensor) (h: Tensor) (tilted: Tensor) : Tensor =
        let n = tilted.Shape[0]
        1.0 / alpha * Matrices.product tilted (Matrices.block (0, n) (0, n + 1) h)
