using System.Diagnostics;

namespace Inference;

/// <summary>Tells how far a fit is: at each evaluation, and in between twice a second.</summary>
internal sealed class FitReport(IProgress<FitProgress>? progress, FitOptions options, long firstStep, long? steps)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(0.5);

    private readonly long _start = Stopwatch.GetTimestamp();
    private TimeSpan _last;

    /// <summary>Time since the start.</summary>
    public TimeSpan Elapsed => Stopwatch.GetElapsedTime(_start);

    /// <summary>Rows learnt from in a second.</summary>
    public double RowsPerSecond(long step) => (step - firstStep) * (double)options.BatchSize / Math.Max(Elapsed.TotalSeconds, 1e-9);

    /// <summary>A step is done.</summary>
    public void Step(long step, long epoch, double loss, double best)
    {
        if (progress is not null && Elapsed - _last >= Interval)
        {
            Point(step, epoch, loss, best);
        }
    }

    /// <summary>An evaluation is done.</summary>
    public void Point(long step, long epoch, double loss, double best)
    {
        if (progress is null)
        {
            return;
        }

        _last = Elapsed;
        progress.Report(new FitProgress(step, steps, epoch, loss, best, RowsPerSecond(step), _last, Left(step)));
    }

    // A fit without an end to speak of, which is cancelled some day, has no time left that could be said.
    private TimeSpan? Left(long step)
    {
        if (steps is not { } all || step == firstStep)
        {
            return null;
        }

        double seconds = _last.TotalSeconds * Math.Max(0, all - step) / (step - firstStep);
        return seconds < TimeSpan.MaxValue.TotalSeconds ? TimeSpan.FromSeconds(seconds) : null;
    }
}
