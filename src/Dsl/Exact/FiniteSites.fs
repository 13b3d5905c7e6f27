namespace Inference

open System.Collections.Generic

/// Values of finite sites, all at once.
[<RequireQualifiedAccess>]
module internal Enumeration =
    /// The number of values of a site, if they can be listed.
    let count (d: Distribution) =
        match d.Support with
        | Support.Integers(Some n) when d.Shape.Length = 0 -> Some n
        | Support.Binary when d.Shape.Length = 0 -> Some 2
        | Support.OneHot when d.Shape.Length = 1 -> Some d.Shape[0]
        | _ -> None

    /// An index over all values of a site that can be listed.
    let index (path: string) (d: Distribution) = FreeIndex(path, Extent.Fixed (count d).Value, IndexKind.Enumerated)

    /// The values at positions among all.
    let valuesAt (position: Tensor) (d: Distribution) : Tensor =
        match count d, d.Support with
        | Some n, Support.OneHot -> Build.convert d.DType (Build.binary BinaryOp.Equal (Shapes.iota n) (Build.fill [| n |] position))
        | _ -> Build.convert d.DType position

    /// All values of a site, over its index, and formally over further indices.
    let values (index: FreeIndex) (further: FreeIndex list) (d: Distribution) : Tensor =
        let position =
            further
            |> List.fold (fun x i -> x + Build.scalar DType.I32 0.0 * Structure.position i) (Structure.position index)

        valuesAt position d

/// A site whose values are looked at all at once.
type private EnumeratedSite =
    {
        Location: Location
        Times: FreeIndex list
        Index: FreeIndex
        /// Over its values one step of its chain before, two steps before, ….
        Lags: ResizeArray<FreeIndex>
    }

/// The sites of a program whose values are looked at all at once. Formally, values vary over the plates and steps that their site stands in: what
/// mixes them can be seen.
[<Sealed>]
type internal EnumeratedSites(isFormal: bool) =
    let sites = Dictionary<string, EnumeratedSite>()

    /// An index over the values of a site one step before those that an index is over.
    let before path (s: EnumeratedSite) carried (index: FreeIndex) =
        let k = s.Lags.IndexOf index + 1

        if k = s.Lags.Count then
            // what is handed on reaches each carried value once
            if k = carried then
                let time = List.last s.Times

                Fail.at
                    s.Location
                    $"The site \"{path}\" is summed out along \"{time.Name}\"; what the chain carries is computed from all its earlier values."
                    "Let the chain carry values of a limited number of steps, or make what it carries a site that follows from others: one of probabilities 0 and 1."

            s.Lags.Add(FreeIndex($"{path} {k + 1} before", Extent.Fixed index.Capacity, IndexKind.Enumerated))

        s.Lags[k]

    member _.Contains(path: string) = sites.ContainsKey path

    /// The indices over values of earlier steps, by the site's path.
    member _.Lags: IReadOnlyDictionary<string, FreeIndex list> =
        readOnlyDict [ for s in sites -> s.Key, List.ofSeq s.Value.Lags ]

    /// The indices over values, by the site's path.
    static member Indices(all: EnumeratedSites seq) : IReadOnlyDictionary<string, FreeIndex> =
        readOnlyDict
            [
                for e in all do
                    for s in e.Sites -> s
            ]

    member private _.Sites = [ for s in sites -> s.Key, s.Value.Index ]

    /// Gives a site all its values.
    member _.Enumerate(r: SiteRequest) : SiteRequest =
        // a chain may be traced more than once: a site keeps its index
        if not (sites.ContainsKey r.Path) then
            sites[r.Path] <-
                {
                    Location = r.Location
                    Times = r.Times
                    Index = Enumeration.index r.Path r.Distribution
                    Lags = ResizeArray()
                }

        { r with
            Value = Enumeration.values sites[r.Path].Index (if isFormal then r.Plates @ r.Times else []) r.Distribution
            IsEnumerated = true
        }

    /// What a step of a chain hands on: the next step sees values of its sites as those of one step before.
    member _.HandOn (time: FreeIndex) (carried: int) (next: Tensor) : Tensor =
        let handOn (x: Tensor) (KeyValue(path, s)) =
            let held = s.Index :: List.ofSeq s.Lags |> List.filter (fun i -> Array.contains i x.Indices)

            if held.IsEmpty || not (List.contains time s.Times) then
                x
            elif not (obj.ReferenceEquals(List.last s.Times, time)) then
                Fail.at
                    s.Location
                    $"The site \"{path}\" is summed out along \"{(List.last s.Times).Name}\"; the chain over \"{time.Name}\" around it carries its values on."
                    "Draw the site in the guide, or let the inner chain end what reads it."
            else
                // the earliest first, so that no two are one
                List.foldBack (fun i x -> Structure.unstack (before path s carried i) (Structure.stack i x)) held x

        Seq.fold handOn next sites
