using System.Text.RegularExpressions;
using System.Xml.Linq;
using Xunit;

namespace Inference.CSharpApi.Tests;

/// <summary>What the documents show and quote is in the tests, so that it compiles and means what is said.</summary>
public partial class DocumentationTests
{
    private static readonly string Root = SolutionFolder.PathOf(".");

    private static readonly string[] Sources = [.. new[] { "tests/CSharpApi.Tests", "tests/FSharpTwins", "tests/Runtime.Tests" }
        .SelectMany(folder => Directory.GetFiles(Path.Combine(Root, folder), "*.?s"))
        .Select(path => Compact(File.ReadAllText(path)))];

    [Theory]
    [InlineData("docs/models.md")]
    [InlineData("docs/algorithms.md")]
    [InlineData("docs/errors.md")]
    [InlineData("docs/learning.md")]
    [InlineData("docs/planning.md")]
    [InlineData("docs/linear-quadratic.md")]
    [InlineData("docs/graph.md")]
    [InlineData("docs/objectives.md")]
    [InlineData("docs/finite.md")]
    [InlineData("docs/gaussian.md")]
    [InlineData("docs/messages.md")]
    public void Code_is_copied_from_tests(string document) =>
        AssertTested(document, code => code.Split("// …", StringSplitOptions.RemoveEmptyEntries));

    /// <summary>The first page shows whole programs; tests have their paragraphs apart, and imports of their own.</summary>
    [Fact]
    public void Code_of_the_first_page_is_copied_from_tests_paragraph_by_paragraph() =>
        AssertTested("README.md", code => Import().Replace(code, "").Split("\n\n", StringSplitOptions.RemoveEmptyEntries));

    [Fact]
    public void Errors_that_are_quoted_are_those_that_tests_expect()
    {
        string[] sources = [.. Sources.Select(source => source.Replace("\\\"", "\"", StringComparison.Ordinal))];
        string[] quotes = [.. File.ReadLines(Path.Combine(Root, "docs/errors.md"))
            .Where(line => line.StartsWith('|'))
            .SelectMany(line => Quote().Matches(line))
            .Select(quote => quote.Groups[1].Value)
            .Where(quote => quote.Contains(' ') && !quote.Contains('='))];
        Assert.True(quotes.Length > 15, $"{quotes.Length} errors are quoted.");
        Assert.All(quotes, quote => Assert.Contains(sources, source => source.Contains(Compact(quote), StringComparison.Ordinal)));
    }

    [Fact]
    public void Packages_are_listed_with_their_versions_and_users()
    {
        string[] rows = File.ReadAllLines(Path.Combine(Root, "docs/dependencies.md"));
        string firstPage = File.ReadAllText(Path.Combine(Root, "README.md"));
        foreach (XElement package in XDocument.Load(Path.Combine(Root, "Directory.Packages.props")).Descendants("PackageVersion"))
        {
            string name = package.Attribute("Include")!.Value;
            string row = Assert.Single(rows, row => row.StartsWith($"| {name} | {package.Attribute("Version")!.Value} |", StringComparison.Ordinal));
            Assert.Contains(name, firstPage, StringComparison.Ordinal);
            foreach (string user in UsersOf(name))
            {
                Assert.True(row.Split('|')[3].Contains(user, StringComparison.Ordinal), $"{name} is used by {user}; {row} does not say so.");
            }
        }
    }

    /// <summary>The folders whose projects name a package: those of src by name, others by the folder at the root.</summary>
    private static IEnumerable<string> UsersOf(string package) =>
        from folder in new[] { "src", "examples", "benchmarks", "tests" }
        from file in Directory.EnumerateFiles(Path.Combine(Root, folder), "*.*", SearchOption.AllDirectories)
        where file.EndsWith("proj", StringComparison.Ordinal) || file.EndsWith("Directory.Build.props", StringComparison.Ordinal)
        where File.ReadAllText(file).Contains($"PackageReference Include=\"{package}\"", StringComparison.Ordinal)
        select folder == "src" ? $"src/{Path.GetFileName(Path.GetDirectoryName(file))}" : folder + "/";

    private static void AssertTested(string document, Func<string, string[]> parts)
    {
        MatchCollection blocks = Block().Matches(File.ReadAllText(Path.Combine(Root, document)));
        Assert.NotEmpty(blocks);
        foreach (string part in blocks.SelectMany(block => parts(block.Groups[1].Value)).Where(part => Compact(part).Length > 0))
        {
            Assert.True(
                Sources.Any(source => source.Contains(Compact(part), StringComparison.Ordinal)),
                $"{document} shows code that no test has:\n{part}");
        }
    }

    [GeneratedRegex("```(?:csharp|fsharp)\n(.*?)```", RegexOptions.Singleline)]
    private static partial Regex Block();

    [GeneratedRegex(@"^(using (static )?[\w.]+;|open (type )?[\w.]+)$", RegexOptions.Multiline)]
    private static partial Regex Import();

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Quote();

    [GeneratedRegex(@"\s+")]
    private static partial Regex WhiteSpace();

    private static string Compact(string code) => WhiteSpace().Replace(code, "");
}
