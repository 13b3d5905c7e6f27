namespace Inference;

/// <summary>What one step of an environment brought.</summary>
/// <param name="Reward">The reward of the step; it counts also where the step ends the episode.</param>
/// <param name="Terminated">True if the process itself has ended: nothing follows, and what follows is worth nothing.</param>
/// <param name="Truncated">True if only the step limit has ended the episode: the state reached keeps its value.</param>
/// <param name="NonFinite">True if the next state or the reward was NaN or infinite. The state stays what it was, and the episode is over.</param>
public readonly record struct StepResult(float Reward, bool Terminated, bool Truncated, bool NonFinite = false)
{
    /// <summary>True if the next step needs a reset.</summary>
    public bool IsLast => Terminated || Truncated || NonFinite;
}
