using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Inference;

/// <summary>Metrics on disk: an event file for TensorBoard, and lines of JSON. After a resume, lines of evaluations that are made again are gone.</summary>
internal sealed class MetricsLog : IDisposable
{
    private readonly EventFile _events;
    private readonly AppendedFile _lines;

    /// <param name="folder">Made if it is not there.</param>
    /// <param name="evaluated">The step of the last evaluation before the point that the fit goes on from; 0 if there was none.</param>
    public MetricsLog(string folder, long evaluated)
    {
        Directory.CreateDirectory(folder);
        string path = Path.Combine(folder, "metrics.jsonl");
        string[] kept = evaluated > 0 && File.Exists(path)
            ? [.. File.ReadLines(path).TakeWhile(line => StepOf(line) is { } at && at <= evaluated)]
            : [];
        AtomicFile.Write(path, stream => stream.Write(Encoding.UTF8.GetBytes(string.Concat(kept.Select(line => line + "\n")))));
        _lines = AppendedFile.Open(path);
        _events = new EventFile(folder, evaluated + 1);
    }

    /// <summary>Writes what an evaluation found.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public void Write(FitPoint point, string[] metrics, double rowsPerSecond, double seconds)
    {
        var line = new JsonObject
        {
            ["step"] = point.Step,
            ["epoch"] = point.Epoch,
            ["seconds"] = seconds,
            ["rowsPerSecond"] = rowsPerSecond,
            ["training"] = Values(metrics, point.Training),
        };
        if (point.Validation is not null)
        {
            line["validation"] = Values(metrics, point.Validation);
        }

        _lines.Append(Encoding.UTF8.GetBytes(line.ToJsonString() + "\n"));
        _events.Write(
            point.Step,
            [
                .. metrics.Zip(point.Training, (name, value) => ($"training/{name}", value)),
                .. metrics.Zip(point.Validation ?? [], (name, value) => ($"validation/{name}", value)),
                ("rows per second", rowsPerSecond),
            ]);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _lines.Dispose();
        _events.Dispose();
    }

    // JSON has no NaN: what is not finite is null.
    private static JsonObject Values(string[] names, double[] values) =>
        new(names.Zip(values, (name, value) => KeyValuePair.Create(name, double.IsFinite(value) ? (JsonNode?)value : null)));

    // A line that a kill cut short is none.
    private static long? StepOf(string line)
    {
        try
        {
            return JsonNode.Parse(line)?["step"]?.GetValue<long>();
        }
        catch (Exception failure) when (failure is JsonException or InvalidOperationException or FormatException)
        {
            return null;
        }
    }
}
