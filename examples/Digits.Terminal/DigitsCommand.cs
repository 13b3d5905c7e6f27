using System.CommandLine;
using static Inference.Examples.Options;

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
    public static (DigitsOptions? Options, int ExitCode) Parse(string description, string[] arguments) =>
        Options.Parse(description, arguments, OptionsOf, Model, Epochs, Seed, Threads, Mnist, Resume, Out, NoReport, Json);

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
}
