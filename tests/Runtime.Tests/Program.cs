namespace Inference.Runtime.Tests;

/// <summary>This assembly as a process of its own, for tests that kill it.</summary>
internal static class Program
{
    /// <summary>The steps of the fit in the process.</summary>
    public const int Steps = 150;

    /// <summary>What the process fits: a checkpoint each step, so that most of its time goes into writing.</summary>
    public static FitOptions Options(string folder) => FitCases.Options with
    {
        Epochs = null,
        Steps = Steps,
        Checkpoint = Path.Combine(folder, "fit.safetensors"),
        CheckpointEvery = 1,
        Resume = true,
    };

    private static int Main(string[] arguments)
    {
        string folder = arguments[0];
        using var engine = new Engine(new EngineOptions { Threads = 1, CacheDirectory = arguments[1] });
        FitOptions options = Options(folder) with
        {
            AfterStep = step =>
            {
                Console.WriteLine(step);
                Console.Out.Flush();
            },
        };
        Fitted fitted = FitCases.Noisy().Fit(FitCases.Data(0), options, engine);
        fitted.Save(Path.Combine(folder, "result.safetensors"));
        return 0;
    }
}
