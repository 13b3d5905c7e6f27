namespace Inference

open System.Collections.Generic

/// Where derivatives of the evidence are taken: fields that are zero, by site. A field on a latent site adds hᵀz + ½ zᵀKz to the logarithm of the
/// density, so that the derivatives are what is expected of z; one on an observed site adds to the value.
type internal GaussianFields =
    {
        /// h, [plates and steps …, n]; null where there is none.
        Linear: IReadOnlyDictionary<string, Tensor>
        /// K, [plates and steps …, n, n].
        Quadratic: IReadOnlyDictionary<string, Tensor>
        /// [plates and steps …, n]
        Data: IReadOnlyDictionary<string, Tensor>
    }

/// How fields move a joint Gaussian; at zero they leave all values as they are.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module internal GaussianFields =
    /// A value that moves as it did, and with further arguments; null for a value of zero.
    let private moving name (zero: Tensor) (arguments: Tensor list) (rule: Tensor list -> Tensor list -> Tensor) (value: Tensor) =
        let value = if isNull value then zero else value

        let derivative =
            {
                Name = name
                Tangent =
                    fun _ arguments tangents ->
                        Tangents.add tangents[0] (rule (List.tail (List.ofArray arguments)) (List.tail (List.ofArray tangents)))
            }

        Calculus.withDerivative derivative (Array.ofList (value :: arguments)) value

    let private zeros (like: GaussianVariable) shape = Build.constantOf like.DType shape [| 0.0 |]

    /// At a place: the field there.
    let at (indices: FreeIndex list) (field: Tensor) : Tensor = indices |> List.fold (fun x i -> Structure.unstack i x) field

    /// Fields h and K on a variable that has joined: dm = P·h, dP = P·K·P, dX = P·K·X; and what they say of outer variables, dη = Xᵀ·h, dJ = −Xᵀ·K·X.
    /// Derivatives by h may be taken twice, those by K once.
    let apply (sizeOf: int -> int) (s: GaussianVariable) (h: Tensor) (k: Tensor) (g: GaussianMoments) : GaussianMoments * GaussianMessage =
        let across (v: GaussianVariable) = GaussianMoments.covariance v.Id s.Id g

        let slopes =
            g.Slope
            |> Map.toList
            |> List.filter (fun ((v, _), _) -> v = s.Id)
            |> List.map (fun ((_, o), x) -> o, x)

        let mean m (v: GaussianVariable) =
            match across v with
            | null -> m
            | p ->
                let rule (a: Tensor list) (t: Tensor list) = Blocks.times a[1] t[0]
                Blocks.set v.Id (moving "mean by field" (zeros v [| v.Size |]) [ h; p ] rule (Blocks.find v.Id m)) m

        let bilinear (left: Tensor) (right: Tensor) (sign: double) (tangent: Tensor) =
            if isNull tangent then
                null
            else
                sign * Blocks.times (Blocks.times left tangent) right

        let covariance m (a: GaussianVariable, b: GaussianVariable) =
            match across a, across b with
            | null, _
            | _, null -> m
            | p, q ->
                let rule (a: Tensor list) (t: Tensor list) = bilinear a[1] (Blocks.transposed a[2]) 1.0 t[0]

                Blocks.set
                    (a.Id, b.Id)
                    (moving "covariance by field" (zeros a [| a.Size; b.Size |]) [ k; p; q ] rule (Blocks.find (a.Id, b.Id) m))
                    m

        let slope m (v: GaussianVariable, (o, x)) =
            match across v with
            | null -> m
            | p ->
                let rule (a: Tensor list) (t: Tensor list) = bilinear a[1] a[2] 1.0 t[0]
                Blocks.set (v.Id, o) (moving "slope by field" (zeros v [| v.Size; sizeOf o |]) [ k; p; x ] rule (Blocks.find (v.Id, o) m)) m

        let natural (o, x) =
            let rule (a: Tensor list) (t: Tensor list) = Blocks.transposedTimes a[1] t[0]
            o, moving "natural parameter by field" (zeros s [| sizeOf o |]) [ h; x ] rule null

        let precision ((o, x), (q, y)) =
            let rule (a: Tensor list) (t: Tensor list) = bilinear (Blocks.transposed a[1]) a[2] -1.0 t[0]
            (o, q), moving "precision by field" (zeros s [| sizeOf o; sizeOf q |]) [ k; x; y ] rule null

        let means = List.fold mean g.Mean g.Variables
        let zero = zeros s [||]

        let before =
            match Blocks.find s.Id g.Mean with
            | null -> zeros s [| s.Size |]
            | m -> m

        // d log E exp(hᵀz + ½ zᵀKz) = dhᵀ·m and, of what does not depend on data, ½⟨dK, P⟩
        let fit =
            // what multiplies h counts when derivatives are taken again
            let rule (a: Tensor list) (t: Tensor list) =
                Blocks.add (Blocks.transposedTimes t[0] a[1]) (Blocks.transposedTimes a[0] t[2])

            moving "fit by field" zero [ h; Blocks.find s.Id means; before ] rule null

        let determinant =
            let rule (a: Tensor list) (t: Tensor list) : Tensor = if isNull t[0] then null else 0.5 * all (t[0] * a[1])
            moving "determinant by field" zero [ k; across s ] rule null

        { g with
            Mean = means
            Slope = List.fold slope g.Slope (List.allPairs g.Variables slopes)
            Covariance = List.fold covariance g.Covariance (GaussianMoments.pairs g.Variables)
        },
        {
            Fit = fit
            Determinant = determinant
            Natural = Map(List.map natural slopes)
            Precision =
                List.allPairs slopes slopes
                |> List.filter (fun ((o, _), (q, _)) -> o <= q)
                |> List.map precision
                |> Map
        }

    /// The constant of mean − value of an observed site, which falls as the value grows.
    let observed (field: Tensor) (form: AffineForm) : AffineForm =
        let rule _ (t: Tensor list) : Tensor = if isNull t[0] then null else -t[0]
        let zero = Build.constantOf field.DType [| Array.last field.Shape |] [| 0.0 |]
        { form with Offset = moving "residual by data" zero [ field ] rule form.Offset }
