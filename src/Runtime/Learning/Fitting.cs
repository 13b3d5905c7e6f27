namespace Inference;

/// <summary>Fits learners to data.</summary>
public static class Fitting
{
    /// <summary>Fits a learner. The same data, options and machine give the same parameters to the bit, for any number of threads and of resumes.</summary>
    /// <param name="learner">What is fitted.</param>
    /// <param name="data">What it learns from.</param>
    /// <param name="options">For how long, in which batches, with which files.</param>
    /// <param name="engine">The machine that it runs on.</param>
    /// <param name="progress">Told at each evaluation and twice a second.</param>
    /// <param name="cancellation">Ends the fit between two steps. It is no error: the result holds the best so far.</param>
    /// <exception cref="ModelException">The learner cannot mean anything.</exception>
    /// <exception cref="ArgumentException">An option is out of its range, or the data do not fit the learner.</exception>
    /// <exception cref="InvalidDataException">The data hold a number that cannot be learnt from.</exception>
    /// <exception cref="CheckpointException">The checkpoint to resume from is not whole, newer, or of another specification.</exception>
    /// <exception cref="TrainingException">A step made what is not finite.</exception>
    public static Fitted Fit<TBatch>(
        this Learner<TBatch> learner,
        Dataset data,
        FitOptions options,
        Engine engine,
        IProgress<FitProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(learner);
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(engine);
        using var run = new TrainingRun<TBatch>(learner, data, options, engine, progress, cancellation);
        return run.Run();
    }

    /// <summary>Fits a learner on another thread.</summary>
    /// <inheritdoc cref="Fit{TBatch}"/>
    public static Task<Fitted> FitAsync<TBatch>(
        this Learner<TBatch> learner,
        Dataset data,
        FitOptions options,
        Engine engine,
        IProgress<FitProgress>? progress = null,
        CancellationToken cancellation = default) =>
        Task.Run(() => learner.Fit(data, options, engine, progress, cancellation), CancellationToken.None);

    /// <summary>
    /// The metrics of fitted parameters, each over all rows: a metric that is a mean over a batch's data is that over all of them, exactly. Nothing is learnt.
    /// </summary>
    /// <param name="learner">Whose metrics.</param>
    /// <param name="fitted">The parameters.</param>
    /// <param name="data">The rows, taken in their order.</param>
    /// <param name="engine">The machine that it runs on.</param>
    /// <param name="batchSize">Rows that are evaluated together.</param>
    /// <param name="seed">Decides the draws, if the learner draws.</param>
    /// <returns>The metrics by name.</returns>
    /// <exception cref="CheckpointException">The parameters are of another learner.</exception>
    public static IReadOnlyDictionary<string, double> Evaluate<TBatch>(
        this Learner<TBatch> learner, Fitted fitted, Dataset data, Engine engine, int batchSize = 64, long seed = 0)
    {
        ArgumentNullException.ThrowIfNull(learner);
        ArgumentNullException.ThrowIfNull(fitted);
        ArgumentNullException.ThrowIfNull(data);
        ArgumentNullException.ThrowIfNull(engine);
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize, 1);
        using DatasetReader reader = data.Open(learner.Batch, seed: null, CancellationToken.None);
        LearnerProgram program = TrainingRun<TBatch>.EvaluationOf(learner, batchSize);
        using var run = new LearnerRun(program, learner.Batch, batchSize, engine);
        run.Begin(seed, reader.Count);
        fitted.CopyTo(run.Executable);
        return program.Metrics.Zip(run.Evaluate(reader)).ToDictionary(pair => pair.First, pair => pair.Second);
    }
}
