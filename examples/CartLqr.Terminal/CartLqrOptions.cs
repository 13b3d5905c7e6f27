using System.CommandLine;
using static Inference.Examples.Options;

namespace Inference.Examples.CartLqr;

/// <summary>What the command line asks for.</summary>
internal sealed record CartLqrOptions
{
    /// <summary>Episodes that are balanced by each controller.</summary>
    public int Episodes { get; init; } = 20;

    /// <summary>Steps of 0.1 s in which the pole is swung up.</summary>
    public int Horizon { get; init; } = 30;

    /// <summary>Decides starts, gusts and the noise of what is seen.</summary>
    public long Seed { get; init; }

    /// <summary>Threads that compute; 0 is one for each core.</summary>
    public int Threads { get; init; }

    /// <summary>Where the page goes.</summary>
    public string Out { get; init; } = "cart-lqr.html";

    /// <summary>Write no page.</summary>
    public bool NoReport { get; init; }

    /// <summary>End with one line of JSON, and show nothing before it.</summary>
    public bool Json { get; init; }

    /// <summary>What the arguments ask for, or the exit code where they ask for help or for something that does not exist.</summary>
    public static (CartLqrOptions? Options, int ExitCode) Parse(string description, string[] arguments)
    {
        var defaults = new CartLqrOptions();
        Option<int> episodes = New("--episodes", "N", "Episodes that are balanced by each controller.", defaults.Episodes, AtLeast(1));
        Option<int> horizon = New("--horizon", "N", "Steps of 0.1 s in which the pole is swung up.", defaults.Horizon, AtLeast(1));
        Option<long> seed = New("--seed", "N", "Decides starts, gusts and the noise of what is seen.", defaults.Seed);
        Option<int> threads = New(
            "--threads", "N", "Threads that compute; 0 is one for each core.", defaults.Threads, Between(0, Engine.MaximumThreads));
        Option<string> page = New("--out", "FILE", "Where the page goes.", defaults.Out, NotEmpty);
        Option<bool> noReport = Flag("--no-report", "Write no page.");
        Option<bool> json = Flag("--json", "End with one line of JSON, and show nothing before it.");
        return Options.Parse(
            description,
            arguments,
            parsed => new CartLqrOptions
            {
                Episodes = parsed.GetValue(episodes),
                Horizon = parsed.GetValue(horizon),
                Seed = parsed.GetValue(seed),
                Threads = parsed.GetValue(threads),
                Out = parsed.GetValue(page)!,
                NoReport = parsed.GetValue(noReport),
                Json = parsed.GetValue(json),
            },
            episodes, horizon, seed, threads, page, noReport, json);
    }
}
