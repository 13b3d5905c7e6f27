namespace Inference;

/// <summary>
/// A function from a state and an input to the next state and a result, compiled; it keeps its state from one run to the next. Nothing
/// is allocated by a run.
/// </summary>
/// <typeparam name="TState">The state: a tensor or a record of tensors.</typeparam>
/// <typeparam name="TIn">The input.</typeparam>
/// <typeparam name="TOut">The result.</typeparam>
/// <remarks>
/// Numbers are row-major, field after field. For one thread at a time. A returned span holds until the next call on this object.
/// </remarks>
public sealed class CompiledMachine<TState, TIn, TOut> : IDisposable
{
    private readonly FunctionRunner _runner;

    internal CompiledMachine(FunctionProgram function, Engine engine) => _runner = new FunctionRunner(function, engine);

    /// <summary>The fields of the state.</summary>
    public Space State => _runner.Function.State!;

    /// <summary>The fields of the input.</summary>
    public Space Input => _runner.Function.Arguments[0];

    /// <summary>The fields of the result.</summary>
    public Space Output => _runner.Function.Result;

    /// <summary>The compiled program.</summary>
    public Executable Executable => _runner.Executable;

    /// <summary>Runs it; the next state replaces the present one if all of it is finite (<see cref="Executable.LastRunCommitted"/>).</summary>
    /// <exception cref="ArgumentException">The count of numbers is wrong.</exception>
    public ReadOnlySpan<float> Run(ReadOnlySpan<float> input)
    {
        _runner.SetArgument(0, input);
        return _runner.Run();
    }

    /// <summary>Runs it; for engines of double precision.</summary>
    /// <inheritdoc cref="Run(ReadOnlySpan{float})"/>
    public void Run(ReadOnlySpan<double> input, Span<double> result)
    {
        _runner.SetArgument(0, input);
        _runner.Run(result);
    }

    /// <summary>Copies the state.</summary>
    /// <exception cref="ArgumentException">The count of numbers is wrong.</exception>
    public void CopyState(Span<double> values) => _runner.CopyState(values);

    /// <summary>Replaces the state.</summary>
    /// <exception cref="ArgumentException">The count of numbers is wrong.</exception>
    public void SetState(ReadOnlySpan<double> values) => _runner.SetState(values);

    /// <summary>Gives the state the value that it began with.</summary>
    public void Reset() => Executable.ResetStates();

    /// <summary>One run of the same program in the interpreter, in double precision, from a given state; the object's own state stays.</summary>
    public (double[] Result, double[] Next) Evaluate(double[] state, double[] input) => _runner.Function.Evaluate(state, input);

    /// <summary>The signature, the graph, the schedule, the loops and the source, for people.</summary>
    public string Explain() => _runner.Explain();

    /// <summary>Frees its memory and code. The engine stays.</summary>
    public void Dispose() => _runner.Dispose();
}
