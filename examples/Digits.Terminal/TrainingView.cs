using System.Diagnostics;
using System.Globalization;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Inference.Examples.Digits;

/// <summary>The training as it happens: a bar in a terminal, a line now and then where the output goes elsewhere, nothing before a line of JSON.</summary>
internal static class TrainingView
{
    private const int LinesOfText = 8;
    private static readonly TimeSpan FrameTime = TimeSpan.FromMilliseconds(50);

    /// <summary>Trains under what is shown.</summary>
    public static T Show<T>(DigitsOptions options, Func<Action<FitProgress>, T> train)
    {
        if (options.Json)
        {
            return train(_ => { });
        }

        bool isTerminal = !Console.IsOutputRedirected && AnsiConsole.Profile.Capabilities is { Ansi: true, Interactive: true };
        return isTerminal ? ShowBar(options, train) : ShowAsText(options, train);
    }

    private static T ShowAsText<T>(DigitsOptions options, Func<Action<FitProgress>, T> train)
    {
        int every = Math.Max(1, options.Epochs / LinesOfText);
        long told = 0;
        return train(progress =>
        {
            if (progress.Epoch > told && (progress.Epoch % every == 0 || progress.Epoch == options.Epochs))
            {
                told = progress.Epoch;
                Console.WriteLine(string.Create(
                    CultureInfo.InvariantCulture,
                    $"epoch {progress.Epoch,4}/{options.Epochs}   negative ELBO {progress.Loss,7:F2}   {progress.RowsPerSecond,9:N0} digits/s"));
            }
        });
    }

    private static T ShowBar<T>(DigitsOptions options, Func<Action<FitProgress>, T> train) =>
        AnsiConsole.Progress()
            .AutoRefresh(false)
            .Columns(new TaskDescriptionColumn(), new ProgressBarColumn(), new PercentageColumn(), new LossColumn())
            .Start(context =>
            {
                ProgressTask task = context.AddTask($"Training the {options.Model}", maxValue: options.Epochs);
                context.Refresh();
                long last = Stopwatch.GetTimestamp();
                return train(progress =>
                {
                    task.Value = progress.Steps is { } steps ? progress.Step * (double)options.Epochs / steps : progress.Epoch;
                    task.State.Update<FitProgress>(LossColumn.Key, _ => progress);
                    if (Stopwatch.GetElapsedTime(last) >= FrameTime || progress.Step == progress.Steps)
                    {
                        context.Refresh();
                        last = Stopwatch.GetTimestamp();
                    }
                });
            });

    /// <summary>The loss, the pace and the time left.</summary>
    private sealed class LossColumn : ProgressColumn
    {
        public const string Key = "loss";

        public override IRenderable Render(RenderOptions options, ProgressTask task, TimeSpan deltaTime) =>
            new Text(TextOf(task.State.Get<FitProgress>(Key)), new Style(Color.Grey));

        private static string TextOf(FitProgress progress) => string.Create(
            CultureInfo.InvariantCulture,
            $"negative ELBO {progress.Loss:F2}  {progress.RowsPerSecond:N0} digits/s{(progress.Left is { TotalSeconds: >= 1 } left ? $"  {left:mm\\:ss} left" : "")}");
    }
}
