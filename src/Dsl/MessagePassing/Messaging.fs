namespace Inference

/// What a site or a factor adds to the log-evidence; −∞, or what stands for it, where it cannot be.
type internal Contribution = { Name: string; Location: Location; Amount: Tensor }

/// What sweeps over factors are left with.
type internal Converged =
    {
        /// Natural parameters by site.
        Naturals: Map<string, Tensor[]>
        LogEvidence: Tensor
        Contributions: Contribution list
        /// The log-evidence after each sweep, free in the index of sweeps.
        Evidences: Tensor
        /// How far marginals moved in each sweep, free in the index of sweeps.
        Residuals: Tensor
        /// How far marginals moved in the last sweep taken.
        Residual: Tensor
        /// Sweeps taken, f32.
        Sweeps: Tensor
        /// For each factor the updates that were put off because a message or a marginal would have been improper, over the factor's plates.
        PutOff: (FactorNode * Tensor) list
        /// The same in the last sweep taken, of all together.
        PutOffLast: Tensor
        /// The index of sweeps; None where one pass gives the posterior.
        Index: FreeIndex option
    }

/// Messages on their way between factors and sites.
[<RequireQualifiedAccess>]
module internal Messaging =
    /// Values of a site's elements where a factor reads them.
    let toFactor (v: Variable) (t: LinearTerm) (x: Tensor) : Tensor =
        if obj.ReferenceEquals(t.Read, v.Value) then
            x
        else
            (Calculus.jvp [| t.Read |] [| v.Value |] [| x |]).[0]

    /// The sum of the messages that reach each element of a site: reading, transposed.
    let toVariable (f: FactorNode) (v: Variable) (t: LinearTerm) (message: Tensor) : Tensor =
        let summed = f.Plates |> List.filter (fun i -> not (Array.contains i t.Read.Indices))
        let message = Structure.sum [||] summed message

        if obj.ReferenceEquals(t.Read, v.Value) then
            message
        else
            (Calculus.vjp [| t.Read |] [| v.Value |] [| message |]).[0]

    let zeros (family: ExponentialFamily) (like: Tensor) =
        let dtype = if like.DType.IsFloat then like.DType else DType.F32
        Array.create (ExponentialFamily.count family) (Build.constantOf dtype (ExponentialFamily.shape family like.Shape) [| 0.0 |])

    let add (a: Tensor[]) (b: Tensor[]) : Tensor[] = Array.map2 (+) a b

    let variableOf (g: FactorGraph) (t: LinearTerm) = g.Variables |> List.find (fun v -> obj.ReferenceEquals(v.Value, t.Of))

    /// The sum of the messages that do not change: of factors that are conjugate to the site.
    let fixedOf (g: FactorGraph) (v: Variable) : Tensor[] =
        let message (f: FactorNode) =
            match f.Kind with
            | FactorKind.Conjugate(t, natural, _) when f.Gates.IsEmpty && obj.ReferenceEquals(t.Of, v.Value) ->
                natural
                |> Array.map (fun x -> Weights.masked f.Mask (LinearForms.along t.Read.Shape x) |> toVariable f v t)
                |> Some
            | FactorKind.Conjugate _
            | FactorKind.Known _
            | FactorKind.Limits _
            | FactorKind.Product _
            | FactorKind.GammaOfRate _
            | FactorKind.OfForm _ -> None

        List.choose message g.Factors |> List.fold add (zeros v.Family v.Value)

    let isGaussian (v: Variable) =
        match v.Family with
        | ExponentialFamily.Gaussian
        | ExponentialFamily.Truncated _ -> true
        | ExponentialFamily.Gamma
        | ExponentialFamily.Beta
        | ExponentialFamily.Dirichlet
        | ExponentialFamily.Categorical _ -> false

    /// λ²/precision of a Gaussian message, or what it is where the precision is 0, and whether it is.
    let private squareOf (x: Tensor) (precision: Tensor) (otherwise: Tensor) =
        let isFlat = equals precision (number precision 0.0)
        Build.select isFlat otherwise (x / Build.select isFlat (number precision 1.0) precision)

    /// log f at u = 0 of a conjugate factor.
    let private atZero (v: Variable) (natural: Tensor[]) (constant: Tensor) =
        if isGaussian v then
            constant - 0.5 * squareOf (square natural[0]) natural[1] (number constant 0.0)
        else
            constant

    /// E[log f] of a factor that is conjugate to a Gaussian site, by its distance from the factor's own mean.
    let private aroundMean (v: Variable) (t: LinearTerm) natural (constant: Tensor) (own: Tensor[]) =
        let mean, variance = ExponentialFamily.moments v.Family own
        let mean, variance = toFactor v t mean, toFactor v t variance
        let apart = mean - squareOf (natural: Tensor[]).[0] natural[1] mean
        constant - 0.5 * natural[1] * (square apart + variance)

    let ofSite (v: Variable) amount = { Name = v.Path; Location = v.Site.Location; Amount = amount }

    let ofFactor (f: FactorNode) amount = { Name = f.Name; Location = f.Location; Amount = amount }

    /// What sites and the factors that are conjugate to them, or known, add to the log-evidence: Σ Φ(λ) + Σ log f at u = 0; or, of Gaussian sites that have
    /// no other messages or whose q is taken as it is, the same as Σ entropy + Σ E[log f], which does not cancel where values are far from 0.
    let contributions (g: FactorGraph) (naturals: Map<string, Tensor[]>) (isTaken: Variable -> bool) : Contribution list =
        let isTaken v = isGaussian v && isTaken v

        let ofVariable (v: Variable) =
            let f = if isTaken v then ExponentialFamily.entropy else ExponentialFamily.logPartition
            ofSite v (Factors.total v.Indices (f v.Family naturals[v.Path]))

        let ofFactor (f: FactorNode) =
            let counted x = Some(ofFactor f (Factors.total f.Plates (Weights.masked f.Mask x)))

            match f.Kind with
            | FactorKind.Known x when f.Gates.IsEmpty -> counted x
            | FactorKind.Conjugate(t, natural, constant) when f.Gates.IsEmpty ->
                let v = variableOf g t

                counted (
                    if isTaken v then
                        aroundMean v t natural constant naturals[v.Path]
                    else
                        atZero v natural constant
                )
            | FactorKind.Known _
            | FactorKind.Conjugate _
            | FactorKind.Limits _
            | FactorKind.Product _
            | FactorKind.GammaOfRate _
            | FactorKind.OfForm _ -> None

        List.map ofVariable g.Variables @ List.choose ofFactor g.Factors

    /// The log-evidence that contributions add up to.
    let evidence (contributions: Contribution list) : Tensor =
        contributions |> List.fold (fun sum c -> sum + c.Amount) (Build.scalar DType.F32 0.0)

    /// What conjugate factors alone give, without sweeps.
    let atOnce (g: FactorGraph) (fixedOf: Map<string, Tensor[]>) : Converged =
        let zero = Build.scalar DType.F32 0.0
        let contributions = contributions g fixedOf (fun _ -> true)

        {
            Naturals = fixedOf
            LogEvidence = evidence contributions
            Contributions = contributions
            Evidences = zero
            Residuals = zero
            Residual = zero
            Sweeps = zero
            PutOff = []
            PutOffLast = zero
            Index = None
        }

    /// How far the marginals of some sites moved; ∞ where one was or is improper.
    let distance (variables: Variable list) (before: Map<string, Tensor[]>) (after: Map<string, Tensor[]>) : Tensor =
        let one (v: Variable) =
            let a, b = before[v.Path], after[v.Path]
            let proper = both (ExponentialFamily.isProper v.Family a) (ExponentialFamily.isProper v.Family b)
            let moved = ExponentialFamily.distance v.Family a b
            let moved = Build.select proper moved (number moved System.Double.PositiveInfinity)
            Structure.max [| 0 .. moved.Shape.Length - 1 |] v.Indices moved

        variables |> List.map one |> List.reduce larger

    /// Sites that factors couple, whose messages change from sweep to sweep.
    let coupled (g: FactorGraph) : Variable list =
        let factors = g.Factors |> List.filter Factors.isIterated
        g.Variables |> List.filter (fun v -> factors |> List.exists (Factors.isOf v))

    /// A loop over sweeps that ends when no marginal moves by more than the tolerance. `sweep` takes what is carried to what is carried after a sweep, how
    /// far marginals moved and how many updates were put off; `observe` what each sweep tells of what it carries. Finals; the residual, the sweeps taken and
    /// the updates put off in the last one; what was observed; the residual of each sweep.
    let iterate (m: MessageMethod) (start: Tensor[]) (sweep: Tensor[] -> Tensor[] * Tensor * Tensor) (observe: Tensor[] -> Tensor) =
        let index = FreeIndex("sweep", Extent.Fixed m.Sweeps, IndexKind.Time)
        let dtype = start[0].DType
        let scalar x = Build.scalar dtype x
        let report = [| scalar System.Double.PositiveInfinity; scalar 0.0; scalar 0.0 |]
        let n = start.Length

        let finals, (evidence, residuals) =
            Structure.scan index (Array.append start report) (fun carried ->
                let values = Array.take n carried
                let residual, taken, putOff = carried[n], carried[n + 1], carried[n + 2]
                // a residual that is no number goes on
                let goes = Build.unary UnaryOp.Not (atMost residual (scalar m.Tolerance))
                let next, moved, late = sweep values
                let keep (after: Tensor) before = Build.select goes after before
                let nexts = Array.map2 keep next values
                let moved = keep moved residual
                Array.append nexts [| moved; keep (taken + 1.0) taken; keep late putOff |], (observe nexts, moved))

        index, Array.take n finals, (finals[n], finals[n + 1], finals[n + 2]), evidence, residuals
