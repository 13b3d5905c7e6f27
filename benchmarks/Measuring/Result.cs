namespace Inference.Benchmarks.Measuring;

/// <summary>What was measured of a case.</summary>
internal sealed record Result
{
    public required string Case { get; init; }

    public required Timings Timings { get; init; }

    public required int Threads { get; init; }

    public required string InstructionSet { get; init; }

    /// <summary>Of the outputs after all units.</summary>
    public required string Checksum { get; init; }

    public BaselineResult? Baseline { get; init; }

    /// <summary>The peer first, then what else was asked to compute the same.</summary>
    public IReadOnlyList<PeerResult> Peers { get; init; } = [];
}

/// <summary>What was measured of the case that another one is to be as fast as.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="Timings">How long it took.</param>
/// <param name="BandwidthShare">The case's bytes a second over the baseline's; null where bytes are not counted.</param>
internal sealed record BaselineResult(string Name, Timings Timings, double? BandwidthShare);

/// <summary>What was measured of a peer, on as many threads as did it best.</summary>
internal sealed record PeerResult(string Name, Timings Timings, int Threads, Agreement Agreement);
