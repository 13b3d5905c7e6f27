using System.CommandLine;
using static Inference.Examples.Options;

namespace Inference.Examples.Umbrella;

/// <summary>What the command line asks for.</summary>
internal sealed record UmbrellaOptions
{
    /// <summary>Days whose weather is asked for.</summary>
    public int Days { get; init; } = 60;

    /// <summary>Draws of the posterior.</summary>
    public int Draws { get; init; } = 400;

    /// <summary>Steps of learning.</summary>
    public int Steps { get; init; } = 300;

    /// <summary>Decides every draw.</summary>
    public long Seed { get; init; }

    /// <summary>Threads that compute; 0 is one for each core.</summary>
    public int Threads { get; init; }

    /// <summary>Where the page goes.</summary>
    public string Out { get; init; } = "umbrella.html";

    /// <summary>Write no page.</summary>
    public bool NoReport { get; init; }

    /// <summary>End with one line of JSON, and show nothing before it.</summary>
    public bool Json { get; init; }

    /// <summary>What the arguments ask for, or the exit code where they ask for help or for something that does not exist.</summary>
    public static (UmbrellaOptions? Options, int ExitCode) Parse(string description, string[] arguments)
    {
        var defaults = new UmbrellaOptions();
        Option<int> days = New("--days", "N", "Days whose weather is asked for.", defaults.Days, Between(2, 10_000));
        Option<int> draws = New("--draws", "N", "Draws of their weather.", defaults.Draws, Between(1, 1_000_000));
        Option<int> steps = New("--steps", "N", "Steps of learning.", defaults.Steps, AtLeast(1));
        Option<long> seed = New("--seed", "N", "Decides every draw.", defaults.Seed);
        Option<int> threads = New(
            "--threads", "N", "Threads that compute; 0 is one for each core.", defaults.Threads, Between(0, Engine.MaximumThreads));
        Option<string> page = New("--out", "FILE", "Where the page goes.", defaults.Out, NotEmpty);
        Option<bool> noReport = Flag("--no-report", "Write no page.");
        Option<bool> json = Flag("--json", "End with one line of JSON, and show nothing before it.");
        return Options.Parse(
            description,
            arguments,
            parsed => new UmbrellaOptions
            {
                Days = parsed.GetValue(days),
                Draws = parsed.GetValue(draws),
                Steps = parsed.GetValue(steps),
                Seed = parsed.GetValue(seed),
                Threads = parsed.GetValue(threads),
                Out = parsed.GetValue(page)!,
                NoReport = parsed.GetValue(noReport),
                Json = parsed.GetValue(json),
            },
            days, draws, steps, seed, threads, page, noReport, json);
    }
}
