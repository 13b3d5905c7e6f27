using System.Diagnostics;
using Inference.Compiler;
using Microsoft.Extensions.Logging;

namespace Inference;

/// <summary>
/// The machine that programs are compiled for and run on: its threads, and the cache of what has been compiled. Several threads
/// may load programs at once; runs of its executables take turns.
/// </summary>
public sealed class Engine : IDisposable
{
    /// <summary>The most threads that <see cref="EngineOptions.Threads"/> may ask for.</summary>
    public const int MaximumThreads = Workers.MaximumThreads;

    private readonly ProgramCache _cache;
    private readonly WorkerPool _pool;
    private int _warm;

    /// <summary>Starts an engine with one thread for each core, in single precision.</summary>
    public Engine()
        : this(new EngineOptions())
    {
    }

    /// <summary>Starts an engine.</summary>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    public Engine(EngineOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        Require(
            options.Threads is >= 0 and <= Workers.MaximumThreads,
            $"EngineOptions.Threads is {options.Threads}; expected 0 (all cores) to {Workers.MaximumThreads}.");
        Require(
            options.CacheCapacityBytes >= 0,
            $"EngineOptions.CacheCapacityBytes is {options.CacheCapacityBytes}; expected 0 or more.");
        Require(
            options.InstructionSet is not { } asked || Enum.IsDefined(asked),
            $"EngineOptions.InstructionSet is {options.InstructionSet}; "
                + $"expected one of {string.Join(", ", Enum.GetNames<InstructionSet>())}.");

        Options = options;
        InstructionSet = options.InstructionSet ?? Machine.WidestInstructionSet;
        Logger = options.Logger ?? new StandardErrorLogger();
        if (InstructionSet > Machine.WidestInstructionSet)
        {
            Logger.LogWarning(
                "{Asked} instructions were asked for, but this machine has {Widest}: the programs will run, slowly.",
                Machine.NameOf(InstructionSet),
                Machine.NameOf(Machine.WidestInstructionSet));
        }

        _cache = new ProgramCache(CacheFolder.Of(options, Environment.GetEnvironmentVariable), options.CacheCapacityBytes, Logger);
        _pool = new WorkerPool(options.Threads == 0 ? Math.Min(Machine.Cores, Workers.MaximumThreads) : options.Threads, options.TakesOver);
    }

    /// <summary>The options that the engine was started with.</summary>
    public EngineOptions Options { get; }

    /// <summary>The vectors that its programs use.</summary>
    public InstructionSet InstructionSet { get; }

    /// <summary>Receives what the engine, and what runs on it, has to say.</summary>
    internal ILogger Logger { get; }

    /// <summary>Threads that compute, the caller's included.</summary>
    public int Threads => _pool.Threads;

    /// <summary>What its options mean for the compiler.</summary>
    public CompileOptions CompileOptions => new()
    {
        InstructionSet = InstructionSet,
        Double = Options.Precision == Precision.Double,
        Checked = Options.Checked,
        Verify = Options.Verify,
    };

    /// <summary>Loads a program from the cache, or compiles it and keeps it there.</summary>
    /// <param name="key">
    /// Hexadecimal digits that differ whenever anything does that decides the compilation: <see cref="CacheKey.Of"/>.
    /// </param>
    /// <param name="compile">Plans the program and prints its source; called only if the cache does not have it.</param>
    /// <returns>An executable with a workspace and states of its own.</returns>
    /// <exception cref="GeneratedSourceException">What was printed does not compile.</exception>
    /// <exception cref="ObjectDisposedException">The engine has been disposed.</exception>
    public Executable Load(string key, Func<CompiledProgram> compile)
    {
        ArgumentNullException.ThrowIfNull(compile);
        if (string.IsNullOrEmpty(key) || !key.All(char.IsAsciiHexDigit))
        {
            throw new ArgumentException($"The key of a program is \"{key}\"; expected hexadecimal digits.", nameof(key));
        }

        return Load(key, compile, Stopwatch.GetTimestamp());
    }

    /// <summary>Compiles a program for this engine, or loads what was compiled before.</summary>
    /// <exception cref="ModelException">The program cannot mean anything.</exception>
    public Executable Compile(Program program)
    {
        ArgumentNullException.ThrowIfNull(program);
        long start = Stopwatch.GetTimestamp();
        CompileOptions options = CompileOptions;
        Inference.Compiler.Compile.Closed closed = Inference.Compiler.Compile.close(options, program);
        return Load(CacheKey.Of(closed.Text, options), () => Inference.Compiler.Compile.lower(options, closed), start);
    }

    /// <summary>Ends the engine's threads. Its executables can no longer run, and are still to be disposed.</summary>
    public void Dispose() => _pool.Dispose();

    private static void Require(bool holds, string message)
    {
        if (!holds)
        {
            throw new ArgumentOutOfRangeException("options", message);
        }
    }

    private Executable Load(string key, Func<CompiledProgram> compile, long start)
    {
        _pool.ThrowIfDisposed();
        return LoadCached(key, start) ?? CompileAndStore(key, compile, start);
    }

    private Executable? LoadCached(string key, long start)
    {
        if (_cache.Find(key) is not { } found)
        {
            return null;
        }

        try
        {
            PlanVerifier.Verify(found.Plan);
            return new Executable(this, _pool, found, fromCache: true, start);
        }
        catch (Exception failure) when (
            failure is GeneratedSourceException or BadImageFormatException or TypeLoadException or MissingMemberException)
        {
            // Whole, but not what this version of the library expects: as good as damaged.
            Logger.LogInformation("The cached program {Key} cannot be loaded and is compiled again: {Reason}", key, failure.Message);
            _cache.Remove(key);
            return null;
        }
    }

    private Executable CompileAndStore(string key, Func<CompiledProgram> compile, long start)
    {
        WarmUp();
        CompiledProgram plan = compile();
        PlanVerifier.Verify(plan);
        var compiled = new CachedProgram(plan, SourceCompiler.Compile(plan.Source, plan.Name));
        var executable = new Executable(this, _pool, compiled, fromCache: false, start);
        _cache.Store(key, compiled);
        return executable;
    }

    /// <summary>Once for an engine: readies the C# compiler on a thread of its own while this one still lowers and prints.</summary>
    private void WarmUp()
    {
        if (Machine.Cores > 1 && Interlocked.Exchange(ref _warm, 1) == 0)
        {
            new Thread(SourceCompiler.WarmUp) { IsBackground = true, Name = "inference warm-up" }.UnsafeStart();
        }
    }
}
