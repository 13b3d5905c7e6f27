using System.Diagnostics;

namespace Inference.Examples.Pendulum;

/// <summary>The program around the pendulum: swings it up, shows the episode, and writes what was asked for.</summary>
public static class PendulumTerminal
{
    private static readonly float[] HangingStill = [MathF.PI, 0];

    /// <summary>Runs the program.</summary>
    /// <param name="arguments">The command line.</param>
    /// <param name="twin">The specification.</param>
    /// <returns>The exit code: 0, 1 after an error, 2 after wrong usage, 130 when cancelled.</returns>
    public static int Run(string[] arguments, PendulumTwin twin)
    {
        ArgumentNullException.ThrowIfNull(twin);
        return ExampleProgram.Run(PendulumOptions.CommandLine, arguments, (options, cancellation) => Run(options, twin, cancellation));
    }

    private static void Run(PendulumOptions options, PendulumTwin twin, CancellationToken cancellation)
    {
        ExampleProgram.RequireWritable(options.Trace);
        long start = Stopwatch.GetTimestamp();
        using var engine = new Engine(new EngineOptions { Threads = options.Threads });
        using Planner planner = twin.Plan(options, engine);
        double compileSeconds = Stopwatch.GetElapsedTime(start).TotalSeconds;
        using IEnvironment pendulum = twin.Simulate(engine);
        cancellation.ThrowIfCancellationRequested();

        Episode Simulate(Action<Episode>? afterStep) => pendulum.Simulate(
            planner,
            options.Steps,
            options.Seed,
            start: options.RandomStart ? [] : HangingStill,
            afterStep: afterStep,
            cancellation: cancellation);

        Episode episode = options.Json ? Simulate(null) : LiveView.Show(options, Simulate, cancellation);
        double firstActionSeconds = SinceProcessStart(episode.FirstAction!.Value);
        Write(options, episode, twin);
        ExampleProgram.Conclude(
            options,
            json => Summary.Write(json, episode, options, compileSeconds, firstActionSeconds),
            () => LiveView.Conclude(options, episode, compileSeconds, firstActionSeconds));
    }

    private static void Write(PendulumOptions options, Episode episode, PendulumTwin twin)
    {
        if (options.Trace is { } trace)
        {
            episode.WriteTrace(trace);
        }

        if (options.Page is { } page)
        {
            PendulumReport.Write(page, options, episode, twin.Graph(options.Horizon));
        }
    }

    private static double SinceProcessStart(DateTime time)
    {
        using var process = Process.GetCurrentProcess();
        return (time - process.StartTime.ToUniversalTime()).TotalSeconds;
    }
}
