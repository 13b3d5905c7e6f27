using Xunit;
using static Inference.Language;
using FSharpLearning = Inference.Twins.Learning;

namespace Inference.CSharpApi.Tests;

public record Measurement([Size(3)] Tensor X, Tensor Y);

public record Moments(Tensor Count, Tensor Mean);

/// <summary>Learners as C# and F# write them, and what docs/learning.md shows of fitting.</summary>
public sealed class LearnerTests : IDisposable
{
    private readonly Engine engine = new(new EngineOptions { Threads = 1, Cache = false });
    private readonly string folder = Directory.CreateTempSubdirectory("inference-test-").FullName;
    private readonly float[] x;
    private readonly float[] y;

    public LearnerTests()
    {
        var random = new Random(1);
        x = [.. Enumerable.Range(0, 3 * 256).Select(_ => (2 * random.NextSingle()) - 1)];
        y = [.. x.Chunk(3).Select(row => row[0] - (2 * row[1] * row[2]))];
    }

    public void Dispose()
    {
        engine.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void A_network_is_fitted_kept_and_used()
    {
        Network net = Net.Mlp("net", [3, 32, 1]);
        var learner = Learner.Minimise("regression", (Measurement m) => Square(Element(net.Apply(m.X), 0) - m.Y), new Adam(1e-2));
        string checkpoint = Path.Combine(folder, "regression.safetensors");

        Fitted fitted = learner.Fit(
            Dataset.Columns(("X", x), ("Y", y)),
            new FitOptions { Epochs = 50, BatchSize = 32, Checkpoint = checkpoint, Resume = true },
            engine);

        using var predict = engine.Compile("predict", Input("x", 3), v => Element(net.Apply(v), 0));
        fitted.CopyTo(predict.Executable);

        Assert.Equal(50, fitted.Epoch);
        Assert.True(fitted.History[^1].Training[0] < 0.02, $"loss {fitted.History[^1].Training[0]}");
        Assert.Equal(-0.5, predict.Run([0.5f, 0.5f, 1]).ToArray()[0], 0.3);
        Assert.Equal(["net.0.bias", "net.0.weight", "net.1.bias", "net.1.weight"], Fitted.Load(checkpoint).Parameters.Keys.Order());
        Assert.Equal([32, 3], fitted.Parameters["net.0.weight"].Shape);
        Assert.Equal(fitted.Parameters["net.0.weight"].ToArray(), Fitted.Load(checkpoint).Parameters["net.0.weight"].ToArray());
    }

    [Fact]
    public void Both_languages_fit_the_same_bits()
    {
        Network net = Net.Mlp("net", [3, 32, 1]);
        var learner = Learner.Minimise("regression", (Measurement m) => Square(Element(net.Apply(m.X), 0) - m.Y), new Adam(1e-2));
        Fitted ours = learner.Fit(Dataset.Columns(("X", x), ("Y", y)), new FitOptions { Epochs = 50, BatchSize = 32 }, engine);
        Fitted theirs = FSharpLearning.fit(engine, x, y);
        Assert.Equal(ours.Parameters.Keys, theirs.Parameters.Keys);
        Assert.All(ours.Parameters, pair => Assert.Equal(pair.Value.ToArray(), theirs.Parameters[pair.Key].ToArray()));

        var averaging = Learner.Define(
            "averaging",
            new Moments(0, 0),
            (LearnerContext context, Moments s, Tensor x) =>
            {
                Tensor count = s.Count + 1;
                Tensor mean = s.Mean + (context.Mean(x) - s.Mean) / count;
                return (new Moments(count, mean), Square(x - mean));
            });
        var options = new FitOptions { Epochs = 3, BatchSize = 16, Seed = 2 };
        Assert.Equal(
            averaging.Fit(Dataset.Rows(y), options, engine).Parameters["Mean"].ToArray(),
            FSharpLearning.averaging.Fit(Dataset.Rows(y), options, engine).Parameters["Mean"].ToArray());
    }

    [Fact]
    public void A_loss_may_draw_and_report()
    {
        Network encoder = Net.Mlp("encoder", [3, 16, 4]), decoder = Net.Mlp("decoder", [2, 16, 3]);
        var learner = Learner.Minimise(
            "autoencoder",
            (LearnerContext context, Measurement m) =>
            {
                Tensor code = encoder.Apply(m.X);
                Tensor mean = Slice(code, 0, 0, 2), logVariance = Slice(code, 0, 2, 4);
                Tensor z = context.DrawEach(Sample("z", DiagonalNormal(code)));
                Tensor error = Sum(Square(decoder.Apply(z) - m.X));
                Tensor divergence = 0.5 * Sum(Exp(logVariance) + Square(mean) - 1 - logVariance);
                return (error + 0.01 * divergence, new { Error = error, Divergence = divergence });
            },
            new ClipNorm(10).Then(new Adam(1e-2)));

        Fitted fitted = learner.Fit(Dataset.Columns(("X", x), ("Y", y)), new FitOptions { Epochs = 40, BatchSize = 32 }, engine);

        Assert.Equal(["loss", "Error", "Divergence"], fitted.Metrics);
        FitPoint first = fitted.History[0], last = fitted.History[^1];
        Assert.Equal(last.Training[0], last.Training[1] + (0.01 * last.Training[2]), 1e-5);
        Assert.True(last.Training[0] < 0.6 * first.Training[0], $"{first.Training[0]} became {last.Training[0]}");
        var again = learner.Evaluate(fitted, Dataset.Columns(("X", x), ("Y", y)), engine);
        Assert.Equal(again, learner.Evaluate(fitted, Dataset.Columns(("X", x), ("Y", y)), engine));
        Assert.NotEqual(again["Error"], learner.Evaluate(fitted, Dataset.Columns(("X", x), ("Y", y)), engine, seed: 1)["Error"]);
    }
}
