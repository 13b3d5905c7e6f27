namespace Inference

open System
open System.Collections.Generic

/// What masks and scales make of log-weights.
[<RequireQualifiedAccess>]
module internal Weights =
    /// The value where a mask holds, else 0; a mask of null holds everywhere.
    let masked (mask: Tensor) (x: Tensor) = if isNull mask then x else Build.select mask x (Build.scalar x.DType 0.0)

    /// scale·x; a scale of null is 1.
    let scaled (scale: Tensor) (x: Tensor) = if isNull scale then x else Build.convert x.DType scale * x

/// A sample or observation that a program made while it was traced.
type SiteRecord =
    {
        Path: string
        Location: Location
        Distribution: Distribution
        Value: Tensor
        /// The log-density of the value, free in the plates and times that the site stands in; masked and scaled.
        LogDensity: Lazy<Tensor>
        IsObserved: bool
        /// Drawn by a guide for its own use: no site of a model.
        IsAuxiliary: bool
        Plates: FreeIndex list
        Times: FreeIndex list
        /// The log-density that is neither masked nor scaled.
        Score: Lazy<Tensor>
        /// The log-density that is masked alone.
        Masked: Lazy<Tensor>
        /// Where false, the site does not count; null for everywhere.
        Mask: Tensor
        /// What multiplies the log-density; null for 1.
        Scale: Tensor
    }

    /// What a mask makes of a log-density, or of a divergence, of the site.
    member s.MaskedBy(x: Tensor) = Weights.masked s.Mask x

    /// What masks and scales do to a log-density, or to a divergence, of the site.
    member s.Weighed(x: Tensor) = Weights.scaled s.Scale (s.MaskedBy x)

/// A site on its way through handlers, from the innermost to the outermost.
type SiteRequest =
    {
        Path: string
        Plates: FreeIndex list
        Times: FreeIndex list
        Location: Location
        Distribution: Distribution
        /// The value, or null while nobody has given one.
        Value: Tensor
        IsObserved: bool
        IsAuxiliary: bool
        /// Set from outside: no random choice any more.
        IsFixed: bool
        /// Not seen by handlers further out, nor by the trace.
        IsHidden: bool
        /// What is drawn is a constant to derivatives, also in its own density.
        IsHeld: bool
        /// All values of the site at once.
        IsEnumerated: bool
        /// What the rest of the program sees of the value.
        Pass: Tensor -> Tensor
    }

    /// The plates and times that the site stands in.
    member r.Indices = r.Plates @ r.Times

/// A factor that a program made while it was traced.
type FactorRecord =
    {
        /// Free in the plates and times that the factor stands in; masked and scaled.
        LogWeight: Tensor
        Plates: FreeIndex list
        Times: FreeIndex list
        /// The same that is masked alone.
        Masked: Tensor
        /// What multiplies it; null for 1.
        Scale: Tensor
    }

/// What a traced program left: its sites, in order, and the sum of its factors.
[<Sealed>]
type Trace internal (root: string) =
    let sites = ResizeArray<SiteRecord>()
    let factors = ResizeArray<Tensor>()
    let loose = ResizeArray<FactorRecord>()
    let paths = HashSet<string>()
    let hashes = Dictionary<struct (uint32 * uint32), string>()
    new() = Trace ""
    member _.Sites = sites :> IReadOnlyList<SiteRecord>
    /// Log-weights from factors and observations, each summed over its own plates and times.
    member _.Factors = factors :> IReadOnlyList<Tensor>
    /// Factors alone, each as it stands in its plates and times.
    member _.LooseFactors = loose :> IReadOnlyList<FactorRecord>

    /// The site of a path within the program that was traced, if the program made it.
    member _.TryFind(path: string) =
        let path = if root = "" then path else $"{root}/{path}"
        sites |> Seq.tryFind (fun s -> s.Path = path)

    member internal _.Claim(path: string, location: Location) =
        if not (paths.Add path) then
            Fail.at location $"The site \"{path}\" occurs twice." "Give each site of a program, plate or chain a name of its own."

        let hash = Philox.hashPath path

        match hashes.TryGetValue hash with
        | true, other ->
            Fail.at location $"The sites \"{path}\" and \"{other}\" have one hash, and would draw the same numbers." "Rename one of them."
        | _ -> hashes[hash] <- path

    member internal _.Record site = sites.Add site
    member internal _.Weigh x = factors.Add x

    member internal _.Factor(record: FactorRecord, summed: Tensor) =
        factors.Add summed
        loose.Add record

    /// Takes in what an inner trace recorded.
    member internal t.Include(inner: Trace) =
        for site in inner.Sites do
            t.Claim(site.Path, site.Location)
            t.Record site

        for f in inner.Factors do
            t.Weigh f

        loose.AddRange inner.LooseFactors

/// How sample sites get their values while a program is traced.
type SampleSource =
    /// Fresh draws under a seed (two words) and an outer step (two words).
    | Draw of seed: Tensor[] * step: Tensor[]
    /// Anything: a fixed value, a proposal, a replayed draw.
    | Choose of (SiteRequest -> Tensor)

/// A chain that a program made: what its loop carries, before and after a step, and at the end.
type ChainRecord =
    {
        Index: FreeIndex
        /// Of the carried values: the fields of their record.
        Names: string[]
        Starts: Tensor[]
        Carries: Tensor[]
        Nexts: Tensor[]
        Finals: Tensor[]
    }

/// The chains of a guide by their paths, which its model's chains may share.
type Chains = Dictionary<string, ChainRecord>

/// Where in a program the tracing stands.
type ProbContext =
    {
        Path: string
        /// What paths begin with in the keys of draws, and in these alone.
        KeyPrefix: string
        Plates: FreeIndex list
        Times: FreeIndex list
        /// Plates and times that were open before the program was entered: factors keep them.
        Given: FreeIndex list
        Source: SampleSource
        Trace: Trace
        /// Innermost first.
        Handlers: (SiteRequest -> SiteRequest) list
        /// Where false, sites and factors do not count; null for everywhere.
        Mask: Tensor
        /// What multiplies log-densities and factors; null for 1.
        Scale: Tensor
        /// Where chains are recorded; null where they are not.
        Recorded: Chains
        /// Chains to share; null for none.
        Shared: Chains
        /// What a step of a chain makes of a value that it hands on, by the chain's index and the number of values that it carries.
        HandOn: FreeIndex -> int -> Tensor -> Tensor
    }

    /// Where a program starts to be traced.
    static member At(source: SampleSource, trace: Trace, plates: FreeIndex list, times: FreeIndex list) =
        {
            Path = ""
            KeyPrefix = ""
            Plates = plates
            Times = times
            Given = plates @ times
            Source = source
            Trace = trace
            Handlers = []
            Mask = null
            Scale = null
            Recorded = null
            Shared = null
            HandOn = fun _ _ x -> x
        }

    /// A path as it is within the program that stands here.
    member context.Within(path: string) = if context.Path = "" then path else path.Substring(context.Path.Length + 1)

    member context.Enter(name: string) =
        { context with
            Path = (if context.Path = "" then name else context.Path + "/" + name)
        }
