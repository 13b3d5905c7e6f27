namespace Inference

/// Factorisations of small dense matrices, as loops over columns in which whole rows are computed at once.
[<RequireQualifiedAccess>]
module Factorisations =
    let private square what (a: Tensor) =
        if a.Shape.Length <> 2 || a.Shape[0] <> a.Shape[1] || not a.DType.IsFloat then
            Fail.model $"{what} needs a square matrix of floating-point numbers; {a} came." "Give a matrix of shape [n, n]."

        a.Shape[0]

    let private transposed (a: Tensor) = Shapes.transpose [| 1; 0 |] a
    let private columnIndex n = FreeIndex("column", Extent.Fixed n, IndexKind.Time)
    let private positions (n: int) = Shapes.iota n

    /// A vector's element at a position, as a sum that is linear in the vector.
    let private pick (mask: Tensor) (x: Tensor) =
        let mask = Build.convert x.DType mask

        if x.Shape.Length = 1 then
            Structure.sum [| 0 |] [] (mask * x)
        else
            Structure.dot Semiring.SumProduct [| 0 |] [| 0 |] [] mask x

    let private at (index: FreeIndex) n =
        Build.binary BinaryOp.Equal (positions n) (Build.fill [| n |] (Structure.position index))

    let private outer (a: Tensor) (b: Tensor) = Structure.dot Semiring.SumProduct [||] [||] [] a b

    /// The lower triangle with half the diagonal, of a matrix.
    let private halfLower (a: Tensor) =
        let n = a.Shape[0]

        let weights =
            Array.init (n * n) (fun k ->
                let i, j = k / n, k % n in

                if i > j then 1.0
                elif i = j then 0.5
                else 0.0)

        a * Build.constantOf a.DType [| n; n |] weights

    let private lower (a: Tensor) =
        let n = a.Shape[0]

        a
        * Build.constantOf a.DType [| n; n |] (Array.init (n * n) (fun k -> if k / n >= k % n then 1.0 else 0.0))

    /// Substitution: column after column, what is solved is taken off what is left.
    let private substitute (l: Tensor) (upper: bool) (b: Tensor) =
        let n = l.Shape[0]
        let column = columnIndex n
        let coefficients = if upper then l else transposed l

        let _, solved =
            Structure.scanIn upper column [| b |] (fun c ->
                let row = Shapes.gather coefficients (Structure.position column)
                let mask = at column n

                let x =
                    pick mask c[0]
                    / (if b.Shape.Length = 1 then
                           pick mask row
                       else
                           Build.fill [| b.Shape[1] |] (pick mask row))

                let taken = if b.Shape.Length = 1 then row * Build.fill [| n |] x else outer row x
                [| c[0] - taken |], x)

        Structure.stack column solved

    /// The x of L·x = b, or of Lᵀ·x = b, where L is lower triangular; what lies above its diagonal is not read. b is a vector [n] or a
    /// matrix [n, m]. A zero on the diagonal gives infinities.
    let rec triangularSolve (l: Tensor) (transpose: bool) (b: Tensor) : Tensor =
        let n = square "TriangularSolve" l

        if (b.Shape.Length <> 1 && b.Shape.Length <> 2) || b.Shape[0] <> n || b.DType <> l.DType then
            Fail.model
                $"TriangularSolve with a matrix {l} cannot solve for {b}."
                $"Give a right-hand side of shape [{n}] or [{n}, m] of the same type."

        let rule =
            {
                Name = "triangular solve"
                // L·ẋ = ḃ − L̇·x
                Tangent =
                    fun x arguments tangents ->
                        let l = arguments[0]

                        let moved =
                            match tangents[0] with
                            | null -> null
                            | slope ->
                                let slope = if transpose then transposed (lower slope) else lower slope
                                -(Structure.dot Semiring.SumProduct [| 1 |] [| 0 |] [] slope x)

                        match moved, tangents[1] with
                        | null, null -> null
                        | m, null -> triangularSolve l transpose m
                        | null, t -> triangularSolve l transpose t
                        | m, t -> triangularSolve l transpose (m + t)
            }

        Calculus.withDerivative rule [| l; b |] (substitute l transpose b)

    let private factorise (a: Tensor) =
        let n = a.Shape[0]
        let column = columnIndex n

        let _, columns =
            Structure.scan column [| a |] (fun c ->
                let row = Shapes.gather c[0] (Structure.position column)
                let pivot = Build.unary UnaryOp.Sqrt (pick (at column n) row)

                let below =
                    Build.binary BinaryOp.LessEqual (Build.fill [| n |] (Structure.position column)) (positions n)

                let l = Build.select below (row / Build.fill [| n |] pivot) (Build.scalar a.DType 0.0)
                [| c[0] - outer l l |], l)

        transposed (Structure.stack column columns)

    /// The lower triangular L with L·Lᵀ = (A + Aᵀ)/2, the symmetric part of A, which must be positive definite: otherwise rows are NaN.
    /// The derivative is L̇ = L·Φ(L⁻¹·Ȧ·L⁻ᵀ), where Φ takes the lower triangle and half the diagonal (Murray, 2016).
    let cholesky (a: Tensor) : Tensor =
        square "Cholesky" a |> ignore
        let symmetric (x: Tensor) = 0.5 * (x + transposed x)

        let rule =
            {
                Name = "Cholesky"
                Tangent =
                    fun l _ tangents ->
                        match tangents[0] with
                        | null -> null
                        | slope ->
                            let half = triangularSolve l false (symmetric slope)
                            let both = triangularSolve l false (transposed half)
                            Structure.dot Semiring.SumProduct [| 1 |] [| 0 |] [] l (halfLower both)
            }

        Calculus.withDerivative rule [| a |] (factorise (symmetric a))
