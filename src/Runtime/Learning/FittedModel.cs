namespace Inference;

/// <summary>
/// A model and its guide with fitted parameters. Rows of numbers go in and come out, one after another in one array; the numbers of a row
/// are those of its fields or sites, in order, each row-major.
/// </summary>
/// <typeparam name="TDatum">The model's datum.</typeparam>
/// <remarks>Each question is compiled when it is first asked. For one thread at a time.</remarks>
public sealed class FittedModel<TDatum> : IDisposable
{
    private const int RowsOfRun = 64;

    private readonly ModelPrograms<TDatum> _programs;
    private readonly Engine _engine;
    private RowRunner? _encode, _decode, _sample;

    internal FittedModel(VariationalModel<TDatum> model, Fitted fitted, Engine engine)
    {
        (Model, Fitted, _engine) = (model, fitted, engine);
        _programs = new ModelPrograms<TDatum>(model.Model, model.Guide, RowsOfRun);
    }

    /// <summary>What was fitted.</summary>
    public VariationalModel<TDatum> Model { get; }

    /// <summary>How the fit went: its metrics at each evaluation, and why it ended.</summary>
    public Fitted Fitted { get; }

    /// <summary>The parameters by name.</summary>
    public IReadOnlyDictionary<string, StoredTensor> Parameters => Fitted.Parameters;

    /// <summary>The sites of the guide: what <see cref="Encode"/> makes and <see cref="Decode"/> takes. A plate within a datum is a leading axis.</summary>
    public Space Latents => _programs.Latents;

    /// <summary>The sites that the model observes: what <see cref="Decode"/> and <see cref="Sample"/> make.</summary>
    public Space Observed => _programs.Observed;

    /// <summary>The fields of the datum that predictions read, as a label that images are drawn for; none if all of a datum is only observed.</summary>
    public Space Conditions => _programs.Conditions;

    /// <summary>
    /// The means of the guide's sites for each datum, each site given the means of those before it; of a site that takes whole numbers, the
    /// most likely one.
    /// </summary>
    /// <param name="data">Rows of <see cref="Model{TDatum}.Datum"/>; what the guide does not read may be anything.</param>
    /// <returns>Rows of <see cref="Latents"/>.</returns>
    /// <exception cref="ArgumentException">The last row is not whole.</exception>
    /// <exception cref="ModelException">A site has no mean in closed form.</exception>
    public float[] Encode(ReadOnlySpan<float> data)
    {
        Space fields = Model.Model.Datum;
        int rows = RowsOf("data", fields, data);
        RowRunner runner = _encode ??= Compile(_programs.Encode, Latents);
        float[] results = new float[rows * Latents.Count];
        for (int first = 0; first < rows; first += RowsOfRun)
        {
            int count = Math.Min(RowsOfRun, rows - first);
            runner.Set(fields, Learner<TDatum>.Field, data, first, count);
            runner.Run(count, results.AsSpan(first * Latents.Count));
        }

        return results;
    }

    /// <summary>The means of the model's observed sites given latent values; of a site that takes whole numbers, the most likely one.</summary>
    /// <param name="latents">Rows of <see cref="Latents"/>.</param>
    /// <param name="conditions">As many rows of <see cref="Conditions"/>.</param>
    /// <returns>Rows of <see cref="Observed"/>.</returns>
    /// <exception cref="ArgumentException">The last row is not whole, or there are not as many conditions.</exception>
    /// <exception cref="ModelException">A site has no mean in closed form, or the guide does not draw a latent site.</exception>
    public float[] Decode(ReadOnlySpan<float> latents, ReadOnlySpan<float> conditions = default)
    {
        int rows = RowsOf("latents", Latents, latents);
        RequireConditions(rows, conditions);
        RowRunner runner = _decode ??= Compile(_programs.Decode, Observed);
        float[] results = new float[rows * Observed.Count];
        for (int first = 0; first < rows; first += RowsOfRun)
        {
            int count = Math.Min(RowsOfRun, rows - first);
            runner.Set(Latents, leaf => $"latent.{leaf.Path}", latents, first, count);
            runner.Set(Conditions, Learner<TDatum>.Field, conditions, first, count);
            runner.Run(count, results.AsSpan(first * Observed.Count));
        }

        return results;
    }

    /// <summary>Draws of the observed sites from the prior predictive distribution: latent values from the prior, observations given them.</summary>
    /// <param name="count">How many rows.</param>
    /// <param name="seed">Decides every draw.</param>
    /// <param name="conditions">As many rows of <see cref="Conditions"/>.</param>
    /// <returns>Rows of <see cref="Observed"/>.</returns>
    /// <exception cref="ArgumentException">There are not as many conditions.</exception>
    public float[] Sample(int count, long seed = 0, ReadOnlySpan<float> conditions = default)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(count);
        RequireConditions(count, conditions);
        RowRunner runner = _sample ??= Compile(_programs.Sample, Observed);
        float[] results = new float[count * Observed.Count];
        for (int first = 0; first < count; first += RowsOfRun)
        {
            int rows = Math.Min(RowsOfRun, count - first);
            runner.SetSeed(seed, first / RowsOfRun);
            runner.Set(Conditions, Learner<TDatum>.Field, conditions, first, rows);
            runner.Run(rows, results.AsSpan(first * Observed.Count));
        }

        return results;
    }

    /// <summary>
    /// The evidence lower bound in nats: its mean over all rows, each with so many draws of the guide. β and free nats of the objective do
    /// not count.
    /// </summary>
    /// <param name="data">The rows, taken in their order.</param>
    /// <param name="draws">Draws for each row; at least 1.</param>
    /// <param name="seed">Decides every draw.</param>
    /// <exception cref="InvalidDataException">The data hold a number that cannot be scored, or no rows.</exception>
    public double Elbo(Dataset data, int draws = 50, long seed = 0)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(draws, 1);
        return -Model.Evaluation(draws).Evaluate(Fitted, data, _engine, RowsOfRun, seed)["loss"];
    }

    /// <summary>Writes the parameters as a safetensors file, which PyTorch loads as it is. The file is replaced as a whole.</summary>
    /// <exception cref="IOException">It cannot be written; the old file is as before.</exception>
    public void Save(string path) => Fitted.Save(path);

    /// <summary>Frees the memory and code of what was asked. The engine stays.</summary>
    public void Dispose()
    {
        _encode?.Dispose();
        _decode?.Dispose();
        _sample?.Dispose();
    }

    /// <summary>Refuses parameters of another model.</summary>
    internal void RequireParameters()
    {
        LearnerProgram program = Model.Evaluation(1).Program(LearnerMode.Evaluate, 1, 0);
        using var run = new LearnerRun(program, Model.Model.Datum, 1, _engine);
        Fitted.CopyTo(run.Executable);
    }

    private RowRunner Compile(Program program, Space results) => new(program, RowsOfRun, results, Fitted, _engine);

    private int RowsOf(string what, Space fields, ReadOnlySpan<float> values) => fields.Count > 0 && values.Length % fields.Count == 0
        ? values.Length / fields.Count
        : throw new ArgumentException(
            $"The {what} of \"{Model.Model.Name}\" have {values.Length} numbers, and a row has {fields.Count} ({Names(fields)}): give whole rows.");

    private void RequireConditions(int rows, ReadOnlySpan<float> conditions)
    {
        if (conditions.Length != rows * Conditions.Count)
        {
            throw new ArgumentException(
                $"{rows} rows of \"{Model.Model.Name}\" need {rows * Conditions.Count} numbers as conditions ({Names(Conditions)}); {conditions.Length} came.");
        }
    }

    private static string Names(Space fields) => fields.Leaves.Length == 0
        ? "none"
        : string.Join(", ", fields.Leaves.Select(leaf => leaf.Shape.Length == 0 ? leaf.Path : $"{leaf.Path}[{string.Join(", ", leaf.Shape)}]"));
}
