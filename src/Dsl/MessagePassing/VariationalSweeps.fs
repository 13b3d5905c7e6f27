namespace Inference

open System

/// Variational message passing over a factor graph (Winn and Bishop, 2005): q of one site after another becomes exp E[log p] over the others.
[<RequireQualifiedAccess>]
module internal VariationalSweeps =
    let private refuse (f: FactorNode) why mend =
        Fail.at f.Location $"The factor of \"{f.Name}\" has no variational message: {why}." mend

    /// A site's limits by one factor that is 1 between two values of c·x + b.
    let private limits (f: FactorNode) (t: LinearTerm) (offset: Tensor) (low: Tensor) (high: Tensor) : Tensor * Tensor =
        let c = t.Coefficient
        let first, last = (low - offset) / c, (high - offset) / c
        let isUp = less (number c 0.0) c

        let unless (otherwise: double) (x: Tensor) = if isNull f.Mask then x else Build.select f.Mask x (number x otherwise)

        unless Double.NegativeInfinity (Build.select isUp first last), unless Double.PositiveInfinity (Build.select isUp last first)

    /// The graph in which factors that are 1 between limits of one site, elsewhere 0, are the family of that site: q is a truncated Gaussian.
    let truncated (g: FactorGraph) : FactorGraph =
        let limitsOf (f: FactorNode) =
            match f.Kind with
            | FactorKind.OfForm({ Terms = [ t ] } as form, (Likelihood.Positive | Likelihood.Between _ as likelihood)) when
                t.Axes = 0 && f.Gates.IsEmpty && Factors.isOwn (Messaging.variableOf g t) f t
                ->
                let low, high =
                    match likelihood with
                    | Likelihood.Between(low, high) -> low, high
                    | Likelihood.Positive
                    | Likelihood.Gaussian _
                    | Likelihood.Probit
                    | Likelihood.Other _ -> number form.Offset 0.0, number form.Offset Double.PositiveInfinity

                Some(t, limits f t form.Offset low high)
            | FactorKind.Known _
            | FactorKind.Conjugate _
            | FactorKind.OfForm _
            | FactorKind.Product _
            | FactorKind.GammaOfRate _
            | FactorKind.Limits _ -> None

        let within (family: ExponentialFamily) (low, high) =
            match family with
            | ExponentialFamily.Truncated(a, b) -> ExponentialFamily.Truncated(larger a low, smaller b high)
            | ExponentialFamily.Gaussian
            | ExponentialFamily.Gamma
            | ExponentialFamily.Beta
            | ExponentialFamily.Dirichlet
            | ExponentialFamily.Categorical _ -> ExponentialFamily.Truncated(low, high)

        let found = g.Factors |> List.map (fun f -> f, limitsOf f)

        let ofVariable (v: Variable) =
            let own =
                found
                |> List.choose snd
                |> List.filter (fun (t, _) -> obj.ReferenceEquals(t.Of, v.Value))
                |> List.map snd

            { v with Family = List.fold within v.Family own }

        {
            Variables = List.map ofVariable g.Variables
            Factors =
                [
                    for f, limits in found ->
                        match limits with
                        | Some(t, _) -> { f with Kind = FactorKind.Limits t }
                        | None -> f
                ]
        }

    /// How many elements of a site one element of a factor reads.
    let private together (v: Variable) (f: FactorNode) : int =
        Factors.reads f
        |> List.filter (fun t -> obj.ReferenceEquals(t.Of, v.Value))
        |> List.sumBy (fun t -> LinearForms.axesOf t |> Array.fold (fun n a -> n * t.Read.Shape[a]) 1)

    let private requireMessages (g: FactorGraph) (f: FactorNode) =
        match f.Kind with
        | FactorKind.OfForm(_, (Likelihood.Positive | Likelihood.Between _)) ->
            refuse
                f
                "it limits more than one element of a site in its own plates"
                "Draw what it limits as a site beside it, as in Sample(\"lead\", Normal(a - b, 1)), and limit that; or pass messages by ExpectationPropagation."
        | FactorKind.OfForm(_, Likelihood.Other _) ->
            refuse f "it is not conjugate to what it reads" "Pass messages by ExpectationPropagation."
        | FactorKind.Known _
        | FactorKind.Conjugate _
        | FactorKind.OfForm(_, (Likelihood.Gaussian _ | Likelihood.Probit))
        | FactorKind.Product _
        | FactorKind.GammaOfRate _
        | FactorKind.Limits _ -> ()

        for v in g.Variables do
            match v.Family with
            | ExponentialFamily.Truncated _ when together v f > 1 ->
                refuse f $"it reads several elements of \"{v.Path}\", which has limits" "Pass messages by ExpectationPropagation."
            | _ -> ()

    /// Statistics that slopes are taken by: one is held while another moves, whatever both are computed from, and each element of a plate has its own even
    /// where all are alike.
    let private held (v: Variable) natural =
        let apart (x: Tensor) =
            v.Indices
            |> List.except x.Indices
            |> List.fold (fun (x: Tensor) i -> x + number x 0.0 * Build.convert x.DType (Structure.position i)) x

        VariationalEnergies.statistics v natural
        |> Array.map (fun x -> let x = apart x in Calculus.straightThrough x x)

    let private message g (known: Map<string, Tensor[]>) (v: Variable) (f: FactorNode) : Tensor[] =
        let s = known[v.Path]
        let energy = VariationalEnergies.ofFactor g known f
        let all = known |> Map.toArray |> Array.collect snd
        VariationalEnergies.message v s (Calculus.vjpHolding all [| energy |] s [| number energy 1.0 |])

    /// The best q of a site while the others are held. Elements that factors read several of move together, each by its slope over n times its precision
    /// at a factor of n: (Σ cδ)² ≤ n·Σ (cδ)², so that the bound does not fall.
    let private updated g (fixedOf: Map<string, Tensor[]>) factors known (v: Variable) : Tensor[] =
        let messages =
            factors
            |> List.filter (Factors.isOf v)
            |> List.map (fun f -> max 1 (together v f), message g known v f)

        let best = messages |> List.map snd |> List.fold Messaging.add fixedOf[v.Path]

        if messages |> List.forall (fun (n, _) -> n = 1) then
            best
        else
            let steepest = messages |> List.fold (fun sum (n, m) -> sum + double n * m[1]) (fixedOf[v.Path]).[1]

            let mean = (known[v.Path]).[0]
            let mean = mean + (best[0] - best[1] * mean) / steepest
            [| mean * best[1]; best[1] |]

    /// The ELBO: Σ E[log f] + Σ entropies, which of other sites than Gaussian ones are Φ(λ) − λ·E[u].
    let private contributions (g: FactorGraph) (fixedOf: Map<string, Tensor[]>) factors (naturals: Map<string, Tensor[]>) known =
        let ofVariable (v: Variable) =
            Array.map3 (fun (own: Tensor) fixedPart u -> (fixedPart - own) * u) naturals[v.Path] fixedOf[v.Path] (known |> Map.find v.Path)
            |> Array.reduce (+)
            |> Factors.total v.Indices
            |> Messaging.ofSite v

        let others = Messaging.coupled g |> List.filter (Messaging.isGaussian >> not)

        let energies =
            factors |> List.map (fun f -> Messaging.ofFactor f (VariationalEnergies.ofFactor g known f))

        Messaging.contributions g naturals (fun _ -> true) @ energies @ List.map ofVariable others

    let private bound contributions : Tensor =
        let sum = Messaging.evidence contributions
        Build.select (VariationalEnergies.isImpossible sum) (number sum Double.NegativeInfinity) sum

    /// Standard normals of a site, the same in each run.
    let private scatter (seed: int) (v: Variable) (like: Tensor) =
        let struct (low, high) = Philox.hashPath v.Path
        let struct (a, b, _, _) = Philox.wordsOf low high 0u 0u (uint32 seed) 0u
        let key = [| Build.scalar DType.U32 (double a); Build.scalar DType.U32 (double b) |]
        { Key = key; Plates = v.Indices; Times = [] }.NormalLike(like, 0)

    /// Where values may be exchanged, all of them alike are a fixed point: a start beside it. Sites of listed values lean to some of them; Gaussian sites
    /// whose products are observed are scattered as their densities are.
    let private scattered (options: VariationalMessagePassing) (factors: FactorNode list) (v: Variable) (natural: Tensor[]) : Tensor[] =
        let isMultiplied (f: FactorNode) =
            match f.Kind with
            | FactorKind.Product(_, terms, _) -> terms |> List.exists (fun t -> obj.ReferenceEquals(t.Of, v.Value))
            | FactorKind.Known _
            | FactorKind.Conjugate _
            | FactorKind.OfForm _
            | FactorKind.GammaOfRate _
            | FactorKind.Limits _ -> false

        if v.Gate.IsSome then
            [| natural[0] + 3.0 * scatter options.Seed v natural[0] |]
        elif List.exists isMultiplied factors then
            [| natural[0] + sqrt natural[1] * scatter options.Seed v natural[0]; natural[1] |]
        else
            natural

    /// q of each site before the first sweep: what its own density makes of the sites before it.
    let private first options g (fixedOf: Map<string, Tensor[]>) (factors: FactorNode list) : Map<string, Tensor[]> =
        /// Any density at all: messages do not depend on q of the site that they go to.
        let any (v: Variable) =
            let zeros = Messaging.zeros v.Family v.Value
            if zeros.Length = 2 then [| zeros[0]; zeros[1] + 1.0 |] else zeros

        let start (naturals, known) (v: Variable) =
            let own = factors |> List.filter (fun f -> f.Name = v.Path)
            let natural = updated g fixedOf own known v |> scattered options factors v
            Map.add v.Path natural naturals, Map.add v.Path (held v natural) known

        let anything = Map [ for v in g.Variables -> v.Path, held v (any v) ]
        List.fold start (Map.empty, anything) g.Variables |> fst

    /// Passes messages until they settle.
    let run (options: VariationalMessagePassing) (g: FactorGraph) : Converged =
        let fixedOf = Map [ for v in g.Variables -> v.Path, Messaging.fixedOf g v ]
        let factors = g.Factors |> List.filter Factors.isIterated
        List.iter (requireMessages g) g.Factors
        let zero = Build.scalar DType.F32 0.0

        if factors.IsEmpty then
            Messaging.atOnce g fixedOf
        else
            let coupled = Messaging.coupled g
            // what chooses learns from what is chosen: the start of the former is what parts the latter
            let order = List.filter (fun v -> v.Gate.IsNone) coupled @ List.filter (fun v -> v.Gate.IsSome) coupled

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

            let known (naturals: Map<string, Tensor[]>) = Map [ for v in coupled -> v.Path, held v naturals[v.Path] ]

            let damped (before: Tensor[]) (after: Tensor[]) =
                if options.Damping = 0.0 then
                    after
                else
                    Array.map2 (fun (b: Tensor) (a: Tensor) -> options.Damping * b + (1.0 - options.Damping) * a) before after

            let sweep (values: Tensor[]) =
                let before = ofCarried values

                let visit (naturals: Map<string, Tensor[]>, known: Map<string, Tensor[]>) (v: Variable) =
                    let natural = updated g fixedOf factors known v |> damped naturals[v.Path]
                    Map.add v.Path natural naturals, Map.add v.Path (held v natural) known

                let after, _ = List.fold visit (before, known before) order
                toCarried after, Messaging.distance coupled before after, zero

            let contributed (values: Tensor[]) =
                let naturals = ofCarried values
                contributions g fixedOf factors naturals (known naturals)

            let observe (values: Tensor[]) = bound (contributed values)

            let starts = toCarried (first options g fixedOf factors)

            let index, finals, (residual, taken, putOff), evidences, residuals =
                Messaging.iterate options starts sweep observe

            {
                Naturals = ofCarried finals
                LogEvidence = observe finals
                Contributions = contributed finals
                Evidences = evidences
                Residuals = residuals
                Residual = residual
                Sweeps = taken
                PutOff = []
                PutOffLast = putOff
                Index = Some index
            }
