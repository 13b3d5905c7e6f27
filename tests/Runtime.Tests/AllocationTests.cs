using Xunit;

namespace Inference.Runtime.Tests;

public sealed class AllocationTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    public void Runs_allocate_nothing(int threads)
    {
        using Engine engine = ExecutableTests.NewEngine(threads);
        using Executable saxpy = ExecutableTests.Load(engine, SamplePrograms.Saxpy());
        using Executable integrator = ExecutableTests.Load(engine, SamplePrograms.Integrator(100_000));
        void RunMany(int runs)
        {
            for (int run = 0; run < runs; run++)
            {
                saxpy.SetInput(1, [1f]);
                saxpy.SetExtent(0, 1000 - run);
                saxpy.Run();
                integrator.Run();
            }
        }

        WarmUp(() => RunMany(20));
        long before = GC.GetAllocatedBytesForCurrentThread();
        RunMany(1000);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        // In the whole process the test host allocates as well, but not all the time.
        Assert.Contains(0, Enumerable.Range(0, 100).Select(_ => AllocatedInProcess(() => RunMany(10))));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(7)]
    public void Workers_allocate_nothing(int threads)
    {
        using Engine engine = ExecutableTests.NewEngine(threads);
        using Executable program = ExecutableTests.Load(engine, SamplePrograms.AllocatedByWorker(threads));
        WarmUp(program.Run);

        // Without the first, which is the caller: this test itself allocates there.
        double[] before = program.Output<double>(0)[1..].ToArray();
        for (int run = 0; run < 1000; run++)
        {
            program.Run();
        }

        Assert.Equal(before, program.Output<double>(0)[1..].ToArray());
    }

    // With pauses, so that workers have slept and woken: what a thread makes for its first wait it makes once.
    private static void WarmUp(Action run)
    {
        for (int round = 0; round < 30; round++)
        {
            run();
            Thread.Sleep(3);
        }
    }

    private static long AllocatedInProcess(Action run)
    {
        long before = GC.GetTotalAllocatedBytes(precise: true);
        run();
        return GC.GetTotalAllocatedBytes(precise: true) - before;
    }
}
