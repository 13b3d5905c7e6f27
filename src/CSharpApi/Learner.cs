using System.Runtime.CompilerServices;
using Microsoft.FSharp.Core;

namespace Inference;

/// <summary>
/// Makes learners: functions from a state and a batch to the next state and metrics. A batch is written as one datum, whose fields vary over the
/// plate of the batch. Functions are called once for each program, with symbolic tensors, and must be pure.
/// </summary>
/// <remarks>Fit them with <see cref="Fitting.Fit"/>.</remarks>
public static class Learner
{
    /// <summary>Minimises the mean of a loss over the data.</summary>
    /// <typeparam name="TBatch">A datum: a tensor or a record of tensors.</typeparam>
    /// <param name="name">What errors and files call it.</param>
    /// <param name="loss">From a datum to a scalar. One that varies over the batch is averaged; another is taken as it is.</param>
    /// <param name="optimizer">Changes the parameters that the loss is computed from.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">The loss cannot mean anything.</exception>
    public static Learner<TBatch> Minimise<TBatch>(
        string name, Func<TBatch, Tensor> loss, Optimizer optimizer, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Place.Of(file, line, () => LearnerModule.minimise(name, optimizer, FuncConvert.FromFunc(loss)));

    /// <summary>Minimises the mean of a loss that a program draws for each datum.</summary>
    /// <inheritdoc cref="Minimise{TBatch}(string, Func{TBatch, Tensor}, Optimizer, string, int)"/>
    public static Learner<TBatch> Minimise<TBatch>(
        string name, Func<TBatch, Prob<Tensor>> loss, Optimizer optimizer, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Place.Of(file, line, () => LearnerModule.minimiseDrawn(name, optimizer, FuncConvert.FromFunc(loss)));

    /// <summary>Minimises the mean of a loss over data that are one tensor of a stated shape.</summary>
    /// <param name="name">What errors and files call it.</param>
    /// <param name="datum">Its name and shape: <c>Input("image", 64)</c>.</param>
    /// <param name="loss">From a datum to a scalar. One that varies over the batch is averaged; another is taken as it is.</param>
    /// <param name="optimizer">Changes the parameters that the loss is computed from.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">The loss cannot mean anything.</exception>
    public static Learner<Tensor> Minimise(
        string name,
        TensorInput datum,
        Func<Tensor, Tensor> loss,
        Optimizer optimizer,
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0) =>
        Place.Of(file, line, () => LearnerModule.minimiseTensor(name, datum, optimizer, FuncConvert.FromFunc(loss)));

    /// <summary>Minimises the mean of a loss that may draw and read the number of data, and reports metrics beside it.</summary>
    /// <typeparam name="TBatch">A datum: a tensor or a record of tensors.</typeparam>
    /// <typeparam name="TMetrics">A scalar or a record of scalars.</typeparam>
    /// <param name="name">What errors and files call it.</param>
    /// <param name="loss">From what may be used besides and a datum to the loss and metrics. What varies over the batch is averaged.</param>
    /// <param name="optimizer">Changes the parameters that the loss is computed from.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">The loss cannot mean anything.</exception>
    public static Learner<TBatch> Minimise<TBatch, TMetrics>(
        string name,
        Func<LearnerContext, TBatch, (Tensor Loss, TMetrics Metrics)> loss,
        Optimizer optimizer,
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0) =>
        Place.Of(file, line, () => LearnerModule.minimiseWith(
            name, optimizer, Curry.Of<LearnerContext, TBatch, Tuple<Tensor, TMetrics>>((context, batch) => loss(context, batch).ToTuple())));

    /// <summary>Maximises the mean over the data of a bound of each datum.</summary>
    /// <typeparam name="TBatch">A datum: a tensor or a record of tensors.</typeparam>
    /// <param name="name">What errors and files call it.</param>
    /// <param name="bound">From a datum to a bound: <c>model.Bound(guide)</c>. Its parts are metrics.</param>
    /// <param name="optimizer">Changes the parameters of model and guide.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">Model and guide do not fit each other, or cannot mean anything.</exception>
    public static Learner<TBatch> Maximise<TBatch>(
        string name,
        Func<TBatch, Prob<EvidenceBound>> bound,
        Optimizer optimizer,
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0) =>
        Place.Of(file, line, () => LearnerModule.maximise(Record.space<TBatch>(), name, optimizer, FuncConvert.FromFunc(bound)));

    /// <summary>Maximises the mean over data that are one tensor of a stated shape of a bound of each.</summary>
    /// <param name="name">What errors and files call it.</param>
    /// <param name="datum">Its name and shape: <c>Input("image", 64)</c>.</param>
    /// <param name="bound">From a datum to a bound: <c>model.Bound(guide)</c>. Its parts are metrics.</param>
    /// <param name="optimizer">Changes the parameters of model and guide.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">Model and guide do not fit each other, or cannot mean anything.</exception>
    public static Learner<Tensor> Maximise(
        string name,
        TensorInput datum,
        Func<Tensor, Prob<EvidenceBound>> bound,
        Optimizer optimizer,
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0) =>
        Place.Of(file, line, () => LearnerModule.maximise(datum.Space, name, optimizer, FuncConvert.FromFunc(bound)));

    /// <summary>Maximises the bound of all data, of a model that draws something once for all of them.</summary>
    /// <typeparam name="TBatch">A datum: a tensor or a record of tensors.</typeparam>
    /// <param name="name">What errors and files call it.</param>
    /// <param name="bound">
    /// From what may be used besides and a datum to a bound. Model and guide open the plate of the data by
    /// <see cref="LearnerContext.Plate"/>, inside what is drawn once; a batch of B of N data counts N/B times there. The bound and its parts
    /// are told for each datum.
    /// </param>
    /// <param name="optimizer">Changes the parameters of model and guide.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">Model and guide do not fit each other, or cannot mean anything.</exception>
    public static Learner<TBatch> Maximise<TBatch>(
        string name,
        Func<LearnerContext, TBatch, Prob<EvidenceBound>> bound,
        Optimizer optimizer,
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0) =>
        Place.Of(file, line, () => LearnerModule.maximiseAll(Record.space<TBatch>(), name, optimizer, Curry.Of(bound)));

    /// <summary>A learner of one's own.</summary>
    /// <typeparam name="TState">A tensor or a record of tensors, kept from step to step.</typeparam>
    /// <typeparam name="TBatch">A datum: a tensor or a record of tensors.</typeparam>
    /// <typeparam name="TMetrics">A scalar or a record of scalars; the first is the loss that is watched.</typeparam>
    /// <param name="name">What errors and files call it.</param>
    /// <param name="initial">The state before the first step: numbers, whose shapes are the state's.</param>
    /// <param name="step">
    /// From what may be used besides, the state and a datum to the next state, which must not vary over the batch, and metrics, which are averaged if they do.
    /// </param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">The step cannot mean anything.</exception>
    public static Learner<TBatch> Define<TState, TBatch, TMetrics>(
        string name,
        TState initial,
        Func<LearnerContext, TState, TBatch, (TState Next, TMetrics Metrics)> step,
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0) =>
        Place.Of(file, line, () => LearnerModule.define(
            name,
            initial,
            Curry.Of<LearnerContext, TState, TBatch, Tuple<TState, TMetrics>>((context, state, batch) => step(context, state, batch).ToTuple())));
}
