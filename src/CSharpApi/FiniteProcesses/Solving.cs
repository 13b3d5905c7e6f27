using System.Runtime.CompilerServices;
using Microsoft.FSharp.Core;

namespace Inference;

/// <content>Processes that are finite.</content>
public static partial class Solving
{
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

    /// <summary>Evaluates a finite process at every state and action.</summary>
    /// <inheritdoc cref="Tabulate{S, A, G}(Mdp{S, A, G}, Engine, Func{S, A, Tensor}, double[])"/>
    public static FiniteMdp Tabulate<S, A, G>(
        this MdpModel<S, A, G> process, Engine engine, Func<S, A, Tensor>? prior = null, double[]? settings = null)
    {
        ArgumentNullException.ThrowIfNull(process);
        return process.Process.Tabulate(engine, prior, settings);
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

    /// <summary>Features of a process at every state and action, for <see cref="FitReward"/>.</summary>
    /// <inheritdoc cref="Features{S, A, G}(Mdp{S, A, G}, Engine, Func{S, A, Tensor})"/>
    public static double[] Features<S, A, G>(this MdpModel<S, A, G> process, Engine engine, Func<S, A, Tensor> features)
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
}
