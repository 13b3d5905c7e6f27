using System.Diagnostics;
using System.Text;
using Inference.Compiler;

namespace Inference;

/// <summary>
/// A compiled program with its memory and its states. <see cref="Run()"/> reads the inputs and the states, writes the outputs and
/// replaces the states. Nothing is allocated by a run.
/// </summary>
/// <remarks>
/// For one thread at a time. The spans that it returns are its own memory: what they show holds until the next call on this object.
/// They keep the memory alive; after <see cref="Dispose"/> they show old numbers, while every call is refused.
/// </remarks>
public sealed partial class Executable : IDisposable
{
    private const int Idle = 0;
    private const int Running = 1;
    private const int DisposedWhileRunning = 2;
    private const int Disposed = 3;

    private readonly Engine _engine;
    private readonly WorkerPool _pool;
    private readonly CompiledProgram _program;
    private readonly LoadedKernels _kernels;
    private readonly Workspace _workspace;
    private readonly RunSequence _sequence;
    private readonly StateCommit _commit;
    private int _phase;

    internal Executable(Engine engine, WorkerPool pool, CachedProgram compiled, bool fromCache, long start)
    {
        _engine = engine;
        _pool = pool;
        _program = compiled.Plan;
        _kernels = new LoadedKernels(compiled.Image, _program.KernelCount);
        _workspace = new Workspace(_program, pool.Threads);
        _inputs = SlotsOf("input", _program.Inputs);
        _states = SlotsOf("state", _program.States);
        _outputs = SlotsOf("output", _program.Outputs.Select(output => output.Slot));
        _checks = [.. Enumerable.Range(0, _outputs.Length).Where(o => _program.Outputs[o].Kind == OutputKind.Check)];
        _probes = [.. Enumerable.Range(0, _outputs.Length).Where(o => _program.Outputs[o].Kind == OutputKind.Probe)];
        _sequence = new RunSequence(_program, _kernels);
        _commit = new StateCommit(_states);
        for (int extent = 0; extent < _program.Extents.Length; extent++)
        {
            _workspace.Variable(extent) = _program.Extents[extent].Capacity;
        }

        FromCache = fromCache;
        CompileTime = Stopwatch.GetElapsedTime(start);
    }

    /// <summary>
    /// Raised after a run for each probe of the program, on the thread that ran it: the probe's name and its values in row-major
    /// order. Without a subscriber they go where <see cref="EngineOptions.Probed"/> says. A program with probes allocates in each run.
    /// </summary>
    public event Action<string, double[]>? Probed;

    /// <summary>The name of the program.</summary>
    public string Name => _program.Name;

    /// <summary>From the request to an executable that can run: planning, printing and compiling, or reading from the cache.</summary>
    public TimeSpan CompileTime { get; }

    /// <summary>True if nothing had to be compiled.</summary>
    public bool FromCache { get; }

    /// <summary>Bytes of memory: buffers, scratch and tables.</summary>
    public long WorkspaceBytes => _workspace.Bytes;

    /// <summary>The program's graph, for people.</summary>
    public string Graph => _program.Graph;

    /// <summary>The phases of a run and why they are what they are, for people.</summary>
    public string Schedule => _program.Schedule;

    /// <summary>The loops of each phase, for people.</summary>
    public string Loops => _program.Loops;

    /// <summary>The C# that was printed.</summary>
    public string Source => _program.Source;

    /// <summary>The vectors that the program uses.</summary>
    public InstructionSet InstructionSet => _engine.InstructionSet;

    /// <summary>Threads that its runs may use, the caller's included.</summary>
    public int Threads => _pool.Threads;

    /// <summary>The most threads that had a share in one kernel of the last run.</summary>
    public int WorkersOfLastRun { get; private set; }

    /// <summary>
    /// False if the last run left the states as they were: a next value was not finite, or a check or the run itself failed.
    /// </summary>
    public bool LastRunCommitted { get; private set; }

    /// <summary>The state whose next value was not finite in the last run, or null.</summary>
    public string? NonFiniteState { get; private set; }

    /// <summary>Where its code is loaded, so that a test can see it go.</summary>
    internal System.Runtime.Loader.AssemblyLoadContext Context => _kernels.Context;

    /// <summary>Graph, schedule, loops and source, under headings.</summary>
    public string Explain()
    {
        var text = new StringBuilder();
        text.AppendLine($"{Name}: {Machine.NameOf(InstructionSet)}, {Threads} threads, {WorkspaceBytes:N0} bytes of workspace");
        foreach ((string heading, string body) in new[] { ("Graph", Graph), ("Schedule", Schedule), ("Loops", Loops), ("Source", Source) })
        {
            text.AppendLine().AppendLine($"== {heading}").AppendLine(body.TrimEnd());
        }

        return text.ToString();
    }

    /// <summary>
    /// Runs the program once. The next values of the states replace the present ones only if all are finite
    /// (<see cref="LastRunCommitted"/>); states that the program writes in place are not held back.
    /// </summary>
    /// <exception cref="CheckFailedException">A requirement of the model is broken. The states are as before.</exception>
    /// <exception cref="InvalidOperationException">Another thread is using this executable.</exception>
    /// <exception cref="ObjectDisposedException">The executable or its engine has been disposed.</exception>
    public void Run() => Run(null);

    /// <summary>Runs the program once, as <see cref="Run()"/> does, and measures its kernels.</summary>
    /// <returns>The time that each kernel took, K0 first, over all the turns of the loops around it.</returns>
    public TimeSpan[] Profile()
    {
        long[] ticks = new long[_program.KernelCount];
        Run(ticks);
        return Array.ConvertAll(ticks, t => Stopwatch.GetElapsedTime(0, t));
    }

    private void Run(long[]? ticks)
    {
        List<string>? broken;
        Enter();
        try
        {
            LastRunCommitted = false;
            NonFiniteState = null;
            _pool.Begin();
            try
            {
                WorkersOfLastRun = _sequence.Run(_pool, _workspace, ticks);
                broken = BrokenChecks();
                if (broken is null)
                {
                    NonFiniteState = _commit.TryCommit(_pool, _workspace);
                    LastRunCommitted = NonFiniteState is null;
                }
            }
            finally
            {
                _pool.End();
            }
        }
        finally
        {
            Leave();
        }

        ShowProbes();
        if (broken is not null)
        {
            throw new CheckFailedException(broken);
        }
    }

    /// <summary>Frees the memory and unloads the code; at the end of the run if another thread is in one.</summary>
    public void Dispose()
    {
        int before = Interlocked.CompareExchange(ref _phase, DisposedWhileRunning, Running);
        if (before == Idle && Interlocked.CompareExchange(ref _phase, Disposed, Idle) == Idle)
        {
            Release();
        }
        else if (before == Idle)
        {
            // A run began in between.
            Dispose();
        }
    }

    private void Enter()
    {
        int before = Interlocked.CompareExchange(ref _phase, Running, Idle);
        if (before != Idle)
        {
            ThrowNotReady(before);
        }
    }

    private void Leave()
    {
        if (Interlocked.CompareExchange(ref _phase, Idle, Running) == DisposedWhileRunning)
        {
            Volatile.Write(ref _phase, Disposed);
            Release();
        }
    }

    private void ThrowIfNotReady()
    {
        int phase = Volatile.Read(ref _phase);
        if (phase != Idle)
        {
            ThrowNotReady(phase);
        }
    }

    private void ThrowNotReady(int phase)
    {
        ObjectDisposedException.ThrowIf(phase != Running, this);
        throw new InvalidOperationException(
            $"The executable \"{Name}\" is running on another thread. It is for one thread at a time: load one for each thread.");
    }

    private void Release()
    {
        _workspace.Dispose();
        _kernels.Dispose();
    }

    private List<string>? BrokenChecks()
    {
        List<string>? broken = null;
        foreach (int check in _checks)
        {
            double count = _outputs[check].Single();

            // Not "count > 0": a count that is not a number is no proof that all is well.
            if (!(count <= 0))
            {
                (broken ??= []).Add($"{_program.Outputs[check].Message} ({count} times)");
            }
        }

        return broken;
    }

    private void ShowProbes()
    {
        if (_probes.Length == 0)
        {
            return;
        }

        Action<string, double[]> probed = Probed ?? _engine.Options.Probed ?? ProbeText.WriteToStandardError;
        foreach (int probe in _probes)
        {
            ThrowIfNotReady();
            double[] values = new double[_outputs[probe].Count];
            _outputs[probe].Read<double>(values);
            probed(_outputs[probe].Plan.Name, values);
        }
    }
}
