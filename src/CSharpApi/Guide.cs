using System.Runtime.CompilerServices;
using Microsoft.FSharp.Core;

namespace Inference;

/// <summary>Defines guides: programs that draw the latent sites of a model of one datum, by the same names, knowing the datum.</summary>
public static class Guide
{
    /// <summary>Defines a guide for data that are one tensor of a stated shape.</summary>
    /// <typeparam name="T">What the program returns; it is not used.</typeparam>
    /// <param name="datum">Its name and shape, those of the model: <c>Input("image", 64)</c>.</param>
    /// <param name="program">From a datum to draws. Called once for each program, with symbolic tensors; must be pure.</param>
    /// <param name="name">What errors call it.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">The program cannot mean anything.</exception>
    public static Guide<Tensor> Define<T>(
        TensorInput datum,
        Func<Tensor, Prob<T>> program,
        string name = "guide",
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0) =>
        Place.Of(file, line, () => GuideModule.defineTensor(name, datum, FuncConvert.FromFunc(program)));

    /// <summary>Defines a guide for data that are records.</summary>
    /// <typeparam name="TDatum">A datum: a tensor or a record of tensors, as the model's.</typeparam>
    /// <typeparam name="T">What the program returns; it is not used.</typeparam>
    /// <param name="program">From a datum to draws. Called once for each program, with symbolic tensors; must be pure.</param>
    /// <param name="name">What errors call it.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">The program cannot mean anything.</exception>
    public static Guide<TDatum> Define<TDatum, T>(
        Func<TDatum, Prob<T>> program, string name = "guide", [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Place.Of(file, line, () => GuideModule.define(name, FuncConvert.FromFunc(program)));

    /// <summary>Defines a guide for data that are two tensors of stated shapes, such as an image and its label.</summary>
    /// <typeparam name="T">What the program returns; it is not used.</typeparam>
    /// <param name="first">The first tensor's name and shape: <c>Input("image", 64)</c>.</param>
    /// <param name="second">The second tensor's name and shape.</param>
    /// <param name="program">From a datum to draws. Called once for each program, with symbolic tensors; must be pure.</param>
    /// <param name="name">What errors call it.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">The program cannot mean anything.</exception>
    public static Guide<(Tensor First, Tensor Second)> Define<T>(
        TensorInput first,
        TensorInput second,
        Func<Tensor, Tensor, Prob<T>> program,
        string name = "guide",
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0) =>
        Place.Of(file, line, () => GuideModule.defineTensors(name, first, second, Curry.Of(program)));

    /// <summary>Defines a guide of a model with global variables.</summary>
    /// <typeparam name="TDatum">A datum: a tensor or a record of tensors, as the model's.</typeparam>
    /// <typeparam name="T">What the program returns; it is not used.</typeparam>
    /// <param name="program">
    /// From the data to draws: of the global variables once, and in <see cref="Data{TDatum}.Plate"/> of what is local to a datum. Called once for
    /// each program, with symbolic tensors; must be pure.
    /// </param>
    /// <param name="name">What errors call it.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">The program cannot mean anything.</exception>
    public static GlobalGuide<TDatum> Define<TDatum, T>(
        Func<Data<TDatum>, Prob<T>> program, string name = "guide", [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Place.Of(file, line, () => GuideModule.withGlobals(name, FuncConvert.FromFunc(program)));
}
