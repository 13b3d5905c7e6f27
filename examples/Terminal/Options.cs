using System.CommandLine;
using System.CommandLine.Parsing;

namespace Inference.Examples;

/// <summary>Options of a command line, and what their values are held to.</summary>
public static class Options
{
    /// <summary>An option with a value.</summary>
    /// <param name="name">As it is written: <c>--steps</c>.</param>
    /// <param name="value">What help calls its value.</param>
    /// <param name="description">What help says of it.</param>
    /// <param name="initial">The default; null: none.</param>
    /// <param name="validator">What the value is held to.</param>
    public static Option<T> New<T>(string name, string value, string description, T initial, Action<OptionResult>? validator = null)
    {
        var option = new Option<T>(name) { Description = description, HelpName = value };
        if (initial is not null)
        {
            option.DefaultValueFactory = _ => initial;
        }

        if (validator is not null)
        {
            option.Validators.Add(validator);
        }

        return option;
    }

    /// <summary>An option that is there or not.</summary>
    public static Option<bool> Flag(string name, string description) => new(name) { Description = description };

    /// <summary>A whole number from a least one on.</summary>
    public static Action<OptionResult> AtLeast(int least) => result => Require(result, value => value >= least, $"at least {least}");

    /// <summary>A number of a closed range.</summary>
    public static Action<OptionResult> Between(int least, int most) =>
        result => Require(result, value => value >= least && value <= most, $"{least} to {most}");

    /// <summary>A number above 0.</summary>
    public static void Positive(OptionResult result) => Require(result, value => value > 0, "above 0");

    /// <summary>A number that is 0 or more.</summary>
    public static void NotNegative(OptionResult result) => Require(result, value => value >= 0, "0 or more");

    /// <summary>A number from 0 to 1.</summary>
    public static void Probability(OptionResult result) => Require(result, value => value is >= 0 and <= 1, "0 to 1");

    /// <summary>The name of a file or folder.</summary>
    public static void NotEmpty(OptionResult result)
    {
        if (result?.Tokens is [{ Value: var text }] && string.IsNullOrWhiteSpace(text))
        {
            result.AddError($"{result.Option.Name} is \"{text}\"; expected a name.");
        }
    }

    /// <summary>What the arguments ask for, or the exit code where they ask for help or for something that does not exist.</summary>
    /// <param name="description">What help says of the program.</param>
    /// <param name="arguments">The command line.</param>
    /// <param name="read">From what was parsed to the program's options.</param>
    /// <param name="options">All options.</param>
    public static (T? Options, int ExitCode) Parse<T>(string description, string[] arguments, Func<ParseResult, T> read, params Option[] options)
        where T : class
    {
        var command = new RootCommand(description);
        foreach (Option option in options)
        {
            command.Options.Add(option);
        }

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

        return parsed.Action is null ? (read(parsed), ExitCode.Success) : (null, parsed.Invoke());
    }

    // Text that is no number has an error of its own already.
    private static void Require(OptionResult result, Func<double, bool> holds, string expected)
    {
        if (result.Tokens is [{ Value: var text }]
            && double.TryParse(text, System.Globalization.CultureInfo.InvariantCulture, out double value)
            && !(double.IsFinite(value) && holds(value)))
        {
            result.AddError($"{result.Option.Name} is {text}; expected {expected}.");
        }
    }
}
