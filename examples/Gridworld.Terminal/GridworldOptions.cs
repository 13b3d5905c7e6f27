using System.CommandLine;
using static Inference.Examples.Options;

namespace Inference.Examples.Gridworld;

/// <summary>What the command line asks for.</summary>
internal sealed record GridworldOptions
{
    /// <summary>The probability that the wind turns a move, where semantics are compared and rewards are looked for.</summary>
    public double Slip { get; init; } = 0.2;

    /// <summary>Steps to go, where semantics are compared and in demonstrations.</summary>
    public int Horizon { get; init; } = 20;

    /// <summary>Demonstrations.</summary>
    public int Episodes { get; init; } = 500;

    /// <summary>Decides what is demonstrated.</summary>
    public long Seed { get; init; }

    /// <summary>Threads that compute; 0 is one for each core.</summary>
    public int Threads { get; init; }

    /// <summary>Where the page goes.</summary>
    public string Out { get; init; } = "gridworld.html";

    /// <summary>Write no page.</summary>
    public bool NoReport { get; init; }

    /// <summary>End with one line of JSON, and show nothing before it.</summary>
    public bool Json { get; init; }

    /// <summary>What the arguments ask for, or the exit code where they ask for help or for something that does not exist.</summary>
    public static (GridworldOptions? Options, int ExitCode) Parse(string description, string[] arguments)
    {
        var defaults = new GridworldOptions();
        Option<double> slip = New(
            "--slip",
            "P",
            "The probability that the wind turns a move, where semantics are compared and rewards looked for.",
            defaults.Slip,
            Probability);
        Option<int> horizon = New("--horizon", "N", "Steps to go there.", defaults.Horizon, AtLeast(1));
        Option<int> episodes = New("--episodes", "N", "Demonstrations.", defaults.Episodes, AtLeast(1));
        Option<long> seed = New("--seed", "N", "Decides what is demonstrated.", defaults.Seed);
        Option<int> threads = New(
            "--threads", "N", "Threads that compute; 0 is one for each core.", defaults.Threads, Between(0, Engine.MaximumThreads));
        Option<string> page = New("--out", "FILE", "Where the page goes.", defaults.Out, NotEmpty);
        Option<bool> noReport = Flag("--no-report", "Write no page.");
        Option<bool> json = Flag("--json", "End with one line of JSON, and show nothing before it.");
        return Options.Parse(
            description,
            arguments,
            parsed => new GridworldOptions
            {
                Slip = parsed.GetValue(slip),
                Horizon = parsed.GetValue(horizon),
                Episodes = parsed.GetValue(episodes),
                Seed = parsed.GetValue(seed),
                Threads = parsed.GetValue(threads),
                Out = parsed.GetValue(page)!,
                NoReport = parsed.GetValue(noReport),
                Json = parsed.GetValue(json),
            },
            slip, horizon, episodes, seed, threads, page, noReport, json);
    }
}
