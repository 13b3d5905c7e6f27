using System.ComponentModel;
using System.Diagnostics;

namespace Inference.Benchmarks.Measuring;

/// <summary>A Python that has PyTorch.</summary>
/// <param name="Command">What starts it.</param>
/// <param name="TorchVersion">The version of PyTorch.</param>
internal sealed record Python(string Command, string TorchVersion)
{
    /// <summary>The first is the user's choice; the second is where Debian puts it.</summary>
    private static readonly string[] Commands = ["python3", "/usr/bin/python3"];

    /// <exception cref="PeerException">There is none.</exception>
    public static Python WithTorch() =>
        Commands.Select(Try).FirstOrDefault(python => python is not null)
        ?? throw new PeerException(
            """
            The peers need Python 3 with PyTorch, and none was found. Install both:
                apt-get install -y python3-torch libopenblas0-pthread     (Debian, Ubuntu)
                python3 -m pip install torch                              (elsewhere)
            or leave out --peer.
            """);

    private static Python? Try(string command)
    {
        var start = new ProcessStartInfo(command, ["-c", "import torch; print(torch.__version__)"])
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        try
        {
            using Process process = Process.Start(start)!;
            process.ErrorDataReceived += (_, _) => { };
            process.BeginErrorReadLine();
            string version = process.StandardOutput.ReadToEnd().Trim();
            process.WaitForExit();
            return process.ExitCode == 0 ? new Python(command, version) : null;
        }
        catch (Win32Exception)
        {
            return null;
        }
    }
}

/// <summary>A peer cannot be measured.</summary>
internal sealed class PeerException(string message) : Exception(message);
