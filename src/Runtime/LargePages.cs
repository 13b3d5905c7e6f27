using System.Runtime.InteropServices;

namespace Inference;

/// <summary>Asks the system for large pages, so that going through much memory needs few translations of addresses.</summary>
internal static unsafe partial class LargePages
{
    private const int AdviseLargePages = 14;
    private const long Size = 2L << 20;

    /// <summary>
    /// Advises large pages for the whole ones within a block, on Linux, where programs choose. Advice: nothing but the time that the
    /// block takes to go through depends on it.
    /// </summary>
    public static void Advise(byte* block, long bytes)
    {
        long first = ((long)block + Size - 1) / Size * Size;
        long end = ((long)block + bytes) / Size * Size;
        if (OperatingSystem.IsLinux() && end > first)
        {
            _ = Advise((byte*)first, (nuint)(end - first), AdviseLargePages);
        }
    }

    [LibraryImport("libc", EntryPoint = "madvise")]
    private static partial int Advise(byte* block, nuint bytes, int advice);
}
