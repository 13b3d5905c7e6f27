using System.CommandLine;
using System.CommandLine.Parsing;

namespace Inference.Examples.Digits;

/// <summary>The command line: its options, their defaults and limits.</summary>
internal static class DigitsCommand
{
    private static readonly DigitsOptions Defaults = new();

    private static readonly Option<string> Model =
        New("--model", "NAME", "vae, an autoencoder, or cvae, one that knows the label.", Defaults.Model);
    private static readonly Option<int> Epochs =
        New("--epochs", "N", "Passes over the training digits.", Defaults.Epochs, AtLeast(1));
    private static readonly Option<long> Seed =
        New("--seed", "N", "Decides where parameters start, every draw, and the order of the digits.", Defaults.Seed);
    private static readonly Option<int> Threads =
        New("--threads", "N", "Threads that compute; 0 is one for each core.", Defaults.Threads, Between(0, Engine.MaximumThreads));
    private static readonly Option<string?> Mnist =
        New<string?>("--mnist", "FOLDER", "Take MNIST from its four IDX files there, packed or not, instead of the 8×8 digits.", null, NotEmpty);
    private static readonly Option<string?> Resume =
        New<string?>("--resume", "FILE", "Keep a checkpoint in this file, and go on from it if it is there.", null, NotEmpty);
    private static readonly Option<string> Out = New("--out", "FILE", "Where the page goes.", Defaults.Out, NotEmpty);
    private static readonly Option<bool> NoReport = Flag("--no-report", "Write no page.");
    private static readonly Option<bool> Json = Flag("--json", "End with one line of JSON, and show nothing before it.");

    static DigitsCommand() => Model.AcceptOnlyFromAmong(DigitsOptions.Vae, DigitsOptions.ConditionalVae);

    /// <summary>What the arguments ask for, or the exit code where they ask for help or for something that does not exist.</summary>
    public static (DigitsOptions? Options, int ExitCode) Parse(string description, string[] arguments)
    {
        var command = new RootCommand(description)
        {
            Model, Epochs, Seed, Threads, Mnist, Resume, Out, NoReport, Json,
        };
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

        return parsed.Action is null ? (OptionsOf(parsed), ExitCode.Success) : (null, parsed.Invoke());
    }

    private static DigitsOptions OptionsOf(ParseResult parsed) => new()
    {
        Model = parsed.GetValue(Model)!,
        Epochs = parsed.GetValue(Epochs),
        Seed = parsed.GetValue(Seed),
        Threads = parsed.GetValue(Threads),
        Mnist = parsed.GetValue(Mnist),
        Resume = parsed.GetValue(Resume),
        Out = parsed.GetValue(Out)!,
        NoReport = parsed.GetValue(NoReport),
        Json = parsed.GetValue(Json),
    };

    private static Option<T> New<T>(string name, string value, string description, T initial, Action<OptionResult>? validator = null)
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

    private static Option<bool> Flag(string name, string description) => new(name) { Description = description };

    private static Action<OptionResult> AtLeast(int least) => result => Require(result, value => value >= least, $"at least {least}");

    private static Action<OptionResult> Between(int least, int most) =>
        result => Require(result, value => value >= least && value <= most, $"{least} to {most}");

    private static void NotEmpty(OptionResult result)
    {
        if (result.Tokens is [{ Value: var text }] && string.IsNullOrWhiteSpace(text))
        {
            result.AddError($"{result.Option.Name} is \"{text}\"; expected a name.");
        }
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
