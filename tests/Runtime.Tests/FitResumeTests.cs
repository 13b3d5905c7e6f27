using System.Diagnostics;
using System.Reflection;
using Xunit;

namespace Inference.Runtime.Tests;

/// <summary>A fit that is stopped and goes on ends where one ends that was never stopped, to the bit.</summary>
public sealed class FitResumeTests : IDisposable
{
    private const string KillsVariable = "INFERENCE_TEST_KILLS";

    private readonly TemporaryFolder _folder = new();
    private readonly Engine _engine = new(new EngineOptions { Threads = 2, Cache = false });

    private string Checkpoint => Path.Combine(_folder.Path, "fit.safetensors");

    public void Dispose()
    {
        _engine.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(13, 5)]
    [InlineData(24, 0)]
    [InlineData(49, 7)]
    public void A_resumed_run_gives_the_bits_of_one_that_was_not_stopped(int stop, int every)
    {
        Learner<Example> learner = FitCases.Noisy();
        Dataset data = FitCases.Data(0);
        Fitted whole = learner.Fit(data, FitCases.Options, _engine);

        FitOptions options = FitCases.Options with { Checkpoint = Checkpoint, CheckpointEvery = every, Resume = true };
        using var cancellation = new CancellationTokenSource();
        Fitted first = learner.Fit(
            data, options with { AfterStep = step => { if (step == stop) { cancellation.Cancel(); } } }, _engine, null, cancellation.Token);
        Assert.Equal(FitStop.Cancelled, first.Stopped);
        Assert.Equal(stop, first.Step);
        Fitted second = learner.Fit(data, options, _engine);
        AssertSame(whole, second);
        AssertSame(whole, learner.Fit(data, options, _engine));
    }

    [Fact]
    public void A_stream_is_resumed_in_the_middle_of_a_window()
    {
        (float[] x, float[] y) = FitCases.Columns(0);
        var starts = new List<long>();
        IEnumerable<float[]> From(long row)
        {
            starts.Add(row);
            for (int k = (int)row; k < y.Length; k++)
            {
                yield return [x[3 * k], x[(3 * k) + 1], x[(3 * k) + 2], y[k]];
            }
        }

        Learner<Example> learner = FitCases.Noisy();
        Dataset stream = Dataset.Stream(From, window: 50);
        Fitted whole = learner.Fit(stream, FitCases.Options, _engine);
        FitOptions options = FitCases.Options with { Checkpoint = Checkpoint, Resume = true };
        learner.Fit(stream, options with { Steps = 17 }, _engine);
        starts.Clear();
        AssertSame(whole, learner.Fit(stream, options, _engine));

        // Step 17 is the sixth of the second epoch: its first row is number 80, in the second window of 50.
        Assert.Equal(50, starts[0]);

        IEnumerable<float[]> rows = [.. From(0).Select(row => row.ToArray())];
        Dataset later = Dataset.Stream(row => Later(rows.Skip((int)row)), window: 50);
        AssertSame(whole, learner.Fit(later, FitCases.Options, _engine));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(5)]
    public void An_evaluation_that_a_cancellation_broke_off_is_made_by_the_run_that_goes_on(int every)
    {
        (float[] x, float[] y) = FitCases.Columns(1, 37);
        using var cancellation = new CancellationTokenSource();
        int evaluations = 0, broken = 0;
        IEnumerable<float[]> From(long row)
        {
            if (++evaluations == broken)
            {
                cancellation.Cancel();
                cancellation.Token.ThrowIfCancellationRequested();
            }

            for (int k = (int)row; k < y.Length; k++)
            {
                yield return [x[3 * k], x[(3 * k) + 1], x[(3 * k) + 2], y[k]];
            }
        }

        Learner<Example> learner = FitCases.Noisy();
        Dataset data = FitCases.Data(0);
        FitOptions options = FitCases.Options with { EvaluateEvery = every, Validation = Dataset.Stream(From, window: 10) };
        Fitted whole = learner.Fit(data, options, _engine);

        options = options with { Checkpoint = Checkpoint, Resume = true };
        (evaluations, broken) = (0, 2);
        Fitted first = learner.Fit(data, options, _engine, null, cancellation.Token);
        Assert.Equal(FitStop.Cancelled, first.Stopped);
        Assert.Single(first.History);
        broken = 0;
        AssertSame(whole, learner.Fit(data, options, _engine));
    }

    [Fact]
    public void A_state_of_ones_own_is_resumed()
    {
        Learner<Tensor> learner = FitCases.Averaging();
        Dataset data = Dataset.Rows([1, 2, 3, 4, 5, 6, 7, 8]);
        var options = new FitOptions { Steps = 10, BatchSize = 2 };
        Fitted whole = learner.Fit(data, options, _engine);
        FitOptions kept = options with { Checkpoint = Checkpoint, Resume = true };
        learner.Fit(data, kept with { Steps = 3 }, _engine);
        Fitted resumed = learner.Fit(data, kept, _engine);
        Assert.Equal(10, resumed.Parameters["Count"].ToArray()[0]);
        AssertSame(whole, resumed);
    }

    [Fact]
    public void A_process_that_is_killed_at_any_moment_leaves_a_checkpoint_to_resume_from()
    {
        int kills = int.Parse(Environment.GetEnvironmentVariable(KillsVariable) ?? "20", System.Globalization.CultureInfo.InvariantCulture);
        using var cache = new TemporaryFolder();
        byte[] expected;
        using (var engine = new Engine(new EngineOptions { Threads = 1, CacheDirectory = cache.Path }))
        {
            expected = FitCases.Bits(FitCases.Noisy().Fit(
                FitCases.Data(0), Program.Options(_folder.Path) with { Checkpoint = null, Resume = false }, engine));
        }

        var random = new Random(0);
        long last = 0;
        for (int killed = 0; killed < kills;)
        {
            using Process process = Start(cache.Path);
            bool began = process.StandardOutput.ReadLine() is not null;
            Thread.Sleep(random.Next(30));
            process.Kill();
            string errors = process.StandardError.ReadToEnd();
            process.WaitForExit();
            Assert.True(errors.Length == 0, errors);
            long step = File.Exists(Checkpoint) ? StepOf(Checkpoint) : 0;
            Assert.True(step >= last, $"The checkpoint went back from step {last} to {step}.");
            Assert.True(began || process.ExitCode == 0);
            if (step < Program.Steps)
            {
                last = step;
                killed++;
                continue;
            }

            // It came to its end: what it made is right, and another run is begun.
            AssertEnd(cache.Path, expected);
            last = 0;
        }

        AssertEnd(cache.Path, expected);
    }

    private static async IAsyncEnumerable<float[]> Later(IEnumerable<float[]> rows)
    {
        foreach (float[] row in rows)
        {
            await Task.Yield();
            yield return row;
        }
    }

    private static long StepOf(string path)
    {
        var (_, metadata) = Safetensors.Read(path);
        return Manifest.Read(metadata, path)!.Step;
    }

    private static void AssertSame(Fitted expected, Fitted actual)
    {
        Assert.Equal(FitCases.Bits(expected), FitCases.Bits(actual));
        Assert.Equal(expected.Step, actual.Step);
        Assert.Equal(expected.Epoch, actual.Epoch);
        Assert.Equal(expected.Best, actual.Best);
        Assert.Equal(expected.BestStep, actual.BestStep);
        Assert.Equal(expected.History.Select(p => (p.Step, p.Training[0])), actual.History.Select(p => (p.Step, p.Training[0])));
    }

    private void AssertEnd(string cache, byte[] expected)
    {
        using Process process = Start(cache);
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
        string result = Path.Combine(_folder.Path, "result.safetensors");
        Assert.Equal(expected, FitCases.Bits(Fitted.Load(result)));
        Assert.Equal(["fit.safetensors", "result.safetensors"], _folder.Files.Select(Path.GetFileName).Order());
        File.Delete(Checkpoint);
        File.Delete(result);
    }

    private Process Start(string cache)
    {
        // The test host is dotnet itself or stands beside it.
        string dotnet = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") is { Length: > 0 } path ? path : "dotnet";
        var info = new ProcessStartInfo(dotnet) { RedirectStandardOutput = true, RedirectStandardError = true };
        info.ArgumentList.Add(Assembly.GetExecutingAssembly().Location);
        info.ArgumentList.Add(_folder.Path);
        info.ArgumentList.Add(cache);
        return Process.Start(info)!;
    }
}
