using Inference.Benchmarks.Measuring;
using Inference.Benchmarks.Reports;

namespace Inference.Benchmarks;

internal static class Program
{
    private const int Success = 0;
    private const int Failure = 1;

    private static int Main(string[] arguments)
    {
        (Options? options, int exitCode) = Options.Parse(arguments);
        if (options is null)
        {
            return exitCode;
        }

        try
        {
            return Run(options) ? Success : Failure;
        }
        catch (Exception failure) when (
            failure is PeerException or ModelException or IOException or InvalidOperationException or OutOfMemoryException)
        {
            Console.Error.WriteLine(failure.Message);
            return Failure;
        }
    }

    /// <summary>Measures one case after another. True if what the peers computed agrees with ours.</summary>
    private static bool Run(Options options)
    {
        Python? python = options.Peer ? Python.WithTorch() : null;
        using var engine = new Engine();
        IReport report = options.Json ? new JsonLines() : new Table(engine, python);
        bool agree = true;
        foreach (Case @case in options.Cases)
        {
            Result result = Contest.Of(@case, engine, python);
            report.Add(result);
            if (result.Peers.FirstOrDefault(peer => !peer.Agreement.Holds) is { } other)
            {
                Console.Error.WriteLine($"{@case.Name}: what {other.Name} computed does not agree with ours: {other.Agreement}.");
                agree = false;
            }
        }

        return agree;
    }
}
