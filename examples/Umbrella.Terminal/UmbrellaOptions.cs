namespace Inference.Examples.Umbrella;

/// <summary>What the command line asks for.</summary>
internal sealed record UmbrellaOptions() : ExampleOptions("umbrella.html")
{
    /// <summary>Days whose weather is asked for.</summary>
    public int Days { get; init; } = 60;

    /// <summary>Draws of the posterior.</summary>
    public int Draws { get; init; } = 400;

    /// <summary>Steps of learning.</summary>
    public int Steps { get; init; } = 300;

    /// <summary>The command line.</summary>
    public static CommandLine<UmbrellaOptions> CommandLine => new CommandLine<UmbrellaOptions>(
            "Infers the weather of days from the umbrellas alone, exactly: filtered, smoothed, likeliest and drawn; and learns how the weather goes.",
            seed: "Decides every draw.")
        .Add("--days", "N", "Days whose weather is asked for.", o => o.Days, (o, v) => o with { Days = v }, Limit.Between(2, 10_000))
        .Add("--draws", "N", "Draws of their weather.", o => o.Draws, (o, v) => o with { Draws = v }, Limit.Between(1, 1_000_000))
        .Add("--steps", "N", "Steps of learning.", o => o.Steps, (o, v) => o with { Steps = v }, Limit.AtLeast(1));
}
