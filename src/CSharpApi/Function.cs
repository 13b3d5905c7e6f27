using System.Runtime.CompilerServices;

namespace Inference;

/// <summary>Compiles and evaluates any function over tensors and records of tensors.</summary>
/// <remarks>
/// Element shapes are those of the record's <see cref="SizeAttribute"/>s, or stated: <c>Input("image", 64)</c>. Without either a tensor is a
/// scalar. The function is called once, with symbolic tensors, and must be pure.
/// </remarks>
public static class Function
{
    /// <summary>Compiles a function.</summary>
    /// <param name="engine">The machine that it runs on.</param>
    /// <param name="name">What errors call it.</param>
    /// <param name="function">From a tensor or record of tensors to another.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">The function cannot mean anything.</exception>
    public static CompiledFunction<TIn, TOut> Compile<TIn, TOut>(
        this Engine engine, string name, Func<TIn, TOut> function, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Place.Of(file, line, () => new CompiledFunction<TIn, TOut>(Trace(name, function), engine));

    /// <summary>Compiles a function of two arguments.</summary>
    /// <inheritdoc cref="Compile{TIn, TOut}(Engine, string, Func{TIn, TOut}, string, int)"/>
    public static CompiledFunction<T1, T2, TOut> Compile<T1, T2, TOut>(
        this Engine engine, string name, Func<T1, T2, TOut> function, [CallerFilePath] string file = "", [CallerLineNumber] int line = 0) =>
        Place.Of(file, line, () => new CompiledFunction<T1, T2, TOut>(Trace(name, function), engine));

    /// <summary>Compiles a function of a tensor whose shape is stated.</summary>
    /// <param name="engine">The machine that it runs on.</param>
    /// <param name="name">What errors call it.</param>
    /// <param name="input">The argument's name and shape: <c>Input("image", 64)</c>.</param>
    /// <param name="function">From the tensor to a tensor or record of tensors.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">The function cannot mean anything.</exception>
    public static CompiledFunction<Tensor, TOut> Compile<TOut>(
        this Engine engine,
        string name,
        TensorInput input,
        Func<Tensor, TOut> function,
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0) =>
        Place.Of(file, line, () => new CompiledFunction<Tensor, TOut>(Trace(name, input, function), engine));

    /// <summary>Compiles a function of two tensors whose shapes are stated.</summary>
    /// <param name="engine">The machine that it runs on.</param>
    /// <param name="name">What errors call it.</param>
    /// <param name="first">The first argument's name and shape.</param>
    /// <param name="second">The second argument's name and shape.</param>
    /// <param name="function">From the tensors to a tensor or record of tensors.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">The function cannot mean anything.</exception>
    public static CompiledFunction<Tensor, Tensor, TOut> Compile<TOut>(
        this Engine engine,
        string name,
        TensorInput first,
        TensorInput second,
        Func<Tensor, Tensor, TOut> function,
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0) =>
        Place.Of(file, line, () => new CompiledFunction<Tensor, Tensor, TOut>(Trace(name, first, second, function), engine));

    /// <summary>Compiles a function from a state and an input to the next state and a result.</summary>
    /// <param name="engine">The machine that it runs on.</param>
    /// <param name="name">What errors call it.</param>
    /// <param name="initial">The state before the first run: numbers, whose shapes are the state's.</param>
    /// <param name="function">From state and input to next state and result.</param>
    /// <param name="file">The caller's file; given by the compiler.</param>
    /// <param name="line">The caller's line; given by the compiler.</param>
    /// <exception cref="ModelException">The function cannot mean anything.</exception>
    public static CompiledMachine<TState, TIn, TOut> Compile<TState, TIn, TOut>(
        this Engine engine,
        string name,
        TState initial,
        Func<TState, TIn, (TState Next, TOut Result)> function,
        [CallerFilePath] string file = "",
        [CallerLineNumber] int line = 0) =>
        Place.Of(file, line, () => new CompiledMachine<TState, TIn, TOut>(FunctionProgram.OfMachine(name, initial, function), engine));

    /// <summary>Runs a function once in the interpreter, in double precision: slow, and the measure of what is compiled.</summary>
    /// <param name="function">From a tensor or record of tensors to another.</param>
    /// <param name="input">Its numbers, row-major, field after field.</param>
    public static double[] Evaluate<TIn, TOut>(Func<TIn, TOut> function, params double[] input) =>
        Trace("evaluated function", function).Evaluate(input).Result;

    /// <summary>Runs a function of two arguments once in the interpreter, in double precision.</summary>
    /// <inheritdoc cref="Evaluate{TIn, TOut}(Func{TIn, TOut}, double[])"/>
    public static double[] Evaluate<T1, T2, TOut>(Func<T1, T2, TOut> function, double[] first, double[] second) =>
        Trace("evaluated function", function).Evaluate(first, second).Result;

    /// <summary>Runs a function of a tensor whose shape is stated once in the interpreter, in double precision.</summary>
    /// <inheritdoc cref="Evaluate{TIn, TOut}(Func{TIn, TOut}, double[])"/>
    public static double[] Evaluate<TOut>(TensorInput shape, Func<Tensor, TOut> function, params double[] input) =>
        Trace("evaluated function", shape, function).Evaluate(input).Result;

    private static FunctionProgram Trace<TIn, TOut>(string name, Func<TIn, TOut> function) =>
        FunctionProgram.Of(name, function, arguments => function(arguments.Next<TIn>()));

    private static FunctionProgram Trace<T1, T2, TOut>(string name, Func<T1, T2, TOut> function) =>
        FunctionProgram.Of(name, function, arguments => function(arguments.Next<T1>(), arguments.Next<T2>()));

    private static FunctionProgram Trace<TOut>(string name, TensorInput input, Func<Tensor, TOut> function) =>
        FunctionProgram.Of(name, function, arguments => function(arguments.Next(input)));

    private static FunctionProgram Trace<TOut>(string name, TensorInput first, TensorInput second, Func<Tensor, Tensor, TOut> function) =>
        FunctionProgram.Of(name, function, arguments => function(arguments.Next(first), arguments.Next(second)));
}
