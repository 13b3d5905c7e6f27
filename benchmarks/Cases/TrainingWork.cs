using Inference.Compiler;

namespace Inference.Benchmarks.Cases;

/// <summary>One run of a program that learns, or that differentiates.</summary>
/// <param name="Executable">The program. Its first output is the loss.</param>
/// <param name="Parameters">Leaves whose numbers a seed decides.</param>
/// <param name="Draw">From a number in (0, 1) to an element of an input.</param>
/// <param name="StepsOfARun">Runs between a new start and what is compared.</param>
internal sealed record TrainingWork(
    Executable Executable, IReadOnlyList<Tensor> Parameters, Func<string, double, double> Draw, int StepsOfARun) : IWork
{
    /// <summary>The state that is the key of a step's noise: runs from different seeds must not share their noise.</summary>
    public const string NumberOfDraws = "number of draws";

    public IEnumerable<float> Outputs => Enumerable.Range(0, Executable.Outputs.Count).SelectMany(output => Executable.Output(output).ToArray());

    /// <summary>Compiles a program and gives it its data.</summary>
    public static TrainingWork Of(
        Engine engine, ProgramBuilder builder, IReadOnlyList<Tensor> parameters, Func<string, double, double> draw, int stepsOfARun)
    {
        var work = new TrainingWork(engine.Compile(builder.Build()), parameters, draw, stepsOfARun);
        work.DrawData(seed: 0);
        return work;
    }

    public void DoUnit() => Executable.Run();

    public IReadOnlyDictionary<string, double> RunAnew(int seed)
    {
        StartAnew(seed);
        Executable.Run();
        double first = Executable.Output(0)[0];
        for (int step = 1; step < StepsOfARun; step++)
        {
            Executable.Run();
        }

        var numbers = new Dictionary<string, double> { ["first loss"] = first, ["last loss"] = Executable.Output(0)[0] };
        for (int output = 1; output < Executable.Outputs.Count; output++)
        {
            numbers["norm of " + Executable.Outputs[output].Slot.Name] = NormOf(Executable.Output(output));
        }

        return numbers;
    }

    public void Dispose() => Executable.Dispose();

    private static double NormOf(ReadOnlySpan<float> values)
    {
        double sum = 0;
        foreach (float value in values)
        {
            sum += (double)value * value;
        }

        return Math.Sqrt(sum);
    }

    /// <summary>Parameters and data from a seed; what the optimiser keeps is zero, as at first.</summary>
    private void StartAnew(int seed)
    {
        for (int state = 0; state < Executable.States.Count; state++)
        {
            Executable.SetState(state, StartOf(Executable.States[state], seed));
        }

        DrawData(seed);
    }

    private double[] StartOf(SlotPlan state, int seed)
    {
        Tensor? parameter = Parameters.FirstOrDefault(leaf => Parameter.nameOf(leaf) == state.Name);
        return parameter is not null ? Parameter.initial(parameter, (ulong)seed)
            : state.Name == NumberOfDraws ? [(double)seed * StepsOfARun]
            : new double[state.Shape.Aggregate(1, (count, size) => count * size)];
    }

    private void DrawData(int seed)
    {
        for (int input = 0; input < Executable.Inputs.Count; input++)
        {
            string name = Executable.Inputs[input].Name;
            Span<float> values = Executable.Input(input);
            for (int k = 0; k < values.Length; k++)
            {
                uint word = Philox.words((uint)(k / 4), (uint)input, 0, 0, (uint)seed, 0)[k % 4];
                values[k] = (float)Draw(name, (word + 0.5) / 4294967296.0);
            }
        }
    }
}
