namespace Inference.Examples.EightSchools;

/// <summary>What the command line asks for.</summary>
internal sealed record EightSchoolsOptions() : ExampleOptions("eight-schools.html")
{
    /// <summary>Steps of learning for each family.</summary>
    public int Steps { get; init; } = 4000;

    /// <summary>The command line.</summary>
    public static CommandLine<EightSchoolsOptions> CommandLine => new CommandLine<EightSchoolsOptions>(
            "Fits the hierarchical model of eight schools by three families of distributions, and shows each beside the exact posterior.",
            seed: "Decides where parameters start, and every draw.")
        .Add("--steps", "N", "Steps of learning for each family.", o => o.Steps, (o, v) => o with { Steps = v }, Limit.AtLeast(1));
}
