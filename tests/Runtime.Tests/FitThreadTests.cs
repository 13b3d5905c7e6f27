using Xunit;
using static Inference.Language;

namespace Inference.Runtime.Tests;

/// <summary>A fit gives the same parameters, to the bit, for 1, 2 and 7 threads.</summary>
public sealed class FitThreadTests
{
    private static readonly float[] Values = [.. Enumerable.Range(0, 256 * 5).Select(k => MathF.Sin(k * 1.7f) * MathF.Cos(k * 0.3f))];

    [Theory]
    [InlineData("delta")]
    [InlineData("mean field")]
    [InlineData("full rank")]
    [InlineData("low rank")]
    [InlineData("flow")]
    public void Each_family(string family) => AssertSame(
        Learner.Maximise(
            family,
            (LearnerContext context, Example e) =>
            {
                var model =
                    from w in Sample("w", Normal(Zeros(3), Ones(3)))
                    from s in Sample("s", Gamma(2, 2))
                    from each in context.Plate(e.Y.Observed("y", Normal(Dot(w, e.X), s), e.Y))
                    select w;
                Prob<Microsoft.FSharp.Core.Unit> guide = family switch
                {
                    "delta" => Family.Delta("guide", model),
                    "mean field" => Family.MeanField("guide", model),
                    "full rank" => Family.FullRank("guide", model),
                    "low rank" => Family.LowRank("guide", 2, model),
                    "flow" => Family.Flow("guide", model),
                    _ => throw new ArgumentOutOfRangeException(nameof(family)),
                };
                return model.Bound(guide);
            },
            new Adam(1e-2)),
        4);

    [Theory]
    [InlineData("elbo")]
    [InlineData("importance-weighted")]
    [InlineData("score")]
    [InlineData("enumerated")]
    public void Each_estimator(string estimator)
    {
        bool isDiscrete = estimator is "score" or "enumerated";
        Network encoder = Net.Mlp("encoder", [5, 33, isDiscrete ? 1 : 4]), decoder = Net.Mlp("decoder", [isDiscrete ? 1 : 2, 17, 5]);
        var model = Model.Define(
            Input("x", 5),
            x => isDiscrete
                ? from z in Sample("z", Bernoulli(probability: 0.4))
                  select z.Observed("x", Normal(decoder.Apply(Reshape(z, 1)), 0.5), x)
                : from z in Sample("z", Normal(Zeros(2), Ones(2)))
                  select z.Observed("x", Normal(decoder.Apply(z), 0.5), x));
        var guide = Guide.Define(
            Input("x", 5),
            x => isDiscrete
                ? Sample("z", Bernoulli(logits: Element(encoder.Apply(x), 0)))
                : Sample("z", DiagonalNormal(encoder.Apply(x))));
        Objective objective = estimator == "importance-weighted" ? Objective.ImportanceWeighted(5) : Objective.Elbo(estimator == "score" ? 3 : 1);
        if (isDiscrete)
        {
            objective.Estimators["z"] = estimator == "score" ? Estimator.NewScore(Baseline.LeaveOneOut) : Estimator.Enumerated;
        }

        AssertSame(model.With(guide).Bound(objective).Learner(new ClipNorm(1).Then(new Adam(1e-2))), 5);
    }

    private static void AssertSame<TBatch>(Learner<TBatch> learner, int numbers)
    {
        // Batches of two chunks, the second of them not full, and a validation with a remainder.
        var options = new FitOptions { Epochs = 3, BatchSize = 100, EvaluateEvery = 2, Validation = Dataset.Rows(Values[..(numbers * 77)]), KeepBest = false };
        Fitted[] fits =
        [
            .. new[] { 1, 2, 7 }.Select(threads =>
            {
                using var engine = new Engine(new EngineOptions { Threads = threads, Cache = false });
                return learner.Fit(Dataset.Rows(Values[..(numbers * 256)]), options, engine);
            }),
        ];
        Assert.Equal(6, fits[0].Step);
        Assert.All(fits[1..], fit =>
        {
            Assert.Equal(FitCases.Bits(fits[0]), FitCases.Bits(fit));
            Assert.Equal(fits[0].History.SelectMany(point => point.Training), fit.History.SelectMany(point => point.Training));
            Assert.Equal(fits[0].History.SelectMany(point => point.Validation!), fit.History.SelectMany(point => point.Validation!));
        });
    }
}
