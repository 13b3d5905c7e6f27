using Inference.Compiler;

namespace Inference;

/// <summary>What a fit found: parameters by name, and how it went.</summary>
public sealed class Fitted
{
    internal Fitted(Dictionary<string, StoredTensor> parameters, Manifest manifest, FitStop stopped)
    {
        Parameters = parameters;
        Manifest = manifest;
        Stopped = stopped;
    }

    /// <summary>The parameters, an optimiser's states left out: the best ones or the last, as <see cref="FitOptions.KeepBest"/> says.</summary>
    public IReadOnlyDictionary<string, StoredTensor> Parameters { get; }

    /// <summary>The learner's name.</summary>
    public string Name => Manifest.Learner;

    /// <summary>Steps taken in all.</summary>
    public long Step => Manifest.Step;

    /// <summary>Passes over the data that are complete.</summary>
    public long Epoch => Manifest.Epoch;

    /// <summary>Why the fit ended.</summary>
    public FitStop Stopped { get; }

    /// <summary>The names of the metrics, the loss first.</summary>
    public IReadOnlyList<string> Metrics => Manifest.Metrics;

    /// <summary>What each evaluation found.</summary>
    public IReadOnlyList<FitPoint> History => Manifest.History;

    /// <summary>The best value of the monitored metric; NaN if there was no evaluation.</summary>
    public double Best => Manifest.Best;

    /// <summary>The step of the best evaluation.</summary>
    public long BestStep => Manifest.BestStep;

    internal Manifest Manifest { get; }

    /// <summary>Reads parameters: those of <see cref="Save"/>, the best of a checkpoint, or those of a file that PyTorch wrote.</summary>
    /// <exception cref="CheckpointException">The file is not whole, of another format, or newer.</exception>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static Fitted Load(string path)
    {
        var (tensors, metadata) = Safetensors.Read(path);
        Manifest manifest = Manifest.Read(metadata, path) ?? new Manifest();
        var parameters = tensors.Where(pair => LearnerStates.IsParameter(pair.Key)).ToDictionary();
        foreach (string name in parameters.Keys.Where(name => tensors.ContainsKey(LearnerStates.BestPrefix + name)).ToArray())
        {
            parameters[name] = tensors[LearnerStates.BestPrefix + name];
            parameters.Remove(LearnerStates.BestPrefix + name);
        }

        return new Fitted(parameters, manifest, FitStop.Complete);
    }

    /// <summary>Writes the parameters as a safetensors file, which PyTorch loads as it is. The file is replaced as a whole.</summary>
    /// <exception cref="IOException">It cannot be written; the old file is as before.</exception>
    public void Save(string path)
    {
        // Without what optimisers keep it is nothing to resume from: it has no specification.
        Dictionary<string, string> metadata = (Manifest with { Specification = "" }).ToMetadata();
        AtomicFile.Write(path, stream => Safetensors.Write(stream, Parameters, metadata));
    }

    /// <summary>Gives a compiled program that reads parameters of these names their values.</summary>
    /// <exception cref="CheckpointException">A parameter of the program is missing here, or has another type or shape.</exception>
    public void CopyTo(Executable executable)
    {
        ArgumentNullException.ThrowIfNull(executable);
        for (int slot = 0; slot < executable.States.Count; slot++)
        {
            SlotPlan state = executable.States[slot];
            if (!Parameters.TryGetValue(state.Name, out StoredTensor? value) || !value.IsLike(LearnerStates.TensorFor(state)))
            {
                string found = value is null ? $"it has {string.Join(", ", Parameters.Keys)}" : $"\"{state.Name}\" is {value}";
                throw new CheckpointException(
                    $"The program \"{executable.Name}\" keeps \"{state.Name}\" of {LearnerStates.TensorFor(state)}; in the fit of \"{Name}\" {found}. "
                        + "Give it the fit of the networks that it reads.");
            }

            LearnerStates.Set(executable, slot, value);
        }
    }
}
