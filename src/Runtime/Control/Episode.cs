using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Inference;

/// <summary>What happened in an environment under a planner, step by step. Its memory is taken when it begins.</summary>
public sealed partial class Episode
{
    private readonly float[] _states;
    private readonly float[] _actions;
    private readonly float[] _rewards;
    private readonly float[] _diagnostics;
    private readonly double[] _solveMicroseconds;
    private readonly PlannerStatus[] _status;
    private readonly string[] _diagnosticNames;
    private readonly int _capacity;
    private int _steps;

    internal Episode(IEnvironment environment, Planner planner, int capacity, long seed)
    {
        _capacity = capacity;
        Model = environment.Name;
        Planner = planner.Name;
        Horizon = planner.Horizon;
        Seed = seed;
        Threads = planner.Engine.Threads;
        InstructionSet = Machine.NameOf(planner.Engine.InstructionSet);
        StateFields = planner.StateFields;
        ActionFields = planner.ActionFields;
        _diagnosticNames = [.. planner.DiagnosticNames];
        try
        {
            _states = new float[(capacity + 1L) * StateFields.Count];
            _actions = new float[(long)capacity * ActionFields.Count];
            _rewards = new float[capacity];
            _diagnostics = new float[(long)capacity * _diagnosticNames.Length];
            _solveMicroseconds = new double[capacity];
            _status = new PlannerStatus[capacity];
        }
        catch (Exception failure) when (failure is OutOfMemoryException or OverflowException)
        {
            throw new OutOfMemoryException($"An episode of {capacity} steps needs more memory than there is. Fewer steps need less.", failure);
        }

        environment.State.CopyTo(_states);
    }

    /// <summary>The name of the process.</summary>
    public string Model { get; }

    /// <summary>The name of the planner's derivation.</summary>
    public string Planner { get; }

    /// <summary>The steps that each solve planned.</summary>
    public int Horizon { get; }

    /// <summary>The seed of planner and environment.</summary>
    public long Seed { get; }

    /// <summary>Threads that computed.</summary>
    public int Threads { get; }

    /// <summary>The vectors that the planner used.</summary>
    public string InstructionSet { get; }

    /// <summary>A name for each number of a state.</summary>
    public IReadOnlyList<string> StateFields { get; }

    /// <summary>A name for each number of an action.</summary>
    public IReadOnlyList<string> ActionFields { get; }

    /// <summary>What the planner reported at each step.</summary>
    public IReadOnlyList<string> DiagnosticNames => _diagnosticNames;

    /// <summary>The steps done. Another thread may watch it: what it counts is complete.</summary>
    public int Steps => Volatile.Read(ref _steps);

    /// <summary>The steps after which the episode ends at the latest.</summary>
    public int MaximumSteps => _capacity;

    /// <summary>When the first action was there, in coordinated universal time; null before.</summary>
    public DateTime? FirstAction { get; private set; }

    /// <summary>The rewards summed, undiscounted.</summary>
    public double Return { get; private set; }

    /// <summary>True if the process ended of itself.</summary>
    public bool Terminated { get; private set; }

    /// <summary>True if a limit on the steps, the environment's or the simulation's, ended it.</summary>
    public bool Truncated { get; private set; }

    /// <summary>True if a reward or a state was NaN or infinite, which ended it.</summary>
    public bool NonFinite { get; private set; }

    /// <summary>The rewards of the steps.</summary>
    public ReadOnlySpan<float> Rewards => _rewards.AsSpan(0, Steps);

    /// <summary>The actions of the steps, a row a step.</summary>
    public ReadOnlySpan<float> Actions => _actions.AsSpan(0, Steps * ActionFields.Count);

    /// <summary>How long each solve took, in microseconds.</summary>
    public ReadOnlySpan<double> SolveMicroseconds => _solveMicroseconds.AsSpan(0, Steps);

    /// <summary>How each solve went.</summary>
    public ReadOnlySpan<PlannerStatus> Status => _status.AsSpan(0, Steps);

    /// <summary>The median of the solves' times without the first, in microseconds; NaN if there was only one.</summary>
    public double MedianSolveMicroseconds => Quantile(0.5);

    /// <summary>The 99th percentile of the solves' times without the first, in microseconds; NaN if there was only one.</summary>
    public double SlowSolveMicroseconds => Quantile(0.99);

    /// <summary>The state before a step; after the last step, the state it led to.</summary>
    /// <param name="step">0 to <see cref="Steps"/>.</param>
    public ReadOnlySpan<float> State(int step) => Row(_states, StateFields.Count, step, Steps);

    /// <summary>The action of a step.</summary>
    /// <param name="step">0 to <see cref="Steps"/> − 1.</param>
    public ReadOnlySpan<float> Action(int step) => Row(_actions, ActionFields.Count, step, Steps - 1);

    /// <summary>What the planner reported at a step, in the order of <see cref="DiagnosticNames"/>.</summary>
    /// <param name="step">0 to <see cref="Steps"/> − 1.</param>
    public ReadOnlySpan<float> Diagnostics(int step) => Row(_diagnostics, _diagnosticNames.Length, step, Steps - 1);

    /// <summary>SHA-256 of the little-endian single-precision actions in order, in lower-case hexadecimal digits.</summary>
    public string ActionsSha256()
    {
        byte[] bytes = new byte[Actions.Length * sizeof(float)];
        for (int k = 0; k < Actions.Length; k++)
        {
            BinaryPrimitives.WriteSingleLittleEndian(bytes.AsSpan(k * sizeof(float)), Actions[k]);
        }

        return Convert.ToHexStringLower(SHA256.HashData(bytes));
    }

    internal void NoteFirstAction() => FirstAction ??= DateTime.UtcNow;

    internal void Add(ReadOnlySpan<float> action, Planner planner, double microseconds, StepResult result, ReadOnlySpan<float> next)
    {
        int step = _steps;
        action.CopyTo(_actions.AsSpan(step * ActionFields.Count));
        planner.Diagnostics.CopyTo(_diagnostics.AsSpan(step * _diagnosticNames.Length));
        next.CopyTo(_states.AsSpan((step + 1) * StateFields.Count));
        _rewards[step] = result.Reward;
        _solveMicroseconds[step] = microseconds;
        _status[step] = planner.Status;
        Return += result.Reward;
        Terminated = result.Terminated;
        NonFinite = result.NonFinite;
        Truncated = result.Truncated || (step + 1 == _capacity && !result.IsLast);
        Volatile.Write(ref _steps, step + 1);
    }

    private static ReadOnlySpan<float> Row(float[] rows, int width, int step, int last)
    {
        if (step < 0 || step > last)
        {
            throw new ArgumentOutOfRangeException(nameof(step), step, $"The episode has this for the steps 0 to {last}.");
        }

        return rows.AsSpan(step * width, width);
    }

    private double Quantile(double share)
    {
        if (Steps < 2)
        {
            return double.NaN;
        }

        double[] sorted = SolveMicroseconds[1..].ToArray();
        Array.Sort(sorted);
        double position = share * (sorted.Length - 1);
        int below = (int)position;
        int above = Math.Min(below + 1, sorted.Length - 1);
        return sorted[below] + ((position - below) * (sorted[above] - sorted[below]));
    }
}
