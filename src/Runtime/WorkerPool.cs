namespace Inference;

/// <summary>
/// A thread pool for kernels: a barrier every few microseconds, which the runtime's own pool is too slow for. The items of a
/// kernel are split into contiguous blocks, one a worker; the caller is worker 0.
/// </summary>
/// <remarks>
/// Whoever runs kernels encloses them in <see cref="Begin"/> and <see cref="End"/>: the pool then belongs to that run alone. A
/// run of another executable on another thread waits.
/// </remarks>
internal sealed unsafe class WorkerPool : IDisposable
{
    private readonly Lock _run = new();
    private readonly Workers? _workers;
    private volatile bool _disposed;

    /// <param name="threads">Threads in all, the caller's included.</param>
    /// <param name="takesOver">Whether the caller may run the block of a worker that has not begun when it is done itself.</param>
    public WorkerPool(int threads, bool takesOver = true)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(threads, Workers.MaximumThreads);
        Threads = threads;
        _workers = threads > 1 ? new Workers(threads, takesOver) : null;
    }

    ~WorkerPool() => _workers?.Stop();

    /// <summary>Threads that compute, the caller's included.</summary>
    public int Threads { get; }

    /// <summary>Its threads without a hold on them, so that a test can see them go.</summary>
    public WeakReference WeakWorkers() => new(_workers);

    /// <exception cref="ObjectDisposedException">The pool has been disposed.</exception>
    public void ThrowIfDisposed()
    {
        if (_disposed)
        {
            throw new ObjectDisposedException(nameof(Engine), "The engine has been disposed. Keep it for as long as its executables run.");
        }
    }

    /// <summary>Takes the pool for one run, and asks the workers to stay awake for its kernels.</summary>
    public void Begin()
    {
        _run.Enter();
        if (_disposed)
        {
            _run.Exit();
            ThrowIfDisposed();
        }

        if (_workers is not null)
        {
            _workers.Running = true;
        }
    }

    /// <summary>Gives the pool back.</summary>
    public void End()
    {
        if (_workers is not null)
        {
            _workers.Running = false;
        }

        _run.Exit();
    }

    /// <summary>
    /// Runs a kernel over items 0 … <paramref name="items"/> − 1 and returns when all are done. What a kernel throws on any
    /// thread is thrown here, after all have stopped.
    /// </summary>
    /// <returns>The threads that ran items: the caller takes over the block of a worker that has not begun when it is done itself.</returns>
    public int Run(
        delegate*<byte**, byte*, int*, long, long, void> kernel, byte** buffers, byte** scratchOfWorker, int* variables, long items)
    {
        if (items <= 0)
        {
            return 0;
        }

        if (_workers is null || items == 1)
        {
            kernel(buffers, scratchOfWorker[0], variables, 0, items);
            return 1;
        }

        int participants = (int)Math.Min(Threads, items);
        return _workers.Run(
            new Workers.Dispatch { Kernel = kernel, Buffers = buffers, Scratch = scratchOfWorker, Variables = variables, Items = items },
            participants);
    }

    /// <summary>Ends the threads, after the run that has the pool now.</summary>
    public void Dispose()
    {
        lock (_run)
        {
            if (_disposed)
            {
                return;
            }

            _disposed = true;
            GC.SuppressFinalize(this);
            _workers?.Stop();
            _workers?.Join();
        }
    }
}
