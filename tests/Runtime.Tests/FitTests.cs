using Xunit;
using static Inference.Language;

namespace Inference.Runtime.Tests;

/// <summary>What fits find, how they end, and what they cost.</summary>
public sealed class FitTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly RecordingLogger _logger = new();
    private readonly Engine _engine;

    public FitTests() => _engine = new Engine(new EngineOptions { Threads = 2, Cache = false, Logger = _logger });

    private string Checkpoint => Path.Combine(_folder.Path, "fit.safetensors");

    public void Dispose()
    {
        _engine.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void A_line_is_found()
    {
        float[] x = [.. Enumerable.Range(0, 64).Select(k => (k / 32f) - 1)];
        Network net = Net.Linear("line", 1, 1);
        Learner<Tensor> learner = Learner.Minimise(
            "line", Input("pair", 2), pair => Square(Element(net.Apply(Slice(pair, 0, 0, 1)), 0) - Element(pair, 1)), new Adam(3e-2));
        Dataset data = Dataset.Rows([.. x.SelectMany(v => new[] { v, (2 * v) - 0.5f })]);
        Fitted fitted = learner.Fit(data, new FitOptions { Epochs = 200, BatchSize = 16 }, _engine);
        Assert.Equal(2, fitted.Parameters["line.weight"].ToArray()[0], 1e-3);
        Assert.Equal(-0.5, fitted.Parameters["line.bias"].ToArray()[0], 1e-3);
        Assert.Equal(["line.bias", "line.weight"], fitted.Parameters.Keys.Order());
        Assert.Equal([1, 1], fitted.Parameters["line.weight"].Shape);
        Assert.Equal(800, fitted.Step);
        Assert.Equal(200, fitted.History.Count);
        Assert.Equal(FitStop.Complete, fitted.Stopped);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    public void Any_number_of_threads_gives_the_same_bits(int threads)
    {
        using var engine = new Engine(new EngineOptions { Threads = threads, Cache = false });
        Fitted two = FitCases.Noisy(hidden: 64).Fit(FitCases.Data(0), FitCases.Options, _engine);
        Fitted other = FitCases.Noisy(hidden: 64).Fit(FitCases.Data(0), FitCases.Options, engine);
        Assert.Equal(FitCases.Bits(two), FitCases.Bits(other));
        Assert.Equal(two.History.Select(p => p.Validation![0]), other.History.Select(p => p.Validation![0]));
    }

    [Fact]
    public void The_seed_decides_parameters_draws_and_order()
    {
        byte[] Of(FitOptions options) => FitCases.Bits(FitCases.Noisy().Fit(FitCases.Data(0), options, _engine));
        Assert.NotEqual(Of(FitCases.Options), Of(FitCases.Options with { Seed = 6 }));
        Assert.NotEqual(Of(FitCases.Options), Of(FitCases.Options with { Shuffle = false }));
    }

    [Fact]
    public void An_evaluation_is_the_mean_over_all_rows_whatever_the_batches()
    {
        (float[] x, float[] y) = FitCases.Columns(3, 37);
        Network net = Net.Mlp("net", [3, 8, 1], Activation.Tanh);
        Learner<Example> learner = Learner.Minimise("plain", (Example e) => Square(Element(net.Apply(e.X), 0) - e.Y), new Adam(1e-2));
        Fitted fitted = learner.Fit(FitCases.Data(0), new FitOptions { Steps = 20, BatchSize = 16 }, _engine);
        using var predict = _engine.Compile("predict", Input("x", 3), v => Element(net.Apply(v), 0));
        fitted.CopyTo(predict.Executable);
        double expected = Enumerable.Range(0, 37).Average(k => Math.Pow(predict.Run(x.AsSpan(3 * k, 3))[0] - y[k], 2));
        foreach (int batch in new[] { 1, 10, 37, 64 })
        {
            double loss = learner.Evaluate(fitted, Dataset.Columns(("Y", y), ("X", x)), _engine, batch)["loss"];
            Assert.Equal(expected, loss, 1e-6);
        }
    }

    [Fact]
    public void A_learner_of_ones_own_keeps_its_state_and_evaluates_without_changing_it()
    {
        Learner<Tensor> learner = FitCases.Averaging();
        Fitted fitted = learner.Fit(
            Dataset.Rows([1, 2, 3, 4, 5, 6]),
            new FitOptions { Epochs = 2, BatchSize = 3, Shuffle = false, KeepBest = false, Validation = Dataset.Rows([3.5f, 5.5f]) },
            _engine);
        Assert.Equal(4, fitted.Parameters["Count"].ToArray()[0]);
        Assert.Equal(3.5, fitted.Parameters["Mean"].ToArray()[0], 1e-6);
        Assert.Equal(["loss"], fitted.Metrics);

        // One more step would have moved the mean by a fifth of the way to each batch's mean, here 4.5.
        Assert.Equal((Math.Pow(3.5 - 3.7, 2) + Math.Pow(5.5 - 3.7, 2)) / 2, fitted.History[1].Validation![0], 1e-5);
    }

    [Fact]
    public void Two_networks_learn_from_losses_of_their_own()
    {
        Network first = Net.Linear("first", 1, 1), second = Net.Linear("second", 1, 1);
        Learner<Tensor> learner = Learner.Define("pair", Zeros(), (LearnerContext context, Tensor steps, Tensor x) =>
        {
            Tensor guess = Element(first.Apply(Reshape(x, 1)), 0);
            Tensor loss = context.Minimise(Square(guess - 2 * x), new Sgd(0.1), first.Parameters);
            context.Minimise(Square(Element(second.Apply(Reshape(x, 1)), 0) + guess), new Adam(0.03), second.Parameters);
            return (steps + 1, loss);
        });
        Fitted fitted = learner.Fit(Dataset.Rows([-1, -0.5f, 0.5f, 1]), new FitOptions { Steps = 2000, BatchSize = 4 }, _engine);
        Assert.Equal(2, fitted.Parameters["first.weight"].ToArray()[0], 1e-3);
        Assert.Equal(-2, fitted.Parameters["second.weight"].ToArray()[0], 1e-3);
        Assert.Equal(2000, fitted.Parameters["state"].ToArray()[0]);
    }

    [Fact]
    public void The_number_of_data_and_the_step_can_be_read()
    {
        Learner<Tensor> learner = Learner.Define(
            "counting", Zeros(), (LearnerContext context, Tensor s, Tensor x) => (context.Total, context.Step + 0 * context.Mean(x)));
        var options = new FitOptions { Steps = 3, BatchSize = 2, EvaluateEvery = 1 };
        Fitted fitted = learner.Fit(Dataset.Rows([1, 2, 3, 4, 5]), options, _engine);
        Assert.Equal(5, fitted.Parameters["state"].ToArray()[0]);
        Assert.Equal([0, 1, 2], fitted.History.Select(p => p.Training[0]));

        Dataset stream = Dataset.Stream(row => Enumerable.Range((int)row, 4).Select(k => new float[] { k }));
        string message = Assert.Throws<ArgumentException>(() => learner.Fit(stream, options, _engine)).Message;
        Assert.Contains("Dataset.Stream(from, count)", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Cancellation_keeps_the_best()
    {
        // Far too high a rate at the end, so that the last parameters are worse than some before.
        Learner<Example> learner = FitCases.Noisy(rate: 1);
        using var cancellation = new CancellationTokenSource();
        FitOptions options = FitCases.Options with
        {
            Epochs = 1000,
            EvaluateEvery = 1,
            AfterStep = step => { if (step == 40) { cancellation.Cancel(); } },
        };
        Fitted fitted = learner.Fit(FitCases.Data(0), options, _engine, null, cancellation.Token);
        Assert.Equal(FitStop.Cancelled, fitted.Stopped);
        Assert.Equal(40, fitted.Step);
        FitPoint best = fitted.History.MinBy(p => p.Validation![0])!;
        Assert.Equal(best.Step, fitted.BestStep);
        Assert.True(best.Step < 40);
        Fitted until = learner.Fit(FitCases.Data(0), FitCases.Options with { Steps = best.Step, KeepBest = false }, _engine);
        Assert.Equal(FitCases.Bits(until), FitCases.Bits(fitted));
        Fitted last = learner.Fit(FitCases.Data(0), FitCases.Options with { Steps = 40, KeepBest = false }, _engine);
        Assert.NotEqual(FitCases.Bits(last), FitCases.Bits(fitted));
    }

    [Fact]
    public async Task A_fit_on_another_thread_can_be_cancelled()
    {
        using var cancellation = new CancellationTokenSource();
        var options = FitCases.Options with { Epochs = 1_000_000_000, AfterStep = _ => cancellation.Cancel() };
        Fitted fitted = await FitCases.Noisy().FitAsync(FitCases.Data(0), options, _engine, null, cancellation.Token);
        Assert.Equal((1, FitStop.Cancelled), (fitted.Step, fitted.Stopped));
    }

    [Fact]
    public void A_fit_that_gets_no_better_ends()
    {
        // Its loss is the step's number: the first evaluation is the best one.
        Learner<Tensor> worse = Learner.Define(
            "worse", Zeros(), (LearnerContext context, Tensor s, Tensor x) => (s + 1, s + 0 * context.Mean(x)));
        var options = new FitOptions { Steps = 1000, BatchSize = 2, EvaluateEvery = 5, Patience = 3 };
        Fitted fitted = worse.Fit(Dataset.Rows([1, 2, 3, 4]), options, _engine);
        Assert.Equal((FitStop.Patience, 20L, 5L), (fitted.Stopped, fitted.Step, fitted.BestStep));
        Assert.Equal(5, fitted.Parameters["state"].ToArray()[0]);
        fitted = worse.Fit(Dataset.Rows([1, 2, 3, 4]), options with { Maximise = true, Monitor = "loss" }, _engine);
        Assert.Equal((FitStop.Complete, 1000L, 1000L), (fitted.Stopped, fitted.Step, fitted.BestStep));
    }

    [Fact]
    public void Steps_allocate_nothing()
    {
        const int Steps = 300;
        long[] allocated = new long[Steps + 1];
        FitOptions options = FitCases.Options with
        {
            Validation = null,
            Epochs = null,
            Steps = Steps,
            EvaluateEvery = 10 * Steps,
            AfterStep = step => allocated[step] = GC.GetAllocatedBytesForCurrentThread(),
        };
        FitCases.Noisy().Fit(FitCases.Data(0), options, _engine, new Progress());
        long[] each = [.. allocated.Skip(2).Zip(allocated.Skip(1), (after, before) => after - before)];
        Assert.Equal(Steps - 1, each.Length);
        Assert.All(each, bytes => Assert.Equal(0, bytes));
    }

    [Fact]
    public void Progress_tells_of_loss_throughput_and_time_left()
    {
        var progress = new Progress();
        Fitted fitted = FitCases.Noisy().Fit(FitCases.Data(0), FitCases.Options, _engine, progress);
        FitProgress[] points = [.. progress.Told.Where(p => fitted.History.Any(h => h.Step == p.Step && h.Training[0] == p.Loss))];
        Assert.Equal(fitted.History.Count, points.Length);
        Assert.All(points, p => Assert.Equal(72, p.Steps));
        Assert.All(points, p => Assert.True(p.RowsPerSecond > 0 && p.Left >= TimeSpan.Zero && double.IsFinite(p.Best)));
        Assert.Equal(TimeSpan.Zero, points[^1].Left);
        Assert.StartsWith("epoch 6  step 72 of 72  loss ", points[^1].ToString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(long.MaxValue, null)]
    [InlineData(null, long.MaxValue)]
    [InlineData(null, 1_000_000_000_000_000L)]
    public void A_fit_without_an_end_to_speak_of_tells_no_time_left(long? steps, long? epochs)
    {
        using var cancellation = new CancellationTokenSource();
        var progress = new Progress();
        FitOptions options = FitCases.Options with
        {
            Steps = steps,
            Epochs = epochs,
            EvaluateEvery = 1,
            AfterStep = step => { if (step == 3) { cancellation.Cancel(); } },
        };
        FitCases.Noisy().Fit(FitCases.Data(0), options, _engine, progress, cancellation.Token);
        Assert.Equal(3, progress.Told.Count);
        Assert.All(progress.Told, p => Assert.True(p.Steps > 1_000_000_000_000 && (p.Left is null || p.Left > TimeSpan.FromDays(1000))));
    }

    [Fact]
    public void Time_left_counts_hours_beyond_a_day()
    {
        var progress = new FitProgress(1, 9, 0, 0.5, double.NaN, 1, TimeSpan.Zero, new TimeSpan(days: 2, hours: 3, minutes: 4, seconds: 5));
        Assert.EndsWith("  51:04:05 left", progress.ToString(), StringComparison.Ordinal);
        Assert.EndsWith("  00:00:59 left", (progress with { Left = TimeSpan.FromSeconds(59.9) }).ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public void Parameters_of_another_fit_are_started_from()
    {
        Learner<Example> learner = FitCases.Noisy();
        Fitted first = learner.Fit(FitCases.Data(0), FitCases.Options, _engine);
        string path = Path.Combine(_folder.Path, "net.safetensors");
        first.Save(path);
        Fitted loaded = Fitted.Load(path);
        Assert.Equal(FitCases.Bits(first), FitCases.Bits(loaded));
        Assert.Equal((first.Step, first.Name), (loaded.Step, loaded.Name));
        Fitted second = learner.Fit(FitCases.Data(0), FitCases.Options with { Steps = 0, Start = loaded }, _engine);
        Assert.Equal(FitCases.Bits(first), FitCases.Bits(second));
        string message = Assert.Throws<CheckpointException>(
            () => FitCases.Noisy(hidden: 9).Fit(FitCases.Data(0), FitCases.Options with { Start = loaded }, _engine)).Message;
        Assert.Contains("\"net.0.weight\" is F32[8, 3], where F32[9, 3] was expected", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Fits_in_double_precision_are_kept_in_double_precision()
    {
        using var engine = new Engine(new EngineOptions { Threads = 1, Cache = false, Precision = Precision.Double });
        FitOptions options = FitCases.Options with { Checkpoint = Checkpoint, Resume = true };
        Fitted whole = FitCases.Noisy().Fit(FitCases.Data(0), FitCases.Options, engine);
        FitCases.Noisy().Fit(FitCases.Data(0), options with { Steps = 20 }, engine);
        Fitted resumed = FitCases.Noisy().Fit(FitCases.Data(0), options, engine);
        Assert.Equal(Compiler.ElementType.Float64, resumed.Parameters["net.0.bias"].Type);
        Assert.Equal(FitCases.Bits(whole), FitCases.Bits(resumed));
    }

    [Fact]
    public void Metrics_are_written_as_lines_and_events_and_begin_again_where_a_resume_does()
    {
        string log = Path.Combine(_folder.Path, "log");
        FitOptions options = FitCases.Options with { Log = log, Checkpoint = Checkpoint, CheckpointEvery = 20, Resume = true };
        Learner<Example> learner = FitCases.Noisy();
        using var cancellation = new CancellationTokenSource();
        byte[] checkpoint = [];
        learner.Fit(
            FitCases.Data(0),
            options with { AfterStep = step => { if (step == 20) { checkpoint = File.ReadAllBytes(Checkpoint); } } },
            _engine);
        File.WriteAllBytes(Checkpoint, checkpoint);
        Fitted fitted = learner.Fit(FitCases.Data(0), options, _engine);

        string[] lines = File.ReadAllLines(Path.Combine(log, "metrics.jsonl"));
        Assert.Equal(fitted.History.Count, lines.Length);
        foreach ((FitPoint point, string line) in fitted.History.Zip(lines))
        {
            using var json = System.Text.Json.JsonDocument.Parse(line);
            Assert.Equal(point.Step, json.RootElement.GetProperty("step").GetInt64());
            Assert.Equal(point.Training[0], json.RootElement.GetProperty("training").GetProperty("loss").GetDouble());
            Assert.Equal(point.Validation![0], json.RootElement.GetProperty("validation").GetProperty("loss").GetDouble());
        }

        string[] files = [.. Directory.GetFiles(log, "events.out.tfevents.*").OrderBy(f => EventReader.Read(f).First().Step)];
        Assert.Equal(2, files.Length);
        List<EventReader.Event>[] events = [.. files.Select(file => EventReader.Read(file)).OrderBy(list => list.Count(e => e.Values.Count > 0))];
        EventReader.Event[] second = [.. events[0].Where(e => e.Values.Count > 0)];
        Assert.Equal(fitted.History.Where(p => p.Step > 20).Select(p => p.Step), second.Select(e => e.Step));
        Assert.Equal((float)fitted.History[^1].Validation![0], second[^1].Values["validation/loss"]);
        Assert.Equal((float)fitted.History[^1].Training[0], second[^1].Values["training/loss"]);
        Assert.True(second[^1].Values["rows per second"] > 0);

        // The last evaluation before the checkpoint was that of step 14.
        Assert.Equal(15, Assert.Single(events[0], e => e.IsStart).Step);
    }

    [Fact]
    public void A_fit_that_is_begun_again_after_its_end_writes_no_line_twice()
    {
        string log = Path.Combine(_folder.Path, "log");
        FitOptions options = FitCases.Options with { Steps = 10, Log = log, Checkpoint = Checkpoint, Resume = true };
        for (int run = 0; run < 3; run++)
        {
            Fitted fitted = FitCases.Noisy().Fit(FitCases.Data(0), options, _engine);
            Assert.Equal([7, 10], fitted.History.Select(point => point.Step));
            IEnumerable<long> steps = File.ReadLines(Path.Combine(log, "metrics.jsonl"))
                .Select(line => System.Text.Json.JsonDocument.Parse(line).RootElement.GetProperty("step").GetInt64());
            Assert.Equal([7, 10], steps);
        }
    }

    [Fact]
    public void A_piece_that_finds_no_room_leaves_no_part_of_itself()
    {
        string path = Path.Combine(_folder.Path, "log");
        using (var file = new AppendedFile(new SmallDisk(path, 10)))
        {
            file.Append("first\n"u8);
            Assert.Throws<IOException>(() => file.Append("too long\n"u8));
            file.Append("two\n"u8);
        }

        Assert.Equal("first\ntwo\n", File.ReadAllText(path));
        using (AppendedFile file = AppendedFile.Open(path))
        {
            file.Append("three\n"u8);
        }

        Assert.Equal("first\ntwo\nthree\n", File.ReadAllText(path));
    }

    [Fact]
    public void A_full_disk_costs_a_warning_and_the_old_checkpoint_stays()
    {
        Learner<Example> learner = FitCases.Noisy();
        Fitted whole = learner.Fit(FitCases.Data(0), FitCases.Options, _engine);
        bool full = false;
        FitOptions options = FitCases.Options with
        {
            Checkpoint = Checkpoint,
            CheckpointEvery = 10,
            OpenFile = path => full ? new FullDisk(AtomicFile.Open(path), 1500) : AtomicFile.Open(path),
            AfterStep = step => full = step >= 20,
        };
        Fitted fitted = learner.Fit(FitCases.Data(0), options, _engine);
        Assert.Equal(FitCases.Bits(whole), FitCases.Bits(fitted));
        Assert.Equal(6, _logger.Warnings.Count);
        Assert.All(_logger.Warnings, warning => Assert.Contains("No space left", warning, StringComparison.Ordinal));
        Assert.Contains("at step 30", _logger.Warnings[0], StringComparison.Ordinal);
        Assert.Equal(["fit.safetensors"], _folder.Files.Select(Path.GetFileName));
        Fitted resumed = learner.Fit(FitCases.Data(0), options with { OpenFile = null, AfterStep = null, Resume = true }, _engine);
        Assert.Equal(FitCases.Bits(whole), FitCases.Bits(resumed));
    }

    private sealed class Progress : IProgress<FitProgress>
    {
        public List<FitProgress> Told { get; } = new(1000);

        public void Report(FitProgress value) => Told.Add(value);
    }

    /// <summary>A file that takes so many bytes, of a longer piece the beginning.</summary>
    private sealed class SmallDisk(string path, long room) : FileStream(path, FileMode.Append, FileAccess.Write, FileShare.Read, bufferSize: 0)
    {
        public override void Write(ReadOnlySpan<byte> buffer)
        {
            int fits = (int)Math.Min(buffer.Length, room - Length);
            base.Write(buffer[..fits]);
            if (fits < buffer.Length)
            {
                throw new IOException("No space left on device");
            }
        }
    }

    /// <summary>A file on a disk that has room for so many bytes.</summary>
    internal sealed class FullDisk(Stream file, long room) : MemoryStream
    {
        public override void Write(ReadOnlySpan<byte> buffer)
        {
            room -= buffer.Length;
            if (room < 0)
            {
                throw new IOException("No space left on device");
            }

            file.Write(buffer);
        }

        public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

        protected override void Dispose(bool disposing)
        {
            file.Dispose();
            base.Dispose(disposing);
        }
    }
}
