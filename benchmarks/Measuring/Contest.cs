using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace Inference.Benchmarks.Measuring;

/// <summary>Measures a case in rounds, in turn with its baseline and its peers: what disturbs the machine disturbs all of them.</summary>
internal static class Contest
{
    private const int Rounds = 40;

    /// <summary>A peer may use as many threads as does it good.</summary>
    private static readonly int[] PeerThreads = [1, 2];

    /// <summary>Between two turns: threads that wait for more work go to sleep.</summary>
    private static readonly TimeSpan Rest = TimeSpan.FromMilliseconds(20);

    /// <param name="case">What is measured.</param>
    /// <param name="engine">What it is compiled for.</param>
    /// <param name="python">What runs the peers; null: they stay away.</param>
    public static Result Of(Case @case, Engine engine, Python? python)
    {
        using IWork work = @case.SetUp(engine);
        using IWork? baselineWork = @case.Baseline?.SetUp(engine);
        using PeerTeam peers = new(python is null ? [] : [.. @case.Peers.Select(command => Peer.Start(python, command))]);

        Contestant own = Contestant.Of(work, @case.UnitsPerRound);
        Contestant? baseline = baselineWork is null ? null : Contestant.Of(baselineWork, @case.UnitsPerRound);
        (Peer Peer, int Threads, Contestant Contestant)[] others =
        [
            .. from peer in peers.Members
               from threads in PeerThreads
               select (peer, threads, Contestant.Of(peer, threads, @case.PeerUnitsPerRound)),
        ];
        Contestant[] always = [own, .. baseline is null ? [] : new[] { baseline }];
        Run(round => round < (@case.PeerRounds ?? Rounds) ? [.. always, .. others.Select(other => other.Contestant)] : always);

        // Before the work starts anew: the number of units is fixed, and so are their outputs.
        string checksum = ChecksumOf(work.Outputs);
        return new Result
        {
            Case = @case.Name,
            Timings = own.Timings,
            Threads = engine.Threads,
            InstructionSet = Machine.NameOf(engine.InstructionSet),
            Checksum = checksum,
            Baseline = baseline is null ? null : Against(@case, own.Timings, baseline.Timings),
            Peers =
            [
                .. from other in others
                   group other by other.Peer into ofOnePeer
                   let best = ofOnePeer.MinBy(other => other.Contestant.Timings.Median)
                   select new PeerResult(
                       best.Peer.Name, best.Contestant.Timings, best.Threads, Agreement.Of(work, best.Peer, @case.Comparison)),
            ],
        };
    }

    private static BaselineResult Against(Case @case, Timings own, Timings baseline) => new(
        @case.Baseline!.Name,
        baseline,
        @case.Bytes == 0 ? null : @case.Bytes / own.Median / (@case.Baseline.Bytes / baseline.Median));

    private static void Run(Func<int, IEnumerable<Contestant>> contestants)
    {
        for (int round = 0; round < Rounds; round++)
        {
            foreach (Contestant contestant in contestants(round))
            {
                Thread.Sleep(Rest);
                contestant.DoRound();
            }
        }
    }

    private static string ChecksumOf(IEnumerable<float> outputs)
    {
        float[] numbers = [.. outputs];
        return Convert.ToHexStringLower(SHA256.HashData(MemoryMarshal.AsBytes<float>(numbers)).AsSpan(0, 8));
    }

    private sealed record PeerTeam(IReadOnlyList<Peer> Members) : IDisposable
    {
        public void Dispose()
        {
            foreach (Peer peer in Members)
            {
                peer.Dispose();
            }
        }
    }
}
