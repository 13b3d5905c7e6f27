using Xunit;
using static Inference.Language;
using FSharpFinite = Inference.Twins.Finite;

namespace Inference.CSharpApi.Tests;

/// <summary>Finite models as C# and F# write them, and what docs/finite.md and docs/objectives.md show of them.</summary>
public sealed class FiniteModelTests : IDisposable
{
    private readonly Engine engine = new(new EngineOptions { Threads = 1, Cache = false });

    public void Dispose() => engine.Dispose();

    [Fact]
    public void The_umbrella_world_is_asked_everything_in_both_languages()
    {
        using var rain = engine.Compile("rain", Input("umbrella", 5), seen =>
        {
            FinitePosterior world = World(seen).FinitePosterior();
            return (world.LogEvidence, world.Filtered("day/rain"), world.Marginal("day/rain"), world.MostLikely.Value("day/rain"));
        });
        float[] found = rain.Run([1, 1, 0, 1, 1]).ToArray();

        // Russell and Norvig, 14.2: the likeliest path; the first filtered probabilities of rain are .818182 and .883357
        Assert.Equal([1, 1, 0, 1, 1], found[21..]);
        Assert.Equal(0.818182, found[2], 1e-5);
        Assert.Equal(0.883357, found[4], 1e-5);

        double[] two = Function.Evaluate(Input("umbrella", 2), seen => World(seen).FinitePosterior().Marginal("day/rain"), 1, 1);
        Assert.Equal(0.883357, two[1], 1e-6);
        Assert.Equal(two, Function.Evaluate(Input("umbrella", 2), seen => FSharpFinite.smoothed(seen), 1, 1));
    }

    [Fact]
    public void A_network_is_asked_conditional_probabilities_and_drawn_from_in_both_languages()
    {
        using var calls = engine.Compile("calls", Input("heard", 2), heard =>
            Alarm().Condition(("john", Element(heard, 0)), ("mary", Element(heard, 1))).FinitePosterior().Marginal("burglary"));
        Assert.Equal(0.284172, calls.Run([1, 1])[1], 1e-5);

        double[] table = Function.Evaluate(
            (Tensor x) => x * Alarm().FinitePosterior().Conditional(["burglary"], given: ["john", "mary"]), 1);
        Assert.Equal(0.284172, table[7], 1e-6);
        Assert.Equal(table, Function.Evaluate((Tensor x) => x * FSharpFinite.burglary(), 1));
        Assert.Throws<ModelException>(() => Alarm().FinitePosterior().Marginal("thief"));
    }

    [Fact]
    public void The_states_of_a_hidden_Markov_model_are_summed_out_along_it_in_both_languages()
    {
        double[] seen = [.. Enumerable.Range(0, 30).Select(k => Math.Sin(k) + (k / 10 % 2))];
        double[] rows = [1, -0.5, -1, 1.2];
        double[] means = [0.2, 0.9];

        double Evidence(Func<Tensor, Tensor, Tensor, Prob<Chain<Tensor, Tensor>>> model) => Function.Evaluate(
            Input("seen", 30), y => model(Reshape(Constant(rows), 2, 2), Constant(means), y).FinitePosterior().LogEvidence, seen)[0];

        // α, the probability of what was seen and of the state, from day to day
        double[] alpha = [1, 0];
        double evidence = 0;
        foreach (double y in seen)
        {
            double Next(int s) => Enumerable.Range(0, 2)
                .Sum(r => alpha[r] * Math.Exp(rows[(2 * r) + s]) / (Math.Exp(rows[2 * r]) + Math.Exp(rows[(2 * r) + 1])))
                    * Math.Exp(-2 * (y - means[s]) * (y - means[s])) / (0.5 * Math.Sqrt(2 * Math.PI));
            double[] next = [Next(0), Next(1)];
            evidence += Math.Log(next.Sum());
            alpha = [next[0] / next.Sum(), next[1] / next.Sum()];
        }

        Assert.Equal(evidence, Evidence(Hidden), 1e-6);
        Assert.Equal(evidence, Evidence(FSharpFinite.hidden), 1e-6);
    }

    [Fact]
    public void What_cannot_be_summed_out_is_refused_by_name()
    {
        void Refuses<T>(string problem, Prob<T> model) =>
            Assert.Equal(problem, Assert.Throws<ModelException>(() => model.FinitePosterior()).Problem);

        Refuses(
            "The site \"z\" draws from Normal, whose values cannot be listed; a finite model has finite sites.",
            Sample("z", Normal(0, 1)));
        Refuses(
            "The site \"t/z\" is summed out along \"t\"; what the chain carries is computed from all its earlier values.",
            Markov("t", 3, Fill(0), sum =>
                from z in Sample("z", Bernoulli(logits: 0.1 * sum))
                select sum + z));
        var plate = PlateIndex("i", 3);
        Refuses(
            "The site \"i/z\" is summed out for each value of \"i\"; log p(y) mixes them.",
            from z in Plate(plate, Sample("z", Bernoulli(logits: Fill(0.2))))
            select z.Value.Observed("y", Normal(SumOver(plate, z.Value), 1), 0.5));
    }

    [Fact]
    public void Impossible_evidence_is_named_by_a_checked_engine()
    {
        using var strict = new Engine(new EngineOptions { Threads = 1, Cache = false, Checked = true });
        using var coin = strict.Compile("coin", (Tensor seen) =>
        {
            var model =
                from k in Sample("k", Bernoulli(logits: Fill(0.3)))
                select k.Observed("y", Categorical(Pack(k, Fill(float.NegativeInfinity))), Convert(seen, DType.I32));
            return model.FinitePosterior().LogEvidence;
        });
        Assert.Equal(0f, coin.Run([0])[0], 1e-6f);
        var failure = Assert.Throws<CheckFailedException>(() => coin.Run([1]));
        Assert.Contains("needs to be possible, given what is observed before it", failure.Message);
        Assert.Contains("\"y\"", failure.Message);
    }

    /// <summary>Rain stays with 0.7 from day to day; the umbrella comes with 0.9 in rain and 0.2 without.</summary>
    private static Prob<Chain<Tensor, Tensor>> World(Tensor seen)
    {
        var day = TimeIndex("day", seen.Count);
        return Markov(day, Fill(-1), before =>
            from rain in Sample("rain", Bernoulli(probability: Select(before < 0, 0.5, 0.3 + 0.4 * before)))
            select rain.Observed("umbrella", Bernoulli(probability: 0.2 + 0.7 * rain), Unstack(seen, day)));
    }

    /// <summary>A network whose nodes are 0 or 1.</summary>
    private static Prob<Tensor> Alarm() =>
        from burglary in Sample("burglary", Bernoulli(probability: Fill(0.001)))
        from earthquake in Sample("earthquake", Bernoulli(probability: Fill(0.002)))
        let p = 0.001 + 0.939 * burglary + 0.289 * earthquake - 0.279 * burglary * earthquake
        from alarm in Sample("alarm", Bernoulli(probability: p))
        from john in Sample("john", Bernoulli(probability: 0.05 + 0.85 * alarm))
        from mary in Sample("mary", Bernoulli(probability: 0.01 + 0.69 * alarm))
        select burglary;

    /// <summary>A hidden Markov model of 30 days: probabilities of the next state as rows of logits, and what is seen in each state.</summary>
    private static Prob<Chain<Tensor, Tensor>> Hidden(Tensor rows, Tensor means, Tensor seen)
    {
        var day = TimeIndex("day", 30);
        return Markov(day, Convert(Zeros(), DType.I32), state =>
            from next in Sample("state", Categorical(Gather(rows, state)))
            select next.Observed("seen", Normal(Gather(means, next), 0.5), Unstack(seen, day)));
    }
}
