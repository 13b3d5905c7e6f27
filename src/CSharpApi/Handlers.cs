using System.Runtime.CompilerServices;
using Microsoft.FSharp.Core;

namespace Inference;

/// <summary>
/// Programs made from programs by changing what becomes of their sites. Handlers compose; the innermost is asked first, and those further out see what
/// it made of the site. Sites are named by their paths within the program.
/// </summary>
public static class Handlers
{
    /// <summary>The named sites are observed: each has its value, and its log-density weighs the run.</summary>
    /// <typeparam name="T">The program's result.</typeparam>
    /// <param name="program">What is conditioned.</param>
    /// <param name="values">Sites that the program draws, with values of their shapes.</param>
    /// <exception cref="ModelException">When it is traced: the program does not make a site, or the site has a value already.</exception>
    public static Prob<T> Condition<T>(this Prob<T> program, params (string Site, Tensor Value)[] values) =>
        Handle.condition(values.ToDictionary(pair => pair.Site, pair => pair.Value), program);

    /// <summary>The named sites are set from outside, Pearl's do(x), whatever value they had: they are no random choices any more and do not weigh the run.</summary>
    /// <typeparam name="T">The program's result.</typeparam>
    /// <param name="program">Whose sites.</param>
    /// <param name="values">Sites that the program makes, with values of their shapes.</param>
    /// <exception cref="ModelException">When it is traced: the program does not make a site.</exception>
    public static Prob<T> Intervene<T>(this Prob<T> program, params (string Site, Tensor Value)[] values) =>
        Handle.intervene(values.ToDictionary(pair => pair.Site, pair => pair.Value), program);

    /// <summary>Observed sites are drawn as the others are: what the model predicts.</summary>
    public static Prob<T> Predict<T>(this Prob<T> program) => Handle.predict(program);

    /// <summary>Sites are hidden from handlers further out and from the trace: they are drawn, and not scored.</summary>
    /// <typeparam name="T">The program's result.</typeparam>
    /// <param name="program">Whose sites.</param>
    /// <param name="sites">Their names; none: all sites.</param>
    public static Prob<T> Block<T>(this Prob<T> program, params string[] sites) => Handle.block(sites, program);

    /// <summary>Sites' values reach the rest of the program as constants: derivatives by them stop there.</summary>
    /// <inheritdoc cref="Block{T}"/>
    public static Prob<T> Cut<T>(this Prob<T> program, params string[] sites) => Handle.cut(sites, program);

    /// <summary>Sites and factors count only where a condition holds. Observations that are masked may be missing: NaN.</summary>
    /// <typeparam name="T">The program's result.</typeparam>
    /// <param name="program">What is masked.</param>
    /// <param name="condition">A scalar Bool, which may vary over plates.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">The condition is no scalar Bool.</exception>
    public static Prob<T> Mask<T>(
        this Prob<T> program, Tensor condition, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Place.Of(file, line, () => Handle.mask(condition, program));

    /// <summary>Log-densities and factors count so many times: N/B for B of N data.</summary>
    /// <typeparam name="T">The program's result.</typeparam>
    /// <param name="program">What is scaled.</param>
    /// <param name="factor">A scalar.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">The factor is no floating-point scalar.</exception>
    public static Prob<T> Scale<T>(
        this Prob<T> program, Tensor factor, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Place.Of(file, line, () => Handle.scale(factor, program));

    /// <summary>Sites take the values of a trace where it has them.</summary>
    /// <typeparam name="T">The program's result.</typeparam>
    /// <param name="program">What is replayed.</param>
    /// <param name="trace">What <see cref="Traced"/> or <see cref="LearnerContext.Trace"/> returned.</param>
    public static Prob<T> Replay<T>(this Prob<T> program, Trace trace) => Handle.replay(trace, program);

    /// <summary>The program's result together with its trace.</summary>
    public static Prob<(T Value, Trace Trace)> Traced<T>(this Prob<T> program) => Handle.trace(program);

    /// <summary>
    /// A lower bound on the log-evidence of a model, by its guide, where the program stands: plates that are open there stay free. For learners whose
    /// models open the plate of the data themselves, and for bounds that are parts of a loss; otherwise <see cref="Model"/> is shorter.
    /// </summary>
    /// <typeparam name="TModel">What the model returns; it is not used.</typeparam>
    /// <typeparam name="TGuide">What the guide returns; it is not used.</typeparam>
    /// <param name="model">Draws what is latent, and observes.</param>
    /// <param name="guide">Draws the model's latent sites, by the same names: one's own or a <see cref="Family"/>.</param>
    /// <param name="objective">Which bound and how it is estimated; null: the evidence lower bound of one draw.</param>
    public static Prob<EvidenceBound> Bound<TModel, TGuide>(this Prob<TModel> model, Prob<TGuide> guide, Objective? objective = null) =>
        EvidenceBoundModule.derive(objective ?? Objective.Elbo(), model, guide);
}
