namespace Inference.Examples.LatentPendulum;

/// <summary>A recording of the pendulum; row t holds what the torque of row t led to.</summary>
/// <param name="Observation">cos θ and sin θ with noise; the velocity is not seen.</param>
/// <param name="Action">The torque in newton metres.</param>
/// <param name="Reward">The reward over <see cref="RewardUnit"/>.</param>
public sealed record Recording(
    [property: Size(Recording.Steps, Recording.Observed)] Tensor Observation,
    [property: Size(Recording.Steps, 1)] Tensor Action,
    [property: Size(Recording.Steps)] Tensor Reward)
{
    /// <summary>Steps of a recording, of 0.05 s each.</summary>
    public const int Steps = 40;

    /// <summary>Steps that are observed before what follows is predicted.</summary>
    public const int Context = 10;

    /// <summary>Numbers of an observation.</summary>
    public const int Observed = 2;

    /// <summary>The unit of rewards, which keeps them near those of observations.</summary>
    public const double RewardUnit = 8;
}

/// <summary>The sizes of a state-space model.</summary>
/// <param name="Width">Units of each hidden layer and of the deterministic path.</param>
/// <param name="Latents">Numbers of the stochastic path.</param>
public sealed record StateSpaceSizes(int Width, int Latents);

/// <summary>What a twin brings: the same model, specified in its own language.</summary>
/// <param name="Model">The model of a recording with its guide and bound.</param>
/// <param name="Imagine">
/// From a recording to the means of all its observations [40, 2], given the first ten of them and all torques: one draw of the latent path.
/// </param>
public sealed record LatentPendulumTwin(VariationalModel<Recording> Model, Func<Recording, Prob<Tensor>> Imagine);
