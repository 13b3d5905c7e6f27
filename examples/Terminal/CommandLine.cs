using System.CommandLine;
using System.CommandLine.Parsing;

namespace Inference.Examples;

/// <summary>The command line of an example: its own options, then those of every example.</summary>
/// <typeparam name="T">What it asks for; a new one holds the defaults.</typeparam>
/// <param name="description">What help says of the program.</param>
/// <param name="seed">What help says of the seed: what it decides.</param>
public sealed class CommandLine<T>(string description, string seed)
    where T : ExampleOptions, new()
{
    private readonly T _defaults = new();
    private readonly List<Entry> _own = [];

    /// <summary>Adds an option with a value.</summary>
    /// <param name="name">As it is written: <c>--steps</c>.</param>
    /// <param name="value">What help calls its value.</param>
    /// <param name="text">What help says of it.</param>
    /// <param name="read">The value in the options; in new ones, the default; null: there is none.</param>
    /// <param name="with">The options with another value.</param>
    /// <param name="limit">What the value is held to.</param>
    public CommandLine<T> Add<TValue>(
        string name, string value, string text, Func<T, TValue> read, Func<T, TValue, T> with, Action<OptionResult>? limit = null)
    {
        ArgumentNullException.ThrowIfNull(read);
        _own.Add(Valued(name, value, text, read(_defaults), with, limit));
        return this;
    }

    /// <summary>Adds an option that is there or not.</summary>
    /// <param name="name">As it is written: <c>--json</c>.</param>
    /// <param name="text">What help says of it.</param>
    /// <param name="with">The options with it, or without.</param>
    public CommandLine<T> Flag(string name, string text, Func<T, bool, T> with)
    {
        _own.Add(Plain(name, text, with));
        return this;
    }

    /// <summary>What the arguments ask for, or the exit code where they ask for help or for something that does not exist.</summary>
    /// <param name="arguments">The command line.</param>
    public (T? Options, int ExitCode) Parse(string[] arguments)
    {
        Entry[] entries =
        [
            .. _own,
            Valued("--seed", "N", seed, _defaults.Seed, (o, number) => o with { Seed = number }, null),
            Valued(
                "--threads",
                "N",
                "Threads that compute; 0 is one for each core.",
                _defaults.Threads,
                (o, count) => o with { Threads = count },
                Limit.Between(0, Engine.MaximumThreads)),
            Valued("--out", "FILE", "Where the page goes.", _defaults.Out, (o, file) => o with { Out = file }, Limit.Name),
            Plain("--no-report", "Write no page.", (o, none) => o with { NoReport = none }),
            Plain("--json", "End with one line of JSON, and show nothing before it.", (o, json) => o with { Json = json }),
        ];
        var command = new RootCommand(description);
        Array.ForEach(entries, entry => command.Options.Add(entry.Option));

        ParseResult parsed = command.Parse(arguments);
        if (parsed.Errors.Count > 0)
        {
            foreach (ParseError error in parsed.Errors)
            {
                Console.Error.WriteLine(error.Message);
            }

            Console.Error.WriteLine("Run with --help for the options.");
            return (null, ExitCode.WrongUsage);
        }

        return parsed.Action is null
            ? (entries.Aggregate(_defaults, (options, entry) => entry.Read(parsed, options)), ExitCode.Success)
            : (null, parsed.Invoke());
    }

    private static Entry Valued<TValue>(
        string name, string value, string text, TValue initial, Func<T, TValue, T> with, Action<OptionResult>? limit)
    {
        var option = new Option<TValue>(name) { Description = text, HelpName = value };
        if (initial is not null)
        {
            option.DefaultValueFactory = _ => initial;
        }

        if (limit is not null)
        {
            option.Validators.Add(limit);
        }

        return new Entry(option, (parsed, options) => with(options, parsed.GetValue(option)!));
    }

    private static Entry Plain(string name, string text, Func<T, bool, T> with)
    {
        var option = new Option<bool>(name) { Description = text };
        return new Entry(option, (parsed, options) => with(options, parsed.GetValue(option)));
    }

    private sealed record Entry(Option Option, Func<ParseResult, T, T> Read);
}
