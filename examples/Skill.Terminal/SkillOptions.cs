namespace Inference.Examples.Skill;

/// <summary>What the command line asks for.</summary>
internal sealed record SkillOptions() : ExampleOptions("skill.html")
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

    /// <summary>The command line.</summary>
    public static CommandLine<SkillOptions> CommandLine => new CommandLine<SkillOptions>(
            "Ranks players from the results of their matches, draws included, by expectation propagation (TrueSkill).",
            seed: "Decides skills and matches that are drawn.")
        .Add("--file", "CSV", "Matches, one a row: a player, another, and 1, 0.5 or 0 for a win of the first, a draw, a win of the other.", o => o.File, (o, v) => o with { File = v }, Limit.Name)
        .Add("--players", "N", "Players, where matches are drawn.", o => o.Players, (o, v) => o with { Players = v }, Limit.AtLeast(2))
        .Add("--matches", "N", "Matches, where they are drawn.", o => o.Matches, (o, v) => o with { Matches = v }, Limit.AtLeast(2))
        .Add("--held", "SHARE", "The share of matches, the last, that are predicted and not learnt from.", o => o.Held, (o, v) => o with { Held = v }, Limit.Probability)
        .Add("--sweeps", "N", "At most so many sweeps.", o => o.Sweeps, (o, v) => o with { Sweeps = v }, Limit.AtLeast(1))
        .Add("--damping", "SHARE", "The share of the old messages, below 1.", o => o.Damping, (o, v) => o with { Damping = v }, Limit.BelowOne);
}
