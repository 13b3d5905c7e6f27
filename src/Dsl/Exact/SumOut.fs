namespace Inference

open System
open System.Collections.Generic

/// What was eliminated in one go.
[<RequireQualifiedAccess>]
type internal Removed =
    /// A site of its own, for each value of its plates and steps.
    | Site of FiniteSite * Eliminated
    /// Sites along a chain, for each value of their plates.
    | Chain of EliminatedChain

/// Sums of terms over finite sites: those in most plates first, and those that a chain carries along it.
[<RequireQualifiedAccess>]
module internal SumOut =
    /// log p of a site that is summed out. One that is masked counts as one of equal probabilities, so that its sum is 0: what reads it there is
    /// masked as well.
    let prior given (s: FiniteSite) : Term =
        let t = Terms.prior given s.Site

        if isNull s.Site.Mask then
            t
        else
            let uniform = Build.scalar t.Value.DType -(log (double s.Index.Capacity))
            { t with Value = Build.select s.Site.Mask s.Site.Masked.Value uniform }

    let private refuseTable (mend: string) (s: FiniteSite) (variables: FreeIndex[]) =
        let names = variables |> Array.map (fun i -> $"\"{i.Name}\" ({i.Capacity})") |> String.concat " × "
        let size = (Elimination.size variables).ToString("N0", Globalization.CultureInfo.InvariantCulture)

        Fail.at
            s.Site.Location
            $"The site \"{s.Path}\" is too large to sum out: the table over {names} has {size} numbers; at most {Elimination.largest:N0} are taken."
            $"{mend}, or give what it is summed with fewer values."

    /// What multiplies the sum over some sites: their scale, which must be that of all terms in it. Sites that are not scaled take terms as
    /// they are, scaled.
    let private factorOut (sites: FiniteSite list) (terms: Term list) : Tensor * Term list =
        let s = sites.Head
        let scale = (Terms.prior [] s.Site).Scale

        if isNull scale then
            null, terms |> List.map (fun t -> { t with Value = t.Scaled; Scale = null })
        else
            for t in terms do
                if isNull t.Scale || not (Sameness.equal t.Scale scale) then
                    Fail.at
                        s.Site.Location
                        $"The site \"{s.Path}\" is summed out and counts as often as its scale says; {t.Text}, which reads it, is scaled otherwise."
                        "Scale the site and what reads it together."

            scale, terms |> List.map (fun t -> { t with Scale = null })

    let private requireApart given mend (s: FiniteSite) (plates: FreeIndex list) (t: Term) =
        match Terms.mixes given plates s.Site.Value t with
        | Some i -> Terms.refuseMixed s.Path s.Site.Location "summed out" i mend t
        | None -> ()

    /// The factors of a sum within some plates, and how they are written.
    let private within (plates: FreeIndex list) (terms: Term list) =
        let own = terms |> List.map (fun t -> { t with Own = Terms.except plates t.Own })
        own |> List.map (fun t -> t.Sign, Terms.text t) |> Terms.joined, own

    let private value combination (t: Term) =
        match combination with
        | Combination.MaxMin -> Elimination.over combination t.Own t.Value
        | Combination.Sum
        | Combination.Max -> t.Sign * Elimination.over combination t.Own t.Value

    let private written combination names inside =
        match combination with
        | Combination.Sum -> $"log Σ_{names} exp({inside})"
        | Combination.Max
        | Combination.MaxMin -> $"max_{names} [ {inside} ]"

    let private reads (s: FiniteSite) (t: Term) = s.All |> List.exists (Terms.has t.Value)

    let private site combination given mend (s: FiniteSite) (terms: Term list) : Term list * Removed =
        let inside, outside = terms |> List.partition (reads s)
        let scale, inside = factorOut [ s ] inside
        inside |> List.iter (requireApart given mend s s.Indices)
        let text, own = within s.Indices inside

        let left, eliminated =
            Elimination.one combination (refuseTable mend s) s.Index (List.map (value combination) own)

        let sum =
            {
                Text = written combination (Terms.name s.Path) text
                Sign = 1.0
                Value = List.exactlyOne left
                Scale = scale
                Own = Terms.except given s.Indices
                Weight = None
            }

        outside @ [ sum ], Removed.Site(s, eliminated)

    /// A sum along a chain is one over the values of its own sites: others that each step has are to be gone.
    let private requireAlone mend (all: FiniteSite list) time (sites: FiniteSite list) (t: Term) =
        let isOther (s: FiniteSite) =
            List.contains time s.Site.Times
            && not (sites |> List.exists (fun own -> own.Path = s.Path))
            && reads s t

        match all |> List.tryFind isOther with
        | Some other ->
            let s = sites.Head

            Fail.at
                s.Site.Location
                $"The site \"{s.Path}\" is summed out along \"{time.Name}\"; {t.Text} reads it together with \"{other.Path}\", which is drawn at each step in other plates."
                $"{mend}, or keep both in the same plates."
        | None -> ()

    let private chain combination given mend all time (sites: FiniteSite list) (terms: Term list) : Term list * Removed =
        let s = sites.Head
        let plates = Terms.except [ time ] s.Indices
        let inside, outside = terms |> List.partition (fun t -> sites |> List.exists (fun s -> reads s t))
        let scale, inside = factorOut sites inside

        for t in inside do
            for s in sites do
                requireApart given mend s plates t

            if Messages.mixes time sites t then
                Terms.refuseMixed s.Path s.Site.Location "summed out" time mend t

            requireAlone mend all time sites t

        let text, own = within plates inside
        let steps, ends = own |> List.partition (fun t -> List.contains time t.Own)
        let factor t = value combination { t with Own = Terms.except [ time ] t.Own }

        let left, eliminated =
            Messages.along combination (refuseTable mend s) time sites (List.map factor steps) (List.map factor ends)

        let names =
            sites |> List.map (fun s -> $"{Terms.name s.Path}[{Terms.name time.Name}]") |> String.concat ","

        let sum =
            {
                Text = written combination names text
                Sign = 1.0
                Value = Elimination.product combination left
                Scale = scale
                Own = Terms.except given plates
                Weight = None
            }

        outside @ [ sum ], Removed.Chain eliminated

    /// Sites with the lags up to the earliest value that a term reads.
    let private readLags (terms: Term list) (s: FiniteSite) =
        let isRead i = terms |> List.exists (fun t -> Terms.has t.Value i)

        { s with
            Lags = s.Lags |> List.rev |> List.skipWhile (isRead >> not) |> List.rev
        }

    /// Sites in groups, those together that a term reads together.
    let private together (terms: Term list) (sites: FiniteSite list) : FiniteSite list list =
        let join groups t =
            let those, others = groups |> List.partition (List.exists (fun s -> reads s t))
            if those.IsEmpty then others else List.concat those :: others

        let order (s: FiniteSite) = sites |> List.findIndex (fun other -> other.Path = s.Path)

        terms
        |> List.fold join (sites |> List.map List.singleton)
        |> List.map (List.sortBy order)
        |> List.sortBy (List.head >> order)

    /// Sites of their own one after another, each time the one whose table is smallest.
    let rec private apart combination given mend (sites: FiniteSite list) (terms: Term list) : Term list * Removed list =
        match sites with
        | [] -> terms, []
        | _ ->
            let cost (s: FiniteSite) =
                terms
                |> List.filter (reads s)
                |> List.map (fun t -> t.Value)
                |> Elimination.scope
                |> Elimination.size

            // of equal ones the last drawn
            let next = List.minBy cost (List.rev sites)
            let terms, first = site combination given mend next terms
            let rest = sites |> List.filter (fun s -> s.Path <> next.Path)
            let terms, rest = apart combination given mend rest terms
            terms, first :: rest

    /// Eliminates sites from a sum of terms, which may be written over plates, samples and steps (`given`: those that are left open). What was
    /// eliminated follows in order. `mend` says what else could become of a site.
    let run combination given mend (sites: FiniteSite list) (terms: Term list) : Term list * Removed list =
        let sites = sites |> List.map (readLags terms)

        let frame (terms, removed) (_, level: FiniteSite list) =
            let own, carried = level |> List.partition (fun s -> s.Lags.IsEmpty)
            let terms, first = apart combination given mend own terms

            let along (terms, removed) (group: FiniteSite list) =
                let time = List.last group.Head.Site.Times
                let terms, last = chain combination given mend sites time group terms
                terms, removed @ [ last ]

            // chains over the same steps and plates; one may start from where an earlier one ends
            let groups = carried |> List.groupBy (fun s -> s.Indices) |> List.collect (snd >> together terms)

            List.fold along (terms, removed @ first) (List.rev groups)

        sites
        |> List.groupBy (fun s -> s.Indices.Length)
        |> List.sortByDescending fst
        |> List.fold frame (terms, [])
