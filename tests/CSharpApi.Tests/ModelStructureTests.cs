using Xunit;
using static Inference.Language;

namespace Inference.CSharpApi.Tests;

/// <summary>Models whose datum has structure: plates, finite sites.</summary>
public sealed class ModelStructureTests : IDisposable
{
    private readonly Engine engine = new(new EngineOptions { Threads = 1, Cache = false });
    private readonly Dataset images;
    private readonly float[] pixels = new float[16 * 300];

    /// <summary>Images in turn mostly 1 in their first half and in their second.</summary>
    public ModelStructureTests()
    {
        var random = new Random(3);
        for (int k = 0; k < pixels.Length; k++)
        {
            int half = k / 16 % 2;
            pixels[k] = random.NextDouble() < (k % 16 / 8 == half ? 0.9 : 0.1) ? 1 : 0;
        }

        images = Dataset.Rows(pixels);
    }

    public void Dispose() => engine.Dispose();

    [Fact]
    public void Plates_within_a_datum_are_leading_axes_of_a_row()
    {
        FreeIndex part = PlateIndex("part", 8);
        Network line = Net.Linear("line", 2, 4);
        var model = Model.Define(Input("image", 8, 2), image =>
            from parts in Plate(
                part,
                from z in Sample("z", Normal(Zeros(2), Ones(2)))
                select z.Observed("pair", Normal(z, Ones(2)), Unstack(image, part)))
            select parts.Value);
        var guide = Guide.Define(Input("image", 8, 2), image => Plate(part, Sample("z", DiagonalNormal(line.Apply(Unstack(image, part))))));
        using var fitted = model.With(guide).Elbo().Fit(images, new Adam(Rate.Cosine(0.05, 200)), epochs: 50, engine);

        Leaf latent = Assert.Single(fitted.Latents.Leaves), observed = Assert.Single(fitted.Observed.Leaves);
        Assert.Equal("part/z", latent.Path);
        Assert.Equal([8, 2], latent.Shape);
        Assert.Equal(("part/pair", 16), (observed.Path, fitted.Observed.Count));
        float[] codes = fitted.Encode(pixels);
        Assert.All(codes.Zip(pixels), pair => Assert.Equal(pair.Second / 2, pair.First, 0.1f));
        Assert.Equal(codes, fitted.Decode(codes));
        Assert.Equal(80, fitted.Sample(5).Length);
    }

    [Fact]
    public void Finite_sites_are_encoded_by_their_most_likely_value_or_summed_out()
    {
        Tensor centres = Parameter.create("centres", [2, 16], Initializer.Uniform(16));
        Network classifier = Net.Linear("classifier", 16, 2);
        var mixture = Model.Define(Input("image", 16), image =>
            from k in Sample("k", Categorical(Zeros(2)))
            select k.Observed("image", Bernoulli(logits: Gather(centres, k)), image));
        var exact = new Objective();
        exact.Estimators["k"] = Estimator.Enumerated;

        var guide = Guide.Define(Input("image", 16), image => Sample("k", Categorical(classifier.Apply(image))));
        using var classified = mixture.With(guide).Elbo(exact).Fit(images, new Adam(0.05), epochs: 40, engine);
        float[] labels = classified.Encode(pixels);
        int alike = Enumerable.Range(0, 300).Count(k => labels[k] == k % 2);
        Assert.True(alike is < 15 or > 285, $"{alike} of 300 codes are the halves'.");
        Assert.InRange(classified.Decode([labels[0]])[0], 0.8f, 1f);
        Assert.InRange(classified.Decode([labels[1]])[0], 0f, 0.2f);

        var nothing = Guide.Define(Input("image", 16), image => Prob.result(image));
        using var summed = mixture.With(nothing).Elbo(exact).Fit(images, new Adam(0.05), epochs: 40, engine);
        Assert.InRange(summed.Elbo(images, draws: 1), -6.5, -5.5); // log 2 + 16·H(0.1) = 5.9
        Assert.Equal(summed.Elbo(images, draws: 1), summed.Elbo(images, draws: 3), 1e-4);
        Assert.Equal(32, summed.Sample(2).Length);
        Assert.Contains("give whole rows", Assert.Throws<ArgumentException>(() => summed.Decode([1f])).Message);

        var shifted = Model.Define(Input("image", 16), image =>
            from z in Sample("z", Normal(Zeros(16), Ones(16)))
            from k in Sample("k", Categorical(Zeros(2)))
            select k.Observed("image", Bernoulli(logits: z + Gather(centres, k)), image));
        var shifts = Guide.Define(Input("image", 16), image => Sample("z", Normal(image, Ones(16))));
        using var untrained = shifted.With(shifts).Elbo(exact).Fit(images, new Adam(0.05), epochs: 0, engine);
        Assert.Contains("The guide does not draw the site \"k\"", Assert.Throws<ModelException>(() => untrained.Decode(new float[16])).Message);
    }
}
