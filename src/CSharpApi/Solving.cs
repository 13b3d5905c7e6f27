using System.Runtime.CompilerServices;

namespace Inference;

/// <summary>Solutions of processes.</summary>
public static partial class Solving
{
    /// <summary>
    /// Solves a process exactly over an infinite horizon, by the method that its specification allows: by tables where state and action are finite, by
    /// quadratic forms where it is linear-quadratic.
    /// </summary>
    /// <param name="optimal">What is to be optimal.</param>
    /// <param name="engine">The machine that it runs on. It outlives the solution.</param>
    /// <param name="settings">The numbers of the settings, where the process has any.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <returns>A <see cref="FiniteSolution"/> or a <see cref="LinearQuadraticSolution"/>, to be disposed.</returns>
    /// <exception cref="ModelException">No exact method fits, and the error says for each why; or a value would be infinite.</exception>
    /// <exception cref="InvalidOperationException">Sweeps do not converge.</exception>
    public static ExactSolution Solve<S, A, G>(
        this Optimal<S, A, G> optimal,
        Engine engine,
        double[]? settings = null,
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0)
    {
        ArgumentNullException.ThrowIfNull(optimal);
        ArgumentNullException.ThrowIfNull(engine);
        return Place.Of<ExactSolution>(file, line, () => ExactCaseModule.choose(optimal) switch
        {
            ExactCase.LinearQuadratic { Item: var process } => new LinearQuadraticSolution(
                process, new Riccati(), "chosen because the process is linear-quadratic", engine, settings ?? []),
            _ => FiniteOf(optimal, engine, null, null, settings),
        });
    }

    /// <summary>Solves a process whose state and action are finite, every field being [Discrete], by exact messages.</summary>
    /// <param name="optimal">What is to be optimal.</param>
    /// <param name="engine">The machine that it runs on. It outlives the solution. Its precision is that of the solution.</param>
    /// <param name="method">How messages are passed.</param>
    /// <param name="prior">The prior policy as a log-weight of an action in a state, which need not be normalised; null: uniform.</param>
    /// <param name="settings">The numbers of the settings, where the process has any.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <returns>The solution, to be disposed.</returns>
    /// <exception cref="ModelException">A field is not finite, a value would be infinite, or the process lacks a part.</exception>
    /// <exception cref="InvalidOperationException">Sweeps do not converge.</exception>
    public static FiniteSolution Solve<S, A, G>(
        this Optimal<S, A, G> optimal,
        Engine engine,
        FiniteMethod method,
        Func<S, A, Tensor>? prior = null,
        double[]? settings = null,
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0)
    {
        ArgumentNullException.ThrowIfNull(optimal);
        ArgumentNullException.ThrowIfNull(engine);
        ArgumentNullException.ThrowIfNull(method);
        return Place.Of(file, line, () => FiniteOf(optimal, engine, method, prior, settings));
    }

    /// <summary>Solves a linear-quadratic process by the Riccati recursion, over the horizon that it states.</summary>
    /// <param name="optimal">What is to be optimal.</param>
    /// <param name="engine">The machine that it runs on. It outlives the solution. The recursion is in double precision, whatever the engine's.</param>
    /// <param name="method">The horizon, and how near the solution to come.</param>
    /// <param name="settings">The numbers of the settings, where the process has any.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <returns>The solution, to be disposed.</returns>
    /// <exception cref="ModelException">The process is not linear-quadratic, lacks a part, or a value would be infinite.</exception>
    public static LinearQuadraticSolution Solve<S, A, G>(
        this Optimal<S, A, G> optimal,
        Engine engine,
        Riccati method,
        double[]? settings = null,
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0)
    {
        ArgumentNullException.ThrowIfNull(optimal);
        ArgumentNullException.ThrowIfNull(engine);
        ArgumentNullException.ThrowIfNull(method);
        return Place.Of(
            file,
            line,
            () => new LinearQuadraticSolution(
                LinearQuadratic.derive(Math.Max(0, method.Horizon ?? 0), optimal), method, "asked for", engine, settings ?? []));
    }

    /// <summary>Looks for a locally optimal trajectory of a process whose states and actions are real numbers.</summary>
    /// <param name="optimal">What is to be optimal.</param>
    /// <param name="engine">The machine that it runs on. It outlives the solution. The process runs in its precision, the recursion in double.</param>
    /// <param name="method">The horizon, where the trajectory begins, and how it is looked for.</param>
    /// <param name="settings">The numbers of the settings, where the process has any.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <returns>The trajectory and gains beside it, to be disposed.</returns>
    /// <exception cref="ModelException">A field is discrete, the process lacks a part or may end early, or the first trajectory is not finite.</exception>
    public static TrajectorySolution Solve<S, A, G>(
        this Optimal<S, A, G> optimal,
        Engine engine,
        IterativeLqr method,
        double[]? settings = null,
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0)
    {
        ArgumentNullException.ThrowIfNull(optimal);
        ArgumentNullException.ThrowIfNull(engine);
        ArgumentNullException.ThrowIfNull(method);
        return Place.Of(file, line, () => new TrajectorySolution(IterativeLqrModule.derive(method.Horizon, optimal), method, engine, settings ?? []));
    }

    private static FiniteSolution FiniteOf<S, A, G>(
        Optimal<S, A, G> optimal, Engine engine, FiniteMethod? method, Func<S, A, Tensor>? prior, double[]? settings)
    {
        TableProgram program = TablesOf(optimal.Mdp, prior);
        return FiniteTabulation.Solve(program, optimal.Temperature, optimal.Semantics, method, engine, settings ?? []);
    }
}
