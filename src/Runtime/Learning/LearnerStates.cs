using System.Security.Cryptography;
using System.Text;
using Inference.Compiler;

namespace Inference;

/// <summary>The states of a learner's executable by name, and room to copy them to.</summary>
internal sealed class LearnerStates
{
    /// <summary>What the states of optimisers begin with.</summary>
    public const string OptimizerPrefix = "optimizer.";

    /// <summary>What the best parameters in a checkpoint begin with.</summary>
    public const string BestPrefix = "best.";

    private readonly Executable _executable;
    private readonly int[] _slots;
    private readonly StoredTensor[] _tensors;
    private StoredTensor[]? _best;

    public LearnerStates(Executable executable)
    {
        _executable = executable;
        _slots = [.. Enumerable.Range(0, executable.States.Count).OrderBy(slot => executable.States[slot].Name, StringComparer.Ordinal)];
        Names = Array.ConvertAll(_slots, slot => executable.States[slot].Name);
        _tensors = Array.ConvertAll(_slots, slot => TensorFor(executable.States[slot]));
    }

    /// <summary>The names, in order.</summary>
    public string[] Names { get; }

    /// <summary>Whether a best copy has been kept.</summary>
    public bool HasBest => _best is not null;

    /// <summary>Whether a state is a parameter, and not an optimiser's.</summary>
    public static bool IsParameter(string name) => !name.StartsWith(OptimizerPrefix, StringComparison.Ordinal);

    /// <summary>Copies a state from an executable to one of equal type and shape in another.</summary>
    public static void Copy(Executable from, int source, Executable to, int target)
    {
        switch (from.States[source].Type)
        {
            case ElementType.Float32:
                to.SetState(target, from.State<float>(source));
                break;
            case ElementType.Float64:
                to.SetState(target, from.State<double>(source));
                break;
            default:
                // Whole numbers of 32 bits are doubles too.
                double[] values = new double[from.States[source].Shape.Aggregate(1, (product, size) => product * size)];
                from.CopyState(source, values);
                to.SetState(target, values);
                break;
        }
    }

    /// <summary>Room for a state; conditions are kept as the whole numbers 0 and 1.</summary>
    public static StoredTensor TensorFor(SlotPlan state) =>
        new(state.Type == ElementType.Bool ? ElementType.Int32 : state.Type, state.Shape);

    /// <summary>Writes a state.</summary>
    public static void Set(Executable executable, int slot, StoredTensor value)
    {
        if (value.Type == ElementType.Float32)
        {
            executable.SetState(slot, value.As<float>());
        }
        else
        {
            executable.SetState(slot, value.ToArray());
        }
    }

    /// <summary>A digest of names, types and shapes of the states and of a program's text.</summary>
    public string Specification(string program)
    {
        IEnumerable<string> lines = Names.Zip(_tensors, (name, tensor) => $"{name} {tensor}").Append(program);
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', lines))));
    }

    /// <summary>The states as they are now. Holds until the next call.</summary>
    public IReadOnlyDictionary<string, StoredTensor> Capture()
    {
        for (int k = 0; k < _slots.Length; k++)
        {
            Copy(k, _tensors[k]);
        }

        return Names.Zip(_tensors).ToDictionary(pair => pair.First, pair => pair.Second);
    }

    /// <summary>Keeps the parameters as they are now as the best.</summary>
    public void KeepBest()
    {
        _best ??= Array.ConvertAll(_tensors, tensor => tensor.Copy());
        for (int k = 0; k < _slots.Length; k++)
        {
            if (IsParameter(Names[k]))
            {
                Copy(k, _best[k]);
            }
        }
    }

    /// <summary>The best parameters, or the present ones if there are none.</summary>
    public Dictionary<string, StoredTensor> Parameters(bool best)
    {
        StoredTensor[] from = best && _best is not null ? _best : [.. Capture().OrderBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => pair.Value)];
        return Enumerable.Range(0, Names.Length).Where(k => IsParameter(Names[k])).ToDictionary(k => Names[k], k => from[k].Copy());
    }

    /// <summary>All that a checkpoint holds.</summary>
    public IEnumerable<KeyValuePair<string, StoredTensor>> Contents()
    {
        foreach ((string name, StoredTensor tensor) in Capture())
        {
            yield return new(name, tensor);
        }

        for (int k = 0; _best is not null && k < _slots.Length; k++)
        {
            if (IsParameter(Names[k]))
            {
                yield return new(BestPrefix + Names[k], _best[k]);
            }
        }
    }

    /// <summary>Replaces the states and the best parameters by what a checkpoint holds.</summary>
    /// <exception cref="CheckpointException">A state is missing, another, or too many.</exception>
    public void Restore(SortedDictionary<string, StoredTensor> tensors, string path)
    {
        var best = tensors.Where(pair => pair.Key.StartsWith(BestPrefix, StringComparison.Ordinal) && Array.IndexOf(Names, pair.Key) < 0)
            .ToDictionary(pair => pair.Key[BestPrefix.Length..], pair => pair.Value);
        RequireSame(tensors.Where(pair => !best.ContainsKey(WithoutPrefix(pair.Key))).ToDictionary(), Names, path);
        if (best.Count > 0)
        {
            RequireSame(best, [.. Names.Where(IsParameter)], path);
        }

        for (int k = 0; k < _slots.Length; k++)
        {
            Set(_executable, _slots[k], tensors[Names[k]]);
        }

        _best = best.Count == 0 ? null : [.. Names.Select((name, k) => best.TryGetValue(name, out StoredTensor? tensor) ? tensor : _tensors[k].Copy())];
    }

    /// <summary>Replaces the parameters by those of another fit.</summary>
    /// <exception cref="CheckpointException">One is missing or another.</exception>
    public void Start(IReadOnlyDictionary<string, StoredTensor> parameters)
    {
        string[] names = [.. Names.Where(IsParameter)];
        RequireSame(parameters, names, "FitOptions.Start");
        foreach (string name in names)
        {
            Set(_executable, _slots[Array.IndexOf(Names, name)], parameters[name]);
        }
    }

    private static string WithoutPrefix(string name) => name.StartsWith(BestPrefix, StringComparison.Ordinal) ? name[BestPrefix.Length..] : "";

    private void RequireSame(IReadOnlyDictionary<string, StoredTensor> tensors, string[] names, string path)
    {
        var differences = new List<string>();
        foreach (string name in names)
        {
            StoredTensor expected = _tensors[Array.IndexOf(Names, name)];
            if (!tensors.TryGetValue(name, out StoredTensor? found))
            {
                differences.Add($"\"{name}\" is missing");
            }
            else if (!expected.IsLike(found))
            {
                differences.Add($"\"{name}\" is {found}, where {expected} was expected");
            }
        }

        differences.AddRange(tensors.Keys.Except(names).Select(name => $"\"{name}\" is not in this learner"));
        if (differences.Count > 0)
        {
            throw new CheckpointException(
                $"The parameters in \"{path}\" are of another specification: {string.Join("; ", differences)}. "
                    + $"The learner \"{_executable.Name}\" needs its own names, types and shapes: give it its own file, or mend the networks.");
        }
    }

    private void Copy(int k, StoredTensor to)
    {
        int slot = _slots[k];
        switch (_executable.States[slot].Type)
        {
            case ElementType.Float32:
                _executable.State<float>(slot).CopyTo(to.As<float>());
                break;
            case ElementType.Float64:
                _executable.State<double>(slot).CopyTo(to.As<double>());
                break;
            case ElementType.UInt32:
                _executable.State<uint>(slot).CopyTo(to.As<uint>());
                break;
            default:
                _executable.State<int>(slot).CopyTo(to.As<int>());
                break;
        }
    }
}
