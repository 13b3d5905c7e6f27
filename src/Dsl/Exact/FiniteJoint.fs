namespace Inference

open System

/// A program whose latent sites are all finite, as a sum of terms: the logarithm of its joint density, free in the values of its sites.
type internal FiniteJoint =
    {
        Sites: FiniteSite list
        /// All sites of the program by their paths, latent and observed, in order.
        Order: string list
        /// log p of the latent sites.
        Priors: Term list
        /// log p of what is observed, and the factors, by what they are of.
        Evidence: (string * Location * Term) list
    }

    member j.Terms = j.Priors @ List.map (fun (_, _, t) -> t) j.Evidence

[<RequireQualifiedAccess>]
module internal FiniteJoint =
    let private enumerate (all: EnumeratedSites) (r: SiteRequest) =
        if not (isNull r.Value) then
            r
        else
            match r.Distribution with
            // a function of other sites, and no variable
            | :? Dirac as d -> { r with Value = d.Value; IsFixed = true }
            | d when (Enumeration.count d).IsSome -> all.Enumerate r
            | d ->
                let shape = if d.Shape.Length = 0 then "" else $" of shape {Fail.shape d.Shape}"

                Fail.at
                    r.Location
                    $"The site \"{r.Path}\" draws from {d.Name}{shape}, whose values cannot be listed; a finite model has finite sites."
                    (if d.Support = Support.Binary || d.Support = Support.OneHot then
                         "Draw one value in a plate, for each of its elements."
                     else
                         "Observe it, or derive a bound with a guide that draws it.")

    let private refuseHidden path _ =
        Fail.model $"The site \"{path}\" is hidden by a handler, and a finite model has no draws." "Leave Block out."

    let private requireUnscaled (s: FiniteSite) =
        if not (isNull s.Site.Scale) then
            Fail.at
                s.Site.Location
                $"The site \"{s.Path}\" is scaled; a posterior is one of sites that count once."
                "Scale a bound, or repeat what is observed in a plate."

    let private traced isFormal (program: Prob<'T>) : FiniteJoint =
        let all, trace = EnumeratedSites isFormal, Trace()

        program.Run
            { ProbContext.At(Choose(fun r -> refuseHidden r.Path ()), trace, [], []) with
                Handlers = [ enumerate all ]
                HandOn = all.HandOn
            }
        |> ignore

        let latent, observed = List.ofSeq trace.Sites |> List.partition (fun s -> all.Contains s.Path)
        let indices, lags = EnumeratedSites.Indices [ all ], all.Lags

        let sites = [ for s in latent -> { Site = s; Index = indices[s.Path]; Lags = lags[s.Path] } ]

        List.iter requireUnscaled sites

        {
            Sites = sites
            Order = [ for s in trace.Sites -> s.Path ]
            Priors = sites |> List.map (SumOut.prior [])
            Evidence =
                [
                    for s in observed -> s.Path, s.Location, Terms.prior [] s
                    for t in Terms.ofFactors [] (List.ofSeq trace.LooseFactors) -> t.Text, Location.unknown, t
                ]
        }

    let private mend = "Observe it"

    /// Sites eliminated from terms: what is left of these, and what was eliminated.
    let eliminate combination (sites: FiniteSite list) (terms: Term list) : Tensor * Removed list =
        let left, removed = SumOut.run combination [] mend sites terms

        let total =
            match combination with
            | Combination.MaxMin ->
                left
                |> List.map (fun t -> Elimination.over combination t.Own t.Value)
                |> Elimination.product combination
            | Combination.Sum
            | Combination.Max ->
                left
                |> List.map (fun t -> t.Sign * Elimination.over combination t.Own t.Scaled)
                |> List.fold (+) (Build.scalar DType.F32 0.0)

        total, removed

    /// The sum over all sites as a formula, and what is eliminated in order.
    let derivation (j: FiniteJoint) : string * Removed list =
        let left, removed = SumOut.run Combination.Sum [] mend j.Sites j.Terms
        Terms.joined (left |> List.map (fun t -> t.Sign, Terms.text t)), removed

    /// A term as what it says of a number of observations: ∞ where it is possible, else its own.
    let private coded (n: double) (t: Term) =
        let isPossible = less (number t.Value Double.NegativeInfinity) t.Scaled

        { t with
            Scale = null
            Weight = None
            Value = Build.select isPossible (number t.Value Double.PositiveInfinity) (number t.Value n)
        }

    /// How many of the observations and factors are possible together, from the first on: the most that any values of the sites leave possible. The largest
    /// over values of the number of the first that they exclude; ∞ if some values exclude none. So it takes one elimination, and not one for each.
    let possible (j: FiniteJoint) : Tensor =
        let evidence = j.Evidence |> List.mapi (fun k (_, _, t) -> coded (double k) t)
        fst (eliminate Combination.MaxMin j.Sites (List.map (coded -1.0) j.Priors @ evidence))

    /// Traces a program, and sees that its sites can be summed out.
    let ofProgram (program: Prob<'T>) : FiniteJoint =
        let formal = traced true program
        eliminate Combination.Sum formal.Sites formal.Terms |> ignore
        traced false program
