namespace Inference;

/// <summary>What is optimal in a process, as <c>Solve</c> has found it: the value of states, and what to do in them.</summary>
/// <remarks>All values are in units of reward. For one thread at a time.</remarks>
public abstract class ExactSolution : IDisposable
{
    private protected ExactSolution()
    {
    }

    /// <summary>The steps of a finite horizon, or null.</summary>
    public abstract int? Horizon { get; }

    /// <summary>How far the solution may be from the exact one, as its kind says; null where no bound is claimed.</summary>
    public abstract double? ErrorBound { get; }

    /// <summary>V of a state: its numbers, field after field.</summary>
    /// <exception cref="ArgumentException">The state is none of the process.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The horizon has no such time.</exception>
    public abstract double Value(ReadOnlySpan<float> state, int time = 0);

    /// <summary>The most probable action in a state: its numbers, field after field.</summary>
    /// <returns>A span that holds until the next call.</returns>
    /// <inheritdoc cref="Value"/>
    public abstract ReadOnlySpan<float> Act(ReadOnlySpan<float> state, int time = 0);

    /// <summary>The derivation: the equations, the method and why it was chosen, what it has found and how sure that is.</summary>
    public abstract string Explain();

    /// <summary>Frees what is compiled. The engine stays.</summary>
    public abstract void Dispose();
}
