namespace Inference;

/// <summary>
/// Generated source that does not compile, or a plan that contradicts itself: a defect of the compiler, never of the model.
/// </summary>
public sealed class GeneratedSourceException : Exception
{
    /// <summary>Creates the exception.</summary>
    /// <param name="message">The program, what was expected and what came.</param>
    /// <param name="source">The generated source, or an empty string.</param>
    public GeneratedSourceException(string message, string source)
        : base(message) => GeneratedSource = source;

    /// <summary>The whole generated source.</summary>
    public string GeneratedSource { get; }
}
