using System.Runtime.CompilerServices;

namespace Inference;

/// <content>Finite processes whose states are hidden.</content>
public static partial class Solving
{
    /// <summary>Solves a finite process over beliefs: what is observed, Observe says, and every observation is one of finitely many.</summary>
    /// <param name="optimal">What is to be optimal.</param>
    /// <param name="engine">The machine that it runs on. It outlives the solution. Its precision is that of the values.</param>
    /// <param name="tree">The horizon and the room.</param>
    /// <param name="prior">The prior policy as a log-weight of an action, the same in every state; null: uniform.</param>
    /// <param name="settings">The numbers of the settings, where the process has any.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <returns>The solution, to be disposed.</returns>
    /// <exception cref="ModelException">The process is not finite, lacks a part, or has too many beliefs.</exception>
    public static BeliefSolution Solve<S, A, G>(
        this Optimal<S, A, G> optimal,
        Engine engine,
        BeliefTree tree,
        Func<S, A, Tensor>? prior = null,
        double[]? settings = null,
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0)
    {
        ArgumentNullException.ThrowIfNull(optimal);
        ArgumentNullException.ThrowIfNull(engine);
        return Place.Of(file, line, () =>
        {
            FiniteMdp process = optimal.Mdp.Tabulate(engine, prior, settings);
            return new BeliefSolution(new FiniteOptimal(process, optimal.Temperature, optimal.Semantics), tree, engine);
        });
    }

    /// <summary>Solves a process that is given as tables over beliefs.</summary>
    /// <inheritdoc cref="Solve{S, A, G}(Optimal{S, A, G}, Engine, BeliefTree, Func{S, A, Tensor}, double[], string, int)"/>
    public static BeliefSolution Solve(
        this FiniteOptimal optimal, Engine engine, BeliefTree tree, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Place.Of(file, line, () => new BeliefSolution(optimal, tree, engine));
}
