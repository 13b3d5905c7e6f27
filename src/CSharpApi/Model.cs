using System.Runtime.CompilerServices;
using Microsoft.FSharp.Core;

namespace Inference;

/// <summary>
/// Defines models of one datum: programs that draw what is latent and observe fields of the datum. There is no batch axis; fitting places the
/// model in a plate of the data. A model with global variables, drawn once for all data, opens that plate itself:
/// <see cref="Define{TDatum, T}(Func{Data{TDatum}, Prob{T}}, string, string, int)"/>.
/// </summary>
/// <remarks>Then come a guide, <c>model.With(guide)</c>, the bound, <c>.Elbo()</c>, and <see cref="ModelFitting"/>.</remarks>
public static class Model
{
    /// <summary>Defines a model of data that are one tensor of a stated shape.</summary>
    /// <typeparam name="T">What the program returns; it is not used.</typeparam>
    /// <param name="datum">Its name and shape: <c>Input("image", 64)</c>.</param>
    /// <param name="program">From a datum to what is said of it. Called once for each program, with symbolic tensors; must be pure.</param>
    /// <param name="name">What errors and files call it.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">The program cannot mean anything.</exception>
    public static Model<Tensor> Define<T>(
        TensorInput datum,
        Func<Tensor, Prob<T>> program,
        string name = "model",
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0) =>
        Place.Of(file, line, () => ModelModule.defineTensor(name, datum, FuncConvert.FromFunc(program)));

    /// <summary>Defines a model of data that are records.</summary>
    /// <typeparam name="TDatum">A datum: a tensor or a record of tensors.</typeparam>
    /// <typeparam name="T">What the program returns; it is not used.</typeparam>
    /// <param name="program">From a datum to what is said of it. Called once for each program, with symbolic tensors; must be pure.</param>
    /// <param name="name">What errors and files call it.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">The program cannot mean anything.</exception>
    public static Model<TDatum> Define<TDatum, T>(
        Func<TDatum, Prob<T>> program, string name = "model", [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Place.Of(file, line, () => ModelModule.define(name, FuncConvert.FromFunc(program)));

    /// <summary>Defines a model of data that are two tensors of stated shapes, such as an image and its label.</summary>
    /// <typeparam name="T">What the program returns; it is not used.</typeparam>
    /// <param name="first">The first tensor's name and shape: <c>Input("image", 64)</c>.</param>
    /// <param name="second">The second tensor's name and shape.</param>
    /// <param name="program">From a datum to what is said of it. Called once for each program, with symbolic tensors; must be pure.</param>
    /// <param name="name">What errors and files call it.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">The program cannot mean anything.</exception>
    public static Model<(Tensor First, Tensor Second)> Define<T>(
        TensorInput first,
        TensorInput second,
        Func<Tensor, Tensor, Prob<T>> program,
        string name = "model",
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0) =>
        Place.Of(file, line, () => ModelModule.defineTensors(name, first, second, Curry.Of(program)));

    /// <summary>Defines a model with global variables: what is drawn once for all data stands outside their plate.</summary>
    /// <typeparam name="TDatum">A datum: a tensor or a record of tensors.</typeparam>
    /// <typeparam name="T">What the program returns; it is not used.</typeparam>
    /// <param name="program">
    /// From the data to what is said of them; it opens their plate by <see cref="Data{TDatum}.Plate"/>, where a batch of B of N data counts N/B
    /// times. Called once for each program, with symbolic tensors; must be pure.
    /// </param>
    /// <param name="name">What errors and files call it.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">The program cannot mean anything.</exception>
    public static GlobalModel<TDatum> Define<TDatum, T>(
        Func<Data<TDatum>, Prob<T>> program, string name = "model", [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Place.Of(file, line, () => ModelModule.withGlobals(name, FuncConvert.FromFunc(program)));
}
