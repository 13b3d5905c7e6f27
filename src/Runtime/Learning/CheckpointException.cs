namespace Inference;

/// <summary>A file of parameters that cannot be read, or that belongs to something else. The message names what and the mend.</summary>
/// <param name="message">What is wrong, and what would mend it.</param>
/// <param name="inner">What found it, or null.</param>
public sealed class CheckpointException(string message, Exception? inner = null) : Exception(message, inner);
