namespace Inference

/// E[log f] of factors under q, a product over the elements of all sites (Winn and Bishop, 2005). It is written in what q says of each site, its statistics:
/// the slopes by these are the factor's message to it.
[<RequireQualifiedAccess>]
module internal VariationalEnergies =
    /// Mean and variance of Gaussian sites' elements, which do not cancel where means are large; E[u] of others'.
    let statistics (v: Variable) (natural: Tensor[]) : Tensor[] =
        match v.Family with
        | ExponentialFamily.Gaussian
        | ExponentialFamily.Truncated _ ->
            let mean, variance = ExponentialFamily.moments v.Family natural
            [| mean; variance |]
        | ExponentialFamily.Gamma
        | ExponentialFamily.Beta
        | ExponentialFamily.Dirichlet
        | ExponentialFamily.Categorical _ -> ExponentialFamily.expected v.Family natural

    /// The natural parameters d E[log f]/d E[u], from the slopes by statistics: for a Gaussian, mean = E[x] and variance = −2·E[−x²/2] − E[x]².
    let message (v: Variable) (statistics: Tensor[]) (slopes: Tensor[]) : Tensor[] =
        match v.Family with
        | ExponentialFamily.Gaussian
        | ExponentialFamily.Truncated _ ->
            let precision = -2.0 * slopes[1]
            [| slopes[0] + precision * statistics[0]; precision |]
        | ExponentialFamily.Gamma
        | ExponentialFamily.Beta
        | ExponentialFamily.Dirichlet
        | ExponentialFamily.Categorical _ -> slopes

    let private at (g: FactorGraph) (known: Map<string, Tensor[]>) (t: LinearTerm) : Tensor[] =
        let v = Messaging.variableOf g t
        known[v.Path] |> Array.map (Messaging.toFactor v t)

    /// E[u] where a factor reads it.
    let private expected (g: FactorGraph) known (t: LinearTerm) : Tensor[] =
        let s = at g known t

        match (Messaging.variableOf g t).Family with
        | ExponentialFamily.Gaussian
        | ExponentialFamily.Truncated _ -> [| s[0]; -0.5 * (square s[0] + s[1]) |]
        | ExponentialFamily.Gamma
        | ExponentialFamily.Beta
        | ExponentialFamily.Dirichlet
        | ExponentialFamily.Categorical _ -> s

    /// The mean and variance of a linear form.
    let private ofForm g known (form: LinearForm) : Tensor * Tensor =
        let add (mean, variance) (t: LinearTerm) =
            let s = at g known t
            let sum x = Structure.sum (LinearForms.axesOf t) [] x
            mean + sum (t.Coefficient * s[0]), variance + sum (square t.Coefficient * s[1])

        List.fold add (form.Offset, number form.Offset 0.0) form.Terms

    /// The mean and variance of a value that is linear in each of some sites while the others are held: with L = b + Σ c·x of one of them,
    /// Var[L] = Var[L at E[x]] + Σ E[c²]·Var[x], and b and c are such values of the others.
    let rec private ofProduct (sites: (Variable * Tensor[]) list) (value: Tensor) : Tensor * Tensor =
        match sites |> List.tryFind (fun (v, _) -> Dependence.needs v.Value value) with
        | None -> value, Build.fill value.Shape (number value 0.0)
        | Some(v, s) ->
            let others = sites |> List.filter (fun (o, _) -> o.Path <> v.Path)

            match LinearForms.read [ v.Value ] value, Substitution.replace [ v.Value, s[0] ] value with
            | Reading.Linear form, Some atMean ->
                let mean, variance = ofProduct others atMean

                let spread (t: LinearTerm) =
                    let c, ofC = ofProduct others t.Coefficient
                    Structure.sum (LinearForms.axesOf t) [] ((square c + ofC) * Messaging.toFactor v t s[1])

                mean, form.Terms |> List.fold (fun sum t -> sum + spread t) variance
            | _ -> invalidOp "A product is linear in each of its sites."

    /// The same of what is known of the sites. A formula is made first: what loops carry, as sweeps do, cannot be read.
    let private momentsOf (sites: (Variable * Tensor[]) list) (value: Tensor) : Tensor * Tensor =
        let symbol (v: Variable) name =
            Tensor(Op.Input(InputSlot($"{v.Path} {name}", false, v.Site.Location)), [||], v.Value.Shape, v.Value.DType, v.Value.Indices)

        let symbols = [ for v, _ in sites -> v, [| symbol v "mean"; symbol v "variance" |] ]
        let mean, variance = ofProduct symbols value

        let filled =
            Substitution.replace
                [
                    for (_, symbols), (_, s) in List.zip symbols sites do
                        yield! Array.zip symbols s
                ]

        match filled mean, filled variance with
        | Some mean, Some variance -> mean, variance
        | _ -> invalidOp "A product is linear in each of its sites."

    /// E[precision] and E[log precision].
    let private precisionOf g known (noise: FactorNoise) : Tensor * Tensor =
        match noise with
        | FactorNoise.Fixed s -> 1.0 / square s, -2.0 * log s
        | FactorNoise.Drawn(scale, t) ->
            let u = expected g known t
            -(scale * u[1]), log scale + u[0]

    let private gaussian (precision: Tensor, logPrecision: Tensor) (mean: Tensor, variance: Tensor) =
        0.5 * (logPrecision - precision * (square mean + variance)) - halfLogTwoPi

    /// E[log f] of each element.
    let private elements g (known: Map<string, Tensor[]>) (f: FactorNode) : Tensor =
        match f.Kind with
        | FactorKind.Known log -> log
        | FactorKind.Limits _ -> Build.scalar DType.F32 0.0
        | FactorKind.Conjugate(t, natural, constant) ->
            let inner = Array.map2 (*) natural (expected g known t) |> Array.reduce (+)
            // a Dirichlet's λ is along the vector that is one element of it
            (if inner.Shape = constant.Shape then inner else all inner) + constant
        | FactorKind.OfForm(form, Likelihood.Gaussian noise) -> gaussian (precisionOf g known noise) (ofForm g known form)
        | FactorKind.Product(residual, terms, noise) ->
            let sites =
                terms
                |> List.map (Messaging.variableOf g)
                |> List.distinctBy (fun v -> v.Path)
                |> List.map (fun v -> v, known[v.Path])

            gaussian (precisionOf g known noise) (momentsOf sites residual)
        | FactorKind.OfForm(form, Likelihood.Probit) ->
            // Φ(L) = ∫ N(y; L, 1) dy over y > 0, with q(y) at its best: Girolami and Rogers, "Variational Bayesian multinomial probit regression", 2006
            let mean, variance = ofForm g known form
            Special.logNormalCdf mean - 0.5 * variance
        | FactorKind.GammaOfRate(shape, scale, rate, value) ->
            let r, x = expected g known rate, expected g known value
            // u = (log, −identity)
            shape * (log scale + r[0]) + (shape - 1.0) * x[0] - scale * r[1] * x[1] - Special.logGamma shape
        | FactorKind.OfForm(_, (Likelihood.Positive | Likelihood.Between _ | Likelihood.Other _)) ->
            invalidOp "Such a factor has no energy in closed form."

    /// What stands for log 0: a probability of 0 times it is 0.
    let private impossible = -1e30

    /// Whether a bound is that of evidence of probability 0.
    let isImpossible (bound: Tensor) = less bound (number bound (0.1 * impossible))

    /// E[log f] of a factor, summed over its plates and, weighed by their probabilities, over the values of the sites that choose what it reads.
    let ofFactor g (known: Map<string, Tensor[]>) (f: FactorNode) : Tensor =
        let each = elements g known f |> Weights.masked f.Mask |> all

        match f.Gates with
        | [] -> Factors.total f.Plates each
        | gates ->
            let weight =
                gates |> List.map (fun v -> Structure.unstack v.Gate.Value (known[v.Path]).[0]) |> List.reduce (*)

            Factors.total (f.Plates @ (gates |> List.map (fun v -> v.Gate.Value))) (weight * larger (number each impossible) each)
