namespace Inference

open System

/// What is known of a factor graph before anything is computed: which update each factor has, and whether the posterior is exact.
[<RequireQualifiedAccess>]
module internal MessageText =
    let private path (g: FactorGraph) (t: LinearTerm) = (Messaging.variableOf g t).Path

    let private how (g: FactorGraph) (v: Variable) (f: FactorNode) (t: LinearTerm) =
        if t.Axes > 0 then
            $"Σ {Terms.name v.Path}"
        elif Factors.isOwn v f t then
            Terms.name v.Path
        elif obj.ReferenceEquals(t.Read, v.Value) then
            $"{Terms.name v.Path} (shared by a plate)"
        else
            $"{Terms.name v.Path} (gathered)"

    let private reads g (f: FactorNode) =
        let read = Factors.reads f |> List.map (fun t -> how g (Messaging.variableOf g t) f t)
        let gates = f.Gates |> List.map (fun v -> $"{Terms.name v.Path} (each value)")
        String.concat ", " (read @ gates)

    let private conjugate (family: ExponentialFamily) =
        match family with
        | ExponentialFamily.Gaussian
        | ExponentialFamily.Truncated _ -> "adds c·(y − b)/σ² to mean·precision and c²/σ² to the precision"
        | ExponentialFamily.Gamma -> "adds to the shape and to the rate"
        | ExponentialFamily.Beta -> "adds to alpha and to beta"
        | ExponentialFamily.Dirichlet -> "adds to the concentrations"
        | ExponentialFamily.Categorical _ -> "adds to the log-weights"

    let private update (m: MessageMethod) g (f: FactorNode) : string =
        match f.Kind, m with
        | FactorKind.Known _, _ when f.Gates.IsEmpty -> "reads no site: a number in the log-evidence"
        | FactorKind.Known _, _ -> "adds its value to the log-weights"
        | FactorKind.Conjugate(t, _, _), _ when not f.Gates.IsEmpty ->
            $"variational: {conjugate (Messaging.variableOf g t).Family}, as probable as the values are; to these E[log f]"
        | FactorKind.Limits _, _ -> "truncates: q is a Gaussian between the limits"
        | FactorKind.Product _, _ -> "variational: precision E[c²]·E[τ] where c multiplies it, mean·precision E[c·rest]·E[τ]"
        | FactorKind.GammaOfRate _, _ -> "variational: to the value shape and rate E[rate], to the rate shape and E[value]"
        | FactorKind.Conjugate(t, _, _), _ -> $"conjugate, exact: {conjugate (Messaging.variableOf g t).Family}"
        | FactorKind.OfForm(_, Likelihood.Gaussian(FactorNoise.Fixed _)), (:? VariationalMessagePassing) ->
            "variational: precision c²/σ², mean·precision −c·E[rest]/σ²"
        | FactorKind.OfForm(_, Likelihood.Gaussian(FactorNoise.Drawn(_, t))), _ ->
            $"variational: precision c²·E[τ], mean·precision −c·E[τ]·E[rest]; to {Terms.name (path g t)} shape ½ and rate ½·E[L²]"
        | FactorKind.OfForm(_, Likelihood.Gaussian(FactorNoise.Fixed _)), _ ->
            "Gaussian, exact given its cavities: precision c²/(σ² + Var[rest])"
        | FactorKind.OfForm(_, Likelihood.Probit), (:? VariationalMessagePassing) ->
            "variational: precision c², mean·precision c·E[y − rest] of a hidden y ~ Normal(L, 1) that is positive (Girolami and Rogers, 2006)"
        | FactorKind.OfForm(_, Likelihood.Probit), _ ->
            "moments matched: Φ(L), Z = Φ(m/√(1 + v)), slope φ/Φ (Rasmussen and Williams, 2006, 3.9)"
        | FactorKind.OfForm(_, Likelihood.Positive), _ -> "moments matched: L > 0, v(t) = φ(t)/Φ(t), w = v·(v + t) (Herbrich et al., 2006)"
        | FactorKind.OfForm(_, Likelihood.Between _), _ -> "moments matched: low < L < high, by Gauss–Legendre quadrature"
        | FactorKind.OfForm(_, Likelihood.Other _), _ ->
            "moments matched by Gauss–Hermite quadrature; not known to be log-concave, so messages may be of negative precision"

    let private factorLine m g (f: FactorNode) =
        let plates = f.Plates |> List.map (fun i -> $"{Terms.name i.Name} × {i.Capacity}") |> String.concat ", "
        let place = if plates = "" then "" else $" [{plates}]"
        let what = reads g f
        let what = if what = "" then "nothing" else what
        $"  {Terms.name f.Name}{place}: reads {what}; {update m g f}"

    let private siteLine (v: Variable) =
        let plates =
            v.Indices |> List.map (fun i -> $"{Terms.name i.Name} × {i.Capacity}") |> String.concat ", "

        let place = if plates = "" then "" else $" [{plates}]"
        $"  {Terms.name v.Path}{place}: {v.Family}"

    /// Sites that a factor couples, if it reads each through its plates alone.
    let private directReads (g: FactorGraph) (f: FactorNode) : Variable list option =
        let terms = Factors.reads f
        let variables = terms |> List.map (Messaging.variableOf g)

        let isDirect (t: LinearTerm, v: Variable) = t.Axes = 0 && obj.ReferenceEquals(t.Read, v.Value)
        let isOnce = List.distinctBy (fun (v: Variable) -> v.Path) variables |> List.length = terms.Length

        if isOnce && List.zip terms variables |> List.forall isDirect then
            Some variables
        else
            None

    /// Whether coupled sites hang together as trees over plates that only grow from some root on: then every element of a plate has one way to any other.
    let private isForest (factors: (FactorNode * Variable list) list) : bool =
        let within (some: FreeIndex list) (others: FreeIndex list) = some |> List.forall (fun i -> List.contains i others)
        let isIn (plates: FreeIndex list) (v: Variable) = within v.Indices plates && within plates v.Indices

        /// Sites reached from one through the factors that are left; None where one is met twice, or plates shrink.
        let rec reach (v: Variable) (seen: string list) (left: (FactorNode * Variable list) list) =
            let own, others = left |> List.partition (fun (_, vs) -> vs |> List.exists (fun o -> o.Path = v.Path))

            let step state (f: FactorNode, vs: Variable list) =
                let next (state: (string list * (FactorNode * Variable list) list) option) (o: Variable) =
                    match state with
                    | Some(seen, left) when
                        o.Path <> v.Path && not (List.contains o.Path seen) && within v.Indices f.Plates && isIn f.Plates o
                        ->
                        reach o (o.Path :: seen) left
                    | Some state when o.Path = v.Path -> Some state
                    | _ -> None

                List.fold next state vs

            List.fold step (Some(seen, others)) own

        /// Some root from which a component can be reached.
        let rec components (left: (FactorNode * Variable list) list) =
            match left with
            | [] -> true
            | _ ->
                let roots = left |> List.collect snd |> List.distinctBy (fun v -> v.Path)

                match roots |> List.tryPick (fun root -> reach root [ root.Path ] left) with
                | Some(_, rest) when rest.Length < left.Length -> components rest
                | _ -> false

        components factors

    /// Whether marginals and evidence are exact once messages have converged, and why.
    let exactness (m: MessageMethod) (g: FactorGraph) : bool * string =
        let iterated = g.Factors |> List.filter Factors.isIterated

        let isGaussian (f: FactorNode) =
            match f.Kind with
            | FactorKind.OfForm(_, Likelihood.Gaussian(FactorNoise.Fixed _)) -> true
            | FactorKind.OfForm _
            | FactorKind.Known _
            | FactorKind.Conjugate _
            | FactorKind.Product _
            | FactorKind.GammaOfRate _
            | FactorKind.Limits _ -> false

        if iterated.IsEmpty then
            true, "every factor is conjugate to one site: the posterior is exact, in one pass"
        else
            match m with
            | :? VariationalMessagePassing when iterated |> List.forall (fun f -> (Factors.reads f).IsEmpty && f.Gates.Length = 1) ->
                true, "every factor reads one site, to which it is conjugate: the posterior is exact"
            | :? VariationalMessagePassing ->
                false, "factors couple sites, which q takes to be independent: the log-evidence is a lower bound"
            | _ ->
                let direct = iterated |> List.map (fun f -> directReads g f |> Option.map (fun vs -> f, vs))

                match iterated |> List.tryFind (isGaussian >> not) with
                | Some f -> false, $"moments are matched at {Terms.name f.Name}: an approximation"
                | None when List.forall Option.isSome direct && isForest (List.choose id direct) ->
                    true, "all factors are Gaussian and couple sites as a forest: exact once converged"
                | None ->
                    false,
                    "Gaussian factors couple sites in loops, or their elements: means are exact once converged (Weiss and Freeman, 2001), variances and evidence are not"

    /// The sites, the factors with the update of each, and what is exact.
    let explain (m: MessageMethod) (g: FactorGraph) : string =
        let _, why = exactness m g

        String.Join(
            Environment.NewLine,
            [
                $"{m.Name}, at most {m.Sweeps} sweeps, until no marginal moves by more than {m.Tolerance}, damping {m.Damping}"
                "sites:"
                yield! List.map siteLine g.Variables
                "factors, in the order of a sweep:"
                yield! List.map (factorLine m g) g.Factors
                $"exactness: {why}"
                match m with
                | :? ExpectationPropagation when g.Factors |> List.exists Factors.isIterated ->
                    "improper messages: an update is put off, and counted, where its cavity is no density or its messages would leave a marginal that is none"
                | _ -> ()
            ]
        )
