using Xunit;
using static Inference.Language;
using FSharpModels = Inference.Twins.Models;

namespace Inference.CSharpApi.Tests;

public record Picture([Size(16)] Tensor Image, [Size(2)] Tensor Label);

/// <summary>Models with guides as C# and F# write them, and what docs/learning.md shows of them.</summary>
public sealed class ModelTests : IDisposable
{
    private readonly Engine engine = new(new EngineOptions { Threads = 1, Cache = false });
    private readonly string folder = Directory.CreateTempSubdirectory("inference-test-").FullName;
    private readonly float[] labels = new float[2 * 300];
    private readonly Dataset images;
    private readonly float[] pixels = new float[16 * 300];

    /// <summary>Pictures of two classes: the upper or the lower half is mostly 1.</summary>
    public ModelTests()
    {
        var random = new Random(2);
        for (int row = 0; row < 300; row++)
        {
            int half = row % 2;
            labels[(2 * row) + half] = 1;
            for (int k = 0; k < 16; k++)
            {
                pixels[(16 * row) + k] = random.NextDouble() < (k / 8 == half ? 0.9 : 0.1) ? 1 : 0;
            }
        }

        images = Dataset.Rows(pixels);
    }

    public void Dispose()
    {
        engine.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task An_autoencoder_is_fitted_asked_kept_and_loaded()
    {
        var encoder = Net.Mlp("encoder", [16, 32, 4]);
        var decoder = Net.Mlp("decoder", [2, 32, 16]);

        var model = Model.Define(Input("image", 16), image =>
            from z in Sample("z", Normal(Zeros(2), Ones(2)))
            select z.Observed("image", Bernoulli(logits: decoder.Apply(z)), image));

        var guide = Guide.Define(Input("image", 16), image => Sample("z", DiagonalNormal(encoder.Apply(image))));

        using var vae = await model.With(guide).Elbo().FitAsync(images, new Adam(1e-2), epochs: 30, engine);

        string path = Path.Combine(folder, "vae.safetensors");
        float[] codes = vae.Encode(pixels);
        float[] restored = vae.Decode(codes);
        float[] drawn = vae.Sample(count: 8, seed: 1);
        double elbo = vae.Elbo(images, draws: 50);
        vae.Save(path);

        using var again = model.With(guide).Elbo().Load(path, engine);

        Assert.Equal(["loss", "log p(image)", "KL(q(z) ‖ p(z))"], vae.Fitted.Metrics);
        Assert.Equal((600, 4800, 128), (codes.Length, restored.Length, drawn.Length));
        Assert.Empty(vae.Conditions.Leaves);
        Assert.InRange(elbo, -8.5, -5.6); // log 2 + 16·H(0.1) = 5.9 nats is what the data need
        Assert.All(drawn, pixel => Assert.True(pixel is 0 or 1));
        double right = restored.Zip(pixels).Count(pair => pair.First > 0.5 == pair.Second > 0.5) / 4800.0;
        Assert.InRange(right, 0.85, 1);
        Assert.Equal(elbo, again.Elbo(images, draws: 50));
        Assert.Equal(codes, again.Encode(pixels));
        Assert.Equal(codes[..140], again.Encode(pixels.AsSpan(0, 70 * 16)));
        Assert.Equal(drawn, again.Sample(count: 8, seed: 1));
        Assert.NotEqual(drawn, again.Sample(count: 8, seed: 2));
        Assert.Contains("encoder.0.weight", vae.Parameters.Keys);
    }

    [Fact]
    public void Both_languages_fit_the_same_model_to_the_same_bits()
    {
        var encoder = Net.Mlp("encoder", [18, 32, 4]);
        var decoder = Net.Mlp("decoder", [4, 32, 16]);

        var model = Model.Define((Picture p) =>
            from z in Sample("z", Normal(Zeros(2), Ones(2)))
            select z.Observed("image", Bernoulli(logits: decoder.Apply(Concat(0, z, p.Label))), p.Image));

        var guide = Guide.Define((Picture p) => Sample("z", DiagonalNormal(encoder.Apply(Concat(0, p.Image, p.Label)))));

        var data = Dataset.Columns(("Image", pixels), ("Label", labels));
        var options = new FitOptions { Epochs = 20, BatchSize = 50, Seed = 3 };
        using var cvae = model.With(guide).Elbo().Fit(data, new Adam(1e-2), options, engine);
        float[] both = cvae.Sample(count: 2, seed: 0, conditions: [1, 0, 0, 1]);

        using var theirs = FSharpModels.fit(engine, pixels, labels);
        Assert.All(cvae.Parameters, pair => Assert.Equal(pair.Value.ToArray(), theirs.Parameters[pair.Key].ToArray()));
        Assert.Equal(cvae.Elbo(data), theirs.Elbo(data));
        Assert.Equal(["Label"], cvae.Conditions.Leaves.Select(leaf => leaf.Path));
        Assert.Equal(32, both.Length);
        float[] means = cvae.Decode([0, 0, 0, 0], [1, 0, 0, 1]);
        Assert.All(means[..8], mean => Assert.InRange(mean, 0.6, 1));
        Assert.All(means[24..], mean => Assert.InRange(mean, 0.6, 1));
        Assert.All(means[8..24], mean => Assert.InRange(mean, 0, 0.4));
        Assert.Contains("as conditions (Label[2]); 0 came", Assert.Throws<ArgumentException>(() => cvae.Sample(2)).Message);
        Assert.Contains("give whole rows", Assert.Throws<ArgumentException>(() => cvae.Decode([0, 0, 0], [1, 0])).Message);
    }

    [Fact]
    public void Where_the_guide_holds_the_posterior_the_bound_becomes_the_evidence()
    {
        var random = new Random(4);
        float[] y = [.. Enumerable.Range(0, 256).Select(_ => MathF.Sqrt(-4 * MathF.Log(1 - random.NextSingle())) * MathF.Cos(MathF.Tau * random.NextSingle()))];
        Network line = Net.Linear("line", 1, 2);
        var model = Model.Define(Input("y", 1), y =>
            from z in Sample("z", Normal(Zeros(1), Ones(1)))
            select z.Observed("y", Normal(z, Ones(1)), y));
        var guide = Guide.Define(Input("y", 1), y => Sample("z", DiagonalNormal(line.Apply(y))));
        double evidence = y.Average(v => (-0.25 * v * v) - (0.5 * Math.Log(4 * Math.PI)));

        var options = new FitOptions { Epochs = 400, BatchSize = 64 };
        using var fitted = model.With(guide).Elbo().Fit(Dataset.Rows(y), new Adam(Rate.Cosine(0.05, 1600)), options, engine);
        Assert.Equal(evidence, fitted.Elbo(Dataset.Rows(y), draws: 200), 2e-2);
        Assert.Equal(y[3] / 2, fitted.Encode(y)[3], 3e-2);
        Assert.Equal([0.5f], fitted.Decode([0.5f]));
        float[] drawn = fitted.Sample(4000);
        Assert.Equal(2, drawn.Average(v => v * v), 0.2);

        using var weighted = model.With(guide).ImportanceWeighted(8).Load(Kept(fitted), engine);
        Assert.Contains("log mean_8 exp[", weighted.Model.Explanation);
        Assert.Contains("1/0.5·log mean_4", model.With(guide).Renyi(0.5, 4).Explanation);
    }

    [Fact]
    public void What_is_drawn_once_is_fitted_by_a_family_and_a_plate_of_the_data()
    {
        var random = new Random(5);
        float[] x = [.. Enumerable.Range(0, 3 * 128).Select(_ => (2 * random.NextSingle()) - 1)];
        float[] y = [.. x.Chunk(3).Select(row => row[0] - (2 * row[1]) + (0.5f * (random.NextSingle() - 0.5f)))];
        var line = Model.Define((Data<Measurement> data) =>
            from w in Sample("w", Normal(Zeros(3), Ones(3)))
            from each in data.Plate(m => m.Y.Observed("y", Normal(Dot(w, m.X), 0.5), m.Y))
            select w);

        Fitted fitted = line.With(model => Family.MeanField("guide", model)).Elbo().Fit(
            Dataset.Columns(("X", x), ("Y", y)), new Adam(Rate.Cosine(0.05, 1600)), new FitOptions { Epochs = 400, BatchSize = 32 }, engine);

        double[] expected = Posterior(x, y, deviation: 0.5);
        double[] found = fitted.Parameters["guide.w.location"].ToArray();
        Assert.All(expected.Zip(found), pair => Assert.Equal(pair.First, pair.Second, 2e-2));
    }

    /// <summary>
    /// Groups around a common mean, each seen once: μ ~ N(0, 1), zᵢ ~ N(μ, ½), yᵢ ~ N(zᵢ, 0.3). All is Normal: y ~ N(μ, 0.34), so that μ has precision
    /// 1 + N/0.34, and zᵢ given yᵢ and μ mean k·yᵢ + (1 − k)·μ with k = 0.25/0.34.
    /// </summary>
    [Fact]
    public void Groups_around_a_global_mean_are_fitted_in_batches_to_the_conjugate_answer_in_both_languages()
    {
        var random = new Random(7);
        float[] y = [.. Enumerable.Range(0, 60).Select(_ => 0.6f + (1.5f * (random.NextSingle() - 0.5f)))];
        Tensor location = Parameter.create("location", [], Initializer.Zeros);
        Tensor scale = Parameter.create("scale", [], Initializer.Zeros);
        Tensor share = Parameter.create("share", [], Initializer.Zeros);
        Tensor spread = Parameter.create("spread", [], Initializer.Zeros);

        var groups = Model.Define((Data<Tensor> data) =>
            from mean in Sample("mean", Normal(0, 1))
            from each in data.Plate(y =>
                from z in Sample("z", Normal(mean, 0.5))
                select z.Observed("y", Normal(z, 0.3), y))
            select mean);

        var guide = Guide.Define((Data<Tensor> data) =>
            from mean in Sample("mean", Normal(location, Exp(scale)))
            from each in data.Plate(y => Sample("z", Normal(share * y + (1 - share) * mean, Exp(spread))))
            select mean);

        var options = new FitOptions { Epochs = 1200, BatchSize = 20 };
        var elbo = groups.With(guide).Elbo(Objective.Elbo(4));
        Fitted fitted = elbo.Fit(Dataset.Rows(y), new Adam(Rate.Cosine(0.03, 3600)), options, engine);
        double N(string name) => fitted.Parameters[name].ToArray()[0];
        double variance = 1 / (1 + (60 / 0.34));
        Assert.Equal(variance * y.Sum() / 0.34, N("location"), 1e-2);
        Assert.Equal(0.5 * Math.Log(variance), N("scale"), 5e-2);
        Assert.Equal(0.25 / 0.34, N("share"), 1e-2);
        Assert.Equal(0.5 * Math.Log(0.25 * 0.09 / 0.34), N("spread"), 2e-2);
        Assert.StartsWith("maximise mean_4 [ Σ_data log p(data/y) − KL(q(mean) ‖ p(mean)) − Σ_data ", elbo.Explanation);

        Fitted twin = FSharpModels.fitGroups(engine, Dataset.Rows(y), options);
        Assert.All(fitted.Parameters, pair => Assert.Equal(pair.Value.ToArray(), twin.Parameters[pair.Key].ToArray()));
    }

    [Fact]
    public void A_learner_maximises_a_bound_of_each_datum()
    {
        Tensor scale = Parameter.create("scale", [], Initializer.Zeros);
        var learner = Learner.Maximise(
            "spread",
            Input("x", 4),
            x => Sample("z", Normal(0, 1)).Observed("x", Normal(Zeros(4), Exp(Fill(scale, 4))), x).Bound(Sample("z", Normal(0, 1))),
            new Adam(0.05));
        Fitted fitted = learner.Fit(images, new FitOptions { Steps = 600 }, engine);
        double meanSquare = pixels.Average(v => v * v);
        Assert.Equal(0.5 * Math.Log(meanSquare), fitted.Parameters["scale"].ToArray()[0], 3e-2);
    }

    [Fact]
    public void The_objective_and_the_schedule_are_explained()
    {
        var guided = FSharpModels.guided;
        string text = guided.Elbo(new Objective { Beta = 4 }).Explain();
        Assert.Contains("maximise log p(image) − 4·KL(q(z) ‖ p(z))", text);
        Assert.Contains("z ~ DiagonalNormal[2], prior Normal; reparameterised", text);
        Assert.Contains("K0:", text);
    }

    [Fact]
    public void What_does_not_fit_is_refused_where_it_is_defined()
    {
        Network wide = Net.Linear("wide", 2, 17);
        var model = Model.Define(Input("image", 16), image => Sample("z", Normal(Zeros(2), Ones(2))), "pictures");
        Refuses("observes a value of shape [16] under Bernoulli of shape [17]", () => Model.Define(Input("image", 16), image =>
            from z in Sample("z", Normal(Zeros(2), Ones(2)))
            select z.Observed("image", Bernoulli(logits: wide.Apply(z)), image)));
        Refuses("is one of image[16]; the guide \"guide\" reads image[15]", () =>
            model.With(Guide.Define(Input("image", 15), image => Sample("z", Normal(Zeros(2), Ones(2))))));
        ModelException lacking = Refuses("The guide lacks the site \"z\"", () =>
            model.With(Guide.Define(Input("image", 16), image => Sample("y", Normal(Zeros(2), Ones(2))))).Elbo());
        Assert.Equal("pictures", lacking.Model);
        Refuses("has order 1; the objective has 0", () =>
            model.With(Guide.Define(Input("image", 16), image => Sample("z", Normal(Zeros(2), Ones(2))))).Elbo(Objective.ImportanceWeighted(5)));
    }

    [Fact]
    public void Parameters_of_another_model_are_refused()
    {
        string path = Path.Combine(folder, "other.safetensors");
        var other = Learner.Minimise("other", (Tensor x) => Square(x - Parameter.create("lone", [], Initializer.Zeros)), new Sgd(0.1));
        other.Fit(Dataset.Rows(pixels), new FitOptions { Steps = 1 }, engine).Save(path);
        CheckpointException failure = Assert.Throws<CheckpointException>(() => FSharpModels.guided.Elbo().Load(path, engine));
        Assert.Contains("decoder.0.bias", failure.Message);
    }

    private static ModelException Refuses(string problem, Func<object> define)
    {
        var failure = Assert.Throws<ModelException>(() => define());
        Assert.Contains(problem, failure.Message);
        return failure;
    }

    private string Kept<T>(FittedModel<T> fitted)
    {
        string path = Path.Combine(folder, "kept.safetensors");
        fitted.Save(path);
        return path;
    }

    /// <summary>The posterior mean of a linear regression with standard normal weights: (I + XᵀX/σ²)⁻¹ Xᵀy/σ², by Gauss–Jordan.</summary>
    private static double[] Posterior(float[] x, float[] y, double deviation)
    {
        double[,] a = new double[3, 4];
        for (int r = 0; r < 3; r++)
        {
            for (int row = 0; row < y.Length; row++)
            {
                for (int c = 0; c < 3; c++)
                {
                    a[r, c] += x[(3 * row) + r] * x[(3 * row) + c] / (deviation * deviation);
                }

                a[r, 3] += x[(3 * row) + r] * y[row] / (deviation * deviation);
            }

            a[r, r] += 1;
        }

        for (int pivot = 0; pivot < 3; pivot++)
        {
            double by = a[pivot, pivot];
            for (int c = 0; c < 4; c++)
            {
                a[pivot, c] /= by;
            }

            for (int r = 0; r < 3; r++)
            {
                double times = r == pivot ? 0 : a[r, pivot];
                for (int c = 0; c < 4; c++)
                {
                    a[r, c] -= times * a[pivot, c];
                }
            }
        }

        return [a[0, 3], a[1, 3], a[2, 3]];
    }
}
