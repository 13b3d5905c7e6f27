using System.Runtime.CompilerServices;
using Microsoft.FSharp.Core;

namespace Inference;

/// <summary>Where the definition of a Markov decision process begins.</summary>
public static class Mdp
{
    /// <summary>Begins the definition of a process; its parts follow, each by a call that returns a new model.</summary>
    /// <typeparam name="S">The state: a record of tensors.</typeparam>
    /// <typeparam name="A">The action: a record of tensors.</typeparam>
    /// <param name="name">What errors, planners and reports call it.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">A field is no tensor, or an attribute of it means nothing.</exception>
    public static MdpModel<S, A> Define<S, A>(string name, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Place.Of(file, line, () => new MdpModel<S, A>(MdpModule.define<S, A, Unit>(name)));

    /// <summary>Begins the definition of a process whose parts read settings that change while it runs: a goal, a payload.</summary>
    /// <typeparam name="S">The state: a record of tensors.</typeparam>
    /// <typeparam name="A">The action: a record of tensors.</typeparam>
    /// <typeparam name="G">The settings: a record of tensors, given at each call and never compiled in.</typeparam>
    /// <inheritdoc cref="Define{S, A}"/>
    public static MdpModel<S, A, G> Define<S, A, G>(string name, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Place.Of(file, line, () => new MdpModel<S, A, G>(MdpModule.define<S, A, G>(name)));
}
