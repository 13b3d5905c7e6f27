using System.Reflection;
using Inference.Compiler;
using Microsoft.FSharp.Core;

namespace Inference;

/// <summary>A function over tensors and records of tensors, closed to a program: one input, state or output for each tensor.</summary>
internal sealed class FunctionProgram
{
    private readonly ProgramBuilder _builder;
    private readonly List<Space> _arguments = [];

    private FunctionProgram(string name)
    {
        Name = name;
        _builder = new ProgramBuilder(name);
    }

    public string Name { get; }

    public IReadOnlyList<Space> Arguments => _arguments;

    /// <summary>The tensors of the state, or null.</summary>
    public Space? State { get; private set; }

    public Space Result { get; private set; } = null!;

    public Program Program { get; private set; } = null!;

    /// <summary>Traces a function of one or more arguments.</summary>
    /// <param name="name">What errors call it.</param>
    /// <param name="function">The user's lambda, for the names of its parameters.</param>
    /// <param name="apply">Calls it with arguments made by what is passed, in order.</param>
    public static FunctionProgram Of<TOut>(string name, Delegate function, Func<Tracer, TOut> apply) =>
        Within(name, () =>
        {
            var program = new FunctionProgram(name);
            program.Close(apply(new Tracer(program, function.Method.GetParameters())));
            return program;
        });

    /// <summary>Traces a function that takes a state as well and returns the next one.</summary>
    public static FunctionProgram OfMachine<TState, TIn, TOut>(
        string name, TState initial, Func<TState, TIn, (TState Next, TOut Result)> function) =>
        Within(name, () =>
        {
            var program = new FunctionProgram(name);
            ParameterInfo[] parameters = function.Method.GetParameters();
            Tensor[] numbers = Record.toTensors(initial);
            Space declared = Record.space<TState>();
            var leaves = new Leaf[numbers.Length];
            var current = new Tensor[numbers.Length];
            for (int k = 0; k < numbers.Length; k++)
            {
                leaves[k] = With(declared.Leaves[k], Named(parameters[0].Name!, declared.Leaves[k].Path), numbers[k].Shape);
                double[] values = numbers[k].Op is Op.Constant constant
                    ? constant.Item
                    : throw Failure(
                        $"The state \"{leaves[k].Path}\" starts with a computed value.", "Start with numbers: Zeros(3), Constant([1, 2]) or 0.");
                current[k] = program._builder.State(leaves[k].Path, numbers[k].Shape, leaves[k].DType, values);
            }

            program.State = new Space(declared.Name, leaves);
            (TState next, TOut result) = function(Record.ofTensors<TState>(current), new Tracer(program, parameters[1..]).Next<TIn>());
            Tensor[] after = Record.toTensors(next);
            for (int k = 0; k < current.Length; k++)
            {
                program._builder.Next(current[k], Build.convert(current[k].DType, after[k]));
            }

            program.Close(result);
            return program;
        });

    /// <summary>Runs it once in the interpreter, in double precision.</summary>
    /// <param name="values">The numbers of each argument; of the state first, if there is one.</param>
    /// <returns>The numbers of the result, and of the next state.</returns>
    public (double[] Result, double[] Next) Evaluate(params double[][] values)
    {
        var inputs = new Dictionary<string, double[]>();
        IEnumerable<Space> spaces = State is null ? _arguments : _arguments.Prepend(State);
        foreach ((Space space, double[] numbers) in spaces.Zip(values))
        {
            Require(space, numbers.Length);
            int start = 0;
            foreach (Leaf leaf in space.Leaves)
            {
                inputs[leaf.Path] = numbers[start..(start += leaf.Count)];
            }
        }

        var (outputs, states) = Interpreter.Run(Program, inputs, new Dictionary<string, int>(), inDouble: true);
        return (Flat(Result, outputs), State is null ? [] : Flat(State, states));
    }

    /// <summary>Refuses a wrong count of numbers.</summary>
    public void Require(Space space, int count)
    {
        if (count != space.Count)
        {
            throw new ArgumentException(
                $"The function \"{Name}\" needs {space.Count} {(space.Count == 1 ? "number" : "numbers")} for {Fields(space)}; {count} came.");
        }
    }

    /// <summary>The signature, for people.</summary>
    public override string ToString()
    {
        string arguments = string.Join("; ", _arguments.Select(Fields));
        return $"{Name}({(State is null ? "" : $"state {Fields(State)}; ")}{arguments}) → {Fields(Result)}";
    }

    private static string Fields(Space space) =>
        string.Join(", ", space.Leaves.Select(leaf => leaf.Shape.Length == 0 ? leaf.Path : $"{leaf.Path}[{string.Join(", ", leaf.Shape)}]"));

    private static double[] Flat(Space space, IReadOnlyDictionary<string, double[]> values) =>
        [.. space.Leaves.SelectMany(leaf => values[leaf.Path])];

    private static string Named(string parameter, string path) => path.Length == 0 ? parameter : $"{parameter}.{path}";

    private static Leaf With(Leaf leaf, string path, int[] shape) => new(path, shape, leaf.Low, leaf.High, leaf.Discrete);

    private static ModelException Failure(string problem, string mend) => new(problem, LocationModule.ofUser(), "", mend);

    private static T Within<T>(string name, Func<T> work) => Fail.within(name, FuncConvert.FromFunc(work));

    private void Close<TOut>(TOut result)
    {
        Space declared = Record.space<TOut>();
        Tensor[] tensors = Record.toTensors(result);
        Result = new Space(
            declared.Name,
            [.. declared.Leaves.Zip(tensors, (leaf, x) => With(leaf, leaf.Path.Length == 0 ? "result" : leaf.Path, x.Shape))]);
        for (int k = 0; k < tensors.Length; k++)
        {
            _builder.Output(Result.Leaves[k].Path, tensors[k]);
        }

        Program = _builder.Build();
    }

    /// <summary>Makes the arguments of a function, one after another.</summary>
    /// <param name="program">Whose inputs they become.</param>
    /// <param name="parameters">The function's parameters, for names.</param>
    public sealed class Tracer(FunctionProgram program, ParameterInfo[] parameters)
    {
        /// <summary>The next argument, shaped by the attributes of its record.</summary>
        public T Next<T>()
        {
            Space declared = Record.space<T>();
            string name = parameters[program._arguments.Count].Name!;
            return Record.ofTensors<T>(Add(declared.Name, [.. declared.Leaves.Select(leaf => With(leaf, Named(name, leaf.Path), leaf.Shape))]));
        }

        /// <summary>The next argument, a tensor shaped as stated.</summary>
        public Tensor Next(TensorInput input) =>
            Add(input.Name, [new Leaf(input.Name, input.Shape, double.NegativeInfinity, double.PositiveInfinity, 0)])[0];

        private Tensor[] Add(string name, Leaf[] leaves)
        {
            program._arguments.Add(new Space(name, leaves));
            return [.. leaves.Select(leaf => program._builder.Input(leaf.Path, leaf.Shape, leaf.DType))];
        }
    }
}
