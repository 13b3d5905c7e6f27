namespace Inference.Examples;

/// <summary>What the command line of every example asks for.</summary>
/// <param name="Out">Where the page goes.</param>
public abstract record ExampleOptions(string Out)
{
    /// <summary>Decides every draw.</summary>
    public long Seed { get; init; }

    /// <summary>Threads that compute; 0 is one for each core.</summary>
    public int Threads { get; init; }

    /// <summary>Write no page.</summary>
    public bool NoReport { get; init; }

    /// <summary>End with one line of JSON, and show nothing before it.</summary>
    public bool Json { get; init; }

    /// <summary>Where the page goes, or null where none is wanted.</summary>
    public string? Page => NoReport ? null : Out;
}
