using System.CommandLine;
using static Inference.Examples.Options;

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
    public static (PendulumOptions? Options, int ExitCode) Parse(string description, string[] arguments) => Options.Parse(
        description,
        arguments,
        OptionsOf,
        Samples, Horizon, Noise, Temperature, Steps, Seed, RandomStart, Threads, Speed, Out, NoReport, Trace, Json);

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
}
