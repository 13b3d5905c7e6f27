using System.CommandLine;
using static Inference.Examples.Options;

namespace Inference.Examples.EightSchools;

/// <summary>What the command line asks for.</summary>
internal sealed record EightSchoolsOptions
{
    /// <summary>Steps of learning for each family.</summary>
    public int Steps { get; init; } = 4000;

    /// <summary>Decides every draw.</summary>
    public long Seed { get; init; }

    /// <summary>Threads that compute; 0 is one for each core.</summary>
    public int Threads { get; init; }

    /// <summary>Where the page goes.</summary>
    public string Out { get; init; } = "eight-schools.html";

    /// <summary>Write no page.</summary>
    public bool NoReport { get; init; }

    /// <summary>End with one line of JSON, and show nothing before it.</summary>
    public bool Json { get; init; }

    /// <summary>What the arguments ask for, or the exit code where they ask for help or for something that does not exist.</summary>
    public static (EightSchoolsOptions? Options, int ExitCode) Parse(string description, string[] arguments)
    {
        var defaults = new EightSchoolsOptions();
        Option<int> steps = New("--steps", "N", "Steps of learning for each family.", defaults.Steps, AtLeast(1));
        Option<long> seed = New("--seed", "N", "Decides where parameters start, and every draw.", defaults.Seed);
        Option<int> threads = New(
            "--threads", "N", "Threads that compute; 0 is one for each core.", defaults.Threads, Between(0, Engine.MaximumThreads));
        Option<string> page = New("--out", "FILE", "Where the page goes.", defaults.Out, NotEmpty);
        Option<bool> noReport = Flag("--no-report", "Write no page.");
        Option<bool> json = Flag("--json", "End with one line of JSON, and show nothing before it.");
        return Options.Parse(
            description,
            arguments,
            parsed => new EightSchoolsOptions
            {
                Steps = parsed.GetValue(steps),
                Seed = parsed.GetValue(seed),
                Threads = parsed.GetValue(threads),
                Out = parsed.GetValue(page)!,
                NoReport = parsed.GetValue(noReport),
                Json = parsed.GetValue(json),
            },
            steps, seed, threads, page, noReport, json);
    }
}
