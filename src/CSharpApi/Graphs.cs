using System.Runtime.CompilerServices;

namespace Inference;

/// <summary>
/// Graphs of models: which site reads which, in which plates and chains, found by tracing and without running anything. <see cref="ModelGraph"/>
/// answers questions of independence and adjustment, and draws itself.
/// </summary>
public static class Graphs
{
    /// <summary>The graph of a program.</summary>
    /// <typeparam name="T">The program's result.</typeparam>
    /// <param name="program">Traced once; must be pure.</param>
    /// <param name="name">What errors and pictures call it.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">The program cannot mean anything; a site depends on itself.</exception>
    public static ModelGraph Graph<T>(
        this Prob<T> program, string name = "model", [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Place.Of(file, line, () => ModelGraphModule.ofProgram(name, program));

    /// <summary>The graph of a model of one datum, in the plate <c>data</c> in which fitting places it.</summary>
    /// <typeparam name="TDatum">A datum.</typeparam>
    /// <param name="model">The model.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">A site depends on itself.</exception>
    public static ModelGraph Graph<TDatum>(this Model<TDatum> model, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Place.Of(file, line, () => ModelGraphModule.ofModel(model));

    /// <summary>The graph of a guide of one datum, in the plate <c>data</c>.</summary>
    /// <typeparam name="TDatum">A datum.</typeparam>
    /// <param name="guide">The guide.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">A site depends on itself.</exception>
    public static ModelGraph Graph<TDatum>(this Guide<TDatum> guide, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Place.Of(file, line, () => ModelGraphModule.ofGuide(guide));

    /// <summary>The graph of a model with global variables: these, and the plate <c>data</c> of what each datum has of its own.</summary>
    /// <typeparam name="TDatum">A datum.</typeparam>
    /// <param name="model">The model.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">A site depends on itself.</exception>
    public static ModelGraph Graph<TDatum>(this GlobalModel<TDatum> model, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Place.Of(file, line, () => ModelGraphModule.ofGlobalModel(model));

    /// <summary>The graph of a guide with global variables, with the plate <c>data</c>.</summary>
    /// <typeparam name="TDatum">A datum.</typeparam>
    /// <param name="guide">The guide.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">A site depends on itself.</exception>
    public static ModelGraph Graph<TDatum>(this GlobalGuide<TDatum> guide, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Place.Of(file, line, () => ModelGraphModule.ofGlobalGuide(guide));

    /// <summary>The graph of a decision process: actions from the prior policy, states carried from step to step, a factor for each step's optimality.</summary>
    /// <typeparam name="S">The state.</typeparam>
    /// <typeparam name="A">The action.</typeparam>
    /// <param name="process">The process; it has a step.</param>
    /// <param name="horizon">How many steps.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">The process has no step, or the horizon is below 1.</exception>
    public static ModelGraph Graph<S, A>(
        this MdpModel<S, A> process, int horizon, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Of(process?.Process, horizon, file, line);

    /// <summary>The graph of a decision process with settings, which are inputs.</summary>
    /// <typeparam name="S">The state.</typeparam>
    /// <typeparam name="A">The action.</typeparam>
    /// <typeparam name="G">The settings.</typeparam>
    /// <param name="process">The process; it has a step.</param>
    /// <param name="horizon">How many steps.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">The process has no step, or the horizon is below 1.</exception>
    public static ModelGraph Graph<S, A, G>(
        this MdpModel<S, A, G> process, int horizon, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Of(process?.Process, horizon, file, line);

    private static ModelGraph Of<S, A, G>(Mdp<S, A, G>? process, int horizon, string file, int line)
    {
        ArgumentNullException.ThrowIfNull(process);
        return Place.Of(file, line, () => ModelGraphModule.ofMdp(horizon, process));
    }
}
