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

/// Expectation propagation (Minka, "Expectation propagation for approximate Bayesian inference", 2001): a factor's message makes the marginals of its
/// sites those of the factor times all other messages, as far as their moments go. All elements of a plate are updated together.
[<Sealed; AllowNullLiteral>]
type ExpectationPropagation() =
    inherit MessageMethod("expectation propagation", 50, 1e-4)
    /// The share of the old message, from 0 to below 1, in natural parameters. It does not move the fixed points; where many elements of a plate read
    /// one site, more of it may be needed to reach one.
    member val Damping = 0.0 with get, set
    /// Points of the Gauss–Hermite quadrature of factors whose moments have no closed form.
    member val QuadraturePoints = 40 with get, set

/// Variational message passing (Winn and Bishop, "Variational message passing", 2005): the product of one factor for each element of a site that is nearest
/// to the posterior in KL(q ‖ p), by exact updates of one site after another. Its bound, the ELBO, never decreases.
[<Sealed; AllowNullLiteral>]
type VariationalMessagePassing() =
    inherit MessageMethod("variational message passing", 100, 1e-4)
