using System.CommandLine;
using static Inference.Examples.Options;

namespace Inference.Examples.Skill;

/// <summary>What the command line asks for.</summary>
internal sealed record SkillOptions
{
    /// <summary>A file of matches; empty: they are drawn.</summary>
    public string File { get; init; } = "";

    /// <summary>Players, where matches are drawn.</summary>
    public int Players { get; init; } = 40;

    /// <summary>Matches, where they are drawn.</summary>
    public int Matches { get; init; } = 1000;

    /// <summary>The share of matches, the last ones, that are predicted and not learnt from.</summary>
    public double Held { get; init; } = 0.2;

    /// <summary>At most so many sweeps.</summary>
    public int Sweeps { get; init; } = 300;

    /// <summary>The share of the old messages.</summary>
    public double Damping { get; init; } = 0.1;

    /// <summary>Decides skills and matches that are drawn.</summary>
    public long Seed { get; init; }

    /// <summary>Threads that compute; 0 is one for each core.</summary>
    public int Threads { get; init; }

    /// <summary>Where the page goes.</summary>
    public string Out { get; init; } = "skill.html";

    /// <summary>Write no page.</summary>
    public bool NoReport { get; init; }

    /// <summary>End with one line of JSON, and show nothing before it.</summary>
    public bool Json { get; init; }

    /// <summary>What the arguments ask for, or the exit code where they ask for help or for something that does not exist.</summary>
    public static (SkillOptions? Options, int ExitCode) Parse(string description, string[] arguments)
    {
        var defaults = new SkillOptions();
        Option<string> file = New(
            "--file", "CSV", "Matches, one a row: a player, another, and 1, 0.5 or 0 for a win of the first, a draw, a win of the other.", defaults.File, NotEmpty);
        Option<int> players = New("--players", "N", "Players, where matches are drawn.", defaults.Players, AtLeast(2));
        Option<int> matches = New("--matches", "N", "Matches, where they are drawn.", defaults.Matches, AtLeast(2));
        Option<double> held = New("--held", "SHARE", "The share of matches, the last, that are predicted and not learnt from.", defaults.Held, Probability);
        Option<int> sweeps = New("--sweeps", "N", "At most so many sweeps.", defaults.Sweeps, AtLeast(1));
        Option<double> damping = New("--damping", "SHARE", "The share of the old messages, below 1.", defaults.Damping, Probability);
        Option<long> seed = New("--seed", "N", "Decides skills and matches that are drawn.", defaults.Seed);
        Option<int> threads = New(
            "--threads", "N", "Threads that compute; 0 is one for each core.", defaults.Threads, Between(0, Engine.MaximumThreads));
        Option<string> page = New("--out", "FILE", "Where the page goes.", defaults.Out, NotEmpty);
        Option<bool> noReport = Flag("--no-report", "Write no page.");
        Option<bool> json = Flag("--json", "End with one line of JSON, and show nothing before it.");
        return Options.Parse(
            description,
            arguments,
            parsed => new SkillOptions
            {
                File = parsed.GetValue(file)!,
                Players = parsed.GetValue(players),
                Matches = parsed.GetValue(matches),
                Held = parsed.GetValue(held),
                Sweeps = parsed.GetValue(sweeps),
                Damping = parsed.GetValue(damping),
                Seed = parsed.GetValue(seed),
                Threads = parsed.GetValue(threads),
                Out = parsed.GetValue(page)!,
                NoReport = parsed.GetValue(noReport),
                Json = parsed.GetValue(json),
            },
            file, players, matches, held, sweeps, damping, seed, threads, page, noReport, json);
    }
}
