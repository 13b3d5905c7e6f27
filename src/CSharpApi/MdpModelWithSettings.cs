using System.Runtime.CompilerServices;
using Microsoft.FSharp.Core;

namespace Inference;

/// <summary>
/// A Markov decision process with settings that may change from step to step without anything being compiled again. Immutable: each
/// call returns a new model.
/// </summary>
/// <typeparam name="S">The state.</typeparam>
/// <typeparam name="A">The action.</typeparam>
/// <typeparam name="G">The settings.</typeparam>
/// <remarks>
/// Parts are functions of tensors and must be pure: each is traced when it is given, so that what is wrong with it is found there,
/// and again by each algorithm. The time is the number of steps since the start.
/// </remarks>
public sealed class MdpModel<S, A, G>
{
    internal MdpModel(Mdp<S, A, G> process) => Process = process;

    /// <summary>The process as the language holds it.</summary>
    public Mdp<S, A, G> Process { get; }

    /// <summary>The name of the process.</summary>
    public string Name => Process.Name;

    /// <summary>The process as the language holds it.</summary>
    public static implicit operator Mdp<S, A, G>(MdpModel<S, A, G> model) => model.Process;

    /// <summary>The states in which an episode begins.</summary>
    /// <param name="program">A program that draws a state.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">The part does not fit the process.</exception>
    public MdpModel<S, A, G> Start(Prob<S> program, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        With(file, line, m => MdpModule.start(program, m));

    /// <summary>The state in which every episode begins.</summary>
    /// <param name="state">Numbers, or what is computed from them.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">The part does not fit the process.</exception>
    public MdpModel<S, A, G> Start(S state, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        With(file, line, m => MdpModule.start(Prob.result(state), m));

    /// <summary>The next state, a function of state and action.</summary>
    /// <param name="next">Traced when it is given, and must be pure.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">The part does not fit the process.</exception>
    public MdpModel<S, A, G> Step(Func<S, A, S> next, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        With(file, line, m => MdpModule.stepWith(Curry.Of<S, A, G, Tensor, S>((s, a, _, _) => next(s, a)), m));

    /// <summary>The next state, a function of state, action and settings.</summary>
    /// <inheritdoc cref="Step(Func{S, A, S}, string, int)"/>
    public MdpModel<S, A, G> Step(Func<S, A, G, S> next, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        With(file, line, m => MdpModule.stepWith(Curry.Of<S, A, G, Tensor, S>((s, a, g, _) => next(s, a, g)), m));

    /// <summary>The next state, a function of state, action, settings and time.</summary>
    /// <inheritdoc cref="Step(Func{S, A, S}, string, int)"/>
    public MdpModel<S, A, G> Step(Func<S, A, G, Tensor, S> next, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        With(file, line, m => MdpModule.stepWith(Curry.Of(next), m));

    /// <summary>The next state, a program of state and action.</summary>
    /// <param name="next">Traced when it is given, and must be pure.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">The part does not fit the process.</exception>
    public MdpModel<S, A, G> Step(Func<S, A, Prob<S>> next, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        With(file, line, m => MdpModule.transitionWith(Curry.Of<S, A, G, Tensor, Prob<S>>((s, a, _, _) => next(s, a)), m));

    /// <summary>The next state, a program of state, action and settings.</summary>
    /// <inheritdoc cref="Step(Func{S, A, Prob{S}}, string, int)"/>
    public MdpModel<S, A, G> Step(Func<S, A, G, Prob<S>> next, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        With(file, line, m => MdpModule.transitionWith(Curry.Of<S, A, G, Tensor, Prob<S>>((s, a, g, _) => next(s, a, g)), m));

    /// <summary>The next state, a program of state, action, settings and time.</summary>
    /// <inheritdoc cref="Step(Func{S, A, Prob{S}}, string, int)"/>
    public MdpModel<S, A, G> Step(Func<S, A, G, Tensor, Prob<S>> next, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        With(file, line, m => MdpModule.transitionWith(Curry.Of(next), m));

    /// <summary>The reward of a step, a function of state and action; a scalar.</summary>
    /// <param name="reward">Traced when it is given, and must be pure.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">The part does not fit the process.</exception>
    public MdpModel<S, A, G> Reward(Func<S, A, Tensor> reward, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        With(file, line, m => MdpModule.rewardWith(Curry.Of<S, A, G, Tensor, Tensor>((s, a, _, _) => reward(s, a)), m));

    /// <summary>The reward of a step, a function of state, action and settings; a scalar.</summary>
    /// <inheritdoc cref="Reward(Func{S, A, Tensor}, string, int)"/>
    public MdpModel<S, A, G> Reward(Func<S, A, G, Tensor> reward, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        With(file, line, m => MdpModule.rewardWith(Curry.Of<S, A, G, Tensor, Tensor>((s, a, g, _) => reward(s, a, g)), m));

    /// <summary>The reward of a step, a function of state, action, settings and time; a scalar.</summary>
    /// <inheritdoc cref="Reward(Func{S, A, Tensor}, string, int)"/>
    public MdpModel<S, A, G> Reward(Func<S, A, G, Tensor, Tensor> reward, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        With(file, line, m => MdpModule.rewardWith(Curry.Of(reward), m));

    /// <summary>What the state in which a plan ends is worth, if the episode goes on; a scalar.</summary>
    /// <param name="value">Traced when it is given, and must be pure.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">The part does not fit the process.</exception>
    public MdpModel<S, A, G> TerminalValue(Func<S, Tensor> value, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        With(file, line, m => MdpModule.terminalValue(Curry.Of<S, G, Tensor>((s, _) => value(s)), m));

    /// <summary>What the state in which a plan ends is worth, if the episode goes on; a scalar.</summary>
    /// <inheritdoc cref="TerminalValue(Func{S, Tensor}, string, int)"/>
    public MdpModel<S, A, G> TerminalValue(Func<S, G, Tensor> value, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        With(file, line, m => MdpModule.terminalValue(Curry.Of(value), m));

    /// <summary>Whether a state ends the episode: a Bool. The reward of the step that leads to it counts; later ones do not.</summary>
    /// <param name="ends">Traced when it is given, and must be pure.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">The part does not fit the process.</exception>
    public MdpModel<S, A, G> Terminate(Func<S, Tensor> ends, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        With(file, line, m => MdpModule.termination(Curry.Of<S, G, Tensor>((s, _) => ends(s)), m));

    /// <summary>Whether a state ends the episode: a Bool. The reward of the step that leads to it counts; later ones do not.</summary>
    /// <inheritdoc cref="Terminate(Func{S, Tensor}, string, int)"/>
    public MdpModel<S, A, G> Terminate(Func<S, G, Tensor> ends, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        With(file, line, m => MdpModule.termination(Curry.Of(ends), m));

    /// <summary>What is seen of a state; without it, all of it.</summary>
    /// <param name="observation">The distribution of what is seen.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">The part does not fit the process.</exception>
    public MdpModel<S, A, G> Observe(Func<S, Distribution> observation, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        With(file, line, m => MdpModule.observe(FuncConvert.FromFunc(observation), m));

    /// <summary>What a reward is worth a step later: in (0, 1], at first 1.</summary>
    /// <param name="factor">γ.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">The part does not fit the process.</exception>
    public MdpModel<S, A, G> Discount(double factor, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        With(file, line, m => MdpModule.discount(factor, m));

    /// <summary>
    /// The process with its step to first and its rewards to second order around a state and an action, its noise that of the point, and its actions
    /// without limits: linear-quadratic, whatever the process is. States and actions are those of the process, not deviations.
    /// </summary>
    /// <param name="state">The numbers of the state, field after field.</param>
    /// <param name="action">The numbers of the action.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">A field is discrete, the count of numbers is wrong, or a draw is not Gaussian.</exception>
    public MdpModel<S, A, G> LinearisedAt(double[] state, double[] action, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        With(file, line, m => Linearisation.about(state, action, m));

    /// <summary>Says at which temperature, and in which sense, the process is to be optimal.</summary>
    /// <param name="temperature">α, above 0: small makes the best plan win, large keeps the prior.</param>
    /// <param name="semantics">What planning as inference is to mean where steps are random.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">The temperature is not above 0.</exception>
    public Optimal<S, A, G> Optimal(
        double temperature,
        PlanningSemantics semantics = PlanningSemantics.FixedDynamics,
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0) =>
        Place.Of(file, line, () => MdpModule.optimalIn(semantics, temperature, Process));

    /// <summary>The process as an environment. It compiles in the background.</summary>
    /// <param name="engine">The machine that it runs on. It outlives the environment.</param>
    /// <param name="stepLimit">The steps after which an episode is truncated, or null.</param>
    /// <exception cref="ModelException">The process lacks a part.</exception>
    public MdpEnvironment Environment(Engine engine, int? stepLimit = null) => Process.Environment(engine, stepLimit);

    /// <summary>Runs an episode under a planner, on the planner's engine.</summary>
    /// <param name="planner">What acts.</param>
    /// <param name="steps">The steps after which the episode is truncated.</param>
    /// <param name="settings">The settings that both go by, row-major, field after field.</param>
    /// <param name="seed">Decides every draw, of the process as of the planner.</param>
    /// <param name="start">The state to begin in; empty: one drawn from the start.</param>
    /// <param name="afterStep">Called with the episode so far after each step.</param>
    /// <param name="cancellation">Ends it between two steps.</param>
    /// <returns>The episode. It ends early where the process terminates, or where a number is not finite.</returns>
    /// <exception cref="ModelException">The process lacks a part.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public Episode Simulate(
        Planner planner,
        int steps,
        ReadOnlySpan<float> settings,
        long seed = 0,
        ReadOnlySpan<float> start = default,
        Action<Episode>? afterStep = null,
        CancellationToken cancellation = default) =>
        Process.Simulate(planner, steps, seed, start, settings, afterStep, cancellation);

    private MdpModel<S, A, G> With(string file, int line, Func<Mdp<S, A, G>, Mdp<S, A, G>> part) =>
        Place.Of(file, line, () => new MdpModel<S, A, G>(part(Process)));
}
