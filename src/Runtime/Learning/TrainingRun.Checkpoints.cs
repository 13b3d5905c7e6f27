using Microsoft.Extensions.Logging;

namespace Inference;

/// <content>Where it begins, and what it writes down.</content>
internal sealed partial class TrainingRun<TBatch>
{
    private void Begin()
    {
        if (_options.Resume && File.Exists(_options.Checkpoint))
        {
            Resume(_options.Checkpoint);
        }
        else if (_options.Start is { } start)
        {
            _states.Start(start.Parameters);
        }
    }

    private void Resume(string path)
    {
        var (tensors, metadata) = Safetensors.Read(path);
        Manifest manifest = Manifest.Read(metadata, path) ?? throw new CheckpointException(
            $"The file \"{path}\" has no manifest: it is no checkpoint of a fit. Start from its parameters: FitOptions.Start = Fitted.Load(path).");
        if (manifest.Specification.Length == 0)
        {
            throw new CheckpointException(
                $"The file \"{path}\" holds the result of a fit of \"{manifest.Learner}\", and is no checkpoint. Start from its parameters: "
                    + "FitOptions.Start = Fitted.Load(path).");
        }

        _states.Restore(tensors, path);
        RequireSame(path, manifest.BatchSize == _options.BatchSize, "batch size", manifest.BatchSize, _options.BatchSize);
        RequireSame(path, manifest.Seed == _options.Seed, "seed", manifest.Seed, _options.Seed);
        RequireSame(path, manifest.Shuffle == _options.Shuffle, "shuffling", manifest.Shuffle, _options.Shuffle);
        RequireSame(path, manifest.Rows == _data.Count, "number of rows", manifest.Rows, _data.Count);
        if (manifest.Specification != _specification)
        {
            throw new CheckpointException(
                $"The checkpoint \"{path}\" is of another program of \"{manifest.Learner}\": its parameters agree, but the loss, an optimiser's setting or the "
                    + "precision does not, so that it cannot go on as it was. Start from its parameters: FitOptions.Start = Fitted.Load(path).");
        }

        (_step, _epoch, _row, _summed) = (manifest.Step, manifest.Epoch, manifest.Row, manifest.Summed);
        (_best, _bestStep, _waited, _savedStep) = (manifest.Best, manifest.BestStep, manifest.Waited, manifest.Step);
        manifest.Sums.CopyTo(_sums, 0);
        _history.AddRange(manifest.History);
    }

    private static void RequireSame(string path, bool same, string what, object? theirs, object? ours)
    {
        if (!same)
        {
            throw new CheckpointException(
                $"The checkpoint \"{path}\" is of a fit with another {what}: {theirs ?? "unknown"}; here it is {ours ?? "unknown"}. "
                    + "Resume with the same, or start from its parameters: FitOptions.Start = Fitted.Load(path).");
        }
    }

    private void Save()
    {
        if (_options.Checkpoint is not { } path)
        {
            return;
        }

        try
        {
            AtomicFile.Write(
                path, stream => Safetensors.Write(stream, _states.Contents(), ManifestNow().ToMetadata()), _options.OpenFile);
            _savedStep = _step;
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            _engine.Logger.LogWarning(
                "The checkpoint {Path} could not be written at step {Step} ({Reason}). The one before it stays, and the fit goes on. Make room on the disk.",
                path,
                _step,
                failure.Message);
        }
    }

    private void Log(FitPoint point)
    {
        try
        {
            _log?.Write(point, _run.Program.Metrics, _report.RowsPerSecond(_step), _report.Elapsed.TotalSeconds);
        }
        catch (IOException failure)
        {
            _engine.Logger.LogWarning(
                "The metrics of step {Step} could not be written to {Folder} ({Reason}). The fit goes on. Make room on the disk.",
                _step,
                _options.Log,
                failure.Message);
        }
    }

    private Manifest ManifestNow() => new()
    {
        Learner = _learner.Name,
        Specification = _specification,
        Step = _step,
        Epoch = _epoch,
        Row = _row,
        Rows = _data.Count,
        Seed = _options.Seed,
        BatchSize = _options.BatchSize,
        Shuffle = _options.Shuffle,
        Metrics = _run.Program.Metrics,
        Sums = [.. _sums],
        Summed = _summed,
        Best = _best,
        BestStep = _bestStep,
        Waited = _waited,
        History = [.. _history],
    };
}
