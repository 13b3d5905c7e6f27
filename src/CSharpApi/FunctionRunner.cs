namespace Inference;

/// <summary>A compiled function's executable, with the slots of its arguments, state and result looked up.</summary>
internal sealed class FunctionRunner : IDisposable
{
    private readonly int[][] _arguments;
    private readonly int[] _states;
    private readonly int[] _results;
    private readonly float[] _result;

    public FunctionRunner(FunctionProgram function, Engine engine)
    {
        Function = function;
        Executable = engine.Compile(function.Program);
        _arguments = [.. function.Arguments.Select(space => Slots(space, Executable.IndexOfInput))];
        _states = function.State is null ? [] : Slots(function.State, Executable.IndexOfState);
        _results = Slots(function.Result, Executable.IndexOfOutput);
        _result = new float[function.Result.Count];
    }

    public FunctionProgram Function { get; }

    public Executable Executable { get; }

    public void SetArgument(int argument, ReadOnlySpan<float> values)
    {
        Space space = Function.Arguments[argument];
        Function.Require(space, values.Length);
        for (int k = 0; k < space.Leaves.Length; k++)
        {
            int count = space.Leaves[k].Count;
            Executable.SetInput(_arguments[argument][k], values[..count]);
            values = values[count..];
        }
    }

    public void SetArgument(int argument, ReadOnlySpan<double> values)
    {
        Space space = Function.Arguments[argument];
        Function.Require(space, values.Length);
        for (int k = 0; k < space.Leaves.Length; k++)
        {
            int count = space.Leaves[k].Count;
            Executable.SetInput(_arguments[argument][k], values[..count]);
            values = values[count..];
        }
    }

    public ReadOnlySpan<float> Run()
    {
        Executable.Run();
        Span<float> rest = _result;
        for (int k = 0; k < _results.Length; k++)
        {
            int count = Function.Result.Leaves[k].Count;
            Executable.CopyOutput(_results[k], rest[..count]);
            rest = rest[count..];
        }

        return _result;
    }

    public void Run(Span<double> result)
    {
        Function.Require(Function.Result, result.Length);
        Executable.Run();
        for (int k = 0; k < _results.Length; k++)
        {
            int count = Function.Result.Leaves[k].Count;
            Executable.CopyOutput(_results[k], result[..count]);
            result = result[count..];
        }
    }

    public void CopyState(Span<double> values)
    {
        Function.Require(Function.State!, values.Length);
        for (int k = 0; k < _states.Length; k++)
        {
            int count = Function.State!.Leaves[k].Count;
            Executable.CopyState(_states[k], values[..count]);
            values = values[count..];
        }
    }

    public void SetState(ReadOnlySpan<double> values)
    {
        Function.Require(Function.State!, values.Length);
        for (int k = 0; k < _states.Length; k++)
        {
            int count = Function.State!.Leaves[k].Count;
            Executable.SetState(_states[k], values[..count]);
            values = values[count..];
        }
    }

    public string Explain() => $"{Function}{Environment.NewLine}{Executable.Explain()}";

    public void Dispose() => Executable.Dispose();

    private static int[] Slots(Space space, Func<string, int> slotOf) => [.. space.Leaves.Select(leaf => slotOf(leaf.Path))];
}
