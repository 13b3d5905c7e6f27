using System.CommandLine;
using System.CommandLine.Parsing;

namespace Inference.Examples.Pendulum;

/// <summary>The command line: its options, their defaults and limits.</summary>
internal static class PendulumCommand
{
    private static readonly PendulumOptions Defaults = new();

    private static readonly Option<int> Samples =
        New("--samples", "N", "Action sequences drawn at each solve.", Defaults.Samples, AtLeast(1));
    private static readonly Option<int> Horizon =
        New("--horizon", "T", "Steps planned ahead, of 0.05 s each.", Defaults.Horizon, AtLeast(1));
    private static readonly Option<double> Noise =
        New("--noise", "σ", "Standard deviation of the drawn torques, in newton metres.", Defaults.Noise, Positive);
    private static readonly Option<double> Temperature =
        New("--temperature", "α", "Small makes the best plan win, large averages plans.", Defaults.Temperature, Positive);
    private static readonly Option<int> Steps =
        New("--steps", "N", "Steps of the episode.", Defaults.Steps, AtLeast(1));
    private static readonly Option<long> Seed =
        New("--seed", "N", "Decides every draw; the same seed gives the same episode.", Defaults.Seed);
    private static readonly Option<bool> RandomStart = Flag("--random-start", "Start at an angle and a velocity drawn from the seed, not hanging still.");
    private static readonly Option<int> Threads =
        New("--threads", "N", "Threads that compute; 0 is one for each core.", Defaults.Threads, Between(0, Engine.MaximumThreads));
    private static readonly Option<double> Speed =
        New("--speed", "X", "How many times faster than real time a terminal shows the episode; 0 does not wait.", Defaults.Speed, NotNegative);
    private static readonly Option<string> Out =
        New("--out", "FILE", "Where the report goes.", Defaults.Out, NotEmpty);
    private static readonly Option<bool> NoReport = Flag("--no-report", "Write no report.");
    private static readonly Option<string?> Trace = New<string?>("--trace", "FILE", "Write a table of the steps, comma-separated.", null, NotEmpty);
    private static readonly Option<bool> Json = Flag("--json", "End with one line of JSON, and show nothing before it.");

    /// <summary>What the arguments ask for, or the exit code where they ask for help or for something that does not exist.</summary>
    public static (PendulumOptions? Options, int ExitCode) Parse(string description, string[] arguments)
    {
        var command = new RootCommand(description)
        {
            Samples, Horizon, Noise, Temperature, Steps, Seed, RandomStart, Threads, Speed, Out, NoReport, Trace, Json,
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

    private static PendulumOptions OptionsOf(ParseResult parsed) => new()
    {
        Samples = parsed.GetValue(Samples),
        Horizon = parsed.GetValue(Horizon),
        Noise = parsed.GetValue(Noise),
        Temperature = parsed.GetValue(Temperature),
        Steps = parsed.GetValue(Steps),
        Seed = parsed.GetValue(Seed),
        RandomStart = parsed.GetValue(RandomStart),
        Threads = parsed.GetValue(Threads),
        Speed = parsed.GetValue(Speed),
        Out = parsed.GetValue(Out)!,
        NoReport = parsed.GetValue(NoReport),
        Trace = parsed.GetValue(Trace),
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

    private static void Positive(OptionResult result) => Require(result, value => value > 0, "above 0");

    private static void NotNegative(OptionResult result) => Require(result, value => value >= 0, "0 or more");

    private static void NotEmpty(OptionResult result)
    {
        if (result.Tokens is [{ Value: var text }] && string.IsNullOrWhiteSpace(text))
        {
            result.AddError($"{result.Option.Name} is \"{text}\"; expected the name of a file.");
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
