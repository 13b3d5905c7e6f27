using System.Globalization;
using System.Runtime.InteropServices;
using Inference.Benchmarks.Measuring;

namespace Inference.Benchmarks.Reports;

/// <summary>A table for people; times in microseconds.</summary>
internal sealed class Table : IReport
{
    private const string Row = "{0,-18}{1,12}{2,12}{3,12}{4,8}{5,9}  {6}";

    public Table(Engine engine, Python? python)
    {
        string torch = python is null ? "" : $"; PyTorch {python.TorchVersion}";
        string processor = $"{Processor()}, {Machine.Cores} cores, {Machine.NameOf(engine.InstructionSet)}";
        Console.WriteLine($"{processor}; {RuntimeInformation.FrameworkDescription}{torch}; {Load()}");
        Console.WriteLine();
        Write("", "median µs", "p10", "p90", "runs", "threads", "");
    }

    public void Add(Result result)
    {
        Write(result.Case, result.Timings, result.Threads, $"checksum {result.Checksum}");
        if (result.Baseline is { } baseline)
        {
            string remark = baseline.BandwidthShare is { } share
                ? share.ToString("P0", CultureInfo.InvariantCulture) + " of its bandwidth"
                : Times(result.Timings.Median / baseline.Timings.Median) + " of its time";
            Write($"  {baseline.Name}", baseline.Timings, result.Threads, remark);
        }

        foreach (PeerResult peer in result.Peers)
        {
            string agreement = peer.Agreement.Holds ? "agrees" : "DISAGREES";
            Write($"  {peer.Name}", peer.Timings, peer.Threads, $"{Times(peer.Timings.Median / result.Timings.Median)} as long; {agreement}");
        }
    }

    private static void Write(string name, Timings timings, int threads, string remark) => Write(
        name, Microseconds(timings.Median), Microseconds(timings.P10), Microseconds(timings.P90), $"{timings.Runs}", $"{threads}", remark);

    private static void Write(params string[] cells) => Console.WriteLine(string.Format(CultureInfo.InvariantCulture, Row, cells).TrimEnd());

    private static string Microseconds(double seconds) => (seconds * 1e6).ToString("F1", CultureInfo.InvariantCulture);

    private static string Times(double ratio) => ratio.ToString(ratio < 10 ? "F2" : "F1", CultureInfo.InvariantCulture) + " ×";

    /// <summary>What Linux calls the processor.</summary>
    private static string Processor()
    {
        const string Facts = "/proc/cpuinfo";
        string? line = File.Exists(Facts) ? File.ReadLines(Facts).FirstOrDefault(l => l.StartsWith("model name", StringComparison.Ordinal)) : null;
        return line is null ? $"{RuntimeInformation.ProcessArchitecture}" : line[(line.IndexOf(':') + 1)..].Trim();
    }

    /// <summary>How many threads wanted to run in the last minute: above the number of cores, the figures say little.</summary>
    private static string Load()
    {
        const string Facts = "/proc/loadavg";
        return File.Exists(Facts) ? $"load {File.ReadAllText(Facts).Split(' ')[0]}" : "load unknown";
    }
}
