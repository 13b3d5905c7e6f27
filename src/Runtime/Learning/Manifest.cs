using System.Text.Json;
using System.Text.Json.Serialization;

namespace Inference;

/// <summary>What a checkpoint says besides its tensors.</summary>
internal sealed record Manifest
{
    /// <summary>The version of this format; older programs refuse newer ones.</summary>
    public const int CurrentVersion = 1;

    /// <summary>The key under which it stands in the file's metadata.</summary>
    public const string Key = "manifest";

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.CamelCase,
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    public int Version { get; init; } = CurrentVersion;

    public string Learner { get; init; } = "";

    /// <summary>The hash of the states' names, types and shapes and of the program; empty in a file of parameters alone.</summary>
    public string Specification { get; init; } = "";

    /// <summary>Steps taken: with the seed, all that the draws depend on.</summary>
    public long Step { get; init; }

    public long Epoch { get; init; }

    /// <summary>The place in the epoch's order from which the next batch is taken.</summary>
    public long Row { get; init; }

    public long? Rows { get; init; }

    public long Seed { get; init; }

    public int BatchSize { get; init; }

    public bool Shuffle { get; init; }

    public string[] Metrics { get; init; } = [];

    /// <summary>The sums of the metrics over the steps since the last evaluation.</summary>
    public double[] Sums { get; init; } = [];

    /// <summary>The steps since the last evaluation.</summary>
    public long Summed { get; init; }

    /// <summary>The best value of the monitored metric; NaN before the first evaluation.</summary>
    public double Best { get; init; } = double.NaN;

    public long BestStep { get; init; }

    /// <summary>Evaluations since the best one.</summary>
    public int Waited { get; init; }

    public FitPoint[] History { get; init; } = [];

    /// <summary>The manifest in a file's metadata, or null.</summary>
    /// <exception cref="CheckpointException">It cannot be read here.</exception>
    public static Manifest? Read(IReadOnlyDictionary<string, string> metadata, string path)
    {
        if (!metadata.TryGetValue(Key, out string? text))
        {
            return null;
        }

        try
        {
            using JsonDocument document = JsonDocument.Parse(text);
            int version = document.RootElement.GetProperty("version").GetInt32();
            return version <= CurrentVersion
                ? document.RootElement.Deserialize<Manifest>(Json)
                : throw new CheckpointException(
                    $"The checkpoint \"{path}\" is of version {version}, newer than this library, which reads up to {CurrentVersion}. Use a newer library.");
        }
        catch (Exception failure) when (failure is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new CheckpointException($"The manifest of the checkpoint \"{path}\" cannot be read: {failure.Message} Use another copy of it.", failure);
        }
    }

    /// <summary>A file's metadata with this manifest; "format" is what readers for PyTorch look for.</summary>
    public Dictionary<string, string> ToMetadata() => new() { ["format"] = "pt", [Key] = JsonSerializer.Serialize(this, Json) };
}
