namespace Inference.Examples.Digits;

/// <summary>What the command line asks for.</summary>
internal sealed record DigitsOptions
{
    /// <summary>The name of the autoencoder.</summary>
    public const string Vae = "vae";

    /// <summary>The name of the conditional autoencoder.</summary>
    public const string ConditionalVae = "cvae";

    /// <summary>Which model: <see cref="Vae"/> or <see cref="ConditionalVae"/>.</summary>
    public string Model { get; init; } = Vae;

    /// <summary>Passes over the training digits.</summary>
    public int Epochs { get; init; } = 200;

    /// <summary>Decides where parameters start, every draw, and the order of the digits.</summary>
    public long Seed { get; init; }

    /// <summary>Threads that compute; 0 is one for each core.</summary>
    public int Threads { get; init; }

    /// <summary>A folder with MNIST, or null for the digits that come with the example.</summary>
    public string? Mnist { get; init; }

    /// <summary>A checkpoint that is kept and gone on from, or null.</summary>
    public string? Resume { get; init; }

    /// <summary>Where the page goes.</summary>
    public string Out { get; init; } = "digits.html";

    /// <summary>Write no page.</summary>
    public bool NoReport { get; init; }

    /// <summary>End with one line of JSON, and show nothing before it.</summary>
    public bool Json { get; init; }
}
