namespace Inference

/// A latent site of a factor graph. `Value` stands for its values in the graph of the program.
type internal Variable =
    {
        Site: SiteRecord
        Value: Tensor
        Family: ExponentialFamily
        /// Of a site of listed values, the index that `Value` is over.
        Gate: FreeIndex option
    }

    member v.Path = v.Site.Path
    member v.Indices = v.Site.Plates

/// The precision of a Gaussian factor.
[<RequireQualifiedAccess>]
type internal FactorNoise =
    | Fixed of deviation: Tensor
    /// scale·element of a Gamma site.
    | Drawn of scale: Tensor * LinearTerm

/// t(L) of a linear form L of Gaussian sites.
[<RequireQualifiedAccess>]
type internal Likelihood =
    /// N(L; 0, 1/precision)
    | Gaussian of FactorNoise
    /// Φ(L)
    | Probit
    /// 1 where L > 0.
    | Positive
    /// 1 where low < L < high.
    | Between of low: Tensor * high: Tensor
    /// Any other: log t at a value of L.
    | Other of (Tensor -> Tensor)

/// What is known of a factor's messages.
[<RequireQualifiedAccess>]
type internal FactorKind =
    /// No variable is read: log f.
    | Known of Tensor
    /// log f = λ·u(x) + c for an element x of one site: λ is the message, whatever the others are. Of a Gaussian, the constant is not c but log f where it
    /// is largest, which does not cancel where values are far from 0.
    | Conjugate of LinearTerm * natural: Tensor[] * constant: Tensor
    | OfForm of LinearForm * Likelihood
    /// N(residual; 0, 1/precision) of a residual that is linear in each Gaussian site while the others are held, with how it reads each.
    | Product of residual: Tensor * LinearTerm list * FactorNoise
    /// Gamma(value; shape, scale·rate) of two Gamma sites.
    | GammaOfRate of shape: Tensor * scale: Tensor * rate: LinearTerm * value: LinearTerm
    /// 1 where a site is between the limits of its family, else 0.
    | Limits of LinearTerm

/// A factor of a model's density: a site's own density, or a `Factor`.
type internal FactorNode =
    {
        Name: string
        Location: Location
        Plates: FreeIndex list
        /// Where false, the factor does not count; null for everywhere.
        Mask: Tensor
        Kind: FactorKind
        /// Sites of listed values that the factor reads; it is free in the index of each.
        Gates: Variable list
    }

/// The factors of a program, and the sites between them.
type internal FactorGraph = { Variables: Variable list; Factors: FactorNode list }

[<RequireQualifiedAccess>]
module internal Factors =
    /// What a factor reads, each with the messages that it is sent.
    let reads (f: FactorNode) : LinearTerm list =
        match f.Kind with
        | FactorKind.Known _ -> []
        | FactorKind.Limits t
        | FactorKind.Conjugate(t, _, _) -> [ t ]
        | FactorKind.GammaOfRate(_, _, rate, value) -> [ rate; value ]
        | FactorKind.Product(_, terms, FactorNoise.Drawn(_, precision)) -> terms @ [ precision ]
        | FactorKind.Product(_, terms, FactorNoise.Fixed _) -> terms
        | FactorKind.OfForm(form, Likelihood.Gaussian(FactorNoise.Drawn(_, precision))) -> form.Terms @ [ precision ]
        | FactorKind.OfForm(form, _) -> form.Terms

    /// Whether a factor reads a site.
    let isOf (v: Variable) (f: FactorNode) =
        reads f |> List.exists (fun t -> obj.ReferenceEquals(t.Of, v.Value))
        || f.Gates |> List.exists (fun gate -> gate.Path = v.Path)

    /// Whether messages change from sweep to sweep.
    let isIterated (f: FactorNode) =
        match f.Kind with
        | FactorKind.Known _
        | FactorKind.Conjugate _ -> not f.Gates.IsEmpty
        | FactorKind.Limits _ -> false
        | FactorKind.Product _
        | FactorKind.GammaOfRate _
        | FactorKind.OfForm _ -> true

    /// Whether each element of a site is read once, and by one element of the factor.
    let isOwn (v: Variable) (f: FactorNode) (t: LinearTerm) = obj.ReferenceEquals(t.Read, v.Value) && v.Indices = f.Plates

    /// A sum over all elements and plates.
    let total (plates: FreeIndex list) (x: Tensor) = Structure.sum [| 0 .. x.Shape.Length - 1 |] plates x
