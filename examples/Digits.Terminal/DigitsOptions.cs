namespace Inference.Examples.Digits;

/// <summary>What the command line asks for.</summary>
internal sealed record DigitsOptions() : ExampleOptions("digits.html")
{
    /// <summary>The name of the autoencoder.</summary>
    public const string Vae = "vae";

    /// <summary>The name of the conditional autoencoder.</summary>
    public const string ConditionalVae = "cvae";

    /// <summary>Which model: <see cref="Vae"/> or <see cref="ConditionalVae"/>.</summary>
    public string Model { get; init; } = Vae;

    /// <summary>Passes over the training digits.</summary>
    public int Epochs { get; init; } = 200;

    /// <summary>A folder with MNIST, or null for the digits that come with the example.</summary>
    public string? Mnist { get; init; }

    /// <summary>A checkpoint that is kept and gone on from, or null.</summary>
    public string? Resume { get; init; }

    /// <summary>The command line.</summary>
    public static CommandLine<DigitsOptions> CommandLine => new CommandLine<DigitsOptions>(
            "Trains a variational autoencoder on handwritten digits, then writes a page about it.",
            seed: "Decides where parameters start, every draw, and the order of the digits.")
        .Add("--model", "NAME", "vae, an autoencoder, or cvae, one that knows the label.", o => o.Model, (o, v) => o with { Model = v }, Limit.OneOf(Vae, ConditionalVae))
        .Add("--epochs", "N", "Passes over the training digits.", o => o.Epochs, (o, v) => o with { Epochs = v }, Limit.AtLeast(1))
        .Add("--mnist", "FOLDER", "Take MNIST from its four IDX files there, packed or not, instead of the 8×8 digits.", o => o.Mnist, (o, v) => o with { Mnist = v }, Limit.Name)
        .Add("--resume", "FILE", "Keep a checkpoint in this file, and go on from it if it is there.", o => o.Resume, (o, v) => o with { Resume = v }, Limit.Name);
}
