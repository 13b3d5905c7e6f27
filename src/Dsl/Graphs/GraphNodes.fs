namespace Inference

/// What a node of a model's graph stands for.
[<RequireQualifiedAccess>]
type NodeKind =
    /// A site that is drawn.
    | Latent
    /// A site whose value is known.
    | Observed
    /// A site that is set from outside: nothing that the model says leads to it.
    | Intervened
    /// What a Markov chain carries from step to step and computes from what it carried before.
    | Deterministic
    /// A weight of the run, which is always given.
    | Factor
    /// A number that a program is given.
    | Input
    /// A number that is learnt.
    | Parameter

    override k.ToString() =
        match k with
        | Latent -> "latent"
        | Observed -> "observed"
        | Intervened -> "intervened"
        | Deterministic -> "deterministic"
        | Factor -> "factor"
        | Input -> "input"
        | Parameter -> "parameter"

/// At which values of a plate, or steps of a chain, a node is read, as seen from where the reader stands.
[<RequireQualifiedAccess>]
type internal Position =
    /// At the reader's own.
    | Same
    /// So many steps before the reader's.
    | Before of steps: int
    /// At all of them.
    | Every
    /// So many steps before the last one.
    | FromEnd of steps: int

/// A site, a factor, a carried value, an input or a parameter.
[<ReferenceEquality>]
type GraphNode =
    {
        /// The path of a site, a carried value or a factor; the name of an input or a parameter.
        Name: string
        Kind: NodeKind
        /// The name of a site's distribution, or an empty string.
        Distribution: string
        /// The element shape.
        Shape: int[]
        /// The plates and chains that the node stands in, the outermost first.
        Indices: FreeIndex list
        /// Whether the value is a function of the parents.
        IsComputed: bool
        Location: Location
    }

    /// Whether the node is a random variable, or computed from such, so that independence can be asked of it.
    member n.IsVariable =
        match n.Kind with
        | NodeKind.Latent
        | NodeKind.Observed
        | NodeKind.Intervened
        | NodeKind.Deterministic -> true
        | NodeKind.Factor
        | NodeKind.Input
        | NodeKind.Parameter -> false

    override n.ToString() = n.Name

/// Says that a node's distribution, or its value, reads another.
[<ReferenceEquality>]
type internal GraphEdge =
    {
        From: GraphNode
        To: GraphNode
        /// For each of the indices of what is read: where it is read.
        At: (FreeIndex * Position) list
        /// The reader's steps at which it reads: what a chain starts from is read at its first step alone. Empty: at all of them.
        Only: (FreeIndex * int) list
        /// Of what a chain starts from: the node, and how many steps of which chain before the reader, whose value it stands for.
        StandsFor: (GraphNode * FreeIndex * int) option
    }

/// Indices are the same only if they are the same object.
[<RequireQualifiedAccess>]
module internal GraphIndex =
    let isSame (i: FreeIndex) (j: FreeIndex) = obj.ReferenceEquals(i, j)
    let contains (i: FreeIndex) (indices: FreeIndex list) = List.exists (isSame i) indices
