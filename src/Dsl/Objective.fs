namespace Inference

open System
open System.Collections.Generic

/// What a score-function estimate is centred by: the nearer to the return, the smaller the variance.
[<RequireQualifiedAccess>]
type Baseline =
    | Nothing
    /// The mean of the other samples' returns; needs at least two.
    | LeaveOneOut
    /// A moving average of the returns, kept as a parameter `baseline.site`.
    | MovingAverage of decay: double
    /// A prediction of the return from what is known before the draw, such as a network's; it learns by the squared error, as do the
    /// parameters of the model that it reads, unless they are under `StopGradient`.
    | Learned of prediction: Tensor

/// How the derivative of an expectation over a site's draws is found.
[<RequireQualifiedAccess>]
type Estimator =
    /// Through the draw itself, for distributions whose draws have derivatives, straight-through ones included.
    | Reparameterised
    /// By ∇E[f] = E[(f − b)·∇log q] (Williams, 1992), for any distribution.
    | Score of Baseline
    /// Exactly: a sum over all values of a finite site.
    | Enumerated

    override e.ToString() =
        match e with
        | Reparameterised -> "reparameterised"
        | Score Baseline.Nothing -> "score function"
        | Score Baseline.LeaveOneOut -> "score function, leave-one-out baseline"
        | Score(Baseline.MovingAverage _) -> "score function, moving-average baseline"
        | Score(Baseline.Learned _) -> "score function, learned baseline"
        | Enumerated -> "enumerated exactly"

/// Which bound, and how it is estimated.
[<Sealed; AllowNullLiteral>]
type Objective() =
    /// Draws of the guide for each datum; at least 1.
    member val Samples = 1 with get, set
    /// What multiplies divergences (Higgins et al., 2017).
    member val Beta = 1.0 with get, set
    /// Divergences count as at least so many nats for each site, on the mean over plates, steps and samples (Kingma et al., 2016).
    member val FreeNats = 0.0 with get, set
    /// The prior's share of the derivatives of divergences, the guide's being the rest (Hafner et al., 2021: 0.8); unset, each moves by the whole.
    member val Balance = Nullable<double>() with get, set
    /// Rényi's order α in [0, 1]: 1 is the ELBO, 0 the importance-weighted bound (Li and Turner, 2016).
    member val Order = 1.0 with get, set
    /// Whether divergences are sampled even where a closed form is known.
    member val SampledDivergences = false with get, set
    /// How derivatives are found, by site.
    member val Estimators = Dictionary<string, Estimator>() with get, set

    /// The evidence lower bound.
    static member Elbo([<Runtime.InteropServices.Optional; Runtime.InteropServices.DefaultParameterValue(1)>] samples: int) =
        Objective(Samples = samples)

    /// The importance-weighted bound of so many samples (Burda et al., 2016). With a score-function estimator and a leave-one-out
    /// baseline it is VIMCO (Mnih and Rezende, 2016).
    static member ImportanceWeighted(samples: int) = Objective(Samples = samples, Order = 0.0)

    /// Rényi's bound of an order in [0, 1].
    static member Renyi(order: float, samples: int) = Objective(Samples = samples, Order = order)
