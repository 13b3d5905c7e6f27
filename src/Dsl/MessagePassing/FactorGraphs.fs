namespace Inference

open System.Collections.Generic

/// The factor graph of a program, read without running it.
[<RequireQualifiedAccess>]
module internal FactorGraphs =
    let private familyOf (r: SiteRequest) : ExponentialFamily =
        match r.Distribution with
        | :? Normal -> ExponentialFamily.Gaussian
        | :? Gamma
        | :? Exponential -> ExponentialFamily.Gamma
        | :? Beta -> ExponentialFamily.Beta
        | :? Dirichlet -> ExponentialFamily.Dirichlet
        | :? OneHotCategorical ->
            Fail.at
                r.Location
                $"The site \"{r.Path}\" draws from OneHotCategorical, which no messages are known for."
                "Draw it from Categorical and pass messages by VariationalMessagePassing: Gather(table, z) is the row that it chooses."
        | d when (Enumeration.count d).IsSome ->
            Fail.at
                r.Location
                $"The site \"{r.Path}\" draws from {d.Name}, which no messages are known for by expectation propagation."
                "Pass messages by VariationalMessagePassing, observe the site, or where all sites are finite ask for the FinitePosterior."
        | d ->
            Fail.at
                r.Location
                $"The site \"{r.Path}\" draws from {d.Name}, which no messages are known for."
                "Messages are passed between sites of Normal, Gamma, Exponential, Beta, Dirichlet and, variationally, Categorical and scalar Bernoulli. Observe the site, or derive a bound with a guide."

    let private refuseChain (r: SiteRequest) =
        match r.Times with
        | [] -> ()
        | time :: _ ->
            Fail.at
                r.Location
                $"The site \"{r.Path}\" stands in the chain \"{time.Name}\"; messages are passed over plates alone."
                "Where all of the chain is Gaussian and linear, ask for its GaussianPosterior, where it is finite for its FinitePosterior; or derive a bound with a guide that draws along the chain."

    /// The values of a site, to be found again in what is computed from them.
    let private formal (values: Dictionary<string, Tensor * ExponentialFamily>) (r: SiteRequest) : Tensor =
        refuseChain r
        let d = r.Distribution
        let slot = InputSlot(r.Path, false, r.Location)
        let value = Tensor(Op.Input slot, [||], d.Shape, d.DType, Array.ofList r.Plates)
        values[r.Path] <- (value, familyOf r)
        value

    /// A site of listed values as all of them, over an index. Formally they vary over the plates of their site: what mixes them can be seen.
    let private listed isFormal (gates: Dictionary<string, Tensor * FreeIndex>) (r: SiteRequest) : SiteRequest =
        match r.Distribution with
        | :? Categorical
        | :? Bernoulli when isNull r.Value && (Enumeration.count r.Distribution).IsSome ->
            refuseChain r
            let index = Enumeration.index r.Path r.Distribution
            let value = Enumeration.values index (if isFormal then r.Plates else []) r.Distribution
            gates[r.Path] <- (value, index)
            { r with Value = value; IsEnumerated = true }
        | _ -> r

    let private requireWhole (s: SiteRecord) isLatent =
        if not (isNull s.Scale) then
            Fail.at
                s.Location
                $"The site \"{s.Path}\" is scaled; a posterior is one of sites that count once."
                "Scale a bound, or repeat what is observed in a plate."

        if isLatent && not (isNull s.Mask) then
            Fail.at s.Location $"The site \"{s.Path}\" is masked, and where it is it has no density." "Mask what is observed of it instead."

        match s.Times with
        | time :: _ ->
            Fail.at
                s.Location
                $"The site \"{s.Path}\" stands in the chain \"{time.Name}\"; messages are passed over plates alone."
                "Where all of the chain is Gaussian and linear, ask for its GaussianPosterior; or derive a bound with a guide that draws along the chain."
        | [] -> ()

    let private noUpdate (name: string) (location: Location) what (reads: string list) : FactorKind =
        let sites = reads |> List.map (fun p -> $"\"{p}\"") |> String.concat ", "

        Fail.at
            location
            $"{name} reads {sites} in a way that no update is known for: {what}."
            "Read Gaussian sites through a linear form, or a Gamma, Beta or Dirichlet site as a rate, precision or probability; or derive a bound with a guide."

    let private logDensity (s: SiteRecord) = s.Distribution.LogDensity(FactorReading.bare s.Value)

    /// A site of listed values is read element by element.
    let private requireApart (variables: Variable list) name location (plates: FreeIndex list) (log: Tensor) =
        for v in variables do
            if v.Gate.IsSome && Dependence.needs v.Value log then
                let mixed (i: FreeIndex) = not (List.contains i plates) || Dependence.over i v.Value log > Positions.Same

                match v.Indices |> List.tryFind mixed with
                | None -> ()
                | Some i ->
                    Fail.at
                        location
                        $"The site \"{v.Path}\" is drawn for each value of \"{i.Name}\"; {name} mixes them."
                        "Keep what reads it in the plate, each element by its own."

    let private nodes (variables: Variable list) (trace: Trace) : FactorNode list =
        let latent = variables |> List.map (fun v -> v.Path) |> set
        let continuous = variables |> List.filter (fun v -> v.Gate.IsNone)

        let family =
            let found = Dictionary<Tensor, ExponentialFamily>(HashIdentity.Reference)

            for v in continuous do
                found[v.Value] <- v.Family

            fun (t: LinearTerm) -> found[t.Of]

        let values = [ for v in continuous -> v.Value ]
        let read = LinearForms.read values
        let isKnown log = values |> List.forall (fun v -> not (Dependence.needs v log))

        let readsOf x =
            variables |> List.filter (fun v -> Dependence.needs v.Value x) |> List.map (fun v -> v.Path)

        let gatesOf (given: Tensor list) =
            let indices = Build.union (given |> List.filter (isNull >> not))
            variables |> List.filter (fun v -> v.Gate.IsSome && Array.contains v.Gate.Value indices)

        let ofSite (s: SiteRecord) =
            requireWhole s (latent.Contains s.Path)
            let log = logDensity s
            let gates = gatesOf [ log; s.Mask ]

            let general () =
                let ofOneForm =
                    if latent.Contains s.Path then
                        None
                    else
                        GeneralFactors.ofOneForm read family values log

                ofOneForm |> Option.orElseWith (fun () -> GeneralFactors.product read family values s)

            let kind =
                match FactorReading.closed read family gates.IsEmpty s with
                | Some kind -> kind
                | None when isKnown log -> FactorKind.Known log
                | None ->
                    general ()
                    |> Option.defaultWith (fun () ->
                        noUpdate
                            $"The site \"{s.Path}\""
                            s.Location
                            $"{s.Distribution.Name} with such parameters"
                            (List.except [ s.Path ] (readsOf log)))

            {
                Name = s.Path
                Location = s.Location
                Plates = s.Plates
                Mask = s.Mask
                Kind = kind
                Gates = gates
            }

        let ofFactor k (f: FactorRecord) =
            let name = $"factor {k + 1}"

            if not (isNull f.Scale) then
                Fail.model $"The {name} is scaled; a posterior is one of factors that count once." "Leave Scale out."

            let mask, weight = FactorReading.unmasked read f.Masked

            let kind =
                match FactorReading.closedWeight read weight with
                | Some kind -> kind
                | None when isKnown weight -> FactorKind.Known weight
                | None ->
                    GeneralFactors.ofOneForm read family values weight
                    |> Option.defaultWith (fun () ->
                        noUpdate $"The {name}" Location.unknown "it is no function of one linear form of Gaussian sites" (readsOf weight))

            {
                Name = name
                Location = Location.unknown
                Plates = f.Plates
                Mask = mask
                Kind = kind
                Gates = gatesOf [ f.Masked ]
            }

        List.map ofSite (List.ofSeq trace.Sites) @ List.mapi ofFactor (List.ofSeq trace.LooseFactors)

    /// Traces a program: its variables, and what it made.
    let private traced handler (program: Prob<'T>) (gates: Dictionary<string, Tensor * FreeIndex>) : Variable list * Trace =
        let drawn = Dictionary<string, Tensor * ExponentialFamily>()
        let trace = Trace()

        program.Run { ProbContext.At(Choose(formal drawn), trace, [], []) with Handlers = handler }
        |> ignore

        let variables =
            [
                for s in trace.Sites do
                    match drawn.TryGetValue s.Path, gates.TryGetValue s.Path with
                    | (true, (value, family)), _ -> { Site = s; Value = value; Family = family; Gate = None }
                    | _, (true, (value, index)) ->
                        {
                            Site = s
                            Value = value
                            Family = ExponentialFamily.Categorical index.Capacity
                            Gate = Some index
                        }
                    | _ -> ()
            ]

        variables, trace

    /// The factor graph of a program. Sites that are neither observed nor given by a handler are its variables.
    let ofProgram (program: Prob<'T>) : FactorGraph =
        let variables, trace = traced [] program (Dictionary())
        { Variables = variables; Factors = nodes variables trace }

    /// The same, in which sites may be of listed values.
    let ofGatedProgram (program: Prob<'T>) : FactorGraph =
        let traced isFormal =
            let gates = Dictionary()
            traced [ listed isFormal gates ] program gates

        let variables, trace = traced true

        for s in trace.Sites do
            requireApart variables $"\"{s.Path}\"" s.Location s.Plates (logDensity s)

        for k, f in Seq.indexed trace.LooseFactors do
            requireApart variables $"factor {k + 1}" Location.unknown f.Plates f.Masked

        let variables, trace = traced false
        { Variables = variables; Factors = nodes variables trace }
