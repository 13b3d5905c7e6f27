namespace Inference.Examples.Digits;

/// <summary>What came of a training.</summary>
/// <param name="TestNegativeElbo">Nats for a test digit, over fifty draws of the posterior each.</param>
/// <param name="TrainNegativeElbo">The same for a training digit.</param>
/// <param name="Seconds">The steps of learning alone.</param>
/// <param name="ParametersSha256">A digest of the parameters in the order of their names.</param>
internal sealed record Result(double TestNegativeElbo, double TrainNegativeElbo, double Seconds, string ParametersSha256);

/// <summary>Trains a model, measures it and tells of it.</summary>
/// <typeparam name="TDatum">The model's datum.</typeparam>
internal static class Experiment<TDatum>
{
    private const int BatchSize = 100;
    private const int EpochsOfCheckpoint = 10;

    public static void Run(
        DigitsOptions options, VariationalModel<TDatum> model, DigitSet training, DigitSet test, Engine engine, CancellationToken cancellation)
    {
        bool isConditional = options.Model == DigitsOptions.ConditionalVae;
        Dataset data = Dataset.Rows(training.Rows(isConditional));
        var fit = new FitOptions
        {
            Epochs = options.Epochs,
            BatchSize = BatchSize,
            Seed = options.Seed,
            Checkpoint = options.Resume,
            CheckpointEvery = EpochsOfCheckpoint * (training.Count / BatchSize),
            Resume = options.Resume is not null,
        };
        var view = new TrainingView($"Training the {options.Model}", "negative ELBO", "digits", options.Json);
        (FittedModel<TDatum> trained, TimeSpan time) = view.Show(options.Epochs, progress => model.Fit(data, new Adam(1e-3), fit, engine, progress, cancellation));
        using FittedModel<TDatum> fitted = trained;
        cancellation.ThrowIfCancellationRequested();
        var result = new Result(
            -fitted.Elbo(Dataset.Rows(test.Rows(isConditional))), -fitted.Elbo(data), time.TotalSeconds, ParameterDigest.Of(fitted.Parameters));
        if (options.Page is not null)
        {
            DigitsPage.Write(options, Gallery.Of(fitted, training, test, isConditional, options.Seed), result, model.Model.Graph(), engine);
        }

        ExampleProgram.Conclude(options, json => Summary.Write(json, result, options), () => Console.WriteLine(Summary.TextOf(result)));
    }
}
