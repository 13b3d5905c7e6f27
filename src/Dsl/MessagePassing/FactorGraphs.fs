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
        | d ->
            Fail.at
                r.Location
                $"The site \"{r.Path}\" draws from {d.Name}, which no messages are known for."
                "Messages are passed between sites of Normal, Gamma, Exponential, Beta and Dirichlet. Observe the site, sum finite ones out by FinitePosterior, or derive a bound with a guide."

    let private refuseChain (r: SiteRequest) =
        match r.Times with
        | [] -> ()
        | time :: _ ->
            Fail.at
                r.Location
                $"The site \"{r.Path}\" stands in the chain \"{time.Name}\"; messages are passed over plates alone."
                "Where all of the chain is Gaussian and linear, ask for its GaussianPosterior; or derive a bound with a guide that draws along the chain."

    /// The values of a site, to be found again in what is computed from them.
    let private formal (values: Dictionary<string, Tensor * ExponentialFamily>) (r: SiteRequest) : Tensor =
        refuseChain r
        let d = r.Distribution
        let slot = InputSlot(r.Path, false, r.Location)
        let value = Tensor(Op.Input slot, [||], d.Shape, d.DType, Array.ofList r.Plates)
        values[r.Path] <- (value, familyOf r)
        value

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

    /// The factor graph of a program. Sites that are neither observed nor given by a handler are its variables.
    let ofProgram (program: Prob<'T>) : FactorGraph =
        let drawn = Dictionary<string, Tensor * ExponentialFamily>()
        let trace = Trace()

        program.Run(ProbContext.At(Choose(formal drawn), trace, [], [])) |> ignore

        let sites = List.ofSeq trace.Sites

        let variables =
            [
                for s in sites do
                    match drawn.TryGetValue s.Path with
                    | true, (value, family) -> { Site = s; Value = value; Family = family }
                    | _ -> ()
            ]

        let family =
            let found = Dictionary<Tensor, ExponentialFamily>(HashIdentity.Reference)

            for v in variables do
                found[v.Value] <- v.Family

            fun (t: LinearTerm) -> found[t.Of]

        let values = [ for v in variables -> v.Value ]
        let read = LinearForms.read values

        let readsOf x =
            variables |> List.filter (fun v -> Dependence.needs v.Value x) |> List.map (fun v -> v.Path)

        let ofSite (s: SiteRecord) =
            requireWhole s (drawn.ContainsKey s.Path)
            let log = s.Distribution.LogDensity(FactorReading.bare s.Value)

            let kind =
                match FactorReading.closed read family s with
                | Some kind -> kind
                | None when (readsOf log).IsEmpty -> FactorKind.Known log
                | None ->
                    let general =
                        if drawn.ContainsKey s.Path then
                            None
                        else
                            FactorReading.ofOneForm read family values log

                    general
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
            }

        let ofFactor k (f: FactorRecord) =
            let name = $"factor {k + 1}"

            if not (isNull f.Scale) then
                Fail.model $"The {name} is scaled; a posterior is one of factors that count once." "Leave Scale out."

            let mask, weight = FactorReading.unmasked read f.Masked

            let kind =
                match FactorReading.closedWeight read weight with
                | Some kind -> kind
                | None when (readsOf weight).IsEmpty -> FactorKind.Known weight
                | None ->
                    FactorReading.ofOneForm read family values weight
                    |> Option.defaultWith (fun () ->
                        noUpdate $"The {name}" Location.unknown "it is no function of one linear form of Gaussian sites" (readsOf weight))

            {
                Name = name
                Location = Location.unknown
                Plates = f.Plates
                Mask = mask
                Kind = kind
            }

        {
            Variables = variables
            Factors = List.map ofSite sites @ List.mapi ofFactor (List.ofSeq trace.LooseFactors)
        }
