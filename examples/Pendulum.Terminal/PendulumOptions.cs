namespace Inference.Examples.Pendulum;

/// <summary>What the command line asks for.</summary>
public sealed record PendulumOptions
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

    /// <summary>Decides every draw.</summary>
    public long Seed { get; init; }

    /// <summary>Start anywhere instead of hanging still.</summary>
    public bool RandomStart { get; init; }

    /// <summary>Threads that compute; 0 is one for each core.</summary>
    public int Threads { get; init; }

    /// <summary>How many times faster than real time a terminal shows the episode; 0 does not wait.</summary>
    public double Speed { get; init; } = 2;

    /// <summary>Where the report goes.</summary>
    public string Out { get; init; } = "pendulum.html";

    /// <summary>Write no report.</summary>
    public bool NoReport { get; init; }

    /// <summary>Where the table of steps goes, or null.</summary>
    public string? Trace { get; init; }

    /// <summary>End with one line of JSON, and show nothing before it.</summary>
    public bool Json { get; init; }
}
