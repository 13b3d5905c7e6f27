namespace Inference

open System

/// Expectation propagation over a factor graph (Minka, 2001): sweeps over the factors that couple sites, forward and back, those of a plate together.
[<RequireQualifiedAccess>]
module internal EpSweeps =
    type private Edge = { Term: LinearTerm; Variable: Variable; IsOwn: bool }

    type private Iterated =
        { Node: FactorNode; Form: LinearForm; Likelihood: Likelihood; Edges: Edge list }

    /// The messages of all edges, by factor and term, and their sums at each site.
    type private State = { Messages: Map<int * int, Tensor[]>; Sums: Map<int * int, Tensor[]> }

    let private refuse (g: FactorGraph) (f: FactorNode) what =
        let sites =
            Factors.reads f
            |> List.map (fun t -> $"\"{(Messaging.variableOf g t).Path}\"")
            |> List.distinct
            |> String.concat ", "

        Fail.at
            f.Location
            $"The factor of \"{f.Name}\" has no moments in closed form: {what} of {sites}, none of them known."
            "Pass messages by VariationalMessagePassing, or observe all but one."

    let private iterated (g: FactorGraph) : Iterated list =
        [
            for f in g.Factors do
                match f.Kind with
                | FactorKind.Known _
                | FactorKind.Conjugate _
                | FactorKind.Limits _ -> ()
                | FactorKind.OfForm(_, Likelihood.Gaussian(FactorNoise.Drawn _)) -> refuse g f "it is a density of mean and precision"
                | FactorKind.Product _ -> refuse g f "its mean multiplies values"
                | FactorKind.GammaOfRate _ -> refuse g f "it is a Gamma of value and rate"
                | FactorKind.OfForm(form, likelihood) ->
                    {
                        Node = f
                        Form = form
                        Likelihood = likelihood
                        Edges =
                            [
                                for t in form.Terms do
                                    let v = Messaging.variableOf g t
                                    { Term = t; Variable = v; IsOwn = Factors.isOwn v f t }
                            ]
                    }
        ]

    /// The natural parameters of a site without some edge's message.
    let private naturalBut (fixedOf: Map<string, Tensor[]>) (factors: Iterated list) (s: State) (v: Variable) (but: (int * int) option) =
        let sums =
            [
                for i, f in List.indexed factors do
                    for k, e in List.indexed f.Edges do
                        if obj.ReferenceEquals(e.Variable, v) && Some(i, k) <> but then
                            s.Sums[(i, k)]
            ]

        List.fold Messaging.add fixedOf[v.Path] sums

    let private natural fixedOf factors s v = naturalBut fixedOf factors s v None

    let private cavity fixedOf factors (s: State) i k (e: Edge) : EpUpdates.Cavity =
        let at (x: Tensor[]) = x |> Array.map (Messaging.toFactor e.Variable e.Term)

        let left =
            // a difference would lose what is small beside a strong message
            if e.IsOwn then
                at (naturalBut fixedOf factors s e.Variable (Some(i, k)))
            else
                Array.map2 (-) (at (natural fixedOf factors s e.Variable)) s.Messages[(i, k)]

        { Term = e.Term; Shift = left[0]; Precision = left[1] }

    let private cavities fixedOf factors s i (f: Iterated) = f.Edges |> List.mapi (fun k e -> cavity fixedOf factors s i k e)

    let private setMessage (f: Iterated) (i: int) (k: int) (message: Tensor[]) (s: State) =
        let e = f.Edges[k]

        {
            Messages = s.Messages.Add((i, k), message)
            Sums = s.Sums.Add((i, k), message |> Array.map (Messaging.toVariable f.Node e.Variable e.Term))
        }

    /// 1 where it holds.
    let private indicator (like: Tensor) (condition: Tensor) = Build.select condition (number like 1.0) (number like 0.0)

    /// Whether all elements that one element of a factor reads are allowed.
    let private everywhere (e: Edge) (allowed: Tensor) =
        let x = indicator e.Term.Read allowed
        let least = Structure.reduce ReduceOp.Min (LinearForms.axesOf e.Term) [] x
        less (number least 0.5) least

    let private isFinite (x: Tensor) = less (abs x) (number x Double.PositiveInfinity)

    /// A factor may have messages of negative precision only if it is not log-concave.
    let private mayWiden (f: Iterated) =
        match f.Likelihood with
        | Likelihood.Other _ -> true
        | Likelihood.Gaussian _
        | Likelihood.Probit
        | Likelihood.Positive
        | Likelihood.Between _ -> false

    /// Where messages leave the marginals of what they reach as densities.
    let private leavesProper fixedOf factors (s: State) (f: Iterated) : Tensor list =
        [
            for e in f.Edges do
                let now = natural fixedOf factors s e.Variable
                let good = ExponentialFamily.isProper ExponentialFamily.Gaussian now |> indicator e.Variable.Value
                let there = Messaging.toFactor e.Variable e.Term good
                less (number there 0.5) there
        ]

    let private masked (f: Iterated) (x: Tensor) = Weights.masked f.Node.Mask x

    /// New messages of one factor. An update is put off, and the old message kept, where a cavity is improper or a message is not finite, and where the
    /// messages of this factor together would leave a marginal improper. The state, and 1 for each element whose update was put off.
    let private update (options: ExpectationPropagation) fixedOf factors (i: int) (f: Iterated) (s: State) : State * Tensor =
        let cavities = cavities fixedOf factors s i f
        let candidates = EpUpdates.messages options.QuadraturePoints f.Form f.Likelihood cavities

        let allowed =
            List.map2 (fun e c -> everywhere e (EpUpdates.isAllowed f.Likelihood c)) f.Edges cavities
            |> List.reduce both

        let usable (m: Tensor[]) = both (isFinite m[0]) (isFinite m[1])

        let good = List.map2 (fun e m -> everywhere e (usable m)) f.Edges candidates |> List.fold both allowed

        let keep = 1.0 - options.Damping

        let settled (k: int) (e: Edge) (good: Tensor) (candidate: Tensor[]) =
            let shape = e.Term.Read.Shape
            let old = s.Messages[(i, k)]

            Array.map2
                (fun (before: Tensor) (after: Tensor) ->
                    // what is not used must not make a NaN of the rest
                    let after = Build.select (isFinite after) after (number after 0.0)
                    let moved = if options.Damping = 0.0 then after else options.Damping * before + keep * after
                    masked f (Build.select (LinearForms.along shape good) moved (LinearForms.along shape before)))
                old
                candidate

        let setAll (s: State) (goods: Tensor list) =
            List.zip3 f.Edges goods candidates
            |> List.indexed
            |> List.fold (fun s (k, (e, good, candidate)) -> setMessage f i k (settled k e good candidate) s) s

        let putOff (good: Tensor) = masked f (1.0 - indicator f.Form.Offset good)
        let tried = setAll s (f.Edges |> List.map (fun _ -> good))

        if mayWiden f then
            let proper = leavesProper fixedOf factors tried f
            // all messages to an element are taken back, or none
            let goods = List.map2 (fun e p -> both (LinearForms.along e.Term.Read.Shape good) p) f.Edges proper
            setAll s goods, putOff (List.map2 everywhere f.Edges goods |> List.reduce both)
        else
            tried, putOff good

    /// Σ Φ + what factors add (Minka, 2001, section 3.2, with messages that are not normalised).
    let private contributions (options: ExpectationPropagation) (g: FactorGraph) fixedOf factors (s: State) : Contribution list =
        let naturals = Map [ for v in g.Variables -> v.Path, natural fixedOf factors s v ]
        let coupled = Messaging.coupled g
        let isApart (v: Variable) = coupled |> List.forall (fun c -> c.Path <> v.Path)

        let ofFactor (i, f: Iterated) =
            let messages = f.Edges |> List.mapi (fun k _ -> s.Messages[(i, k)])

            EpUpdates.evidence options.QuadraturePoints f.Form f.Likelihood (cavities fixedOf factors s i f) messages
            |> masked f
            |> Factors.total f.Node.Plates
            |> Messaging.ofFactor f.Node

        Messaging.contributions g naturals isApart @ List.map ofFactor (List.indexed factors)

    let private edgesOf (factors: Iterated list) =
        [
            for i, f in List.indexed factors do
                for k, e in List.indexed f.Edges -> i, k, f, e
        ]

    let private ofCarried (factors: Iterated list) (values: Tensor[]) : State =
        edgesOf factors
        |> List.indexed
        |> List.fold
            (fun s (n, (i, k, f, _)) -> setMessage f i k [| values[2 * n]; values[2 * n + 1] |] s)
            { Messages = Map.empty; Sums = Map.empty }

    let private toCarried (factors: Iterated list) (s: State) =
        [|
            for i, k, _, _ in edgesOf factors do
                yield! s.Messages[(i, k)]
        |]

    /// Factors in the order of a sweep: as the program makes them, and back without both ends.
    let private order (factors: Iterated list) =
        let forward = List.indexed factors

        forward @ (List.rev forward |> List.filter (fun (i, _) -> i > 0 && i < factors.Length - 1))

    /// Passes messages until they settle.
    let run (options: ExpectationPropagation) (g: FactorGraph) : Converged =
        let fixedOf = Map [ for v in g.Variables -> v.Path, Messaging.fixedOf g v ]
        let factors = iterated g

        if factors.IsEmpty then
            Messaging.atOnce g fixedOf
        else
            let coupled = Messaging.coupled g
            let naturals s = Map [ for v in coupled -> v.Path, natural fixedOf factors s v ]
            let edges = edgesOf factors

            let starts =
                [|
                    for _, _, _, e in edges do
                        yield! Messaging.zeros ExponentialFamily.Gaussian e.Term.Read
                    for f in factors -> Build.constantOf f.Form.Offset.DType f.Form.Offset.Shape [| 0.0 |]
                |]

            let sweep (values: Tensor[]) =
                let before = ofCarried factors values
                let counts = Array.skip (2 * edges.Length) values

                let visit (s: State, late: Map<int, Tensor>) (i, f) =
                    let s, putOff = update options fixedOf factors i f s

                    s,
                    late.Change(
                        i,
                        fun known ->
                            Some(
                                match known with
                                | Some x -> larger x putOff
                                | None -> putOff
                            )
                    )

                let after, late = List.fold visit (before, Map.empty) (order factors)
                let counted = counts |> Array.mapi (fun i count -> count + late[i])

                let all = factors |> List.mapi (fun i f -> Factors.total f.Node.Plates late[i]) |> List.reduce (+)

                Array.append (toCarried factors after) counted, Messaging.distance coupled (naturals before) (naturals after), all

            let observe (values: Tensor[]) =
                Messaging.evidence (contributions options g fixedOf factors (ofCarried factors values))

            let index, finals, (residual, taken, putOff), evidences, residuals =
                Messaging.iterate options starts sweep observe

            let last = ofCarried factors finals

            {
                Naturals = Map [ for v in g.Variables -> v.Path, natural fixedOf factors last v ]
                LogEvidence = observe finals
                Contributions = contributions options g fixedOf factors last
                Evidences = evidences
                Residuals = residuals
                Residual = residual
                Sweeps = taken
                PutOff = factors |> List.mapi (fun i f -> f.Node, finals[2 * edges.Length + i])
                PutOffLast = putOff
                Index = Some index
            }
