using System.Runtime.CompilerServices;
using Microsoft.FSharp.Core;

namespace Inference;

/// <summary>Exact solutions of processes.</summary>
public static class Solving
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

    /// <summary>Solves a process that is given as tables.</summary>
    /// <inheritdoc cref="Solve{S, A, G}(Optimal{S, A, G}, Engine, FiniteMethod, Func{S, A, Tensor}, double[], string, int)"/>
    public static FiniteSolution Solve(
        this FiniteOptimal optimal,
        Engine engine,
        FiniteMethod? method = null,
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
        return FiniteTabulation.Run(TablesOf(process, prior), engine, settings ?? []);
    }

    /// <summary>Evaluates a finite process at every state and action.</summary>
    /// <inheritdoc cref="Tabulate{S, A, G}(Mdp{S, A, G}, Engine, Func{S, A, Tensor}, double[])"/>
    public static FiniteMdp Tabulate<S, A>(this MdpModel<S, A> process, Engine engine, Func<S, A, Tensor>? prior = null)
    {
        ArgumentNullException.ThrowIfNull(process);
        return process.Process.Tabulate(engine, prior);
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

    /// <summary>Features of a process at every state and action, for <see cref="FitReward"/>.</summary>
    /// <param name="process">The process.</param>
    /// <param name="engine">The machine that it runs on.</param>
    /// <param name="features">φ(s, a): a vector.</param>
    /// <returns>[feature, action, state].</returns>
    /// <exception cref="ModelException">A field is not finite, or the features are no vector.</exception>
    public static double[] Features<S, A, G>(this Mdp<S, A, G> process, Engine engine, Func<S, A, Tensor> features)
    {
        ArgumentNullException.ThrowIfNull(engine);
        ArgumentNullException.ThrowIfNull(features);
        using Executable program = engine.Compile(InverseReinforcement.features(process, Curry.Of(features)));
        program.Run();
        double[] numbers = new double[program.Outputs[0].Slot.Shape.Aggregate(1, (size, axis) => size * axis)];
        program.CopyOutput(0, numbers);
        return numbers;
    }

    /// <summary>Features of a process at every state and action, for <see cref="FitReward"/>.</summary>
    /// <inheritdoc cref="Features{S, A, G}(Mdp{S, A, G}, Engine, Func{S, A, Tensor})"/>
    public static double[] Features<S, A>(this MdpModel<S, A> process, Engine engine, Func<S, A, Tensor> features)
    {
        ArgumentNullException.ThrowIfNull(process);
        return process.Process.Features(engine, features);
    }

    /// <summary>Looks for a reward that explains demonstrations, linear in features: maximum-entropy inverse reinforcement learning.</summary>
    /// <param name="process">The process that was observed; its reward is not read.</param>
    /// <param name="features">φ: [feature, action, state].</param>
    /// <param name="demonstrations">Episodes.</param>
    /// <param name="options">How it is looked for.</param>
    /// <param name="engine">The machine that it runs on.</param>
    /// <param name="progress">Told the step and the largest element of the gradient, now and then.</param>
    /// <param name="cancellation">Ends the search.</param>
    /// <exception cref="ModelException">The semantics has no such gradient.</exception>
    /// <exception cref="ArgumentException">Features or demonstrations do not fit the process.</exception>
    public static RewardFit FitReward(
        this FiniteMdp process,
        double[] features,
        Demonstrations demonstrations,
        MaximumEntropyReward options,
        Engine engine,
        IProgress<(int Step, double Worst)>? progress = null,
        CancellationToken cancellation = default) =>
        new(process, features, demonstrations, options, engine, progress, cancellation);

    private static TableProgram TablesOf<S, A, G>(Mdp<S, A, G> process, Func<S, A, Tensor>? prior) =>
        FiniteTables.derive(prior is null ? null : FSharpOption<FSharpFunc<S, FSharpFunc<A, Tensor>>>.Some(Curry.Of(prior)), process);

    private static FiniteSolution FiniteOf<S, A, G>(
        Optimal<S, A, G> optimal, Engine engine, FiniteMethod? method, Func<S, A, Tensor>? prior, double[]? settings)
    {
        TableProgram program = TablesOf(optimal.Mdp, prior);
        return FiniteTabulation.Solve(program, optimal.Temperature, optimal.Semantics, method, engine, settings ?? []);
    }
}
