namespace Inference.Examples.Gridworld;

/// <summary>What the command line asks for.</summary>
internal sealed record GridworldOptions() : ExampleOptions("gridworld.html")
{
    /// <summary>The probability that the wind turns a move, where semantics are compared and rewards are looked for.</summary>
    public double Slip { get; init; } = 0.2;

    /// <summary>Steps to go, where semantics are compared and in demonstrations.</summary>
    public int Horizon { get; init; } = 20;

    /// <summary>Demonstrations.</summary>
    public int Episodes { get; init; } = 500;

    /// <summary>The command line.</summary>
    public static CommandLine<GridworldOptions> CommandLine => new CommandLine<GridworldOptions>(
            "Solves a 5×5 grid world exactly: at several temperatures, in the three senses of planning as inference, and from demonstrations alone.",
            seed: "Decides what is demonstrated.")
        .Add("--slip", "P", "The probability that the wind turns a move, where semantics are compared and rewards looked for.", o => o.Slip, (o, v) => o with { Slip = v }, Limit.Probability)
        .Add("--horizon", "N", "Steps to go there.", o => o.Horizon, (o, v) => o with { Horizon = v }, Limit.AtLeast(1))
        .Add("--episodes", "N", "Demonstrations.", o => o.Episodes, (o, v) => o with { Episodes = v }, Limit.AtLeast(1));
}
