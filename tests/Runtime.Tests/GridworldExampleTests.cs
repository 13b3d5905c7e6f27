using System.Text.Json;
using Xunit;

namespace Inference.Runtime.Tests;

/// <summary>The examples of a grid world, run as processes.</summary>
public sealed class GridworldExampleTests : ExampleTests
{
    private const string CSharp = "Gridworld";
    private const string FSharp = "Gridworld.FSharp";

    [Fact]
    public void Values_are_the_known_ones_and_the_three_meanings_are_in_order()
    {
        JsonElement found = Summary(CSharp, "--episodes 300 --json --no-report");
        double[][] temperatures = [.. found.GetProperty("temperatures").EnumerateArray().Select(map => Numbers(map, "values"))];
        Assert.Equal([21.9775, 24.4194, 21.9775, 19.4194, 17.4775], temperatures[0][..5]);
        Assert.Equal([12.1911, 15.0078, 12.2167, 11.8039, 9.3408], temperatures[2][..5]);

        // Optimism is worth more than what can be had, and what can be had more where leaving the prior is free.
        double[][] meanings = [.. found.GetProperty("semantics").EnumerateArray().Select(map => Numbers(map, "values"))];
        Assert.All(Enumerable.Range(0, 25), cell =>
        {
            Assert.True(meanings[0][cell] < meanings[1][cell]);
            Assert.True(meanings[0][cell] < meanings[2][cell]);
        });

        JsonElement inverse = found.GetProperty("inverse");
        Assert.InRange(inverse.GetProperty("correlation").GetDouble(), 0.95, 1);
        Assert.InRange(inverse.GetProperty("return_share").GetDouble(), 0.9, 1.02);
    }

    [Fact]
    public void Both_twins_find_the_same_to_the_bit()
    {
        AssertSameSummary((CSharp, "--episodes 20 --horizon 5 --seed 7 --threads 1"), (FSharp, "--episodes 20 --horizon 5 --seed 7 --threads 2"));
    }

    [Fact]
    public void It_writes_a_table_and_a_page_of_its_own()
    {
        AssertTells(CSharp, "--episodes 20 --horizon 4 --out page.html", "21.977", "From 20 demonstrations", "page.html");

        JsonElement data = DataOf("page.html");
        foreach (JsonElement map in data.GetProperty("semantics").EnumerateArray())
        {
            double[] policy = Numbers(map, "policy");
            Assert.All(Enumerable.Range(0, 25), cell => Assert.Equal(1, policy[(4 * cell)..(4 * cell + 4)].Sum(), 3e-4));
        }
    }

    [Theory]
    [InlineData("--horizon 0", "--horizon is 0; expected at least 1.")]
    [InlineData("--slip 1.5", "--slip is 1.5; expected 0 to 1.")]
    public void Wrong_usage_is_2_and_says_what_is_wrong(string arguments, string expected) => AssertWrongUsage(FSharp, arguments, expected);
}
