namespace Inference

open System
open System.Collections.Generic

/// A normal distribution of what is asked for.
type GaussianMarginal =
    {
        /// Plates and steps, then the site's own axes.
        Mean: Tensor
        /// Plates and steps, then [n, n] over the n elements.
        Covariance: Tensor
    }

    /// The variances of all elements, of the mean's shape.
    member m.Variance: Tensor =
        let rank = m.Covariance.Shape.Length
        let n = m.Covariance.Shape[rank - 1]
        let isOwn = Matrices.identityOf m.Covariance.DType n

        let isOwn =
            Build.broadcast (Array.init rank (fun a -> a - (rank - 2)) |> Array.map (max -1)) m.Covariance.Shape isOwn

        Structure.sum [| rank - 1 |] [] (m.Covariance * isOwn) |> Shapes.reshape m.Mean.Shape

    /// The square roots of the variances.
    member m.StandardDeviation: Tensor = sqrt m.Variance

/// The posterior of a program whose latent sites are Gaussian with means that are affine in latent values: exactly, along chains by Kalman's filter, in
/// plates by sums of natural parameters. What it returns are tensors of a program: compiled, and differentiable.
[<Sealed>]
type GaussianPosterior internal (model: GaussianModel, program: Prob<unit>) =
    let sites = model.Latent @ model.Observed

    let field (tail: int -> int list) (s: GaussianSite) =
        let shape =
            [|
                for i in s.Indices do
                    i.Capacity
                yield! tail s.Noise.Shape[0]
            |]

        s.Path, Build.constantOf model.DType shape [| 0.0 |]

    let fields: GaussianFields =
        {
            Linear = readOnlyDict (List.map (field (fun n -> [ n ])) model.Latent)
            Quadratic = readOnlyDict (List.map (field (fun n -> [ n; n ])) model.Latent)
            Data = readOnlyDict (List.map (field (fun n -> [ n ])) model.Observed)
        }

    let elimination = GaussianElimination(model, fields)
    let number (x: Tensor) = if isNull x then Build.scalar model.DType 0.0 else x
    let stack (s: GaussianSite) (x: Tensor) = List.foldBack Structure.stack s.Indices x

    let find path = model.Latent |> List.map (fun s -> s.Path, s) |> SitesAsked.find path

    /// A vector of a site as its own shape.
    let shaped (s: GaussianSite) (x: Tensor) =
        Shapes.reshape
            [|
                for i in s.Indices do
                    i.Capacity
                yield! s.Record.Distribution.Shape
            |]
            x

    /// E[z], [plates and steps …, n]: the derivative of the evidence by h.
    let means =
        lazy
            (let h = [| for s in model.Latent -> fields.Linear[s.Path] |]
             let found = Calculus.gradient (number elimination.Message.Fit) h
             readOnlyDict (Seq.zip (model.Latent |> Seq.map (fun s -> s.Path)) found))

    /// Cov[z], [plates and steps …, n, n]: twice the derivative by K of what does not depend on data.
    let covariances =
        lazy
            (let k = [| for s in model.Latent -> fields.Quadratic[s.Path] |]
             let found = Calculus.gradient (number elimination.Message.Determinant) k

             let symmetric (x: Tensor) =
                 let rank = x.Shape.Length
                 let others = [| 0 .. rank - 3 |]
                 x + Shapes.transpose (Array.append others [| rank - 1; rank - 2 |]) x

             readOnlyDict (Seq.zip (model.Latent |> Seq.map (fun s -> s.Path)) (Array.map symmetric found)))

    /// The elements of a site at one of its places.
    let placed (q: SiteAt) (s: GaussianSite) (x: Tensor) : Tensor =
        List.fold2 (fun (v: Tensor) (_: FreeIndex) p -> Shapes.at 0 p v) x s.Indices (List.ofArray q.Positions)

    /// A field along each element of a site at a place.
    let direction (q: SiteAt) (s: GaussianSite) : FreeIndex * Tensor =
        let n = s.Noise.Shape[0]
        let element = FreeIndex($"element of {s.Path}", Extent.Fixed n, IndexKind.Plate)

        let at (i: FreeIndex, p: int) (x: Tensor) =
            let isAt = equals (Structure.position i) (Build.scalar DType.I32 (double p))
            Structure.stack i (Build.select isAt x (number null))

        element,
        List.foldBack at (List.zip s.Indices (List.ofArray q.Positions)) (Structure.unstack element (Matrices.identityOf model.DType n))

    let requirePlace (q: SiteAt) : SiteAt * GaussianSite =
        let s = find q.Path
        SitesAsked.requirePlace q s.Indices
        q, s

    /// The means of some sites, and their covariances as blocks: how the mean of one moves with a field on another.
    let jointly (sites: (SiteAt * GaussianSite) list) : GaussianMarginal =
        let mean = [| for q, s in sites -> placed q s means.Value[s.Path] |]

        let rows k (q, s: GaussianSite) =
            let element, seed = direction q s
            let moved = Calculus.jvp (Array.skip k mean) [| fields.Linear[s.Path] |] [| seed |]
            moved |> Array.map (Structure.stack element)

        let blocks = sites |> List.mapi rows |> Array.ofList

        let block i j =
            if i <= j then
                blocks[i].[j - i]
            else
                Shapes.transpose [| 1; 0 |] blocks[j].[i - j]

        let all = [| 0 .. sites.Length - 1 |]

        {
            Mean = Shapes.concat 0 mean
            Covariance = all |> Array.map (fun i -> all |> Array.map (block i) |> Shapes.concat 1) |> Shapes.concat 0
        }

    let mustName (sites: SiteAt seq) =
        let all = sites |> Seq.map requirePlace |> List.ofSeq

        if all.IsEmpty then
            Fail.model "A joint distribution of no sites was asked for." "Name one or more."

        all

    let assignment (value: GaussianSite -> Tensor) =
        SiteValues(readOnlyDict [ for s in model.Latent -> s.Path, shaped s (value s) ])

    /// The log-evidence log p(observed), in nats.
    member _.LogEvidence: Tensor =
        number (Blocks.sum [ elimination.Message.Fit; elimination.Message.Determinant; model.Constant ])

    /// The posterior of a site: plates and steps are leading axes. Along a chain it is smoothed: given all that is observed.
    member _.Marginal(path: string) : GaussianMarginal =
        let s = find path

        { Mean = shaped s means.Value[path]; Covariance = covariances.Value[path] }

    /// A site of a chain given what is observed up to each step, that included: what Kalman's filter carries.
    member _.Filtered(path: string) : GaussianMarginal =
        let s = find path

        match elimination.Filtered.TryGetValue path with
        | true, known ->
            if known.IsGiven then
                Fail.at
                    s.Record.Location
                    $"The site \"{path}\" depends on variables outside the plate that its chain stands in."
                    "Condition on these, or ask for the Marginal, given all that is observed."

            { Mean = shaped s (stack s known.Mean); Covariance = stack s known.Covariance }
        | _ ->
            Fail.at
                s.Record.Location
                $"The site \"{path}\" is not drawn by a step of a chain, and has nothing to be filtered by."
                "Ask for its Marginal."

    /// Some sites together: the elements of one after another.
    member _.Joint([<ParamArray>] sites: SiteAt[]) : GaussianMarginal = jointly (mustName sites)

    /// Some sites given values of others, which have the shapes of these.
    member _.Conditional(sites: SiteAt seq, given: struct (SiteAt * Tensor) seq) : GaussianMarginal =
        let asked, given = mustName sites, List.ofSeq given
        let known = given |> List.map (fun (struct (q, _)) -> q) |> mustName

        for struct (_, x), (q, s) in List.zip given known do
            let own = s.Record.Distribution.Shape

            if x.Count <> Build.size own then
                Fail.model
                    $"The site \"{q.Path}\" is given a value of shape {Fail.shape x.Shape}; it has the shape {Fail.shape own}."
                    "Give the value of the site at the place that is named."

        let values =
            given
            |> List.map (fun (struct (_, x)) -> Build.convert model.DType (Shapes.reshape [| x.Count |] x))
            |> Array.ofList
            |> Shapes.concat 0

        let joint = jointly (asked @ known)
        let n = joint.Mean.Count - values.Count
        let block a b c d = joint.Covariance |> Shapes.part 0 a b |> Shapes.part 1 c d
        let l = Blocks.factor (block n joint.Mean.Count n joint.Mean.Count)
        let w = Blocks.solve l (block n joint.Mean.Count 0 n)
        let residual = Blocks.solve l (values - Shapes.part 0 n joint.Mean.Count joint.Mean)

        {
            Mean = Shapes.part 0 0 n joint.Mean + Blocks.transposedTimes w residual
            Covariance = block 0 n 0 n - Blocks.transposedTimes w w
        }

    /// The most likely values of all sites together, which are their means.
    member _.MostLikely: SiteValues = assignment (fun s -> means.Value[s.Path])

    /// A draw of all sites together: latent and observed values are drawn from the program, z* and y*, and z* moves by what the mean of z does as
    /// the observed values move from y* to what was observed (Durbin and Koopman, "A simple and efficient simulation smoother", 2002).
    member _.Sample: Prob<SiteValues> =
        Prob(fun c ->
            if (Prob.keyOf c c.Path).IsNone then
                Fail.model "A posterior is drawn from where no draws are made." "Run the program with a seed."

            let drawn, moves = PriorDraws.ofProgram c program

            let z (s: GaussianSite) =
                Shapes.reshape fields.Linear[s.Path].Shape (Build.convert model.DType drawn[s.Path])

            let data = [| for s in model.Observed -> fields.Data[s.Path] |]

            let along =
                [|
                    for s in model.Observed -> Shapes.reshape fields.Data[s.Path].Shape (Build.convert model.DType moves[s.Path])
                |]

            let mean = [| for s in model.Latent -> means.Value[s.Path] |]
            let moved = Calculus.jvp mean data along
            let shift = readOnlyDict (Seq.zip (model.Latent |> Seq.map (fun s -> s.Path)) moved)
            assignment (fun s -> z s + shift[s.Path]))

    /// How the evidence is computed: which sites join in which order, what they read, and what chains carry.
    member _.Explain() : string = GaussianDerivation.text model

/// Posteriors of linear-Gaussian models.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module GaussianPosterior =
    /// The posterior of a program whose latent sites are all Gaussian, with affine means and covariances that do not depend on latent values.
    let ofProgram (program: Prob<'T>) : GaussianPosterior = GaussianPosterior(GaussianModel.ofProgram program, Prob.map ignore program)
