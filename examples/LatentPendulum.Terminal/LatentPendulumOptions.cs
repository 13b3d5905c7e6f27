namespace Inference.Examples.LatentPendulum;

/// <summary>What the command line asks for.</summary>
internal sealed record LatentPendulumOptions() : ExampleOptions("latent-pendulum.html")
{
    /// <summary>Passes over the recordings.</summary>
    public int Epochs { get; init; } = 60;

    /// <summary>Recordings to train with.</summary>
    public int Recordings { get; init; } = 400;

    /// <summary>Units of each hidden layer.</summary>
    public int Width { get; init; } = 200;

    /// <summary>Numbers of the stochastic path.</summary>
    public int Latents { get; init; } = 30;

    /// <summary>A checkpoint that is kept and gone on from, or null.</summary>
    public string? Resume { get; init; }

    /// <summary>The sizes of the networks.</summary>
    public StateSpaceSizes Sizes => new(Width, Latents);

    /// <summary>The command line.</summary>
    public static CommandLine<LatentPendulumOptions> CommandLine => new CommandLine<LatentPendulumOptions>(
            "Trains a recurrent state-space model on recordings of a pendulum whose velocity is not seen, then lets it imagine 30 steps after 10.",
            seed: "Decides where parameters start, every draw, and the order of the recordings.")
        .Add("--epochs", "N", "Passes over the recordings.", o => o.Epochs, (o, v) => o with { Epochs = v }, Limit.AtLeast(1))
        .Add("--recordings", "N", "Recordings of 2 s to train with.", o => o.Recordings, (o, v) => o with { Recordings = v }, Limit.AtLeast(1))
        .Add("--width", "N", "Units of each hidden layer and of the deterministic path.", o => o.Width, (o, v) => o with { Width = v }, Limit.AtLeast(1))
        .Add("--latents", "N", "Numbers of the stochastic path.", o => o.Latents, (o, v) => o with { Latents = v }, Limit.AtLeast(1))
        .Add("--resume", "FILE", "Keep a checkpoint in this file, and go on from it if it is there.", o => o.Resume, (o, v) => o with { Resume = v }, Limit.Name);
}
