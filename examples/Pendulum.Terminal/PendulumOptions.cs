namespace Inference.Examples.Pendulum;

/// <summary>What the command line asks for.</summary>
public sealed record PendulumOptions() : ExampleOptions("pendulum.html")
{
    /// <summary>Action sequences drawn at each solve.</summary>
    public int Samples { get; init; } = 1024;

    /// <summary>Steps planned ahead.</summary>
    public int Horizon { get; init; } = 50;

    /// <summary>Standard deviation of the drawn torques.</summary>
    public double Noise { get; init; } = 1;

    /// <summary>How much worse a plan may be and still count.</summary>
    public double Temperature { get; init; } = 0.1;

    /// <summary>Steps of the episode.</summary>
    public int Steps { get; init; } = 200;

    /// <summary>Start anywhere instead of hanging still.</summary>
    public bool RandomStart { get; init; }

    /// <summary>How many times faster than real time a terminal shows the episode; 0 does not wait.</summary>
    public double Speed { get; init; } = 2;

    /// <summary>Where the table of steps goes, or null.</summary>
    public string? Trace { get; init; }

    /// <summary>The command line.</summary>
    public static CommandLine<PendulumOptions> CommandLine => new CommandLine<PendulumOptions>(
            "Swings up Gymnasium's Pendulum-v1 by path-integral control, from hanging still.",
            seed: "Decides every draw; the same seed gives the same episode.")
        .Add("--samples", "N", "Action sequences drawn at each solve.", o => o.Samples, (o, v) => o with { Samples = v }, Limit.AtLeast(1))
        .Add("--horizon", "T", "Steps planned ahead, of 0.05 s each.", o => o.Horizon, (o, v) => o with { Horizon = v }, Limit.AtLeast(1))
        .Add("--noise", "σ", "Standard deviation of the drawn torques, in newton metres.", o => o.Noise, (o, v) => o with { Noise = v }, Limit.Positive)
        .Add("--temperature", "α", "Small makes the best plan win, large averages plans.", o => o.Temperature, (o, v) => o with { Temperature = v }, Limit.Positive)
        .Add("--steps", "N", "Steps of the episode.", o => o.Steps, (o, v) => o with { Steps = v }, Limit.AtLeast(1))
        .Flag("--random-start", "Start at an angle and a velocity drawn from the seed, not hanging still.", (o, v) => o with { RandomStart = v })
        .Add("--speed", "X", "How many times faster than real time a terminal shows the episode; 0 does not wait.", o => o.Speed, (o, v) => o with { Speed = v }, Limit.NotNegative)
        .Add("--trace", "FILE", "Write a table of the steps, comma-separated.", o => o.Trace, (o, v) => o with { Trace = v }, Limit.Name);
}
