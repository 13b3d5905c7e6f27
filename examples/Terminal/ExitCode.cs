namespace Inference.Examples;

/// <summary>What the process says when it ends.</summary>
public static class ExitCode
{
    /// <summary>All went well.</summary>
    public const int Success = 0;

    /// <summary>Something cannot be computed, read or written.</summary>
    public const int Failure = 1;

    /// <summary>The command line asks for what does not exist.</summary>
    public const int WrongUsage = 2;

    /// <summary>Interrupted.</summary>
    public const int Cancelled = 130;
}
