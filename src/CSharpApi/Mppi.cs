using Microsoft.FSharp.Core;

namespace Inference;

/// <summary>
/// Path-integral control (Williams et al., "Information theoretic MPC for model-based reinforcement learning", ICRA 2017): action
/// sequences are drawn around the last plan and averaged with weights softmax(return / α).
/// </summary>
public sealed record Mppi
{
    /// <summary>Action sequences drawn for each solve; at least 1.</summary>
    public int Samples { get; init; } = 1024;

    /// <summary>Steps planned; at least 1.</summary>
    public int Horizon { get; init; } = 50;

    /// <summary>
    /// Standard deviations of the drawn actions, in the actions' own units: one number for all, one for each number of an action, or
    /// one for each step and number.
    /// </summary>
    public Noise Noise { get; init; } = 1;

    /// <summary>
    /// Draws of the dynamics' noise for each sequence: under fixed dynamics its return is averaged over them, under the exact posterior each weighs by itself.
    /// Without effect where the step is a function.
    /// </summary>
    public int Rollouts { get; init; } = 1;

    /// <summary>Fresh rollouts that estimate the new plan's ELBO; at least 1.</summary>
    public int ElboSamples { get; init; } = 64;

    /// <summary>
    /// The prior that plans are inferred under, such as <c>new NormalPrior([0], 1)</c>; samples then weigh by their density under it, too. Null: the
    /// Gaussian that they are drawn from, around the last plan.
    /// </summary>
    public NormalPrior? Prior { get; init; }

    internal MppiSettings Settings => new(
        Samples, Horizon, Noise, Rollouts, ElboSamples, Prior is null ? null : FSharpOption<NormalPrior>.Some(Prior));
}
