using System.Runtime.InteropServices;

namespace Inference;

/// <summary>
/// Moves a thread off a core. Schedulers that save energy, or cores of a virtual machine, may keep two threads of a short
/// kernel on one core for as long as the process lasts, though another stands idle. Linux only: elsewhere nothing happens.
/// </summary>
internal static unsafe partial class Cores
{
    /// <summary>64-bit words of a set of cores: 1,024 of them, as the C library's.</summary>
    private const int Words = 16;

    /// <summary>The calling thread's number with the system; 0 where threads cannot be moved.</summary>
    public static int CurrentThread()
    {
        try
        {
            return OperatingSystem.IsLinux() && GetCore() >= 0 ? GetThread() : 0;
        }
        catch (Exception failure) when (failure is DllNotFoundException or EntryPointNotFoundException)
        {
            return 0;
        }
    }

    /// <summary>
    /// Moves a thread of this process, which may be waiting for a core, to another than the calling thread's. It is free to
    /// run anywhere again afterwards, and stays there only for as long as the system sees no reason against it.
    /// </summary>
    /// <param name="thread">Its <see cref="CurrentThread"/>; 0: nothing happens.</param>
    public static void MoveFromCaller(int thread)
    {
        ulong* allowed = stackalloc ulong[Words];
        if (thread == 0 || GetAffinity(thread, Words * sizeof(ulong), allowed) < 0)
        {
            return;
        }

        ulong* others = stackalloc ulong[Words];
        new ReadOnlySpan<ulong>(allowed, Words).CopyTo(new Span<ulong>(others, Words));
        int core = GetCore();
        if (core < 0 || core >= Words * 64)
        {
            return;
        }

        others[core / 64] &= ~(1UL << (core % 64));

        // The system refuses the empty set, of a process that has one core.
        if (SetAffinity(thread, Words * sizeof(ulong), others) == 0)
        {
            _ = SetAffinity(thread, Words * sizeof(ulong), allowed);
        }
    }

    [LibraryImport("libc", EntryPoint = "gettid")]
    private static partial int GetThread();

    [LibraryImport("libc", EntryPoint = "sched_getcpu")]
    private static partial int GetCore();

    [LibraryImport("libc", EntryPoint = "sched_getaffinity")]
    private static partial int GetAffinity(int thread, nint bytes, ulong* cores);

    [LibraryImport("libc", EntryPoint = "sched_setaffinity")]
    private static partial int SetAffinity(int thread, nint bytes, ulong* cores);
}
