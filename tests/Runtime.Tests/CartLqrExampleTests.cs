using System.Text.Json;
using System.Text.RegularExpressions;
using Xunit;

namespace Inference.Runtime.Tests;

/// <summary>The examples of a cart with a pole, run as processes.</summary>
public sealed class CartLqrExampleTests : IDisposable
{
    private const string CSharp = "CartLqr";
    private const string FSharp = "CartLqr.FSharp";

    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

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
        string[] texts = [.. new[] { (CSharp, 1), (FSharp, 2) }.Select(run =>
            Run(run.Item1, $"--episodes 2 --seed 7 --threads {run.Item2} --json --no-report").Lines[^1])];
        Assert.Equal(texts[0], texts[1]);
        Assert.Empty(Directory.GetFiles(_folder.Path, "*.html"));
    }

    [Fact]
    public void It_writes_a_table_and_a_page_of_its_own()
    {
        ExampleResult result = Run(CSharp, "--episodes 2 --out page.html");
        Assert.Equal(("", 0), (result.Errors, result.ExitCode));
        Assert.DoesNotContain(result.Lines, line => line.Contains('\u001b'));
        foreach (string word in new[] { "2 of 2", "1 of 1", "K = [-3.185, -3.234, 3.860, 24.215]", "page.html" })
        {
            Assert.Contains(result.Lines, line => line.Contains(word));
        }

        string page = File.ReadAllText(Path.Combine(_folder.Path, "page.html"));
        Assert.DoesNotContain("http://", page.Replace("http://www.w3.org/2000/svg", "", StringComparison.Ordinal));
        Assert.DoesNotContain("https://", page);
        Assert.DoesNotContain("{{", page);
        JsonElement data = JsonDocument.Parse(Regex.Match(page, "<script id=\"data\" type=\"application/json\">(.*?)</script>").Groups[1].Value).RootElement;
        Assert.Equal(30, data.GetProperty("gains").GetArrayLength());
    }

    [Fact]
    public void Wrong_usage_is_2_and_says_what_is_wrong()
    {
        ExampleResult result = Run(FSharp, "--horizon 0");
        Assert.Equal(2, result.ExitCode);
        Assert.Contains("--horizon is 0; expected at least 1.", result.Errors);
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
