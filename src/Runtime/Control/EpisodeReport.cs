namespace Inference;

/// <summary>What a report of an episode says beyond its numbers.</summary>
public sealed record EpisodeReport
{
    /// <summary>The heading; the process's name if it is not given.</summary>
    public string? Title { get; init; }

    /// <summary>A sentence below the heading.</summary>
    public string? Summary { get; init; }

    /// <summary>The time between two steps, or 0 where time is counted in steps.</summary>
    public double SecondsPerStep { get; init; }

    /// <summary>Components of state and action that are angles in radians: their axes are marked in parts of π.</summary>
    public IReadOnlyList<string> Angles { get; init; } = [];

    /// <summary>The units of components.</summary>
    public IReadOnlyDictionary<string, string> Units { get; init; } = new Dictionary<string, string>();

    /// <summary>What components are called, where their field says too little.</summary>
    public IReadOnlyDictionary<string, string> Titles { get; init; } = new Dictionary<string, string>();

    /// <summary>Samples of a solve, the most that the effective sample size can be; 0 if it is not to be shown.</summary>
    public int Samples { get; init; }

    /// <summary>Names and values to be listed: the planner's settings, for example.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Facts { get; init; } = [];

    /// <summary>The graph of the process, to be drawn; without it there is none.</summary>
    public ModelGraph? Graph { get; init; }

    /// <summary>How a moment is drawn; without it there are curves only.</summary>
    public Scene? Scene { get; init; }
}
