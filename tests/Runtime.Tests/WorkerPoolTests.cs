using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Xunit;

namespace Inference.Runtime.Tests;

public sealed unsafe class WorkerPoolTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    public void Every_item_runs_once_in_one_contiguous_block_a_worker(int threads)
    {
        using var pool = new WorkerPool(threads, takesOver: false);
        foreach (int items in new[] { 1, 2, 6, 7, 8, 1000 })
        {
            var owners = new Owners(items, threads);
            Assert.Equal(Math.Min(threads, items), owners.Run(pool));
            Assert.All(owners.Times, times => Assert.Equal(1, times));
            Assert.Equal(Math.Min(threads, items), owners.Threads.Distinct().Count());
            Assert.Equal(owners.Threads.Distinct().Count() - 1, owners.Threads.Zip(owners.Threads.Skip(1), (a, b) => a == b ? 0 : 1).Sum());
            Assert.Equal(Environment.CurrentManagedThreadId, owners.Threads[0]);
        }
    }

    [Fact]
    public void No_items_run_nothing()
    {
        using var pool = new WorkerPool(2);
        var owners = new Owners(0, 2);
        Assert.Equal(0, owners.Run(pool));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(7)]
    public void Many_barriers_in_a_row_lose_no_item(int threads)
    {
        using var pool = new WorkerPool(threads);
        var owners = new Owners(64, threads);
        for (int run = 0; run < 3000; run++)
        {
            // Sizes change, so that workers take part in some runs and miss others.
            owners.Items = 1 + (run * 7) % 64;
            owners.Run(pool);
        }

        long expected = Enumerable.Range(0, 3000).Sum(run => 1L + (run * 7) % 64);
        Assert.Equal(expected, owners.Times.Sum(times => (long)times));
    }

    [Theory]
    [InlineData(2)]
    [InlineData(7)]
    public void Workers_that_have_gone_to_sleep_wake_up(int threads)
    {
        using var pool = new WorkerPool(threads, takesOver: false);
        var owners = new Owners(100, threads);
        for (int run = 0; run < 30; run++)
        {
            Thread.Sleep(2);
            Assert.Equal(threads, owners.Run(pool));
        }

        Assert.All(owners.Times, times => Assert.Equal(30, times));
    }

    [Fact]
    public void An_interrupt_waits_for_the_end_of_the_run()
    {
        // The block that sleeps is the worker's: taken over, its sleep would be what is interrupted.
        using var pool = new WorkerPool(2, takesOver: false);
        bool interruptedAfter = false;
        bool complete = false;
        var caller = new Thread(() =>
        {
            var owners = new Owners(2, 2) { SleepOfLast = 100 };
            Thread.CurrentThread.Interrupt();
            owners.Run(pool);
            complete = owners.Times.All(times => times == 1);
            try
            {
                Thread.Sleep(1000);
            }
            catch (ThreadInterruptedException)
            {
                interruptedAfter = true;
            }
        });
        caller.Start();
        caller.Join();
        Assert.True(complete);
        Assert.True(interruptedAfter);
    }

    [Fact]
    public void Runs_of_two_threads_take_turns()
    {
        using var pool = new WorkerPool(2);
        long total = 0;
        void RunMany()
        {
            var owners = new Owners(50, 2);
            for (int run = 0; run < 500; run++)
            {
                owners.Run(pool);
            }

            Interlocked.Add(ref total, owners.Times.Sum());
        }

        var other = new Thread(RunMany);
        other.Start();
        RunMany();
        other.Join();
        Assert.Equal(2 * 500 * 50, total);
    }

    [Fact]
    public void A_pool_that_is_forgotten_ends_its_threads()
    {
        WeakReference workers = Forget();
        for (int attempt = 0; attempt < 50 && workers.IsAlive; attempt++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
            Thread.Sleep(5);
        }

        Assert.False(workers.IsAlive);

        [MethodImpl(MethodImplOptions.NoInlining)]
        static WeakReference Forget() => new WorkerPool(3).WeakWorkers();
    }

    [Fact]
    public void A_disposed_pool_refuses_to_run()
    {
        var pool = new WorkerPool(2);
        pool.Dispose();
        pool.Dispose();
        Assert.Throws<ObjectDisposedException>(pool.Begin);
    }

    /// <summary>Lets a kernel write down which thread ran each item, and how often it ran.</summary>
    private sealed class Owners(int items, int workers)
    {
        private readonly int[] _threads = GC.AllocateArray<int>(items + 1, pinned: true);
        private readonly int[] _times = GC.AllocateArray<int>(items + 1, pinned: true);
        private readonly nint[] _buffers = GC.AllocateArray<nint>(2, pinned: true);
        private readonly nint[] _scratch = GC.AllocateArray<nint>(workers, pinned: true);

        public int Items { get; set; } = items;

        /// <summary>Milliseconds that the last item takes.</summary>
        public int SleepOfLast { get; set; }

        public IReadOnlyList<int> Threads => _threads[..^1];

        public IReadOnlyList<int> Times => _times[..^1];

        public int Run(WorkerPool pool)
        {
            _buffers[0] = (nint)AddressOf(_threads);
            _buffers[1] = (nint)AddressOf(_times);
            int[] variables = GC.AllocateArray<int>(2, pinned: true);
            variables[0] = Items - 1;
            variables[1] = SleepOfLast;
            pool.Begin();
            try
            {
                return pool.Run(&Note, (byte**)AddressOf(_buffers), (byte**)AddressOf(_scratch), (int*)AddressOf(variables), Items);
            }
            finally
            {
                pool.End();
            }
        }

        private static void* AddressOf<T>(T[] pinned) => Unsafe.AsPointer(ref MemoryMarshal.GetArrayDataReference(pinned));

        private static void Note(byte** buffers, byte* scratch, int* variables, long begin, long end)
        {
            for (long item = begin; item < end; item++)
            {
                ((int*)buffers[0])[item] = Environment.CurrentManagedThreadId;
                if (item == variables[0] && variables[1] > 0)
                {
                    Thread.Sleep(variables[1]);
                }

                ((int*)buffers[1])[item]++;
            }
        }
    }
}
