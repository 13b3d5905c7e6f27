using System.Globalization;

namespace Inference;

/// <summary>How far a fit is.</summary>
/// <param name="Step">Steps taken, those before a resume included.</param>
/// <param name="Steps">Steps in all, or null where a stream does not tell.</param>
/// <param name="Epoch">Passes over the data that are complete.</param>
/// <param name="Loss">The first metric: its mean over the steps since the last evaluation.</param>
/// <param name="Best">The best value of the monitored metric at an evaluation so far; NaN before the first.</param>
/// <param name="RowsPerSecond">Rows learnt from in a second.</param>
/// <param name="Elapsed">Time since this start.</param>
/// <param name="Left">Time left at this pace, or null where it is not known.</param>
public readonly record struct FitProgress(
    long Step, long? Steps, long Epoch, double Loss, double Best, double RowsPerSecond, TimeSpan Elapsed, TimeSpan? Left)
{
    /// <summary>A line for people.</summary>
    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture,
        $"epoch {Epoch}  step {Step}{(Steps is { } all ? $" of {all}" : "")}  loss {Loss:G5}  {RowsPerSecond:N0} rows/s{(Left is { } left ? $"  {Math.Floor(left.TotalHours):00}:{left:mm\\:ss} left" : "")}");
}

/// <summary>What an evaluation found.</summary>
/// <param name="Step">Steps taken.</param>
/// <param name="Epoch">Passes over the data that are complete.</param>
/// <param name="Training">Each metric's mean over the steps since the last evaluation.</param>
/// <param name="Validation">Each metric over all validation data, or null without such.</param>
public sealed record FitPoint(long Step, long Epoch, double[] Training, double[]? Validation);

/// <summary>Why a fit ended.</summary>
public enum FitStop
{
    /// <summary>All steps or epochs were taken.</summary>
    Complete = 0,

    /// <summary>No evaluation was better for as many times as the patience allows.</summary>
    Patience = 1,

    /// <summary>It was cancelled.</summary>
    Cancelled = 2,
}

/// <summary>A step of learning made what is not finite, or broke a requirement of the model. Parameters and checkpoint are of before it.</summary>
public sealed class TrainingException : Exception
{
    internal TrainingException(string learner, long step, string site, string problem, string? checkpoint, long checkpointStep, Exception? inner = null)
        : base(Format(learner, step, problem, checkpoint, checkpointStep), inner)
    {
        Step = step;
        Site = site;
        Checkpoint = checkpoint;
    }

    /// <summary>The step that failed, the first being 0: its draws are a function of the seed and this number.</summary>
    public long Step { get; }

    /// <summary>What was not finite: a site, a metric or a parameter.</summary>
    public string Site { get; }

    /// <summary>The file of the last good checkpoint, or null if there is none.</summary>
    public string? Checkpoint { get; }

    private static string Format(string learner, long step, string problem, string? checkpoint, long checkpointStep)
    {
        string kept = checkpoint is null ? "No checkpoint was written." : $"The last good checkpoint, of step {checkpointStep}, is \"{checkpoint}\".";
        return $"Step {step} of the learner \"{learner}\" failed: {problem} {kept} Lower the rate or clip the gradient: new ClipNorm(1).Then(…).";
    }
}
