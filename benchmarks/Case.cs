namespace Inference.Benchmarks;

/// <summary>Something to measure.</summary>
internal sealed record Case
{
    public required string Name { get; init; }

    /// <summary>Compiles what is measured.</summary>
    public required Func<Engine, IWork> SetUp { get; init; }

    /// <summary>Units of work in each round.</summary>
    public required int UnitsPerRound { get; init; }

    /// <summary>The same for peers, which are slower.</summary>
    public required int PeerUnitsPerRound { get; init; }

    /// <summary>The case that this one is to be as fast as.</summary>
    public Case? Baseline { get; init; }

    /// <summary>Bytes that a unit must read or write, where its bandwidth is to be compared with its baseline's; else 0.</summary>
    public long Bytes { get; init; }

    public IReadOnlyList<PeerCommand> Peers { get; init; } = [];

    /// <summary>Rounds that peers take part in; null: all. For peers that take minutes.</summary>
    public int? PeerRounds { get; init; }

    /// <summary>How it is told that peers compute the same.</summary>
    public Comparison Comparison { get; init; } = Comparison.OfMeans;
}

/// <summary>Runs that are compared with a peer's.</summary>
/// <param name="Runs">From so many seeds.</param>
/// <param name="IsPaired">Whether a seed gives the peer the same numbers, so that each run must come to the same.</param>
internal sealed record Comparison(int Runs, bool IsPaired)
{
    public static Comparison OfMeans { get; } = new(100, IsPaired: false);
}

/// <summary>What one unit is, and what comes of it.</summary>
internal interface IWork : IDisposable
{
    void DoUnit();

    /// <summary>What came of the last unit, and through the state that is kept, of all before it.</summary>
    IEnumerable<float> Outputs { get; }

    /// <summary>Starts anew from a seed, does a few units, and gives what statistics may compare.</summary>
    IReadOnlyDictionary<string, double> RunAnew(int seed);
}

/// <summary>A script in peers/ that does the same work by other means.</summary>
/// <param name="Name">What reports call it.</param>
/// <param name="Script">The file.</param>
/// <param name="Arguments">What it is called with.</param>
internal sealed record PeerCommand(string Name, string Script, IReadOnlyList<string> Arguments);
