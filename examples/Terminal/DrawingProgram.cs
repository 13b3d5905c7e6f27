using Microsoft.FSharp.Collections;
using static Inference.Language;

namespace Inference.Examples;

/// <summary>A probabilistic program, compiled: each run draws anew, as a seed and the number of the run say.</summary>
public sealed class DrawingProgram : IDisposable
{
    private readonly Executable _executable;
    private readonly int _seed, _run;

    /// <summary>Compiles a program.</summary>
    /// <param name="engine">The machine that it runs on. It outlives this.</param>
    /// <param name="name">What errors call it.</param>
    /// <param name="program">From a builder, which makes inputs, to a program of the outputs by name.</param>
    /// <param name="fitted">The values of its parameters; null: it has none.</param>
    /// <exception cref="ModelException">The program cannot mean anything.</exception>
    /// <exception cref="CheckpointException">The parameters are of another program.</exception>
    public DrawingProgram(Engine engine, string name, Func<ProgramBuilder, Prob<(string Name, Tensor Value)[]>> program, Fitted? fitted = null)
    {
        ArgumentNullException.ThrowIfNull(engine);
        ArgumentNullException.ThrowIfNull(program);
        var builder = new ProgramBuilder(name);
        Tensor[] Words(string input)
        {
            Tensor words = builder.Input(input, [2], DType.U32);
            return [Element(words, 0), Element(words, 1)];
        }

        var context = ProbContext.At(
            SampleSource.NewDraw(Words("seed"), Words("run")), new Trace(), FSharpList<FreeIndex>.Empty, FSharpList<FreeIndex>.Empty);
        foreach ((string output, Tensor value) in program(builder).Run(context))
        {
            builder.Output(output, value);
        }

        _executable = engine.Compile(builder.Build());
        try
        {
            fitted?.CopyTo(_executable);
        }
        catch
        {
            _executable.Dispose();
            throw;
        }

        (_seed, _run) = (_executable.IndexOfInput("seed"), _executable.IndexOfInput("run"));
    }

    /// <summary>Writes an input, row-major.</summary>
    public void Set(string input, ReadOnlySpan<float> values) => _executable.SetInput(_executable.IndexOfInput(input), values);

    /// <summary>Runs the program: the same seed and number, the same draws.</summary>
    public void Run(long seed, long run)
    {
        Write(_seed, seed);
        Write(_run, run);
        _executable.Run();
    }

    /// <summary>Copies an output, row-major.</summary>
    public void Get(string output, Span<float> values) => _executable.CopyOutput(_executable.IndexOfOutput(output), values);

    /// <inheritdoc/>
    public void Dispose() => _executable.Dispose();

    private void Write(int slot, long value)
    {
        Span<uint> words = _executable.Input<uint>(slot);
        words[0] = unchecked((uint)value);
        words[1] = unchecked((uint)(value >> 32));
    }
}
