using System.Diagnostics;
using System.Globalization;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Inference.Examples;

/// <summary>A training as it happens: a bar in a terminal, a line now and then where the output goes elsewhere, nothing before a line of JSON.</summary>
/// <param name="Title">What is trained.</param>
/// <param name="Loss">What the loss is called.</param>
/// <param name="Rows">What a row of the data is called, in the plural.</param>
/// <param name="IsSilent">Show nothing.</param>
public sealed record TrainingView(string Title, string Loss, string Rows, bool IsSilent)
{
    private const int LinesOfText = 8;
    private const string LastProgress = "progress";
    private static readonly TimeSpan FrameTime = TimeSpan.FromMilliseconds(50);

    /// <summary>What a pass over the data is called.</summary>
    public string Pass { get; init; } = "epoch";

    /// <summary>Whether standard output is a terminal that can draw.</summary>
    public static bool IsTerminal => !Console.IsOutputRedirected && AnsiConsole.Profile.Capabilities is { Ansi: true, Interactive: true };

    /// <summary>Trains under what is shown.</summary>
    /// <param name="epochs">Passes over the data in all.</param>
    /// <param name="train">Trains, and tells how far it is on the thread that trains: no step shares a core with what is shown.</param>
    /// <returns>What was trained, and the time of the steps of learning alone.</returns>
    public (T Trained, TimeSpan Time) Show<T>(long epochs, Func<IProgress<FitProgress>, T> train)
    {
        ArgumentNullException.ThrowIfNull(train);
        TimeSpan time = TimeSpan.Zero;
        T Train(Action<FitProgress> show) => train(new Listener(progress =>
        {
            time = progress.Elapsed;
            show(progress);
        }));
        T trained = IsSilent ? Train(_ => { }) : IsTerminal ? ShowBar(epochs, Train) : ShowAsText(epochs, Train);
        return (trained, time);
    }

    private T ShowAsText<T>(long epochs, Func<Action<FitProgress>, T> train)
    {
        long told = 0;
        return train(progress =>
        {
            double passes = PassesOf(progress, epochs);
            long line = (long)(passes * LinesOfText / epochs);
            if (line > told)
            {
                told = line;
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"{Title}   {Pass} {passes,4:F0}/{epochs}   {Loss} {progress.Loss,7:F2}   {progress.RowsPerSecond,9:N0} {Rows}/s"));
            }
        });
    }

    private T ShowBar<T>(long epochs, Func<Action<FitProgress>, T> train) =>
        AnsiConsole.Progress()
            .AutoRefresh(false)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new LossColumn(this))
            .Start(context =>
            {
                ProgressTask task = context.AddTask(Title, maxValue: epochs);
                context.Refresh();
                long last = Stopwatch.GetTimestamp();
                return train(progress =>
                {
                    task.Value = PassesOf(progress, epochs);
                    task.State.Update<FitProgress>(LastProgress, _ => progress);
                    if (Stopwatch.GetElapsedTime(last) >= FrameTime || progress.Step == progress.Steps)
                    {
                        context.Refresh();
                        last = Stopwatch.GetTimestamp();
                    }
                });
            });

    private static double PassesOf(FitProgress progress, long epochs) =>
        progress.Steps is { } steps ? progress.Step * (double)epochs / steps : progress.Epoch;

    private sealed class Listener(Action<FitProgress> listen) : IProgress<FitProgress>
    {
        public void Report(FitProgress value) => listen(value);
    }

    /// <summary>The loss, the pace and the time left.</summary>
    private sealed class LossColumn(TrainingView view) : ProgressColumn
    {
        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime) =>
            new Text(TextOf(task.State.Get<FitProgress>(LastProgress)), new Style(Color.Grey));

        private string TextOf(FitProgress progress) => string.Create(
            CultureInfo.InvariantCulture,
            $"{view.Loss} {progress.Loss:F2}  {progress.RowsPerSecond:N0} {view.Rows}/s{(progress.Left is { TotalSeconds: >= 1 } left ? $"  {left:mm\\:ss} left" : "")}");
    }
}
