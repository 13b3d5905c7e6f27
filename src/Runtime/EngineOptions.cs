using Inference.Compiler;
using Microsoft.Extensions.Logging;

namespace Inference;

/// <summary>The type in which a program written in single precision is computed.</summary>
public enum Precision
{
    /// <summary>32-bit floating point.</summary>
    Single = 0,

    /// <summary>64-bit floating point.</summary>
    Double = 1,
}

/// <summary>What an <see cref="Engine"/> may use and how careful it is.</summary>
public sealed record EngineOptions
{
    /// <summary>Threads that compute, the caller's included. 0, the default, is one for each core.</summary>
    public int Threads { get; init; }

    /// <summary>The precision of the computation.</summary>
    public Precision Precision { get; init; } = Precision.Single;

    /// <summary>
    /// Where compiled programs are kept between processes. Null is the folder in the environment variable
    /// <c>INFERENCE_CACHE_DIR</c>, or else the user's cache folder. <c>INFERENCE_CACHE=off</c> turns the cache off.
    /// On Unix a folder that every user may write to, or that belongs to another user, is not used: what is in it is run.
    /// </summary>
    public string? CacheDirectory { get; init; }

    /// <summary>False turns the cache of compiled programs off.</summary>
    public bool Cache { get; init; } = true;

    /// <summary>Bytes the cache may take; what was used longest ago goes first. 256 MiB unless given.</summary>
    public long CacheCapacityBytes { get; init; } = 256L << 20;

    /// <summary>True tests the computed parameters of distributions at each run.</summary>
    public bool Checked { get; init; }

    /// <summary>True verifies every representation of a program between the compiler's passes.</summary>
    public bool Verify { get; init; }

    /// <summary>The vectors that compiled programs use. Null is the widest this machine accelerates.</summary>
    public InstructionSet? InstructionSet { get; init; }

    /// <summary>
    /// Receives the probes of each run, by name, row-major, on the thread that ran. Null writes them to standard error. An executable
    /// with subscribers of its own (<see cref="Executable.Probed"/>) shows its probes to these instead.
    /// </summary>
    public Action<string, double[]>? Probed { get; init; }

    /// <summary>Receives what the engine has to say. Null writes warnings to standard error.</summary>
    public ILogger? Logger { get; init; }

    /// <summary>Whether the caller may run the block of a worker that has not begun when it is done itself; off where tests count workers.</summary>
    internal bool TakesOver { get; init; } = true;
}
