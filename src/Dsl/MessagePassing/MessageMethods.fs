namespace Inference

/// How messages are passed until they no longer change.
[<AbstractClass; AllowNullLiteral>]
type MessageMethod internal (name: string, sweeps: int, tolerance: double) =
    member _.Name = name
    /// At most so many sweeps over all factors; at least 1.
    member val Sweeps = sweeps with get, set
    /// Messages have converged when no marginal moves by more than this in a sweep: a Gaussian's mean in its standard deviations, its precision relative to
    /// itself, other natural parameters λ relative to 1 + |λ|.
    member val Tolerance = tolerance with get, set
    /// The share of the old messages, or of a site's old natural parameters, that an update keeps: from 0 to below 1. It does not move fixed points; by
    /// expectation propagation more of it may be needed to reach one where many elements of a plate read one site.
    member val Damping = 0.0 with get, set

/// Expectation propagation (Minka, "Expectation propagation for approximate Bayesian inference", 2001): a factor's message makes the marginals of its
/// sites those of the factor times all other messages, as far as their moments go. All elements of a plate are updated together.
[<Sealed; AllowNullLiteral>]
type ExpectationPropagation() =
    inherit MessageMethod("expectation propagation", 50, 1e-4)
    /// Points of the Gauss–Hermite quadrature of factors whose moments have no closed form.
    member val QuadraturePoints = 40 with get, set

/// Variational message passing (Winn and Bishop, "Variational message passing", 2005): the product of one factor for each element of a site that is nearest
/// to the posterior in KL(q ‖ p), by updates of one site after another. Its bound, the ELBO, never decreases.
[<Sealed; AllowNullLiteral>]
type VariationalMessagePassing() =
    inherit MessageMethod("variational message passing", 100, 1e-4)
    /// What the start is drawn by where a model is the same with some of its values exchanged: of sites of listed values, and of Gaussian sites whose
    /// products are observed. Another seed may lead to another, better or worse, bound.
    member val Seed = 0 with get, set
