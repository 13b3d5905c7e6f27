using System.Runtime.CompilerServices;
using Microsoft.FSharp.Core;

namespace Inference;

/// <summary>Exact solutions of finite processes.</summary>
public static class Solving
{
    /// <summary>Solves a process whose state and action are finite, every field being [Discrete], by exact messages.</summary>
    /// <param name="optimal">What is to be optimal.</param>
    /// <param name="engine">The machine that it runs on. It outlives the solution. Its precision is that of the solution.</param>
    /// <param name="method">How messages are passed; null: value iteration, for an infinite horizon.</param>
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
        ExactMethod? method = null,
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
            return new FiniteSolution(new FiniteOptimal(process, optimal.Temperature, optimal.Semantics), method, engine);
        });
    }

    /// <summary>Solves a process that is given as tables.</summary>
    /// <inheritdoc cref="Solve{S, A, G}"/>
    public static FiniteSolution Solve(
        this FiniteOptimal optimal,
        Engine engine,
        ExactMethod? method = null,
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0) =>
        Place.Of(file, line, () => new FiniteSolution(optimal, method, engine));

    /// <summary>Evaluates a finite process at every state and action.</summary>
    /// <param name="process">The process.</param>
    /// <param name="engine">The machine that does it.</param>
    /// <param name="prior">The prior policy as a log-weight of an action in a state; null: uniform.</param>
    /// <param name="settings">The numbers of the settings, where the process has any.</param>
    /// <returns>The process as numbers.</returns>
    /// <exception cref="ModelException">A field is not finite, or a part gives what it may not.</exception>
    public static FiniteMdp Tabulate<S, A, G>(
        this Mdp<S, A, G> process, Engine engine, Func<S, A, Tensor>? prior = null, double[]? settings = null)
    {
        ArgumentNullException.ThrowIfNull(process);
        ArgumentNullException.ThrowIfNull(engine);
        return FiniteTabulation.Run(
            FiniteTables.derive(prior is null ? null : FSharpOption<FSharpFunc<S, FSharpFunc<A, Tensor>>>.Some(Curry.Of(prior)), process),
            engine,
            settings ?? []);
    }

    /// <summary>Says at which temperature, and in which sense, a process given as tables is to be optimal.</summary>
    /// <param name="process">The process.</param>
    /// <param name="temperature">α, above 0.</param>
    /// <param name="semantics">What planning as inference is to mean where steps are random.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">The temperature is not above 0.</exception>
    public static FiniteOptimal Optimal(
        this FiniteMdp process,
        double temperature,
        PlanningSemantics semantics = PlanningSemantics.FixedDynamics,
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0) =>
        Place.Of(file, line, () => FiniteMdpModule.optimal(semantics, temperature, process));
}
