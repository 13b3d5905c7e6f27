using System.CommandLine;
using System.CommandLine.Parsing;
using Inference.Benchmarks.Cases;

namespace Inference.Benchmarks;

/// <summary>What the command line asks for.</summary>
internal sealed record Options(IReadOnlyList<Case> Cases, bool Peer, bool Json)
{
    private const int WrongUsage = 2;

    private static readonly Argument<string[]> Names = new("CASE")
    {
        Description = $"What to measure; all of it unless given: {string.Join(", ", AllCases.Names)}.",
        DefaultValueFactory = _ => [.. AllCases.Names],
    };

    private static readonly Option<bool> WithPeer = new("--peer") { Description = "Measure PyTorch in turn with ours." };
    private static readonly Option<bool> AsJson = new("--json") { Description = "One line of JSON for each case." };

    /// <summary>The options, or the exit code where the arguments ask for help or for something that does not exist.</summary>
    public static (Options? Options, int ExitCode) Parse(string[] arguments)
    {
        var command = new RootCommand("Measures the speed of compiled programs.") { Names, WithPeer, AsJson };
        Names.Validators.Add(RequireKnown);
        ParseResult parsed = command.Parse(arguments);
        foreach (ParseError error in parsed.Errors)
        {
            Console.Error.WriteLine(error.Message);
        }

        if (parsed.Errors.Count > 0)
        {
            return (null, WrongUsage);
        }

        if (parsed.Action is not null)
        {
            return (null, parsed.Invoke());
        }

        IEnumerable<Case> cases = parsed.GetValue(Names)!.Distinct().Select(AllCases.Named);
        return (new Options([.. cases], parsed.GetValue(WithPeer), parsed.GetValue(AsJson)), 0);
    }

    private static void RequireKnown(ArgumentResult result)
    {
        foreach (string name in result.Tokens.Select(token => token.Value).Where(name => !AllCases.Names.Contains(name)))
        {
            result.AddError($"There is no case \"{name}\". There are: {string.Join(", ", AllCases.Names)}.");
        }
    }
}
