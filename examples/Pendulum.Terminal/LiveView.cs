using System.Globalization;

namespace Inference.Examples.Pendulum;

/// <summary>The episode as it happens: a live table in a terminal, a line now and then where the output goes elsewhere.</summary>
internal static class LiveView
{
    private const int LinesOfText = 8;

    /// <summary>Runs an episode and shows it.</summary>
    public static Episode Show(PendulumOptions options, Func<Action<Episode>, Episode> simulate, CancellationToken cancellation) =>
        Console.IsOutputRedirected || !TerminalView.IsPossible ? ShowAsText(options, simulate) : TerminalView.Show(options, simulate, cancellation);

    /// <summary>Says what came of it and where things are.</summary>
    public static void Conclude(PendulumOptions options, Episode episode, double compileSeconds, double firstActionSeconds)
    {
        Console.WriteLine(Invariant(
            $"Return {episode.Return:F1} in {episode.Steps} steps; {episode.MedianSolveMicroseconds:F0} µs a solve ")
            + Invariant($"(99 %: {episode.SlowSolveMicroseconds:F0} µs),"));
        Console.WriteLine(Invariant($"{episode.Threads} {(episode.Threads == 1 ? "thread" : "threads")}, {episode.InstructionSet}; ")
            + Invariant($"compiled in {compileSeconds:F2} s, first action after {firstActionSeconds:F2} s."));
        if (episode.NonFinite)
        {
            Console.WriteLine("The episode ended early: a number was not finite.");
        }

        if (options.Trace is { } trace)
        {
            Console.WriteLine($"Trace: {Path.GetFullPath(trace)}");
        }
    }

    /// <summary>An angle within a half turn of upright, in degrees.</summary>
    public static double Degrees(float angle) => double.RadiansToDegrees(Math.IEEERemainder(angle, Math.Tau));

    private static Episode ShowAsText(PendulumOptions options, Func<Action<Episode>, Episode> simulate)
    {
        int every = Math.Max(1, options.Steps / LinesOfText);
        return simulate(episode =>
        {
            if (episode.Steps % every == 0 || episode.Steps == options.Steps)
            {
                int step = episode.Steps - 1;
                double angle = Degrees(episode.State(step + 1)[0]);
                double torque = episode.Action(step)[0];
                Console.WriteLine(
                    Invariant($"step {episode.Steps,4}/{options.Steps}   angle {angle,6:F1}°   torque {torque,5:F2} N·m   ")
                    + Invariant($"return {episode.Return,7:F1}   {episode.SolveMicroseconds[step],5:F0} µs"));
            }
        });
    }

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
