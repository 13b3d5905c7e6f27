namespace Inference

open System
open System.Collections.Generic

/// The posterior of a program whose latent sites are all finite, exactly, by elimination of its variables: sums over plates, and along chains in a time
/// that grows with their length. What it returns are tensors of a program: compiled, and differentiable. What is observed in the program, or by
/// a condition on it, is the evidence. Where that is impossible, probabilities are 0; a checked engine names the observation.
[<Sealed>]
type FinitePosterior internal (joint: FiniteJoint) =
    let zero = Build.scalar DType.F32 0.0
    let sum sites terms = fst (FiniteJoint.eliminate Combination.Sum sites terms)

    let find path = joint.Sites |> List.map (fun s -> s.Path, s) |> SitesAsked.find path

    let stack (indices: FreeIndex list) (x: Tensor) = List.foldBack Structure.stack indices x

    let possibleTogether = lazy (FiniteJoint.possible joint)

    /// A condition for each observation and factor: that it can be, given those before it.
    let possible (x: Tensor) =
        let check (value: Tensor) (k, (name, location, _)) =
            let spec =
                {
                    Site = name
                    Requirement = "to be possible, given what is observed before it"
                    Location = location
                }

            let together = possibleTogether.Value
            let ok = less (number together (double k)) together
            Build.node (Op.Check spec) [| value; Build.fill value.Shape ok |] value.Shape value.DType

        joint.Evidence |> List.indexed |> List.fold check x

    let evidence = lazy (possible (sum joint.Sites joint.Terms))
    let summed = lazy (snd (FiniteJoint.eliminate Combination.Sum joint.Sites joint.Terms))
    let best = lazy (FiniteJoint.eliminate Combination.Max joint.Sites joint.Terms)

    /// The derivative of the log-evidence by what is added to log p of each value of a site is the value's probability.
    let marginals =
        lazy
            (let around = evidence.Value.Indices

             let field (s: FiniteSite) =
                 let shape = [| for i in s.Indices @ [ s.Index ] -> i.Capacity |]
                 let none = Array.fold (fun x i -> x + 0.0 * Build.convert DType.F32 (Structure.position i)) zero around
                 Build.fill shape none

             let fields = joint.Sites |> List.map field

             let added =
                 List.map2
                     (fun (s: FiniteSite) h ->
                         let value = List.fold (fun x i -> Structure.unstack i x) h (s.Indices @ [ s.Index ])
                         Terms.summand [] s.Indices null "" 1.0 value)
                     joint.Sites
                     fields

             let log = possible (sum joint.Sites (joint.Terms @ added))
             let found = Calculus.gradient log (Array.ofList fields)
             log, readOnlyDict (Seq.zip (joint.Sites |> List.map (fun s -> s.Path)) found))

    /// Whether the site is at its stated place, and has the value that an index names: 0, and −∞ if it is there and has another.
    let pinned (q: SiteAt, index: FreeIndex) : Term =
        let s = find q.Path

        SitesAsked.requirePlace q s.Indices

        let place (i: FreeIndex) position = equals (Structure.position i) (Build.scalar DType.I32 (double position))

        let isAt = List.map2 place s.Indices (List.ofArray q.Positions) |> List.fold both (equals zero zero)
        let same = equals (Structure.position s.Index) (Structure.position index)
        let allowed = Build.binary BinaryOp.Or (Build.unary UnaryOp.Not isAt) same
        Terms.summand [] s.Indices null $"{q.Path} is given" 1.0 (where allowed zero)

    /// The joint probabilities of some sites with the evidence, as logarithms: an axis for each.
    let logTable (sites: SiteAt list) : Tensor =
        let indices =
            sites
            |> List.map (fun q -> FreeIndex($"{q.Path} asked", (find q.Path).Index.Extent, IndexKind.Enumerated))

        let pins = List.map pinned (List.zip sites indices)
        stack indices (possible (sum joint.Sites (joint.Terms @ pins)))

    let mustName (sites: SiteAt seq) =
        let all = List.ofSeq sites

        if all.IsEmpty then
            Fail.model "A table of no sites was asked for." "Name one or more."

        all

    /// The log-evidence, in nats.
    member _.LogEvidence: Tensor = evidence.Value

    /// The probabilities of a site's values: plates and steps are leading axes, values the last. Along a chain it is smoothed: given all that is
    /// observed. All are 0 where that is impossible.
    member _.Marginal(path: string) : Tensor =
        let log, found = marginals.Value
        let p: Tensor = found[(find path).Path]
        // what is impossible whatever the values are has no derivative by them
        Build.select (less (number log Double.NegativeInfinity) log) p (number p 0.0)

    /// The joint probabilities of some sites, an axis for each.
    member _.Joint([<ParamArray>] sites: SiteAt[]) : Tensor = Elimination.normalised 0 (logTable (mustName sites))

    /// P(sites | given): an axis for each that is given, then one for each other; 0 where what is given is impossible.
    member _.Conditional(sites: SiteAt seq, given: SiteAt seq) : Tensor =
        let given = List.ofSeq given
        Elimination.normalised given.Length (logTable (given @ mustName sites))

    member private _.Assigned(positions: IReadOnlyDictionary<FreeIndex, Tensor>) =
        let value (s: FiniteSite) =
            stack s.Indices (Enumeration.valuesAt positions[s.Index] s.Site.Distribution) |> possible

        SiteValues(readOnlyDict [ for s in joint.Sites -> s.Path, value s ])

    /// The most likely values of all sites together; of equally likely ones some. Along a chain it is Viterbi's path.
    member p.MostLikely: SiteValues =
        let pick _ _ _ _ row = Shapes.argMax 0 row
        p.Assigned(Assignments.backward pick (snd best.Value))

    /// log p(the most likely values, what is observed), in nats.
    member _.LogMostLikely: Tensor = possible (fst best.Value)

    /// A draw of all sites together: backward through what was eliminated, along a chain after filtering forward.
    member p.Sample: Prob<SiteValues> =
        Prob(fun c ->
            let pick (s: FiniteSite) (index: FreeIndex) plates times (row: Tensor) =
                match Prob.keyOf c (c.Enter $"{index.Name} of posterior").Path with
                | Some key ->
                    let draws = { Key = key; Plates = c.Plates @ plates; Times = c.Times @ times }

                    choose (Elimination.normalised 0 row) (draws.UniformLike(zero, 0))
                | None ->
                    Fail.at
                        s.Site.Location
                        $"The site \"{s.Path}\" is drawn from a posterior where no draws are made."
                        "Run the program with a seed."

            p.Assigned(Assignments.backward pick summed.Value))

    /// The probabilities of a site of each step of a chain given what is observed up to that step, that included, and before the chain: plates and steps are
    /// leading axes, values the last.
    member _.Filtered(path: string) : Tensor = FilteredSites.probabilities joint summed.Value (find path) |> possible

    /// How the evidence is computed: its formula, with all sums in it, and what is eliminated in which order, with the size of each table.
    member _.Explain() : string = FiniteDerivation.text joint

/// Posteriors of finite models.
[<RequireQualifiedAccess; CompilationRepresentation(CompilationRepresentationFlags.ModuleSuffix)>]
module FinitePosterior =
    /// The posterior of a program whose latent sites are all finite.
    let ofProgram (program: Prob<'T>) : FinitePosterior = FinitePosterior(FiniteJoint.ofProgram program)
