namespace Inference

/// Small matrices; constants in double precision, whatever the engine's, unless a type is given.
[<RequireQualifiedAccess>]
module internal Matrices =
    let product (a: Tensor) (b: Tensor) = Structure.dot Semiring.SumProduct [| a.Shape.Length - 1 |] [| 0 |] [] a b
    let transposed (a: Tensor) = Shapes.transpose [| 1; 0 |] a
    /// aᵀ·b
    let productOfTransposed (a: Tensor) (b: Tensor) = Structure.dot Semiring.SumProduct [| 0 |] [| 0 |] [] a b
    /// a·bᵀ
    let productByTransposed (a: Tensor) (b: Tensor) = Structure.dot Semiring.SumProduct [| 1 |] [| 1 |] [] a b

    let constant (rows: int) (columns: int) (values: int -> int -> double) =
        Build.constantOf DType.F64 [| rows; columns |] (Array.init (rows * columns) (fun k -> values (k / columns) (k % columns)))

    let identityOf dtype n =
        Build.constantOf dtype [| n; n |] (Array.init (n * n) (fun k -> if k / n = k % n then 1.0 else 0.0))

    let identity n = identityOf DType.F64 n
    /// Rows r₀ … r₁−1, columns c₀ … c₁−1.
    let block (r0, r1) (c0, c1) (a: Tensor) = Shapes.slice [| r0; c0 |] [| r1; c1 |] [| 1; 1 |] a
    let symmetric (a: Tensor) = 0.5 * (a + transposed a)
    /// aᵀ·b·a, symmetric where b is.
    let congruent (b: Tensor) (a: Tensor) = productOfTransposed a (product b a) |> symmetric
    /// tr(a·b) of a symmetric a.
    let traceOfProduct (a: Tensor) (b: Tensor) = Structure.sum [| 0; 1 |] [] (a * b)

    /// The diagonal, as a vector.
    let diagonal (a: Tensor) =
        let n = a.Shape[0]
        Shapes.reshape [| n * n |] a |> Shapes.slice [| 0 |] [| n * n |] [| n + 1 |]

    /// x of L·Lᵀ·x = b, for the lower triangular L.
    let solve (l: Tensor) (b: Tensor) =
        Factorisations.triangularSolve l true (Factorisations.triangularSolve l false b)

    /// A scalar at the last place of a matrix's diagonal, zero elsewhere.
    let atCorner n (x: Tensor) =
        Build.fill [| n; n |] x * constant n n (fun i j -> if i = n - 1 && j = n - 1 then 1.0 else 0.0)

    /// The matrix without the last place of its diagonal.
    let withoutCorner (a: Tensor) =
        let n = a.Shape[0]
        a * constant n n (fun i j -> if i = n - 1 && j = n - 1 then 0.0 else 1.0)

    let corner (a: Tensor) = let n = a.Shape[0] in Shapes.at 0 (n - 1) (Shapes.at 0 (n - 1) a)

    /// The rows and columns of a matrix that are marked by 1 in a vector; in place of the others, marked by 0, those of the identity.
    let among (marks: Tensor) (a: Tensor) =
        let n = a.Shape[0]

        let rows, columns =
            Build.broadcast [| 0; -1 |] [| n; n |] marks, Build.broadcast [| -1; 0 |] [| n; n |] marks

        rows * columns * a + (1.0 - rows) * identity n

    let vector (x: Tensor) = Shapes.reshape [| x.Count |] x
    let row (x: Tensor) = Shapes.reshape [| 1; x.Count |] x
    let column (x: Tensor) = Shapes.reshape [| x.Count; 1 |] x
    let beside (parts: Tensor list) = Shapes.concat 1 (Array.ofList parts)
    let below (parts: Tensor list) = Shapes.concat 0 (Array.ofList parts)
