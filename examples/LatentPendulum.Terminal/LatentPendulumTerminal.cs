using System.Globalization;
using System.Text.Json;
using Spectre.Console;

namespace Inference.Examples.LatentPendulum;

/// <summary>What came of a run.</summary>
/// <param name="TestElbo">Nats for a test recording.</param>
/// <param name="Seconds">The steps of learning of the state-space model.</param>
/// <param name="ParametersSha256">Which parameters came out.</param>
/// <param name="Scores">Log-likelihoods by steps ahead.</param>
internal sealed record Result(
    double TestElbo, double Seconds, string ParametersSha256, (double[] StateSpace, double[] FeedForward, double[] LastValue) Scores);

/// <summary>The program around the model: trains it, lets it imagine, and compares what it imagines with its rivals' predictions.</summary>
public static class LatentPendulumTerminal
{
    private const int BatchSize = 50;
    private const int TestRecordings = 100;
    private const int EpochsOfCheckpoint = 10;

    /// <summary>Runs the program.</summary>
    /// <param name="arguments">The command line.</param>
    /// <param name="twin">The model.</param>
    /// <returns>The exit code: 0, 1 after an error, 2 after wrong usage, 130 when cancelled.</returns>
    public static int Run(string[] arguments, Func<StateSpaceSizes, LatentPendulumTwin> twin)
    {
        ArgumentNullException.ThrowIfNull(twin);
        return ExampleProgram.Run(LatentPendulumOptions.CommandLine, arguments, (options, cancellation) => Run(options, twin(options.Sizes), cancellation));
    }

    private static void Run(LatentPendulumOptions options, LatentPendulumTwin twin, CancellationToken cancellation)
    {
        using var engine = new Engine(new EngineOptions { Threads = options.Threads });
        (Recordings training, Recordings test) = Recordings.Draw(options.Recordings, TestRecordings, options.Seed, engine);
        var fit = new FitOptions { Epochs = options.Epochs, BatchSize = Math.Min(BatchSize, options.Recordings), Seed = options.Seed };
        var resumed = fit with
        {
            Checkpoint = options.Resume,
            CheckpointEvery = EpochsOfCheckpoint * Math.Max(1, options.Recordings / fit.BatchSize),
            Resume = options.Resume is not null,
        };
        Optimizer clipped = new ClipNorm(100).Then(new Adam(6e-4));
        (FittedModel<Recording> trained, TimeSpan time) = new TrainingView("state space ", "negative ELBO", "recordings", options.Json).Show(
            options.Epochs, progress => twin.Model.Fit(training.Dataset, clipped, resumed, engine, progress, cancellation));
        using FittedModel<Recording> model = trained;
        cancellation.ThrowIfCancellationRequested();
        var rival = new FeedForward(options.Sizes);
        (Fitted feedForward, _) = new TrainingView("feed forward", "squared error", "recordings", options.Json).Show(
            options.Epochs, progress => rival.Learner(new Adam(1e-3)).Fit(training.Dataset, fit, engine, progress, cancellation));
        cancellation.ThrowIfCancellationRequested();

        Predictions predictions = Predictions.Of(twin, model.Fitted, rival, feedForward, test, options.Seed, engine);
        var result = new Result(
            model.Elbo(test.Dataset, draws: 4, options.Seed), time.TotalSeconds, ParameterDigest.Of(model.Parameters), predictions.Scores());
        LatentPendulumPage.Write(options, predictions, result, model.Fitted, twin.Model.Model.Graph(), engine);
        ExampleProgram.Conclude(options, json => WriteSummary(json, options, result), () => Tell(result));
    }

    private static void WriteSummary(Utf8JsonWriter json, LatentPendulumOptions options, Result result)
    {
        json.WriteNumber("epochs", options.Epochs);
        json.WriteNumber("seed", options.Seed);
        json.WriteNumber("test_elbo", result.TestElbo);
        json.WriteNumber("state_space", result.Scores.StateSpace.Average());
        json.WriteNumber("feed_forward", result.Scores.FeedForward.Average());
        json.WriteNumber("last_value", result.Scores.LastValue.Average());
        json.WriteNumber("seconds", result.Seconds);
        json.WriteString("parameters_sha256", result.ParametersSha256);
    }

    private static void Tell(Result result)
    {
        static string Nats(double value) => value.ToString("F3", CultureInfo.InvariantCulture);

        Console.WriteLine("Log-likelihood of what was observed, by steps ahead: nats a step at unit scale.");
        var table = new Table { Border = TableBorder.Rounded };
        table.AddColumn("");
        foreach (int ahead in new[] { 1, 10, 20, 30 })
        {
            table.AddColumn(new TableColumn(ahead.ToString(CultureInfo.InvariantCulture)).RightAligned());
        }

        table.AddColumn(new TableColumn("mean").RightAligned());
        void Row(string name, double[] scores) =>
            table.AddRow(name, Nats(scores[0]), Nats(scores[9]), Nats(scores[19]), Nats(scores[29]), Nats(scores.Average()));
        Row("state-space model", result.Scores.StateSpace);
        Row("feed-forward network", result.Scores.FeedForward);
        Row("last value", result.Scores.LastValue);
        AnsiConsole.Write(table);
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"ELBO {result.TestElbo:F2} nats a test recording; trained in {result.Seconds:F1} s."));
    }
}
