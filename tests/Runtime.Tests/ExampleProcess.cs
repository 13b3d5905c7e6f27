using System.Diagnostics;

namespace Inference.Runtime.Tests;

/// <summary>What an example left.</summary>
internal sealed record ExampleResult(int ExitCode, string[] Lines, string Errors);

/// <summary>Runs examples as processes, with a cache of their own.</summary>
internal static class ExampleProcess
{
    /// <summary>Starts one in a folder, without a terminal.</summary>
    public static Process Start(TemporaryFolder folder, string example, string arguments)
    {
        string host = Environment.GetEnvironmentVariable("DOTNET_HOST_PATH") is { Length: > 0 } path ? path : "dotnet";
        var start = new ProcessStartInfo(host, [Path.Combine(AppContext.BaseDirectory, example + ".dll"), .. arguments.Split(' ')])
        {
            WorkingDirectory = folder.Path,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
        };
        start.Environment["INFERENCE_CACHE_DIR"] = Path.Combine(folder.Path, "cache");
        Process process = Process.Start(start)!;
        process.StandardInput.Close();
        return process;
    }

    /// <summary>Runs one to its end.</summary>
    public static ExampleResult Run(TemporaryFolder folder, string example, string arguments)
    {
        using Process process = Start(folder, example, arguments);
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return new ExampleResult(process.ExitCode, output.Split('\n', StringSplitOptions.RemoveEmptyEntries), errors.Result);
    }
}
