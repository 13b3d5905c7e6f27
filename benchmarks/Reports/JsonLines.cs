using System.Text.Json.Nodes;
using Inference.Benchmarks.Measuring;

namespace Inference.Benchmarks.Reports;

/// <summary>A line of JSON for each case.</summary>
internal sealed class JsonLines : IReport
{
    public void Add(Result result)
    {
        var line = new JsonObject { ["case"] = result.Case };
        AddTimings(line, "", result.Timings);
        line["runs"] = result.Timings.Runs;
        line["threads"] = result.Threads;
        line["instruction_set"] = result.InstructionSet;
        line["checksum"] = result.Checksum;
        if (result.Baseline is { } baseline)
        {
            line["baseline"] = baseline.Name;
            AddTimings(line, "baseline_", baseline.Timings);
            line["times_baseline"] = result.Timings.Median / baseline.Timings.Median;
            if (baseline.BandwidthShare is { } share)
            {
                line["bandwidth_share"] = share;
            }
        }

        foreach (PeerResult peer in result.Peers)
        {
            string prefix = ReferenceEquals(peer, result.Peers[0]) ? "" : "by_hand_";
            AddTimings(line, prefix + "peer_", peer.Timings);
            line[prefix + "peer_threads"] = peer.Threads;
            line[prefix + "ratio"] = peer.Timings.Median / result.Timings.Median;
        }

        Console.WriteLine(line.ToJsonString());
    }

    private static void AddTimings(JsonObject line, string prefix, Timings timings)
    {
        line[prefix + "seconds"] = timings.Median;
        line[prefix + "seconds_p10"] = timings.P10;
        line[prefix + "seconds_p90"] = timings.P90;
    }
}
