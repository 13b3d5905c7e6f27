using Xunit;
using static Inference.Language;
using FSharpMessages = Inference.Twins.Messages;

namespace Inference.CSharpApi.Tests;

/// <summary>Posteriors by messages as C# and F# write them, and what docs/messages.md shows of them.</summary>
public sealed class MessageTests : IDisposable
{
    private readonly Engine engine = new(new EngineOptions { Threads = 1, Cache = false });

    public void Dispose() => engine.Dispose();

    [Fact]
    public void A_win_moves_two_skills_as_TrueSkill_does_in_both_languages()
    {
        using var game = engine.Compile("game", (Tensor margin) =>
        {
            ApproximatePosterior found = Game(margin).Approximate(new ExpectationPropagation());
            return (found.Marginal("a").Mean, found.Marginal("a").StandardDeviation, found.LogEvidence, found.Converged);
        });
        float[] numbers = game.Run([0.74f]).ToArray();

        Assert.Equal(29.396, numbers[0], 1e-3);
        Assert.Equal(7.171, numbers[1], 1e-3);
        Assert.Equal(1, numbers[3]);

        double[] own = Function.Evaluate(
            (Tensor margin) => Game(margin).Approximate(new ExpectationPropagation()).Marginal("a").Mean, 0.74);
        Assert.Equal(own, Function.Evaluate((Tensor margin) => FSharpMessages.winner(margin).Mean, 0.74));
    }

    [Fact]
    public void An_unknown_mean_and_precision_are_found_variationally()
    {
        double[] seen = [0.3, 1.2, -0.4, 2.2, 1.0];
        double[] found = Function.Evaluate(
            Input("seen", 5),
            y =>
            {
                ApproximatePosterior posterior = Unknown(y).Approximate(new VariationalMessagePassing { Tolerance = 1e-9 });
                return Pack(
                    posterior.Marginal("mean").Mean, posterior.Marginal("precision").Parameter("shape"), posterior.Marginal("precision").Parameter("rate"));
            },
            seen);

        // the fixed point of Bishop, "Pattern recognition and machine learning", 2006, section 10.1.3
        double precision = found[1] / found[2], p = 0.01 + (5 * precision);
        Assert.Equal(4.5, found[1], 1e-9);
        Assert.Equal(precision * seen.Sum() / p, found[0], 1e-7);
        Assert.Equal(1.5 + (0.5 * (seen.Sum(y => (y - found[0]) * (y - found[0])) + (5 / p))), found[2], 1e-6);
    }

    [Fact]
    public void A_mixture_tells_two_groups_apart_in_both_languages()
    {
        double[] seen = [-2.1, 1.9, -1.7, 2.6, -2.4, 2.2];
        using var mixture = engine.Compile("mixture", Input("seen", 6), y =>
        {
            ApproximatePosterior found = Groups(y).Approximate(new VariationalMessagePassing());
            return (found.Marginal("component/mean").Mean, found.Marginal("i/z").Parameter("probabilities"), found.Converged);
        });
        float[] numbers = mixture.Run(seen.Select(y => (float)y).ToArray()).ToArray();
        Assert.Equal([-2.0, 2.2], numbers[..2].Order().Select(m => Math.Round(m, 1)));
        Assert.All(Enumerable.Range(0, 6), n => Assert.Equal(1, Math.Max(numbers[2 + (2 * n)], numbers[3 + (2 * n)]), 1e-2));
        Assert.Equal(1, numbers[14]);

        double[] own = Function.Evaluate(
            Input("seen", 6), y => Groups(y).Approximate(new VariationalMessagePassing()).Marginal("component/mean").Mean, seen);
        Assert.Equal(own, Function.Evaluate(Input("seen", 6), y => FSharpMessages.groupMeans(y), seen));
    }

    [Fact]
    public void What_has_no_update_is_refused_at_the_users_line()
    {
        var failure = Assert.Throws<ModelException>(() => Unknown(Constant([1.0, 2.0])).Approximate(new ExpectationPropagation()));
        Assert.Equal(
            "The factor of \"i/y\" has no moments in closed form: it is a density of mean and precision of \"mean\", \"precision\", none of them known.",
            failure.Problem);
        Assert.Equal("MessageTests.cs", Path.GetFileName(failure.Location.File));
        Assert.Contains("VariationalMessagePassing", failure.Mend);

        var coin = Assert.Throws<ModelException>(() => Sample("z", Bernoulli(logits: 0)).Approximate(new ExpectationPropagation()));
        Assert.Equal("The site \"z\" draws from Bernoulli, which no messages are known for by expectation propagation.", coin.Problem);
    }

    [Fact]
    public void An_improper_message_ends_a_checked_run_by_name()
    {
        // two modes far apart: a factor widens what the prior knows beyond any density
        using var checking = new Engine(new EngineOptions { Threads = 1, Cache = false, Checked = true });
        using var modes = checking.Compile("modes", Input("seen", 2), seen =>
        {
            var place = PlateIndex("i", seen.Count);
            return (from x in Sample("x", Normal(0, 1))
                    from values in Plate(place, x.Observed("y", Mixture(Zeros(2), Normal(3 * x, 1), Normal(-3 * x, 1)), Unstack(seen, place)))
                    select x).Approximate(new ExpectationPropagation { Sweeps = 5 }).Marginal("x").Mean;
        });
        var failure = Assert.Throws<CheckFailedException>(() => modes.Run([9, 9]).ToArray());
        Assert.Contains("\"i/y\"", failure.Message);
        Assert.Contains("needs messages that are proper", failure.Message);
    }

    [Fact]
    public void What_cannot_be_ends_a_checked_run_by_name()
    {
        using var checking = new Engine(new EngineOptions { Threads = 1, Cache = false, Checked = true });
        using var calls = checking.Compile("calls", Input("seen", 2), seen =>
        {
            FreeIndex hour = PlateIndex("hour", 2);
            return (from rate in Sample("rate", Gamma(2, 1))
                    from counted in Plate(hour, rate.Observed("calls", Poisson(rate), Unstack(seen, hour)))
                    select rate).Approximate(new VariationalMessagePassing()).Marginal("rate").Mean;
        });
        Assert.Equal(7 / 3f, calls.Run([2, 3]).ToArray()[0], 1e-5f);
        var failure = Assert.Throws<CheckFailedException>(() => calls.Run([2, 1.5f]).ToArray());
        Assert.Contains("\"hour/calls\"", failure.Message);
        Assert.Contains("needs to be possible: its probability is 0", failure.Message);
    }

    private static Prob<Tensor> Game(Tensor margin)
    {
        return from a in Sample("a", Normal(25, 25.0 / 3))
               from b in Sample("b", Normal(25, 25.0 / 3))
               from lead in Sample("lead", Normal(a - b, Math.Sqrt(2) * 25 / 6))
               select lead.Factored(Select(Less(margin, lead), 0, double.NegativeInfinity));
    }

    private static Prob<Tensor> Groups(Tensor seen)
    {
        FreeIndex component = PlateIndex("component", 2), place = PlateIndex("i", seen.Count);
        return from weights in Sample("weights", Dirichlet(Ones(2)))
               from mean in Plate(component, Sample("mean", Normal(0, 3)))
               from chosen in Plate(
                   place,
                   from z in Sample("z", Categorical(Log(weights)))
                   select z.Observed("y", Normal(Gather(Stack(mean.Value, component), z), 0.8), Unstack(seen, place)))
               select weights;
    }

    private static Prob<Tensor> Unknown(Tensor seen)
    {
        var place = PlateIndex("i", seen.Count);
        return from mean in Sample("mean", Normal(0, 10))
               from precision in Sample("precision", Gamma(2, 1.5))
               from values in Plate(place, mean.Observed("y", Normal(mean, 1 / Sqrt(precision)), Unstack(seen, place)))
               select mean;
    }
}
