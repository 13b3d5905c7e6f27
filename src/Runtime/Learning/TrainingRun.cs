using Inference.Compiler;

namespace Inference;

/// <summary>One fit of a learner: steps, evaluations and checkpoints in turn.</summary>
/// <typeparam name="TBatch">The learner's datum.</typeparam>
internal sealed partial class TrainingRun<TBatch> : IDisposable
{
    private readonly Learner<TBatch> _learner;
    private readonly FitOptions _options;
    private readonly Engine _engine;
    private readonly FitReport _report;
    private readonly LearnerRun _run;
    private readonly LearnerStates _states;
    private readonly LearnerRun? _evaluation;
    private readonly DatasetReader _data;
    private readonly DatasetReader? _validation;
    private readonly CancellationToken _cancellation;
    private readonly MetricsLog? _log;
    private readonly List<FitPoint> _history = [];
    private readonly string _specification;
    private readonly int _monitor;
    private readonly double[] _sums;
    private long _summed, _step, _epoch, _row, _bestStep;
    private double _best = double.NaN;
    private int _waited;
    private long _savedStep = -1;

    public TrainingRun(
        Learner<TBatch> learner, Dataset data, FitOptions options, Engine engine, IProgress<FitProgress>? progress, CancellationToken cancellation)
    {
        options.Check();
        (_learner, _options, _engine, _cancellation) = (learner, options, engine, cancellation);
        try
        {
            _data = data.Open(learner.Batch, options.Shuffle ? options.Seed : null, cancellation);
            _validation = options.Validation?.Open(learner.Batch, seed: null, cancellation);
            if (_data.Count < options.BatchSize)
            {
                throw new ArgumentException(
                    $"The plate \"data\" of the learner \"{learner.Name}\" has {options.BatchSize} rows a batch; the data have {_data.Count}. "
                        + "Lower FitOptions.BatchSize, or give more data.");
            }

            LearnerProgram program = learner.Program(LearnerMode.Learn, options.BatchSize, unchecked((ulong)options.Seed));
            _monitor = options.Monitor is null ? 0 : Array.IndexOf(program.Metrics, options.Monitor);
            if (_monitor < 0)
            {
                throw new ArgumentException(
                    $"FitOptions.Monitor is \"{options.Monitor}\"; the metrics of \"{learner.Name}\" are {string.Join(", ", program.Metrics.Select(m => $"\"{m}\""))}.");
            }

            _sums = new double[program.Metrics.Length];
            _run = new LearnerRun(program, learner.Batch, options.BatchSize, engine);
            _run.Begin(options.Seed, _data.Count);
            _states = new LearnerStates(_run.Executable);
            _specification = _states.Specification(
                Compile.close(new CompileOptions { Double = engine.Options.Precision == Precision.Double }, program.Program).Text);
            if (_validation is not null)
            {
                _evaluation = new LearnerRun(EvaluationOf(learner, options.BatchSize), learner.Batch, options.BatchSize, engine);
                _evaluation.Begin(options.Seed, _data.Count);
            }

            Begin();
            _log = options.Log is null ? null : new MetricsLog(options.Log, _history.Count == 0 ? 0 : _history[^1].Step);
            _report = new FitReport(progress, options, _step, StepsInAll());
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The program that evaluates a learner.</summary>
    public static LearnerProgram EvaluationOf(Learner<TBatch> learner, int size) => learner.Program(LearnerMode.Evaluate, size, 0);

    /// <summary>Takes the steps.</summary>
    public Fitted Run()
    {
        FitStop stop;
        try
        {
            stop = TakeSteps();
        }
        catch (OperationCanceledException) when (_cancellation.IsCancellationRequested)
        {
            stop = FitStop.Cancelled;
        }

        if (_savedStep != _step)
        {
            Save();
        }

        // Of steps after the last evaluation the result tells too; a run that goes on later evaluates where it would have.
        if (stop == FitStop.Complete && _summed > 0)
        {
            Evaluate();
        }

        return new Fitted(_states.Parameters(_options.KeepsBest), ManifestNow(), stop);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _log?.Dispose();
        _evaluation?.Dispose();
        _run?.Dispose();
        _validation?.Dispose();
        _data?.Dispose();
    }

    // One that a cancellation broke off is due again in the run that goes on.
    private bool IsEvaluationDue =>
        _summed > 0 && (_options.EvaluateEvery > 0 ? _step % _options.EvaluateEvery == 0 : _row == 0);

    private bool IsImpatient => _options.Patience > 0 && _waited >= _options.Patience;

    private FitStop TakeSteps()
    {
        while (true)
        {
            if (IsEvaluationDue)
            {
                EvaluateAndSave();
            }

            if (IsImpatient)
            {
                return FitStop.Patience;
            }

            if (_epoch >= _options.Epochs || _step >= _options.Steps)
            {
                return FitStop.Complete;
            }

            if (_cancellation.IsCancellationRequested)
            {
                return FitStop.Cancelled;
            }

            if (_run.Read(_data, _epoch, _row) < _options.BatchSize)
            {
                EndEpoch();
            }
            else
            {
                Step();
            }
        }
    }

    private void Step()
    {
        try
        {
            _run.Run(_step);
        }
        catch (CheckFailedException failure)
        {
            throw Failure("the model", failure.Message, failure);
        }

        double monitored = _run.Metric(_monitor);
        if (!_run.Executable.LastRunCommitted || !double.IsFinite(monitored))
        {
            throw Examine(monitored);
        }

        for (int k = 0; k < _sums.Length; k++)
        {
            _sums[k] += _run.Metric(k);
        }

        _summed++;
        _step++;
        _row += _options.BatchSize;
        if (!IsEvaluationDue && _options.CheckpointEvery > 0 && _step % _options.CheckpointEvery == 0)
        {
            Save();
        }

        _report.Step(_step, _epoch, _sums[0] / _summed, _best);
        _options.AfterStep?.Invoke(_step);
    }

    private void EndEpoch()
    {
        if (_row == 0)
        {
            throw new InvalidDataException(
                $"The data gave no full batch of {_options.BatchSize} rows for the learner \"{_learner.Name}\". Lower FitOptions.BatchSize, or give more data.");
        }

        _epoch++;
        _row = 0;
    }

    private void EvaluateAndSave()
    {
        Evaluate();
        if (_options.CheckpointEvery == 0 || _step % _options.CheckpointEvery == 0)
        {
            Save();
        }
    }

    private void Evaluate()
    {
        double[] training = Array.ConvertAll(_sums, sum => sum / _summed);
        double[]? validation = null;
        if (_evaluation is not null)
        {
            _evaluation.TakeStates(_run.Executable);
            validation = _evaluation.Evaluate(_validation!);
        }

        double value = (validation ?? training)[_monitor];
        bool isBetter = _options.Maximise ? value > _best : value < _best;
        if (isBetter || (double.IsNaN(_best) && !double.IsNaN(value)))
        {
            (_best, _bestStep, _waited) = (value, _step, 0);
            if (_options.KeepsBest)
            {
                _states.KeepBest();
            }
        }
        else
        {
            _waited++;
        }

        var point = new FitPoint(_step, _epoch, training, validation);
        _history.Add(point);
        _report.Point(_step, _epoch, training[0], _best);
        Log(point);
        Array.Clear(_sums);
        _summed = 0;
    }

    private long? StepsInAll()
    {
        long? ofEpochs = _options.Epochs is { } epochs && _data.Count is { } rows
            ? (long)Int128.Min(long.MaxValue, (Int128)epochs * (rows / _options.BatchSize))
            : null;
        return (_options.Steps, ofEpochs) switch
        {
            ({ } steps, { } most) => Math.Min(steps, most),
            (var steps, var most) => _options.Epochs is null ? steps : most,
        };
    }
}
