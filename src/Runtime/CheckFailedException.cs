namespace Inference;

/// <summary>A run broke a requirement that the model states. The states keep the values they had before the run.</summary>
public sealed class CheckFailedException : Exception
{
    /// <summary>Creates the exception from what each failed check has to say.</summary>
    /// <param name="messages">For each failed check: site, requirement, place in the user's file, how often it was broken.</param>
    public CheckFailedException(IReadOnlyList<string> messages)
        : base(string.Join(Environment.NewLine, messages)) => Messages = messages;

    /// <summary>One message for each check that failed.</summary>
    public IReadOnlyList<string> Messages { get; }
}
