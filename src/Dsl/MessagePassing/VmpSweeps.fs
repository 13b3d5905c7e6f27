namespace Inference

open System

/// Variational message passing over a factor graph (Winn and Bishop, 2005): q of one site after another becomes exp E[log p] over the others.
[<RequireQualifiedAccess>]
module internal VmpSweeps =
    type private Coupling = { Node: FactorNode; Form: LinearForm; Noise: FactorNoise }

    let private couplings (g: FactorGraph) : Coupling list =
        let refuse (f: FactorNode) why mend =
            Fail.at f.Location $"The factor of \"{f.Name}\" has no variational message: {why}." mend

        let requireApart (f: FactorNode) (form: LinearForm) =
            let several =
                form.Terms
                |> List.countBy (fun t -> (Messaging.variableOf g t).Path)
                |> List.tryFind (fun (_, n) -> n > 1)

            match several, form.Terms |> List.tryFind (fun t -> t.Axes > 0) with
            | Some(path, _), _ ->
                refuse
                    f
                    $"it reads several elements of \"{path}\" at once, which are updated together"
                    "Pass messages by ExpectationPropagation."
            | None, Some t ->
                let path = (Messaging.variableOf g t).Path

                refuse
                    f
                    $"it sums over elements of \"{path}\", which are updated together"
                    "Pass messages by ExpectationPropagation, or draw each element as a site of its own."
            | None, None -> ()

        [
            for f in g.Factors do
                match f.Kind with
                | FactorKind.Known _
                | FactorKind.Conjugate _ -> ()
                | FactorKind.OfForm(form, Likelihood.Gaussian noise) ->
                    requireApart f form
                    { Node = f; Form = form; Noise = noise }
                | FactorKind.OfForm(_, (Likelihood.Probit | Likelihood.Positive | Likelihood.Between _ | Likelihood.Other _)) ->
                    refuse f "it is not conjugate to what it reads" "Pass messages by ExpectationPropagation."
        ]

    /// E[u] of the element that a term reads.
    let private read (g: FactorGraph) (naturals: Map<string, Tensor[]>) (t: LinearTerm) : Tensor[] =
        let v = Messaging.variableOf g t
        ExponentialFamily.expected v.Family naturals[v.Path] |> Array.map (Messaging.toFactor v t)

    /// E[precision] and E[log precision].
    let private precisionOf g naturals (noise: FactorNoise) : Tensor * Tensor =
        match noise with
        | FactorNoise.Fixed s -> 1.0 / square s, -2.0 * log s
        | FactorNoise.Drawn(scale, t) ->
            let u = read g naturals t
            -(scale * u[1]), log scale + u[0]

    /// The mean and variance of a term's part of L.
    let private moments g naturals (t: LinearTerm) : Tensor * Tensor =
        let u = read g naturals t
        let variance = -2.0 * u[1] - square u[0]
        t.Coefficient * u[0], square t.Coefficient * variance

    let private meanOfForm g naturals (form: LinearForm) (but: LinearTerm option) =
        form.Terms
        |> List.filter (fun t -> Some t <> but)
        |> List.fold (fun sum t -> sum + fst (moments g naturals t)) form.Offset

    /// E[L²].
    let private secondMoment g naturals (form: LinearForm) =
        let variance = form.Terms |> List.map (fun t -> snd (moments g naturals t)) |> List.reduce (+)
        square (meanOfForm g naturals form None) + variance

    /// The message of a factor to a site that it reads; None if it does not.
    let private message g naturals (v: Variable) (f: Coupling) : Tensor[] option =
        let isOf (t: LinearTerm) = obj.ReferenceEquals(t.Of, v.Value)

        let found =
            match f.Form.Terms |> List.tryFind isOf, f.Noise with
            | Some t, _ ->
                let precision, _ = precisionOf g naturals f.Noise
                let c = t.Coefficient
                Some(t, [| -(c * precision * meanOfForm g naturals f.Form (Some t)); square c * precision |])
            | None, FactorNoise.Drawn(scale, t) when isOf t ->
                let l2 = secondMoment g naturals f.Form
                Some(t, [| Build.constantOf l2.DType l2.Shape [| 0.5 |]; 0.5 * scale * l2 |])
            | None, FactorNoise.Drawn _
            | None, FactorNoise.Fixed _ -> None

        found
        |> Option.map (fun (t, m) -> m |> Array.map (fun x -> Weights.masked f.Node.Mask x |> Messaging.toVariable f.Node v t))

    /// E[log f], summed.
    let private energy g naturals (f: Coupling) : Tensor =
        let precision, logPrecision = precisionOf g naturals f.Noise

        0.5 * (logPrecision - precision * secondMoment g naturals f.Form) - halfLogTwoPi
        |> Weights.masked f.Node.Mask
        |> Factors.total f.Node.Plates

    /// The ELBO: Σ E[log f] + Σ entropies, the entropy of q being Φ(λ) − λ·E[u].
    let private bound (g: FactorGraph) (fixedOf: Map<string, Tensor[]>) (factors: Coupling list) naturals : Tensor =
        let ofVariable (v: Variable) =
            let l, u =
                naturals |> Map.find v.Path, ExponentialFamily.expected v.Family (naturals |> Map.find v.Path)

            Array.map3 (fun (own: Tensor) fixedPart u -> Factors.total v.Indices ((fixedPart - own) * u)) l fixedOf[v.Path] u
            |> Array.reduce (+)

        let parts = List.map (energy g naturals) factors @ List.map ofVariable (Messaging.coupled g)
        List.fold (+) (Messaging.partitions g naturals + Messaging.fixedEvidence g) parts

    let private updated g (fixedOf: Map<string, Tensor[]>) factors naturals (v: Variable) =
        factors |> List.choose (message g naturals v) |> List.fold Messaging.add fixedOf[v.Path]

    /// q of each site before the first sweep: what its own density makes of the sites before it.
    let private first g (fixedOf: Map<string, Tensor[]>) (factors: Coupling list) =
        let start naturals (v: Variable) =
            let own = factors |> List.filter (fun f -> f.Node.Name = v.Path)
            naturals |> Map.add v.Path (updated g fixedOf own naturals v)

        g.Variables |> List.fold start Map.empty

    /// Passes messages until they settle.
    let run (options: VariationalMessagePassing) (g: FactorGraph) : Converged =
        let fixedOf = Map [ for v in g.Variables -> v.Path, Messaging.fixedOf g v ]
        let factors = couplings g
        let zero = Build.scalar DType.F32 0.0

        if factors.IsEmpty then
            Messaging.atOnce g fixedOf
        else
            let coupled = Messaging.coupled g

            let ofCarried (values: Tensor[]) =
                let add (naturals, at) (v: Variable) =
                    let n = ExponentialFamily.count v.Family
                    Map.add v.Path (Array.sub values at n) naturals, at + n

                List.fold add (fixedOf, 0) coupled |> fst

            let toCarried (naturals: Map<string, Tensor[]>) =
                [|
                    for v in coupled do
                        yield! naturals[v.Path]
                |]

            let sweep (values: Tensor[]) =
                let before = ofCarried values

                let after =
                    coupled
                    |> List.fold (fun naturals v -> Map.add v.Path (updated g fixedOf factors naturals v) naturals) before

                toCarried after, Messaging.distance coupled before after, zero

            let observe (values: Tensor[]) = bound g fixedOf factors (ofCarried values)
            let starts = toCarried (first g fixedOf factors)

            let index, finals, (residual, taken, putOff), evidences, residuals =
                Messaging.iterate options starts sweep observe

            {
                Naturals = ofCarried finals
                LogEvidence = observe finals
                Evidences = evidences
                Residuals = residuals
                Residual = residual
                Sweeps = taken
                PutOff = []
                PutOffLast = putOff
                Index = Some index
            }
