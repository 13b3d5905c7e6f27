using Inference.Twins;
using Microsoft.FSharp.Core;
using Xunit;
using static Inference.Language;

namespace Inference.CSharpApi.Tests;

/// <summary>Programs as queries: what they draw, and how observations and factors weigh them.</summary>
public class ProgramTests
{
    /// <summary>A number, seen twice.</summary>
    private static Prob<Tensor> SeenTwice =>
        from z in Sample("z", Normal(0, 1))
        select z
            .Observed("first", Normal(z, 0.5), 1.0)
            .Observed("second", Normal(z, 0.5), 1.5)
            .Factored(-0.1 * Square(z));

    [Fact]
    public void Observations_and_factors_follow_a_value()
    {
        const double z = 0.7;
        double expected = LogNormal(z, 0, 1) + LogNormal(1.0, z, 0.5) + LogNormal(1.5, z, 0.5) - 0.1 * z * z;
        Assert.Equal(expected, LogJoint(SeenTwice, z), 1e-12);
        Assert.Equal(expected, LogJoint(Programs.seenTwice, z), 1e-12);
    }

    [Fact]
    public void They_may_stand_in_the_middle_of_a_query_too()
    {
        var program =
            from z in Sample("z", Normal(0, 1))
            from seen in z.Observed("first", Normal(z, 0.5), 1.0)
            let doubled = 2 * seen
            from _ in Factor(-doubled)
            select doubled;
        Assert.Equal(LogNormal(0.3, 0, 1) + LogNormal(1.0, 0.3, 0.5) - 0.6, LogJoint(program, 0.3), 1e-12);
    }

    [Fact]
    public void A_plate_repeats_a_program_and_sums_its_factors()
    {
        double[] data = [0.5, 1.0, 1.5];
        var program =
            from mean in Sample("mean", Normal(0, 1))
            let each = PlateIndex("data", 3)
            from seen in Plate(each, Observe("x", Normal(mean, 1), Unstack(Constant(data), each)))
            select mean;
        double expected = LogNormal(0.2, 0, 1) + data.Sum(x => LogNormal(x, 0.2, 1));
        Assert.Equal(expected, LogJoint(program, 0.2), 1e-12);
        Assert.Equal(expected, LogJoint(Programs.explained(data), 0.2), 1e-12);
    }

    [Fact]
    public void A_chain_hands_its_state_on_and_leaves_the_values_of_each_step()
    {
        double[] results = Function.Evaluate(
            (Tensor start) =>
            {
                var chain = Run(Markov("year", 4, start, s =>
                    from growth in Sample("growth", Dirac(0.5))
                    select (s * (1 + growth), s)));
                var states = Run(Markov("again", 4, start, s => from g in Sample("growth", Dirac(0.5)) select s * (1 + g)));
                return new Results(chain.Final, SumOver(chain.Index, chain.Each), states.Final, MaxOver(states.Index, states.Each));
            },
            2);
        double final = 2 * Math.Pow(1.5, 4);
        Assert.Equal([final, 2 * (1 + 1.5 + 2.25 + 3.375), final, final], results);
    }

    [Fact]
    public void Distributions_have_the_densities_of_their_names()
    {
        Assert.Equal(LogNormal(0.3, 1, 2), LogDensity(Normal(1, 2), 0.3), 1e-12);
        Assert.Equal(LogNormal(0.3, 1, Math.Exp(0.25)), LogDensity(DiagonalNormal(Constant([1, 0.5])), [0.3]), 1e-12);
        Assert.Equal(-Math.Log(4), LogDensity(Uniform(-1, 3), 0.3), 1e-12);
        Assert.Equal(double.NegativeInfinity, LogDensity(Uniform(-1, 3), 3.5));
        Assert.Equal(Math.Log(0.3), LogDensity(Bernoulli(probability: 0.3), 1), 1e-12);
        Assert.Equal(Math.Log(1 / (1 + Math.Exp(2))), LogDensity(Bernoulli(logits: 2), 0), 1e-12);
    }

    internal sealed record Results(Tensor A, Tensor B, Tensor C, Tensor D);

    private static double LogNormal(double x, double mean, double deviation) =>
        -0.5 * Math.Pow((x - mean) / deviation, 2) - Math.Log(deviation) - 0.5 * Math.Log(2 * Math.PI);

    private static double LogDensity(Distribution distribution, params double[] value) =>
        Function.Evaluate(Input("x", [.. distribution.Shape]), distribution.LogDensity, value)[0];

    /// <summary>The log-density of all that a program draws and sees, every draw being a given number.</summary>
    private static double LogJoint<T>(Prob<T> program, double draw) =>
        Function.Evaluate(
            (Tensor x) => Prob.logJoint(Prob.trace(FuncConvert.FromFunc<string, Distribution, Tensor>((_, _) => x), program).Item2),
            draw)[0];

    private static T Run<T>(Prob<T> program) =>
        Prob.trace(FuncConvert.FromFunc<string, Distribution, Tensor>((_, d) => d.Mean), program).Item1;
}
