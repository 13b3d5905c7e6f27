namespace Inference;

/// <summary>Exact inference from programs.</summary>
public static class Exact
{
    /// <summary>
    /// The posterior of a program whose latent sites are all finite, by elimination of its variables. What it returns are tensors, for functions that
    /// are compiled: <c>engine.Compile("rain", Input("umbrella", 2), seen => World(seen).FinitePosterior().Marginal("day/rain"))</c>.
    /// </summary>
    /// <typeparam name="T">The program's result; it is not used.</typeparam>
    /// <param name="program">What it observes, and what a condition on it gives, is the evidence.</param>
    /// <exception cref="ModelException">A latent site is not finite, sites cannot be summed out, or their table would be too large.</exception>
    public static FinitePosterior FinitePosterior<T>(this Prob<T> program) => FinitePosteriorModule.ofProgram(program);

    /// <summary>
    /// The posterior of a program whose latent sites are Gaussian, with means that are affine in latent values and covariances that do not depend on them: along
    /// chains Kalman's filter and smoother. What it returns are tensors, for functions that are compiled:
    /// <c>engine.Compile("level", Input("seen", 100), seen => Level(seen).GaussianPosterior().Filtered("t/level").Mean)</c>.
    /// </summary>
    /// <typeparam name="T">The program's result; it is not used.</typeparam>
    /// <param name="program">What it observes, and what a condition on it gives, is the evidence.</param>
    /// <exception cref="ModelException">A site is not Gaussian, a mean is not affine, or a spread depends on a latent value.</exception>
    public static GaussianPosterior GaussianPosterior<T>(this Prob<T> program) => GaussianPosteriorModule.ofProgram(program);
}
