namespace Inference.CSharpApi.Tests;

/// <summary>What some work allocates.</summary>
internal static class Allocations
{
    private const int Tries = 100;

    /// <summary>The fewest bytes of several tries: threads of the runtime and of the test host allocate now and then, the work each time.</summary>
    public static long Of(Action work)
    {
        long least = long.MaxValue;
        for (int k = 0; k < Tries && least > 0; k++)
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            work();
            least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
        }

        return least;
    }
}
