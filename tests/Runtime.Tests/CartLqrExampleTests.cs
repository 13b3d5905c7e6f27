using System.Text.Json;
using Xunit;

namespace Inference.Runtime.Tests;

/// <summary>The examples of a cart with a pole, run as processes.</summary>
public sealed class CartLqrExampleTests : ExampleTests
{
    private const string CSharp = "CartLqr";
    private const string FSharp = "CartLqr.FSharp";

    [Fact]
    public void The_pole_is_balanced_and_swung_up()
    {
        JsonElement found = Summary(CSharp, "--json --no-report");
        JsonElement[] balanced = [.. found.GetProperty("balanced").EnumerateArray()];
        Assert.All(balanced, controller => Assert.Equal(20, controller.GetProperty("upright").GetInt32()));
        Assert.True(balanced[1].GetProperty("return").GetDouble() < balanced[0].GetProperty("return").GetDouble());
        Assert.True(found.GetProperty("earned_blind").GetDouble() < found.GetProperty("earned").GetDouble());

        // Far from the end of a horizon gains are those of an infinite one.
        double[] endless = Numbers(found, "gain"), first = [.. found.GetProperty("gains")[0].EnumerateArray().Select(value => value.GetDouble())];
        Assert.All(endless.Zip(first), pair => Assert.Equal(pair.First, pair.Second, 0.05 * Math.Abs(pair.First)));

        JsonElement swing = found.GetProperty("swing");
        double[] returns = Numbers(swing, "returns");
        Assert.True(swing.GetProperty("converged").GetBoolean());
        Assert.All(returns.Zip(returns[1..]), pair => Assert.True(pair.Second >= pair.First));
        Assert.InRange(returns[^1], -90, -80);
        Assert.True(swing.GetProperty("upright").GetBoolean());
        Assert.All(Numbers(swing, "forces"), force => Assert.InRange(force, -10, 10));
    }

    [Fact]
    public void Both_twins_find_the_same_to_the_bit()
    {
        AssertSameSummary((CSharp, "--episodes 2 --seed 7 --threads 1"), (FSharp, "--episodes 2 --seed 7 --threads 2"));
    }

    [Fact]
    public void It_writes_a_table_and_a_page_of_its_own()
    {
        AssertTells(CSharp, "--episodes 2 --out page.html", "2 of 2", "1 of 1", "K = [-3.185, -3.234, 3.860, 24.215]", "page.html");

        JsonElement data = DataOf("page.html");
        Assert.Equal(30, data.GetProperty("gains").GetArrayLength());
    }

    [Fact]
    public void Wrong_usage_is_2_and_says_what_is_wrong()
    {
        AssertWrongUsage(FSharp, "--horizon 0", "--horizon is 0; expected at least 1.");
    }
}
