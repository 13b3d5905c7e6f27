using System.Runtime.CompilerServices;
using Inference.Compiler;
using Xunit;

namespace Inference.Runtime.Tests;

public sealed class ExecutableTests
{
    private static readonly float[] Ramp = [.. Enumerable.Range(0, 1000).Select(i => i * 0.25f)];

    // Exact counts of workers: no block is taken over.
    internal static Engine NewEngine(int threads = 2) => new(new EngineOptions { Threads = threads, Cache = false, TakesOver = false });

    internal static Executable Load(Engine engine, CompiledProgram program) => engine.Load("00", () => program);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    public void Kernels_and_loops_run_in_order_on_any_number_of_threads(int threads)
    {
        using Engine engine = NewEngine(threads);
        using Executable saxpy = Load(engine, SamplePrograms.Saxpy());
        saxpy.SetInput(saxpy.IndexOfInput("x"), Ramp);
        saxpy.SetInput(saxpy.IndexOfInput("a"), [2f]);
        saxpy.Run();
        Assert.Equal(Ramp.Select(x => 2 * x * 6), saxpy.Output(0).ToArray());
        Assert.Equal(Ramp.Sum(x => 12.0 * x), saxpy.Output<double>(1)[0], 9);
        Assert.Equal(threads, saxpy.Threads);
        Assert.Equal(threads, saxpy.WorkersOfLastRun);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    public void Workers_of_the_last_run_are_the_threads_that_ran_items(int threads)
    {
        using Engine engine = NewEngine(threads);
        foreach (int items in new[] { 1, 3, 500 })
        {
            using Executable program = Load(engine, SamplePrograms.ThreadOfItem(items));
            program.Run();
            Assert.Equal(Math.Min(threads, items), program.WorkersOfLastRun);
            Assert.Equal(program.WorkersOfLastRun, program.Output<int>(0).ToArray().Distinct().Count());
            Assert.All(program.Output<int>(1).ToArray(), times => Assert.Equal(1, times));
        }
    }

    [Fact]
    public void A_kernel_that_is_not_parallel_stays_on_the_callers_thread()
    {
        using Engine engine = NewEngine();
        using Executable program = Load(engine, SamplePrograms.ThreadOfItem(100, parallel: false));
        program.Run();
        Assert.Equal(1, program.WorkersOfLastRun);
        Assert.All(program.Output<int>(0).ToArray(), thread => Assert.Equal(Environment.CurrentManagedThreadId, thread));
    }

    [Theory]
    [InlineData(1000, 3)]
    [InlineData(17, 2)]
    [InlineData(16, 1)]
    [InlineData(500, 0)]
    [InlineData(0, 3)]
    public void Extents_set_how_often_items_and_loops_run(int rows, int sweeps)
    {
        using Engine engine = NewEngine();
        using Executable saxpy = Load(engine, SamplePrograms.Saxpy());
        saxpy.SetInput(0, Ramp);
        saxpy.SetInput(1, [1f]);
        saxpy.SetExtent("rows", rows);
        saxpy.SetExtent("sweeps", sweeps);
        saxpy.Run();
        int factor = sweeps * (sweeps + 1) / 2;
        Assert.Equal(Ramp.Take(rows).Select(x => x * factor), saxpy.Output(0)[..rows].ToArray());

        // Past the last tile nothing was touched.
        int touched = (rows + 15) / 16 * 16;
        Assert.All(saxpy.Output(0)[Math.Min(touched, 1000)..].ToArray(), y => Assert.Equal(0, y));
        Assert.Equal(Ramp.Take(rows).Sum(x => (double)x * factor), saxpy.Output<double>(1)[0], 9);
    }

    [Fact]
    public void An_extent_beyond_its_capacity_is_refused_by_name()
    {
        using Engine engine = NewEngine();
        using Executable saxpy = Load(engine, SamplePrograms.Saxpy());
        Assert.Equal(1000, saxpy.Extent(0));
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => saxpy.SetExtent("rows", 1001));
        Assert.Contains("\"rows\"", error.Message);
        Assert.Contains("1001", error.Message);
        Assert.Contains("1000", error.Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => saxpy.SetExtent(0, -1));
        Assert.Equal(1000, saxpy.Extent(0));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(99)]
    public void What_a_kernel_throws_reaches_the_caller_and_the_next_run_works(int item)
    {
        using Engine engine = NewEngine();
        using Executable thrower = Load(engine, SamplePrograms.Thrower());
        for (int attempt = 0; attempt < 3; attempt++)
        {
            thrower.Input<int>(0)[0] = item;
            var error = Assert.Throws<ArithmeticException>(thrower.Run);
            Assert.Equal($"item {item}", error.Message);
            Assert.False(thrower.LastRunCommitted);
            thrower.Input<int>(0)[0] = -1;
            thrower.Run();
            Assert.True(thrower.LastRunCommitted);
        }
    }

    [Fact]
    public void A_second_thread_is_refused_while_a_run_goes_on()
    {
        using Engine engine = NewEngine();
        using Executable waiter = Load(engine, SamplePrograms.Waiter());
        Thread thread = StartAndAwait(waiter, out nint release);
        try
        {
            var error = Assert.Throws<InvalidOperationException>(waiter.Run);
            Assert.Contains("\"waiter\"", error.Message);
            Assert.Throws<InvalidOperationException>(() => waiter.SetInput(0, [0f]));
        }
        finally
        {
            Release(release);
            thread.Join();
        }

        waiter.Run();
    }

    [Fact]
    public void Disposal_during_a_run_waits_for_its_end()
    {
        using Engine engine = NewEngine();
        Executable waiter = Load(engine, SamplePrograms.Waiter());
        Thread thread = StartAndAwait(waiter, out nint release);
        waiter.Dispose();
        Assert.Throws<ObjectDisposedException>(waiter.Run);
        Release(release);
        thread.Join();
        Assert.Throws<ObjectDisposedException>(waiter.Run);
    }

    [Fact]
    public void After_disposal_every_use_is_refused()
    {
        using Engine engine = NewEngine();
        Executable saxpy = Load(engine, SamplePrograms.Saxpy());
        saxpy.Dispose();
        saxpy.Dispose();
        Assert.Throws<ObjectDisposedException>(saxpy.Run);
        Assert.Throws<ObjectDisposedException>(() => saxpy.Input(0).Length);
        Assert.Throws<ObjectDisposedException>(() => saxpy.Output(0).Length);
        Assert.Throws<ObjectDisposedException>(() => saxpy.SetExtent(0, 1));
        Assert.Throws<ObjectDisposedException>(saxpy.ResetStates);
    }

    [Fact]
    public void A_span_keeps_what_it_shows_after_its_executable_is_gone()
    {
        using Engine engine = NewEngine();
        Span<float> collected = Forgotten(engine);
        Executable disposed = Load(engine, SamplePrograms.Saxpy());
        disposed.SetInput(0, Ramp);
        Span<float> kept = disposed.Input(0);
        disposed.Dispose();
        for (int round = 0; round < 3; round++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        // What takes memory now must not take theirs.
        Executable[] others = [.. Enumerable.Range(0, 4).Select(_ => Load(engine, SamplePrograms.Saxpy()))];
        foreach (Executable other in others)
        {
            other.Input(0).Fill(-1);
        }

        Assert.Equal(Ramp, collected.ToArray());
        Assert.Equal(Ramp, kept.ToArray());
        Array.ForEach(others, other => other.Dispose());

        [MethodImpl(MethodImplOptions.NoInlining)]
        static Span<float> Forgotten(Engine engine)
        {
            Executable saxpy = Load(engine, SamplePrograms.Saxpy());
            saxpy.SetInput(0, Ramp);
            return saxpy.Input(0);
        }
    }

    [Fact]
    public void Copies_that_meet_a_disposal_are_refused_and_never_read_what_is_gone()
    {
        using Engine engine = NewEngine();
        CompiledProgram plan = SamplePrograms.Integrator(100_000);
        for (int attempt = 0; attempt < 20; attempt++)
        {
            Executable integrator = Load(engine, plan);
            float[] values = new float[100_000];
            using var begun = new ManualResetEventSlim();
            var copying = Task.Run(() =>
            {
                while (true)
                {
                    integrator.CopyState(1, values);
                    integrator.SetState(1, (ReadOnlySpan<float>)values);
                    begun.Set();
                    if (values.AsSpan().ContainsAnyExcept(0f))
                    {
                        return;
                    }
                }
            });
            begun.Wait();
            integrator.Dispose();
            Load(engine, plan).Dispose();
            Assert.Throws<ObjectDisposedException>(copying.GetAwaiter().GetResult);
        }
    }

    [Fact]
    public void After_the_engines_disposal_runs_are_refused()
    {
        Engine engine = NewEngine();
        using Executable saxpy = Load(engine, SamplePrograms.Saxpy());
        engine.Dispose();
        Assert.Throws<ObjectDisposedException>(saxpy.Run);
        Assert.Throws<ObjectDisposedException>(() => Load(engine, SamplePrograms.Saxpy()));
    }

    [Fact]
    public void Executables_of_one_engine_run_on_two_threads()
    {
        using Engine engine = NewEngine();
        Assert.All(Enumerable.Range(0, 2).AsParallel().WithDegreeOfParallelism(2).Select(RunMany).ToArray(), Assert.True);

        bool RunMany(int number)
        {
            using Executable saxpy = Load(engine, SamplePrograms.Saxpy());
            saxpy.SetInput(0, Ramp);
            saxpy.SetInput(1, [(float)number + 1]);
            bool right = true;
            for (int run = 0; run < 300; run++)
            {
                saxpy.Run();
                right &= saxpy.Output(0)[999] == Ramp[999] * (number + 1) * 6;
            }

            return right;
        }
    }

    [Fact]
    public void The_code_is_unloaded_after_disposal()
    {
        using Engine engine = NewEngine();
        WeakReference context = RunAndDispose(engine);
        for (int attempt = 0; attempt < 50 && context.IsAlive; attempt++)
        {
            GC.Collect();
            GC.WaitForPendingFinalizers();
        }

        Assert.False(context.IsAlive);

        [MethodImpl(MethodImplOptions.NoInlining)]
        static WeakReference RunAndDispose(Engine engine)
        {
            using Executable saxpy = Load(engine, SamplePrograms.Saxpy());
            saxpy.Run();
            return new WeakReference(saxpy.Context);
        }
    }

    [Fact]
    public void Explanations_show_every_stage()
    {
        using Engine engine = NewEngine();
        using Executable saxpy = Load(engine, SamplePrograms.Saxpy());
        string text = saxpy.Explain();
        string set = Machine.NameOf(engine.InstructionSet);
        foreach (string part in new[] { "saxpy", set, "the graph", "the schedule", "the loops", "public static void K1" })
        {
            Assert.Contains(part, text);
        }

        Assert.True(saxpy.WorkspaceBytes >= 8000);
        Assert.False(saxpy.FromCache);
        Assert.True(saxpy.CompileTime > TimeSpan.Zero);
    }

    private static unsafe Thread StartAndAwait(Executable waiter, out nint release)
    {
        int* running = (int*)Unsafe.AsPointer(ref waiter.Input<int>(0)[0]);
        release = (nint)Unsafe.AsPointer(ref waiter.Input<int>(1)[0]);
        var thread = new Thread(waiter.Run);
        thread.Start();
        while (Volatile.Read(ref *running) == 0)
        {
            Thread.Sleep(1);
        }

        return thread;
    }

    private static unsafe void Release(nint release) => Volatile.Write(ref *(int*)release, 1);
}
