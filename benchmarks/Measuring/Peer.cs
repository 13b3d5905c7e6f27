using System.Diagnostics;
using System.Text.Json;

namespace Inference.Benchmarks.Measuring;

/// <summary>A peer in a process of its own, which waits for requests between its turns (peers/serve.py).</summary>
internal sealed class Peer : IDisposable
{
    private readonly Process _process;

    private Peer(string name, Process process)
    {
        Name = name;
        _process = process;
    }

    public string Name { get; }

    public static Peer Start(Python python, PeerCommand command)
    {
        string script = Path.Combine(AppContext.BaseDirectory, "peers", command.Script);
        var start = new ProcessStartInfo(python.Command, ["-B", script, .. command.Arguments])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        return new Peer(command.Name, Process.Start(start)!);
    }

    /// <summary>The seconds of each of some units of work.</summary>
    public double[] Time(int threads, int count) => Ask<double[]>($"time {threads} {count}");

    /// <summary>What came of starting anew from seeds, by name.</summary>
    public Dictionary<string, double[]> Sample(int count) => Ask<Dictionary<string, double[]>>($"sample {count}");

    public void Dispose()
    {
        // Without input it ends.
        _process.StandardInput.Close();
        _process.WaitForExit();
        _process.Dispose();
    }

    private T Ask<T>(string request)
    {
        _process.StandardInput.WriteLine(request);
        _process.StandardInput.Flush();
        return _process.StandardOutput.ReadLine() is { } answer
            ? JsonSerializer.Deserialize<T>(answer)!
            : throw new PeerException($"{Name} ended without an answer to \"{request}\".");
    }
}
