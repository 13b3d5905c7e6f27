using Inference.Compiler;

namespace Inference;

/// <summary>Fits models with their guides.</summary>
public static class ModelFitting
{
    /// <summary>Fits a model and its guide by their bound.</summary>
    /// <param name="model">What is fitted.</param>
    /// <param name="data">The rows that it observes.</param>
    /// <param name="optimizer">Changes the parameters of model and guide.</param>
    /// <param name="options">For how long, in which batches, with which files.</param>
    /// <param name="engine">The machine that it runs on. It outlives the result.</param>
    /// <param name="progress">Told at each evaluation and twice a second.</param>
    /// <param name="cancellation">Ends the fit between two steps. It is no error: the result holds the best so far.</param>
    /// <returns>The fitted model, to be disposed.</returns>
    /// <inheritdoc cref="Fitting.Fit{TBatch}" path="/exception"/>
    public static FittedModel<TDatum> Fit<TDatum>(
        this VariationalModel<TDatum> model,
        Dataset data,
        Optimizer optimizer,
        FitOptions options,
        Engine engine,
        IProgress<FitProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(optimizer);
        return new FittedModel<TDatum>(model, model.Learner(optimizer).Fit(data, options, engine, progress, cancellation), engine);
    }

    /// <summary>Fits a model and its guide by their bound for so many passes over the data, all else as <see cref="FitOptions"/> has it.</summary>
    /// <param name="model">What is fitted.</param>
    /// <param name="data">The rows that it observes.</param>
    /// <param name="optimizer">Changes the parameters of model and guide.</param>
    /// <param name="epochs">Passes over the data.</param>
    /// <param name="engine">The machine that it runs on. It outlives the result.</param>
    /// <param name="progress">Told at each evaluation and twice a second.</param>
    /// <param name="cancellation">Ends the fit between two steps. It is no error: the result holds the best so far.</param>
    /// <returns>The fitted model, to be disposed.</returns>
    /// <inheritdoc cref="Fitting.Fit{TBatch}" path="/exception"/>
    public static FittedModel<TDatum> Fit<TDatum>(
        this VariationalModel<TDatum> model,
        Dataset data,
        Optimizer optimizer,
        long epochs,
        Engine engine,
        IProgress<FitProgress>? progress = null,
        CancellationToken cancellation = default) =>
        model.Fit(data, optimizer, new FitOptions { Epochs = epochs }, engine, progress, cancellation);

    /// <summary>Fits a model and its guide on another thread.</summary>
    /// <inheritdoc cref="Fit{TDatum}(VariationalModel{TDatum}, Dataset, Optimizer, FitOptions, Engine, IProgress{FitProgress}, CancellationToken)"/>
    public static Task<FittedModel<TDatum>> FitAsync<TDatum>(
        this VariationalModel<TDatum> model,
        Dataset data,
        Optimizer optimizer,
        FitOptions options,
        Engine engine,
        IProgress<FitProgress>? progress = null,
        CancellationToken cancellation = default) =>
        Task.Run(() => model.Fit(data, optimizer, options, engine, progress, cancellation), CancellationToken.None);

    /// <summary>Fits a model and its guide on another thread for so many passes over the data.</summary>
    /// <inheritdoc cref="Fit{TDatum}(VariationalModel{TDatum}, Dataset, Optimizer, long, Engine, IProgress{FitProgress}, CancellationToken)"/>
    public static Task<FittedModel<TDatum>> FitAsync<TDatum>(
        this VariationalModel<TDatum> model,
        Dataset data,
        Optimizer optimizer,
        long epochs,
        Engine engine,
        IProgress<FitProgress>? progress = null,
        CancellationToken cancellation = default) =>
        model.FitAsync(data, optimizer, new FitOptions { Epochs = epochs }, engine, progress, cancellation);

    /// <summary>Fits a model with global variables and its guide by their bound on all data.</summary>
    /// <param name="model">What is fitted.</param>
    /// <param name="data">The rows that it observes.</param>
    /// <param name="optimizer">Changes the parameters of model and guide.</param>
    /// <param name="options">For how long, in which batches, with which files.</param>
    /// <param name="engine">The machine that it runs on.</param>
    /// <param name="progress">Told at each evaluation and twice a second.</param>
    /// <param name="cancellation">Ends the fit between two steps. It is no error: the result holds the best so far.</param>
    /// <inheritdoc cref="Fitting.Fit{TBatch}" path="/exception"/>
    public static Fitted Fit<TDatum>(
        this VariationalGlobalModel<TDatum> model,
        Dataset data,
        Optimizer optimizer,
        FitOptions options,
        Engine engine,
        IProgress<FitProgress>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(optimizer);
        return model.Learner(optimizer).Fit(data, options, engine, progress, cancellation);
    }

    /// <summary>A fitted model from parameters that were saved, by this library or by PyTorch.</summary>
    /// <param name="model">Whose parameters they are.</param>
    /// <param name="path">The safetensors file.</param>
    /// <param name="engine">The machine that it runs on. It outlives the result.</param>
    /// <returns>The fitted model, to be disposed.</returns>
    /// <exception cref="CheckpointException">The file is not whole, newer, or of another model.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static FittedModel<TDatum> Load<TDatum>(this VariationalModel<TDatum> model, string path, Engine engine)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(engine);
        var fitted = new FittedModel<TDatum>(model, Fitted.Load(path), engine);
        try
        {
            fitted.RequireParameters();
            return fitted;
        }
        catch
        {
            fitted.Dispose();
            throw;
        }
    }

    /// <summary>The objective, term by term with the estimator of each site, then the schedule of a step of learning.</summary>
    /// <param name="model">What is explained.</param>
    /// <param name="optimizer">Whose step; null: Adam's.</param>
    /// <param name="batchSize">Rows of a step.</param>
    public static string Explain<TDatum>(this VariationalModel<TDatum> model, Optimizer? optimizer = null, int batchSize = 64)
    {
        ArgumentNullException.ThrowIfNull(model);
        LearnerProgram step = model.Learner(optimizer ?? new Adam(1e-3)).Program(LearnerMode.Learn, batchSize, 0);
        string schedule = Inference.Compiler.Compile.program(new CompileOptions { InstructionSet = Machine.WidestInstructionSet }, step.Program).Schedule;
        return $"{model.Explanation}{Environment.NewLine}{Environment.NewLine}== Schedule of a step{Environment.NewLine}{schedule.TrimEnd()}{Environment.NewLine}";
    }
}
