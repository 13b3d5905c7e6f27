namespace Inference

/// How a linear-Gaussian model's evidence is computed, for people.
[<RequireQualifiedAccess>]
module internal GaussianDerivation =
    let private reading (f: AffineForm) =
        match f.Terms with
        | [] -> "which reads no latent site"
        | terms -> "which reads " + GaussianSite.named (List.map fst terms)

    let private numbers (s: GaussianSite) =
        match s.Noise.Shape[0] with
        | 1 -> "1 number"
        | n -> $"{n} numbers"

    let rec private lines (indent: string) (items: GaussianItem list) : string list =
        [
            for item in items do
                match item with
                | GaussianItem.Site s ->
                    let what = if s.Variable.IsSome then "joins" else "is observed"
                    yield $"{indent}\"{s.Path}\" {what}: {numbers s}, {reading s.Form}"
                | GaussianItem.Plate(i, inside) ->
                    yield $"{indent}for each \"{i.Name}\" ({i.Capacity}), a message to what is outside; messages are added:"
                    yield! lines (indent + "  ") inside
                | GaussianItem.Chain(time, carries, inside) ->
                    let size = carries |> List.sumBy (fun c -> c.Variable.Size)
                    yield $"{indent}along \"{time.Name}\", {time.Capacity} steps, a filter of {size} numbers:"
                    yield! lines (indent + "  ") inside
        ]

    let text (model: GaussianModel) : string =
        [
            yield "log p(observed) = Σ log N(y; A·m + b, A·P·Aᵀ + R) of what is observed, given what is observed before it"
            yield "In this order:"
            yield! lines "  " model.Items
            yield "Marginals are derivatives of this by what is added to the log-density: hᵀz + ½ zᵀKz."
        ]
        |> String.concat "\n"
