using System.Text.RegularExpressions;
using Xunit;

namespace Inference.CSharpApi.Tests;

/// <summary>Code in the documents is code of the tests, but for white space, so that it compiles and means what is said.</summary>
public partial class DocumentationTests
{
    [Theory]
    [InlineData("models.md")]
    [InlineData("algorithms.md")]
    [InlineData("errors.md")]
    [InlineData("learning.md")]
    public void Code_is_copied_from_tests(string document)
    {
        string root = SolutionFolder.PathOf(".");
        string[] sources = [.. new[] { "tests/CSharpApi.Tests", "tests/FSharpTwins" }
            .SelectMany(folder => Directory.GetFiles(Path.Combine(root, folder), "*.?s"))
            .Select(path => Compact(File.ReadAllText(path)))];
        string text = File.ReadAllText(Path.Combine(root, "docs", document));
        MatchCollection blocks = Block().Matches(text);
        Assert.NotEmpty(blocks);
        foreach (Match block in blocks)
        {
            string code = block.Groups[1].Value;
            foreach (string part in code.Split("// …", StringSplitOptions.RemoveEmptyEntries))
            {
                Assert.True(
                    sources.Any(source => source.Contains(Compact(part), StringComparison.Ordinal)),
                    $"{document} shows code that no test has:\n{part}");
            }
        }
    }

    [GeneratedRegex("```(?:csharp|fsharp)\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Block();

    [GeneratedRegex(@"\s+")]
    private static partial Regex WhiteSpace();

    private static string Compact(string code) => WhiteSpace().Replace(code, "");
}
