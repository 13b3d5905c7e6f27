using System.Text.Json;
using System.Text.RegularExpressions;
using Xunit;

namespace Inference.Runtime.Tests;

/// <summary>The examples of the umbrella world, run as processes.</summary>
public sealed class UmbrellaExampleTests : IDisposable
{
    private const string CSharp = "Umbrella";
    private const string FSharp = "Umbrella.FSharp";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

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
        string[] texts = [.. new[] { (CSharp, 1), (FSharp, 2) }.Select(run =>
            Run(run.Item1, $"--days 9 --draws 3 --steps 5 --seed 7 --threads {run.Item2} --json --no-report").Lines[^1])];
        Assert.Equal(texts[0], texts[1]);
        Assert.Empty(Directory.GetFiles(_folder.Path, "*.html"));
    }

    [Fact]
    public void It_writes_tables_and_a_page_of_its_own()
    {
        ExampleResult result = Run(CSharp, "--days 12 --draws 20 --steps 4 --out page.html");
        Assert.Equal(("", 0), (result.Errors, result.ExitCode));
        Assert.DoesNotContain(result.Lines, line => line.Contains('\u001b'));
        foreach (string word in new[] { "0.818182, 0.883357", "right of 12 days", "from 4000 umbrellas alone", "page.html" })
        {
            Assert.Contains(result.Lines, line => line.Contains(word));
        }

        string page = File.ReadAllText(Path.Combine(_folder.Path, "page.html"));
        Assert.DoesNotContain("http://", page.Replace("http://www.w3.org/2000/svg", "", StringComparison.Ordinal));
        Assert.DoesNotContain("https://", page);
        Assert.DoesNotContain("{{", page);
        JsonElement data = JsonDocument.Parse(Regex.Match(page, "<script id=\"data\" type=\"application/json\">(.*?)</script>").Groups[1].Value).RootElement;
        Assert.Equal(8, data.GetProperty("draws").GetArrayLength());
        Assert.All(data.GetProperty("draws").EnumerateArray(), draw => Assert.Matches("^[01]{12}$", draw.GetString()));
        Assert.Equal(data.GetProperty("course").GetProperty("steps").GetArrayLength(), data.GetProperty("course").GetProperty("stay").GetArrayLength());
    }

    [Theory]
    [InlineData("--days 1", "--days is 1; expected 2 to 10000.")]
    [InlineData("--steps 0", "--steps is 0; expected at least 1.")]
    public void Wrong_usage_is_2_and_says_what_is_wrong(string arguments, string expected)
    {
        ExampleResult result = Run(FSharp, arguments);
        Assert.Equal(2, result.ExitCode);
        Assert.Contains(expected, result.Errors);
        Assert.Empty(result.Lines);
    }

    private static double[] Numbers(JsonElement parent, string name) => [.. parent.GetProperty(name).EnumerateArray().Select(value => value.GetDouble())];

    private JsonElement Summary(string example, string arguments)
    {
        ExampleResult result = Run(example, arguments);
        Assert.Equal(("", 0), (result.Errors, result.ExitCode));
        return JsonDocument.Parse(Assert.Single(result.Lines)).RootElement;
    }

    private ExampleResult Run(string example, string arguments) => ExampleProcess.Run(_folder, example, arguments);
}
