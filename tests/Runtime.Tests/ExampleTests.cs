using System.Text.Json;
using System.Text.RegularExpressions;
using Xunit;

namespace Inference.Runtime.Tests;

/// <summary>What holds for every example, run as a process in a folder of its own.</summary>
public abstract class ExampleTests : IDisposable
{
    private protected TemporaryFolder Folder { get; } = new();

    public void Dispose()
    {
        Folder.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected static double[] Numbers(JsonElement values) => [.. values.EnumerateArray().Select(value => value.GetDouble())];

    private protected static double[] Numbers(JsonElement parent, string name) => Numbers(parent.GetProperty(name));

    private protected ExampleResult Run(string example, string arguments) => ExampleProcess.Run(Folder, example, arguments);

    /// <summary>The summary of a run that is asked for JSON alone.</summary>
    private protected JsonElement Summary(string example, string arguments)
    {
        ExampleResult result = Run(example, arguments);
        Assert.Equal(("", 0), (result.Errors, result.ExitCode));
        return JsonDocument.Parse(Assert.Single(result.Lines)).RootElement;
    }

    /// <summary>Runs that are to end with the same line, whatever it is; none writes a page.</summary>
    private protected void AssertSameSummary(params (string Example, string Arguments)[] runs)
    {
        string[] texts = [.. runs.Select(run => Run(run.Example, run.Arguments + " --json --no-report").Lines[^1])];
        Assert.All(texts, text => Assert.Equal(texts[0], text));
        Assert.Empty(Directory.GetFiles(Folder.Path, "*.html"));
    }

    /// <summary>A run without a terminal: plain lines, among them these words.</summary>
    private protected void AssertTells(string example, string arguments, params string[] words)
    {
        ExampleResult result = Run(example, arguments);
        Assert.Equal(("", 0), (result.Errors, result.ExitCode));
        Assert.DoesNotContain(result.Lines, line => line.Contains('\u001b'));
        Assert.All(words, word => Assert.Contains(result.Lines, line => line.Contains(word, StringComparison.Ordinal)));
    }

    /// <summary>The data of a page that needs nothing but itself.</summary>
    private protected JsonElement DataOf(string page)
    {
        string text = File.ReadAllText(Path.Combine(Folder.Path, page));
        Assert.DoesNotContain("http://", text.Replace("http://www.w3.org/2000/svg", "", StringComparison.Ordinal));
        Assert.DoesNotContain("https://", text);
        Assert.DoesNotContain("{{", text);
        return JsonDocument.Parse(Regex.Match(text, "<script id=\"data\" type=\"application/json\">(.*?)</script>").Groups[1].Value).RootElement;
    }

    private protected void AssertWrongUsage(string example, string arguments, string expected) => AssertFails(2, example, arguments, expected);

    /// <summary>A run that ends with an error, says why, and says nothing else.</summary>
    private protected void AssertFails(int exitCode, string example, string arguments, string expected)
    {
        ExampleResult result = Run(example, arguments);
        Assert.Equal(exitCode, result.ExitCode);
        Assert.Contains(expected, result.Errors);
        Assert.Empty(result.Lines);
    }
}
