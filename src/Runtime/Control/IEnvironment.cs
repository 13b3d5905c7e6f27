namespace Inference;

/// <summary>Something that can be acted upon, step by step: a compiled process, a simulator of one's own, a machine.</summary>
/// <remarks>Spans hold until the next call on the same object. For one thread at a time.</remarks>
public interface IEnvironment : IDisposable
{
    /// <summary>The name of the process.</summary>
    string Name { get; }

    /// <summary>The fields of a state.</summary>
    Space StateSpace { get; }

    /// <summary>The fields of an action.</summary>
    Space ActionSpace { get; }

    /// <summary>The steps after which an episode is truncated, or null.</summary>
    int? StepLimit { get; }

    /// <summary>The state, row-major, field after field.</summary>
    ReadOnlySpan<float> State { get; }

    /// <summary>What an agent sees of the state: all of it where the process says nothing else.</summary>
    ReadOnlySpan<float> Observation { get; }

    /// <summary>Begins an episode in a state drawn from the process's start.</summary>
    /// <param name="seed">With the episode's number it decides every draw of the episode.</param>
    /// <param name="episode">The number of the episode under this seed.</param>
    void Reset(long seed, int episode = 0);

    /// <summary>Begins an episode in a given state.</summary>
    /// <param name="state">Row-major, field after field.</param>
    /// <param name="seed">With the episode's number it decides every draw of the episode.</param>
    /// <param name="episode">The number of the episode under this seed.</param>
    /// <exception cref="ArgumentException">The count of numbers is not that of the state.</exception>
    void Reset(ReadOnlySpan<float> state, long seed = 0, int episode = 0);

    /// <summary>Acts, held to the action's limits, and steps.</summary>
    /// <exception cref="ArgumentException">The count of numbers is not that of the action.</exception>
    /// <exception cref="InvalidOperationException">The episode is over, or none has begun.</exception>
    StepResult Step(ReadOnlySpan<float> action);
}
