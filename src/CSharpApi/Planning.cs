using System.Runtime.CompilerServices;
using Microsoft.FSharp.Collections;
using Microsoft.FSharp.Core;

namespace Inference;

/// <summary>Planners for an optimal process: the built-in derivations, derivations of one's own, and what these are made of.</summary>
public static class Planning
{
    /// <summary>A planner by path-integral control.</summary>
    /// <param name="optimal">What is to be optimal.</param>
    /// <param name="options">Samples, horizon and noise.</param>
    /// <param name="engine">The machine that it runs on.</param>
    /// <param name="seed">Decides every draw, together with the number of the step.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <returns>A compiled planner, to be disposed.</returns>
    /// <exception cref="ModelException">An option is out of its range, or the process lacks a part.</exception>
    public static Planner Plan<S, A, G>(
        this Optimal<S, A, G> optimal,
        Mppi options,
        Engine engine,
        long seed = 0,
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0)
    {
        ArgumentNullException.ThrowIfNull(optimal);
        ArgumentNullException.ThrowIfNull(options);
        return Place.Of(file, line, () => new Planner(MppiModule.plan(options.Settings, optimal), engine, seed));
    }

    /// <summary>A planner by a derivation of one's own.</summary>
    /// <param name="optimal">What is to be optimal.</param>
    /// <param name="name">What errors and reports call the planner.</param>
    /// <param name="horizon">Steps planned; at least 1.</param>
    /// <param name="derivation">From what is known, the last plan included, a program that makes a better plan.</param>
    /// <param name="engine">The machine that it runs on.</param>
    /// <param name="seed">Decides every draw, together with the number of the step.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <returns>A compiled planner, to be disposed.</returns>
    /// <exception cref="ModelException">The derivation cannot mean anything, or the process lacks a part.</exception>
    public static Planner Plan<S, A, G>(
        this Optimal<S, A, G> optimal,
        string name,
        int horizon,
        Func<Planning<S, A, G>, Prob<Plan<A>>> derivation,
        Engine engine,
        long seed = 0,
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0)
    {
        ArgumentNullException.ThrowIfNull(optimal);
        ArgumentNullException.ThrowIfNull(derivation);
        return Place.Of(
            file,
            line,
            () => new Planner(PlannerModule.define(name, horizon, optimal, FuncConvert.FromFunc(derivation)), engine, seed));
    }

    /// <summary>Action sequences from a Gaussian around a mean, held to the actions' limits; free in the planner's time.</summary>
    /// <param name="p">What the derivation knows.</param>
    /// <param name="name">The name of the draw.</param>
    /// <param name="mean">The mean, such as the last plan.</param>
    /// <param name="noise">Standard deviations, in the actions' own units.</param>
    public static Prob<A> SampleActions<S, A, G>(this Planning<S, A, G> p, string name, A mean, Noise noise) =>
        PlannerModule.sampleActions(name, p, mean, noise);

    /// <summary>What comes of a sequence of actions from the planner's state on.</summary>
    /// <param name="p">What the derivation knows.</param>
    /// <param name="actions">Free in the planner's time.</param>
    public static Prob<Outcome<S>> Follow<S, A, G>(this Planning<S, A, G> p, A actions) =>
        Trajectory.follow(p.Optimal, p.Time, p.Now, p.Settings, p.State, actions);

    /// <summary>Weights exp(score), shifted to be safe, and zero where a score is not finite.</summary>
    /// <param name="p">What the derivation knows.</param>
    /// <param name="score">A scalar for each sample: its log-evidence.</param>
    /// <param name="over">The plates of the samples; at least one.</param>
    public static Weighing Weigh<S, A, G>(this Planning<S, A, G> p, Tensor score, params FreeIndex[] over)
    {
        ArgumentNullException.ThrowIfNull(p);
        return MppiModule.weigh(ListModule.OfSeq(over), score);
    }

    /// <summary>Σ w·actions / Σ w, or the last plan if every weight is zero.</summary>
    /// <param name="p">What the derivation knows.</param>
    /// <param name="weights">The samples' weights.</param>
    /// <param name="actions">The samples.</param>
    /// <param name="over">The plates of the samples.</param>
    public static A WeightedMean<S, A, G>(this Planning<S, A, G> p, Weighing weights, A actions, params FreeIndex[] over) =>
        MppiModule.weightedMean(ListModule.OfSeq(over), weights, p.Mean, actions);
}
