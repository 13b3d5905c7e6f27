using Xunit;
using static Inference.Language;
using FSharpGaussian = Inference.Twins.Gaussian;

namespace Inference.CSharpApi.Tests;

/// <summary>Linear-Gaussian models as C# and F# write them, and what docs/gaussian.md shows of them.</summary>
public sealed class GaussianModelTests : IDisposable
{
    private static readonly double[] Seen = [0.3, 0.8, 0.1, 1.2];

    private readonly Engine engine = new(new EngineOptions { Threads = 1, Cache = false });

    public void Dispose() => engine.Dispose();

    [Fact]
    public void A_level_is_filtered_and_smoothed_in_both_languages()
    {
        using var track = engine.Compile("track", Input("seen", 4), seen =>
        {
            GaussianPosterior level = Level(seen).GaussianPosterior();
            GaussianMarginal filtered = level.Filtered("day/level"), smoothed = level.Marginal("day/level");
            return (level.LogEvidence, filtered.Mean, smoothed.Mean, smoothed.StandardDeviation);
        });
        float[] found = track.Run([0.3f, 0.8f, 0.1f, 1.2f]).ToArray();

        // The filter step by step.
        double mean = 0, variance = 0, evidence = 0;
        for (int t = 0; t < 4; t++)
        {
            double predicted = 0.95 * mean, spread = (0.95 * 0.95 * variance) + 0.09, innovation = spread + 0.25;
            double residual = Seen[t] - predicted, gain = spread / innovation;
            evidence -= 0.5 * (Math.Log(2 * Math.PI * innovation) + (residual * residual / innovation));
            (mean, variance) = (predicted + (gain * residual), (1 - gain) * spread);
            Assert.Equal(mean, found[1 + t], 1e-6);
        }

        Assert.Equal(evidence, found[0], 1e-5);
        Assert.Equal(mean, found[8], 1e-6);
        Assert.Equal(Math.Sqrt(variance), found[12], 1e-6);

        double[] twin = Function.Evaluate(Input("seen", 4), seen => FSharpGaussian.smoothed(seen).Item1, Seen);
        Assert.Equal(Function.Evaluate(Input("seen", 4), seen => Level(seen).GaussianPosterior().Marginal("day/level").Mean, Seen), twin);
    }

    [Fact]
    public void Values_are_asked_together_and_given_others_in_both_languages()
    {
        double[] found = Function.Evaluate(
            Input("seen", 4),
            seen =>
            {
                GaussianPosterior level = Level(seen).GaussianPosterior();
                SiteAt first = new("day/level", 0), last = new("day/level", 3);
                GaussianMarginal both = level.Joint(first, last);
                GaussianMarginal lastGivenFirst = level.Conditional([last], given: [(first, 1)]);
                return (level.LogEvidence, both.Covariance, lastGivenFirst.Mean);
            },
            Seen);
        double[] conditioned = Function.Evaluate(
            Input("seen", 4), seen => (Level(seen).GaussianPosterior().Joint(new SiteAt("day/level", 0), new SiteAt("day/level", 3)).Mean), Seen);
        Assert.Equal(conditioned[1] + (found[2] / found[1] * (1 - conditioned[0])), found[5], 1e-9);
        double[] twin = Function.Evaluate(
            Input("seen", 4),
            seen =>
            {
                (Tensor evidence, Tensor covariance, Tensor mean) = FSharpGaussian.answers(seen);
                return (evidence, covariance, mean);
            },
            Seen);
        Assert.Equal(found, twin);
    }

    [Fact]
    public void Parameters_are_learnt_through_the_evidence()
    {
        double[] y = [2.8, 0.8, -0.3, 0.7];
        double[] slope = Function.Evaluate(
            (Tensor spread) =>
            {
                var groups = PlateIndex("group", 4);
                var model =
                    from mean in Sample("mean", Normal(0, 2))
                    from _ in Plate(groups,
                        from effect in Sample("effect", Normal(mean, spread))
                        select effect.Observed("seen", Normal(effect, 1), Unstack(Constant(y), groups)))
                    select mean;
                return Gradient(model.GaussianPosterior().LogEvidence, spread);
            },
            1.5);

        // y ~ N(0, 4·11ᵀ + s·1) with s = spread² + 1.
        double Evidence(double spread)
        {
            double s = (spread * spread) + 1, sum = y.Sum();
            return -0.5 * ((3 * Math.Log(s)) + Math.Log(s + 16) + ((y.Sum(v => v * v) - (sum * sum * 4 / (s + 16))) / s));
        }

        Assert.Equal((Evidence(1.5001) - Evidence(1.4999)) / 0.0002, slope[0], 1e-6);
    }

    [Fact]
    public void A_covariance_that_is_not_positive_definite_is_named_by_a_checked_engine()
    {
        using var strict = new Engine(new EngineOptions { Threads = 1, Cache = false, Checked = true });
        using var evidence = strict.Compile("evidence", Input("covariance", 2, 2), covariance =>
        {
            var model =
                from z in Sample("z", MultivariateNormal(Zeros(2), Cholesky(covariance)))
                select z.Observed("y", Normal(Sum(z), 1), 0.5);
            return model.GaussianPosterior().LogEvidence;
        });
        evidence.Run([1, 2, 2, 5]);
        var failure = Assert.Throws<CheckFailedException>(() => evidence.Run([1, 2, 2, 3]));
        Assert.Contains("needs a covariance that is positive definite", failure.Message);
        Assert.Contains("\"z\"", failure.Message);
    }

    [Fact]
    public void What_is_not_linear_Gaussian_is_refused_by_its_term()
    {
        void Refuses<T>(string problem, Prob<T> model) =>
            Assert.Equal(problem, Assert.Throws<ModelException>(() => model.GaussianPosterior()).Problem);

        Refuses(
            "The mean of the site \"y\" is not affine in latent values: it has sin of \"x\".",
            from x in Sample("x", Normal(0, 1))
            select x.Observed("y", Normal(Sin(x), 1), 0.5));
        Refuses(
            "The spread of the site \"y\" depends on \"x\"; in a linear-Gaussian model it is the same for all latent values.",
            from x in Sample("x", Normal(0, 1))
            select x.Observed("y", Normal(x, Exp(x)), 0.5));
    }

    /// <summary>A level that wanders, and is seen with noise.</summary>
    private static Prob<Chain<Tensor, Tensor>> Level(Tensor seen)
    {
        var day = TimeIndex("day", seen.Count);
        return Markov(day, Fill(0), before =>
            from level in Sample("level", Normal(0.95 * before, 0.3))
            select level.Observed("seen", Normal(level, 0.5), Unstack(seen, day)));
    }
}
