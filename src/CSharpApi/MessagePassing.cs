using System.Runtime.CompilerServices;

namespace Inference;

/// <summary>Approximate posteriors by messages between exponential families.</summary>
public static class MessagePassing
{
    /// <summary>
    /// The posterior of a program by expectation propagation: exact where all factors are conjugate or Gaussian in a forest, else by matched moments.
    /// What it returns are tensors, for functions that are compiled:
    /// <c>engine.Compile("skills", Input("first", 500), first => Matches(first).Approximate(new ExpectationPropagation()).Marginal("player/skill").Mean)</c>.
    /// </summary>
    /// <typeparam name="T">The program's result; it is not used.</typeparam>
    /// <param name="program">What it observes, its factors, and what a condition on it gives, are the evidence.</param>
    /// <param name="method">Sweeps, tolerance, damping.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">A site or factor has no update that is known; a setting is out of range.</exception>
    public static ApproximatePosterior Approximate<T>(
        this Prob<T> program, ExpectationPropagation method, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Place.Of(file, line, () => ApproximatePosteriorModule.propagate(method, program));

    /// <summary>The posterior of a program by variational message passing: its log-evidence is a lower bound, exact where all factors are conjugate.</summary>
    /// <typeparam name="T">The program's result; it is not used.</typeparam>
    /// <param name="program">What it observes, and what a condition on it gives, is the evidence.</param>
    /// <param name="method">Sweeps and tolerance.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">A site or factor has no update that is known; a setting is out of range.</exception>
    public static ApproximatePosterior Approximate<T>(
        this Prob<T> program, VariationalMessagePassing method, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Place.Of(file, line, () => ApproximatePosteriorModule.passVariationally(method, program));
}
