namespace Inference;

/// <summary>A function over a record of tensors, compiled. Nothing is allocated by a run.</summary>
/// <typeparam name="TIn">The argument: a tensor or a record of tensors.</typeparam>
/// <typeparam name="TOut">The result: a tensor or a record of tensors.</typeparam>
/// <remarks>
/// Numbers are row-major, field after field. For one thread at a time. A returned span holds until the next call on this object.
/// </remarks>
public sealed class CompiledFunction<TIn, TOut> : IDisposable
{
    private readonly FunctionRunner _runner;

    internal CompiledFunction(FunctionProgram function, Engine engine) => _runner = new FunctionRunner(function, engine);

    /// <summary>The fields of the argument.</summary>
    public Space Input => _runner.Function.Arguments[0];

    /// <summary>The fields of the result.</summary>
    public Space Output => _runner.Function.Result;

    /// <summary>The compiled program.</summary>
    public Executable Executable => _runner.Executable;

    /// <summary>Runs the function.</summary>
    /// <exception cref="ArgumentException">The count of numbers is wrong.</exception>
    public ReadOnlySpan<float> Run(ReadOnlySpan<float> input)
    {
        _runner.SetArgument(0, input);
        return _runner.Run();
    }

    /// <summary>Runs the function; for engines of double precision.</summary>
    /// <inheritdoc cref="Run(ReadOnlySpan{float})"/>
    public void Run(ReadOnlySpan<double> input, Span<double> result)
    {
        _runner.SetArgument(0, input);
        _runner.Run(result);
    }

    /// <summary>Runs the same program in the interpreter, in double precision: slow, and the measure of what is compiled.</summary>
    public double[] Evaluate(params double[] input) => _runner.Function.Evaluate(input).Result;

    /// <summary>The signature, the graph, the schedule, the loops and the source, for people.</summary>
    public string Explain() => _runner.Explain();

    /// <summary>Frees its memory and code. The engine stays.</summary>
    public void Dispose() => _runner.Dispose();
}

/// <summary>A function of two arguments, compiled. Nothing is allocated by a run.</summary>
/// <typeparam name="T1">The first argument: a tensor or a record of tensors.</typeparam>
/// <typeparam name="T2">The second argument.</typeparam>
/// <typeparam name="TOut">The result.</typeparam>
/// <inheritdoc cref="CompiledFunction{TIn, TOut}"/>
public sealed class CompiledFunction<T1, T2, TOut> : IDisposable
{
    private readonly FunctionRunner _runner;

    internal CompiledFunction(FunctionProgram function, Engine engine) => _runner = new FunctionRunner(function, engine);

    /// <summary>The fields of the first argument.</summary>
    public Space First => _runner.Function.Arguments[0];

    /// <summary>The fields of the second argument.</summary>
    public Space Second => _runner.Function.Arguments[1];

    /// <summary>The fields of the result.</summary>
    public Space Output => _runner.Function.Result;

    /// <summary>The compiled program.</summary>
    public Executable Executable => _runner.Executable;

    /// <summary>Runs the function.</summary>
    /// <exception cref="ArgumentException">A count of numbers is wrong.</exception>
    public ReadOnlySpan<float> Run(ReadOnlySpan<float> first, ReadOnlySpan<float> second)
    {
        _runner.SetArgument(0, first);
        _runner.SetArgument(1, second);
        return _runner.Run();
    }

    /// <summary>Runs the function; for engines of double precision.</summary>
    /// <inheritdoc cref="Run(ReadOnlySpan{float}, ReadOnlySpan{float})"/>
    public void Run(ReadOnlySpan<double> first, ReadOnlySpan<double> second, Span<double> result)
    {
        _runner.SetArgument(0, first);
        _runner.SetArgument(1, second);
        _runner.Run(result);
    }

    /// <summary>Runs the same program in the interpreter, in double precision.</summary>
    public double[] Evaluate(double[] first, double[] second) => _runner.Function.Evaluate(first, second).Result;

    /// <summary>The signature, the graph, the schedule, the loops and the source, for people.</summary>
    public string Explain() => _runner.Explain();

    /// <summary>Frees its memory and code. The engine stays.</summary>
    public void Dispose() => _runner.Dispose();
}
