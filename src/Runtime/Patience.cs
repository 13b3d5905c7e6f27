using System.Diagnostics;

namespace Inference;

/// <summary>How long a thread spins before it offers its core to others, and before it sleeps; in ticks of the stopwatch.</summary>
/// <param name="Yield">Before it offers its core, again and again: soon, as a thread just woken may have been put on it.</param>
/// <param name="Idle">Before it sleeps, between runs.</param>
/// <param name="Running">Before it sleeps, within a run, whose next kernel may be waiting for one that is not parallel.</param>
internal readonly record struct Patience(long Yield, long Idle, long Running)
{
    /// <summary>With more threads than cores, a spinning thread keeps another from its work.</summary>
    public static Patience Of(int threads)
    {
        long microsecond = Math.Max(1, Stopwatch.Frequency / 1_000_000);
        return threads <= Machine.Cores
            ? new Patience(2 * microsecond, 50 * microsecond, 1000 * microsecond)
            : new Patience(0, 5 * microsecond, 20 * microsecond);
    }

    /// <summary>Called now and then by a thread that spins; true when it should sleep.</summary>
    /// <param name="since">When it was first called, or 0.</param>
    /// <param name="running">Whether a run is going on.</param>
    public bool IsOver(ref long since, bool running)
    {
        long now = Stopwatch.GetTimestamp();
        if (since == 0)
        {
            since = now;
        }

        if (now - since >= Yield)
        {
            Thread.Yield();
        }

        if (now - since < (running ? Running : Idle))
        {
            return false;
        }

        since = 0;
        return true;
    }
}
