using Xunit;

namespace Inference.Runtime.Tests;

public class CoresTests
{
    [Fact]
    public void A_thread_that_was_moved_may_run_on_every_core_again()
    {
        int number = 0;
        string before = "", after = "";
        using var started = new ManualResetEventSlim();
        using var moved = new ManualResetEventSlim();
        var thread = new Thread(() =>
        {
            number = Cores.CurrentThread();
            before = AllowedCores(number);
            started.Set();
            moved.Wait();
            after = AllowedCores(number);
        });
        thread.Start();
        started.Wait();
        Cores.MoveFromCaller(number);
        moved.Set();
        thread.Join();
        Assert.Equal(OperatingSystem.IsLinux(), number != 0);
        Assert.Equal(before, after);
    }

    [Fact]
    public void A_thread_without_a_number_or_that_has_ended_is_left_alone()
    {
        int number = 0;
        var thread = new Thread(() => number = Cores.CurrentThread());
        thread.Start();
        thread.Join();
        Cores.MoveFromCaller(0);
        Cores.MoveFromCaller(number);
    }

    /// <summary>The system's list of the cores that a thread of this process may run on; empty where it gives none.</summary>
    private static string AllowedCores(int thread)
    {
        string status = $"/proc/self/task/{thread}/status";
        return File.Exists(status) ? File.ReadLines(status).First(line => line.StartsWith("Cpus_allowed_list:", StringComparison.Ordinal)) : "";
    }
}
