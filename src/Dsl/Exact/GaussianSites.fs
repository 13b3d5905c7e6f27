namespace Inference

open System.Collections.Generic

/// A site of a linear-Gaussian model.
type internal GaussianSite =
    {
        Record: SiteRecord
        /// Of a latent site.
        Variable: GaussianVariable option
        /// The mean; of an observed site less its value.
        Form: AffineForm
        /// The covariance, [n, n].
        Noise: Tensor
        /// Plates and chains, the outermost first.
        Frames: FreeIndex list
    }

    member s.Path = s.Record.Path
    /// The axes of what is said of the site.
    member s.Indices = s.Record.Plates @ s.Record.Times

[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module internal GaussianSite =
    let quoted (names: string seq) = names |> Seq.map (fun n -> $"\"{n}\"") |> String.concat ", "

    let named (variables: GaussianVariable list) = variables |> List.map (fun v -> v.Name) |> List.distinct |> String.concat ", "

    let mend = "Make it a sum of constants times latent values, or derive a bound with a guide."

    /// The plates and chains of a site in the order in which its path enters them.
    let private framesOf (r: SiteRecord) : FreeIndex list =
        let rec walk (segments: string list) (plates: FreeIndex list) (times: FreeIndex list) =
            match segments, plates, times with
            | s :: rest, p :: more, _ when p.Name = s -> p :: walk rest more times
            | s :: rest, _, t :: more when t.Name = s -> t :: walk rest plates more
            | _ :: rest, _, _ -> walk rest plates times
            | [], _, _ -> plates @ times

        walk (List.ofArray (r.Path.Split '/')) r.Plates r.Times

    /// A slice of vectors that were set side by side, as one of these where it is that.
    let private whole (x: Tensor) : Tensor =
        match x.Op with
        | Op.Slice([| start |], [| 1 |]) ->
            (match x.Inputs[0].Op with
             | Op.Concat _ ->
                 let parts = x.Inputs[0].Inputs
                 let starts = parts |> Array.scan (fun at p -> at + p.Count) 0

                 parts
                 |> Seq.indexed
                 |> Seq.tryPick (fun (k, p) -> if starts[k] = start && p.Count = x.Count then Some p else None)
                 |> Option.defaultValue x
             | _ -> x)
        | _ -> x

    /// The mean and what the spread is computed from, of a Gaussian.
    let gaussian (d: Distribution) : (Tensor * Tensor) option =
        match d with
        | :? Normal as n -> Some(n.Location, n.StandardDeviation)
        | :? DiagonalNormal as n -> Some(whole n.Location, exp (0.5 * whole n.LogVariance))
        | :? MultivariateNormal as n -> Some(n.Location, n.LowerFactor)
        | _ -> None

    /// The covariance of a site's noise. With `Checked = true` a run ends where it is not positive definite.
    let private noise dtype (r: SiteRecord) (spread: Tensor) : Tensor =
        let n = r.Distribution.Shape |> Build.size
        let isFactor = r.Distribution :? MultivariateNormal

        let spread = Build.convert dtype (if isFactor then spread else Shapes.reshape [| n |] spread)

        let diagonal = if isFactor then Matrices.diagonal spread else spread

        let positive =
            let isPositive = less (number diagonal 0.0) diagonal
            let one = Build.select isPositive (number diagonal 1.0) (number diagonal 0.0)
            less (number diagonal 0.5) (Structure.reduce ReduceOp.Min [| 0 |] [] one)

        let spec =
            {
                Site = r.Path
                Requirement = "a covariance that is positive definite"
                Location = r.Location
            }

        let spread = Build.node (Op.Check spec) [| spread; positive |] spread.Shape dtype

        if isFactor then
            Blocks.timesTransposed spread spread
        else
            Matrices.identityOf dtype n * Build.broadcast [| 0; -1 |] [| n; n |] (square spread)

    /// Checks a value of a site, or of what a chain carries, and finds its affine form.
    let form dtype variables (location: Location) (what: string) (value: Tensor) : AffineForm =
        match AffineForms.check variables value with
        | Ok() -> AffineForms.ofValue dtype variables value
        | Error o ->
            let names = named o.Reads

            let mend =
                match o.Mixed with
                | Some i when i.Kind = IndexKind.Time -> $"Carry what is read along \"{i.Name}\", and read its end."
                | Some i ->
                    $"Draw what is read together as a vector at one site outside \"{i.Name}\", or approximate: new ExpectationPropagation()."
                | None -> mend

            Fail.at location $"{what} is not affine in latent values: it has {o.Operation} of {names}." mend

    let private requireFree variables location what (x: Tensor) =
        if not (isNull x) then
            match AffineForms.variablesOf variables [| x |] with
            | [] -> ()
            | read ->
                let names = named read
                Fail.at location $"{what} depends on {names}; in a linear-Gaussian model it is the same for all latent values." mend

    let requireGaussian (r: SiteRecord) =
        if (gaussian r.Distribution).IsNone then
            Fail.at
                r.Location
                $"The site \"{r.Path}\" draws from {r.Distribution.Name}; a linear-Gaussian model has latent sites that are Normal, DiagonalNormal or MultivariateNormal."
                "Observe it, or derive a bound with a guide that draws it."

        if not (isNull r.Scale && isNull r.Mask) then
            let how = if isNull r.Scale then "masked" else "scaled"

            Fail.at
                r.Location
                $"The site \"{r.Path}\" is {how}; a posterior is one of sites that count once."
                "Mask or scale what is observed in a bound instead."

    /// A latent site that is Gaussian.
    let latent dtype variables (r: SiteRecord) : GaussianSite =
        let node = AffineForms.bare r.Value
        let mean, spread = Option.get (gaussian r.Distribution)
        requireFree variables r.Location $"The spread of the site \"{r.Path}\"" spread

        {
            Record = r
            Variable = variables |> List.tryFind (fun v -> obj.ReferenceEquals(v.Node, node))
            Form = form dtype variables r.Location $"The mean of the site \"{r.Path}\"" mean
            Noise = noise dtype r spread
            Frames = framesOf r
        }

    /// Where a mask does not hold, an observation says nothing: a residual of zero that reads nothing, with a variance of one.
    let private masked dtype (mask: Tensor) (s: GaussianSite) : GaussianSite =
        if isNull mask then
            s
        else
            let n = s.Noise.Shape[0]
            let where (x: Tensor) (other: Tensor) = Build.select mask x other
            let zero = Build.scalar dtype 0.0

            { s with
                Form =
                    {
                        Offset = (if isNull s.Form.Offset then null else where s.Form.Offset zero)
                        Terms = s.Form.Terms |> List.map (fun (v, c) -> v, Linear.Matrix(where (AffineForms.matrix dtype v c) zero))
                    }
                Noise = where s.Noise (Matrices.identityOf dtype n)
            }

    let observed dtype variables (r: SiteRecord) : GaussianSite option =
        let what = $"the site \"{r.Path}\""

        let read =
            AffineForms.variablesOf variables [| r.Score.Value; (if isNull r.Mask then r.Score.Value else r.Mask) |]

        match read, gaussian r.Distribution with
        | [], _ -> None
        | _, None ->
            let names = named read

            Fail.at
                r.Location
                $"The site \"{r.Path}\" observes a {r.Distribution.Name} that reads {names}; in a linear-Gaussian model it is Normal, DiagonalNormal or MultivariateNormal."
                "Observe a Normal, or derive a bound with a guide."
        | _, Some(mean, spread) ->
            requireFree variables r.Location $"The spread of {what}" spread
            requireFree variables r.Location $"The mask of {what}" r.Mask

            if not (isNull r.Scale) then
                Fail.at
                    r.Location
                    $"The site \"{r.Path}\" is scaled; a posterior is one of sites that count once."
                    "Scale a bound, or repeat what is observed in a plate."

            let mean = form dtype variables r.Location $"The mean of {what}" mean
            let value = form dtype variables r.Location $"The value of {what}" r.Value

            masked
                dtype
                r.Mask
                {
                    Record = r
                    Variable = None
                    Form = AffineForms.minus mean value
                    Noise = noise dtype r spread
                    Frames = framesOf r
                }
            |> Some
