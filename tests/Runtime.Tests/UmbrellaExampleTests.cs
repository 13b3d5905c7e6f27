using System.Text.Json;
using Xunit;

namespace Inference.Runtime.Tests;

/// <summary>The examples of the umbrella world, run as processes.</summary>
public sealed class UmbrellaExampleTests : ExampleTests
{
    private const string CSharp = "Umbrella";
    private const string FSharp = "Umbrella.FSharp";

    [Fact]
    public void The_weather_of_two_days_is_the_known_one_and_probabilities_are_learnt()
    {
        JsonElement found = Summary(CSharp, "--draws 2000 --json --no-report");
        JsonElement two = found.GetProperty("two_days");
        Assert.Equal([0.818182, 0.883357], Numbers(two, "filtered"));
        Assert.Equal([0.883357, 0.883357], Numbers(two, "smoothed"));
        Assert.Equal([1, 1], Numbers(two, "likeliest"));
        Assert.Equal(-1.045546, two.GetProperty("log_evidence").GetDouble(), 2e-6);

        // What is drawn is what is probable: 2000 draws, five standard errors on each of 60 days.
        JsonElement shown = found.GetProperty("shown");
        double[] smoothed = Numbers(shown, "smoothed"), drawn = Numbers(shown, "drawn"), likeliest = Numbers(shown, "likeliest");
        Assert.All(smoothed.Zip(drawn), pair => Assert.Equal(pair.First, pair.Second, 5 * Math.Sqrt(0.25 / 2000)));
        Assert.True(shown.GetProperty("log_likeliest").GetDouble() < shown.GetProperty("log_evidence").GetDouble());
        Assert.All(likeliest, day => Assert.True(day is 0 or 1));

        // The most likely probabilities are likelier than the true ones, and near to them.
        JsonElement learnt = found.GetProperty("learnt");
        Assert.True(learnt.GetProperty("log_evidence_true").GetDouble() < learnt.GetProperty("log_evidence_found").GetDouble());
        Assert.All(Numbers(learnt, "true").Zip(Numbers(learnt, "found")), pair => Assert.Equal(pair.First, pair.Second, 0.06));
    }

    [Fact]
    public void Both_twins_find_the_same_to_the_bit()
    {
        AssertSameSummary((CSharp, "--days 9 --draws 3 --steps 5 --seed 7 --threads 1"), (FSharp, "--days 9 --draws 3 --steps 5 --seed 7 --threads 2"));
    }

    [Fact]
    public void It_writes_tables_and_a_page_of_its_own()
    {
        AssertTells(CSharp, "--days 12 --draws 20 --steps 4 --out page.html", "0.818182, 0.883357", "right of 12 days", "from 4000 umbrellas alone", "page.html");

        JsonElement data = DataOf("page.html");
        Assert.Equal(8, data.GetProperty("draws").GetArrayLength());
        Assert.All(data.GetProperty("draws").EnumerateArray(), draw => Assert.Matches("^[01]{12}$", draw.GetString()));
        Assert.Equal(data.GetProperty("course").GetProperty("steps").GetArrayLength(), data.GetProperty("course").GetProperty("stay").GetArrayLength());
    }

    [Theory]
    [InlineData("--days 1", "--days is 1; expected 2 to 10000.")]
    [InlineData("--steps 0", "--steps is 0; expected at least 1.")]
    public void Wrong_usage_is_2_and_says_what_is_wrong(string arguments, string expected) => AssertWrongUsage(FSharp, arguments, expected);
}
