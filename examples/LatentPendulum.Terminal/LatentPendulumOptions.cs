using System.CommandLine;
using static Inference.Examples.Options;

namespace Inference.Examples.LatentPendulum;

/// <summary>What the command line asks for.</summary>
internal sealed record LatentPendulumOptions
{
    /// <summary>Passes over the recordings.</summary>
    public int Epochs { get; init; } = 60;

    /// <summary>Recordings to train with.</summary>
    public int Recordings { get; init; } = 400;

    /// <summary>Units of each hidden layer.</summary>
    public int Width { get; init; } = 200;

    /// <summary>Numbers of the stochastic path.</summary>
    public int Latents { get; init; } = 30;

    /// <summary>Decides where parameters start, every draw, and the order of the recordings.</summary>
    public long Seed { get; init; }

    /// <summary>Threads that compute; 0 is one for each core.</summary>
    public int Threads { get; init; }

    /// <summary>A checkpoint that is kept and gone on from, or null.</summary>
    public string? Resume { get; init; }

    /// <summary>Where the page goes.</summary>
    public string Out { get; init; } = "latent-pendulum.html";

    /// <summary>Write no page.</summary>
    public bool NoReport { get; init; }

    /// <summary>End with one line of JSON, and show nothing before it.</summary>
    public bool Json { get; init; }

    /// <summary>The sizes of the networks.</summary>
    public StateSpaceSizes Sizes => new(Width, Latents);

    /// <summary>What the arguments ask for, or the exit code where they ask for help or for something that does not exist.</summary>
    public static (LatentPendulumOptions? Options, int ExitCode) Parse(string description, string[] arguments)
    {
        var defaults = new LatentPendulumOptions();
        Option<int> epochs = New("--epochs", "N", "Passes over the recordings.", defaults.Epochs, AtLeast(1));
        Option<int> recordings = New("--recordings", "N", "Recordings of 2 s to train with.", defaults.Recordings, AtLeast(1));
        Option<int> width = New("--width", "N", "Units of each hidden layer and of the deterministic path.", defaults.Width, AtLeast(1));
        Option<int> latents = New("--latents", "N", "Numbers of the stochastic path.", defaults.Latents, AtLeast(1));
        Option<long> seed = New(
            "--seed", "N", "Decides where parameters start, every draw, and the order of the recordings.", defaults.Seed);
        Option<int> threads = New(
            "--threads", "N", "Threads that compute; 0 is one for each core.", defaults.Threads, Between(0, Engine.MaximumThreads));
        Option<string?> resume = New<string?>(
            "--resume", "FILE", "Keep a checkpoint in this file, and go on from it if it is there.", null, NotEmpty);
        Option<string> page = New("--out", "FILE", "Where the page goes.", defaults.Out, NotEmpty);
        Option<bool> noReport = Flag("--no-report", "Write no page.");
        Option<bool> json = Flag("--json", "End with one line of JSON, and show nothing before it.");
        return Options.Parse(
            description,
            arguments,
            parsed => new LatentPendulumOptions
            {
                Epochs = parsed.GetValue(epochs),
                Recordings = parsed.GetValue(recordings),
                Width = parsed.GetValue(width),
                Latents = parsed.GetValue(latents),
                Seed = parsed.GetValue(seed),
                Threads = parsed.GetValue(threads),
                Resume = parsed.GetValue(resume),
                Out = parsed.GetValue(page)!,
                NoReport = parsed.GetValue(noReport),
                Json = parsed.GetValue(json),
            },
            epochs, recordings, width, latents, seed, threads, resume, page, noReport, json);
    }
}
