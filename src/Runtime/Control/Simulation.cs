using System.Diagnostics;

namespace Inference;

/// <summary>A planner in an environment: at each step it plans from the state reached and the first action of the plan is taken.</summary>
public static class Simulation
{
    /// <summary>
    /// Runs an episode. The environment and the planner are reset first; the planner takes the seed. It sees the whole state. After the
    /// first step nothing is allocated but by <paramref name="afterStep"/>.
    /// </summary>
    /// <param name="environment">What is acted upon.</param>
    /// <param name="planner">What acts; for the same fields of state and action.</param>
    /// <param name="steps">The steps after which the episode is truncated.</param>
    /// <param name="seed">Decides every draw, of the environment as of the planner.</param>
    /// <param name="start">The state to begin in; empty: one drawn from the environment's start.</param>
    /// <param name="settings">The settings that planner and compiled environment go by; empty where the process has none.</param>
    /// <param name="afterStep">Called with the episode so far after each step, between two solves.</param>
    /// <param name="cancellation">Ends it between two steps.</param>
    /// <returns>The episode. It ends early where the environment terminates or truncates, or where a number is not finite.</returns>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    /// <exception cref="ArgumentException">Environment and planner are not for the same process, or a count of numbers is wrong.</exception>
    public static Episode Simulate(
        this IEnvironment environment,
        Planner planner,
        int steps,
        long seed = 0,
        ReadOnlySpan<float> start = default,
        ReadOnlySpan<float> settings = default,
        Action<Episode>? afterStep = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(environment);
        ArgumentNullException.ThrowIfNull(planner);
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 1);
        RequireSame("state", environment.Name, environment.StateSpace, planner.Name, planner.StateSpace);
        RequireSame("action", environment.Name, environment.ActionSpace, planner.Name, planner.ActionSpace);
        if (start.IsEmpty)
        {
            environment.Reset(seed);
        }
        else
        {
            environment.Reset(start, seed);
        }

        if (environment is MdpEnvironment process)
        {
            process.Configure(settings);
        }

        planner.Reset();
        planner.Seed = seed;
        var episode = new Episode(environment, planner, steps, seed);
        StepResult result = default;
        while (episode.Steps < steps && !result.IsLast)
        {
            cancellation.ThrowIfCancellationRequested();
            long before = Stopwatch.GetTimestamp();
            ReadOnlySpan<float> action = planner.Act(environment.State, settings);
            double microseconds = Stopwatch.GetElapsedTime(before).TotalMicroseconds;
            episode.NoteFirstAction();
            result = environment.Step(action);
            episode.Add(action, planner, microseconds, result, environment.State);
            afterStep?.Invoke(episode);
        }

        return episode;
    }

    private static void RequireSame(string what, string process, Space ofProcess, string planner, Space ofPlanner)
    {
        if (ofProcess.Count != ofPlanner.Count)
        {
            throw new ArgumentException(
                $"The environment \"{process}\" has {ofProcess.Count} numbers for the {what}, the planner \"{planner}\" {ofPlanner.Count}. "
                    + "Make both from one process.");
        }
    }
}
