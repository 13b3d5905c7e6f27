namespace Inference;

/// <summary>How a learner is fitted.</summary>
public sealed record FitOptions
{
    /// <summary>Passes over the data; null: as many as <see cref="Steps"/> take. One of the two is given; what comes first ends the fit.</summary>
    public long? Epochs { get; init; }

    /// <summary>Steps of learning, counted from the first start of a run that is resumed; null: as many as <see cref="Epochs"/> take.</summary>
    public long? Steps { get; init; }

    /// <summary>
    /// Rows of a step. An epoch's rows that fill no batch are left out of it; shuffled, they are others each time. An evaluation leaves
    /// nothing out.
    /// </summary>
    public int BatchSize { get; init; } = 64;

    /// <summary>Decides where parameters start, every draw, and the order of the rows.</summary>
    public long Seed { get; init; }

    /// <summary>Whether each epoch takes the rows in a new order.</summary>
    public bool Shuffle { get; init; } = true;

    /// <summary>Data whose metrics are taken at each evaluation, over all of their rows; null: the means over the steps since the last one serve.</summary>
    public Dataset? Validation { get; init; }

    /// <summary>Steps from one evaluation to the next; 0: an epoch.</summary>
    public long EvaluateEvery { get; init; }

    /// <summary>The metric that says which parameters are best; null: the first, which is the loss.</summary>
    public string? Monitor { get; init; }

    /// <summary>Whether more of the monitored metric is better.</summary>
    public bool Maximise { get; init; }

    /// <summary>Evaluations without a better one after which the fit ends; 0: it does not end early.</summary>
    public int Patience { get; init; }

    /// <summary>
    /// Whether the parameters of the best evaluation are the result, rather than the last ones. Null: if there are validation data or
    /// patience.
    /// </summary>
    public bool? KeepBest { get; init; }

    /// <summary>Parameters to start from instead of the seed's: those of another fit or of PyTorch. A resumed run has its own.</summary>
    public Fitted? Start { get; init; }

    /// <summary>A file from which the run can be resumed, to the bit; null: none. Its folder exists.</summary>
    public string? Checkpoint { get; init; }

    /// <summary>Steps from one checkpoint to the next; 0: one at each evaluation. There is one at the end in any case.</summary>
    public long CheckpointEvery { get; init; }

    /// <summary>Whether to go on from the checkpoint, if the file is there.</summary>
    public bool Resume { get; init; }

    /// <summary>A folder for metrics: a TensorBoard event file and <c>metrics.jsonl</c>, a line each evaluation; null: none.</summary>
    public string? Log { get; init; }

    /// <summary>Opens the file that a checkpoint is written to; tests give one that fails.</summary>
    internal Func<string, Stream>? OpenFile { get; init; }

    /// <summary>Called after each step; tests look at what it cost.</summary>
    internal Action<long>? AfterStep { get; init; }

    internal bool KeepsBest => KeepBest ?? (Validation is not null || Patience > 0);

    internal void Check()
    {
        Require(Epochs is not null || Steps is not null, "neither Epochs nor Steps; expected one of them to end the fit.");
        Require(Epochs is null or >= 0, $"Epochs = {Epochs}; expected 0 or more.");
        Require(Steps is null or >= 0, $"Steps = {Steps}; expected 0 or more.");
        Require(BatchSize >= 1, $"BatchSize = {BatchSize}; expected 1 or more.");
        Require(EvaluateEvery >= 0, $"EvaluateEvery = {EvaluateEvery}; expected 0 (an epoch) or more.");
        Require(CheckpointEvery >= 0, $"CheckpointEvery = {CheckpointEvery}; expected 0 (each evaluation) or more.");
        Require(Patience >= 0, $"Patience = {Patience}; expected 0 (never) or more.");
        Require(
            Checkpoint is null || Directory.Exists(Path.GetDirectoryName(Path.GetFullPath(Checkpoint))),
            $"Checkpoint = \"{Checkpoint}\"; expected a file in a folder that exists.");
        Require(!Resume || Checkpoint is not null, "Resume without Checkpoint; expected the file to resume from.");
    }

    private static void Require(bool holds, string message)
    {
        if (!holds)
        {
            throw new ArgumentOutOfRangeException("options", $"FitOptions has {message}");
        }
    }
}
