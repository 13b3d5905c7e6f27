using System.Diagnostics;

namespace Inference.Benchmarks.Measuring;

/// <summary>Something that takes part in the rounds of a contest.</summary>
internal sealed class Contestant(Func<IEnumerable<double>> round)
{
    private readonly List<double> _seconds = [];

    public Timings Timings => new(_seconds);

    /// <summary>Ours: units of work in this process.</summary>
    public static Contestant Of(IWork work, int units) => new(() =>
    {
        // Caches and threads wake up.
        for (int unit = 0; unit < Math.Max(1, units / 10); unit++)
        {
            work.DoUnit();
        }

        double[] seconds = new double[units];
        for (int unit = 0; unit < units; unit++)
        {
            long start = Stopwatch.GetTimestamp();
            work.DoUnit();
            seconds[unit] = (Stopwatch.GetTimestamp() - start) / (double)Stopwatch.Frequency;
        }

        return seconds;
    });

    /// <summary>A peer on so many threads.</summary>
    public static Contestant Of(Peer peer, int threads, int units) => new(() => peer.Time(threads, units));

    public void DoRound() => _seconds.AddRange(round());
}
