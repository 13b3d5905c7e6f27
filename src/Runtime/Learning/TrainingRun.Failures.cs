namespace Inference;

/// <content>What a step that failed is taken again for: to find what is not finite.</content>
internal sealed partial class TrainingRun<TBatch>
{
    private TrainingException Examine(double monitored)
    {
        string? state = _run.Executable.NonFiniteState;
        LearnerProgram program = _learner.Program(LearnerMode.Examine, _options.BatchSize, unchecked((ulong)_options.Seed));
        using var examination = new LearnerRun(program, _learner.Batch, _options.BatchSize, _engine);
        examination.Begin(_options.Seed, _data.Count);
        examination.TakeStates(_run.Executable);
        examination.Read(_data, _epoch, _row);
        examination.Run(_step);
        Span<double> strange = stackalloc double[1];
        for (int k = 0; k < program.Sites.Length; k++)
        {
            examination.Executable.CopyOutput(examination.Executable.IndexOfOutput($"site {k}"), strange);
            if (strange[0] != 0)
            {
                SiteRecord site = program.Sites[k];
                string place = site.Location.IsUnknown ? "" : $" (at {site.Location})";
                string problem = $"the log-density of the site \"{site.Path}\"{place} is not finite, {strange[0]} times in the batch.";
                return Failure(
                    site.Path,
                    site.IsObserved ? $"{problem} Where a datum is outside the support of {site.Distribution.Name}, mend the data." : problem);
            }
        }

        string metric = program.Metrics[_monitor];
        return !double.IsFinite(monitored)
            ? Failure(metric, $"the metric \"{metric}\" is {monitored}.")
            : Failure(state!, $"the next value of \"{state}\" is not finite.");
    }

    private TrainingException Failure(string site, string problem, Exception? inner = null) =>
        new(_learner.Name, _step, site, problem, _savedStep < 0 ? null : _options.Checkpoint, _savedStep, inner);
}
