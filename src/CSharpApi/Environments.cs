namespace Inference;

/// <summary>Processes as environments: something to act upon, compiled from the same definition that planners use.</summary>
public static class Environments
{
    /// <summary>The process as an environment. It compiles in the background.</summary>
    /// <param name="process">The process.</param>
    /// <param name="engine">The machine that it runs on. It outlives the environment.</param>
    /// <param name="stepLimit">The steps after which an episode is truncated, or null.</param>
    /// <exception cref="ModelException">The process lacks a part.</exception>
    public static MdpEnvironment Environment<S, A, G>(this Mdp<S, A, G> process, Engine engine, int? stepLimit = null) =>
        new(EnvironmentProgramsModule.derive(process), engine, stepLimit);

    /// <summary>Runs an episode of the process under a planner, on the planner's engine.</summary>
    /// <param name="process">The process.</param>
    /// <param name="planner">What acts.</param>
    /// <param name="steps">The steps after which the episode is truncated.</param>
    /// <param name="seed">Decides every draw, of the process as of the planner.</param>
    /// <param name="start">The state to begin in; empty: one drawn from the process's start.</param>
    /// <param name="settings">The settings that both go by; empty where the process has none.</param>
    /// <param name="afterStep">Called with the episode so far after each step.</param>
    /// <param name="cancellation">Ends it between two steps.</param>
    /// <returns>The episode. It ends early where the process terminates, or where a number is not finite.</returns>
    /// <exception cref="ModelException">The process lacks a part.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static Episode Simulate<S, A, G>(
        this Mdp<S, A, G> process,
        Planner planner,
        int steps,
        long seed = 0,
        ReadOnlySpan<float> start = default,
        ReadOnlySpan<float> settings = default,
        Action<Episode>? afterStep = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(planner);
        using MdpEnvironment environment = process.Environment(planner.Engine);
        return environment.Simulate(planner, steps, seed, start, settings, afterStep, cancellation);
    }
}
