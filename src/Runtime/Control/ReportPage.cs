using System.Text;
using System.Text.Json;

namespace Inference;

/// <summary>The page of an episode: its content, style and script from the assembly, and the episode as JSON.</summary>
internal static class ReportPage
{
    public static string Of(Episode episode, EpisodeReport report) => new ReportFrame
    {
        Title = report.Title ?? episode.Model,
        Summary = report.Summary ?? $"An episode under the planner {episode.Planner}.",
        Content = Resource("report.html"),
        Graph = report.Graph,
        Style = Resource("report.css"),
        Script = Resource("report.js"),
        Data = DataOf(episode, report),
    }.ToHtml();

    private static string Resource(string name)
    {
        using Stream stream = typeof(ReportPage).Assembly.GetManifestResourceStream("Inference.Report." + name)
            ?? throw new InvalidOperationException($"The resource \"{name}\" is missing from the assembly.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    // The writer escapes <, > and &: what a name holds cannot end the script element.
    private static string DataOf(Episode episode, EpisodeReport report)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            json.WriteString("model", episode.Model);
            json.WriteString("planner", episode.Planner);
            json.WriteString("seed", episode.Seed.ToString(System.Globalization.CultureInfo.InvariantCulture));
            json.WriteString("ended", EndOf(episode));
            json.WriteString("instructionSet", episode.InstructionSet);
            json.WriteNumber("threads", episode.Threads);
            json.WriteNumber("steps", episode.Steps);
            json.WriteNumber("samples", report.Samples);
            json.WriteNumber("unsolved", UnsolvedOf(episode));
            WriteNumber(json, "secondsPerStep", report.SecondsPerStep);
            WriteNumber(json, "return", episode.Return);
            WriteComponents(json, "states", episode.StateFields, episode.Steps + 1, (step, k) => episode.State(step)[k], report);
            WriteComponents(json, "actions", episode.ActionFields, episode.Steps, (step, k) => episode.Action(step)[k], report);
            WriteNumbers(json, "rewards", episode.Steps, step => episode.Rewards[step]);
            WriteNumbers(json, "solve", episode.Steps, step => (float)episode.SolveMicroseconds[step]);
            WriteDiagnostics(json, episode);
            WriteFacts(json, report);
            WriteScene(json, report.Scene);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(bytes.ToArray());
    }

    private static string EndOf(Episode episode) =>
        episode.Terminated ? "the process" : episode.NonFinite ? "a number that is not finite" : "the limit of steps";

    private static int UnsolvedOf(Episode episode)
    {
        int count = 0;
        foreach (PlannerStatus status in episode.Status)
        {
            count += status.IsSolved ? 0 : 1;
        }

        return count;
    }

    private static void WriteComponents(
        Utf8JsonWriter json, string name, IReadOnlyList<string> components, int rows, Func<int, int, float> at, EpisodeReport report)
    {
        json.WriteStartArray(name);
        for (int k = 0; k < components.Count; k++)
        {
            int column = k;
            string field = components[k].Split('[')[0];
            json.WriteStartObject();
            json.WriteString("name", components[k]);
            json.WriteString("title", report.Titles.GetValueOrDefault(field) ?? field);
            json.WriteString("unit", report.Units.GetValueOrDefault(field) ?? "");
            json.WriteBoolean("angle", report.Angles.Contains(field));
            WriteNumbers(json, "values", rows, step => at(step, column));
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteDiagnostics(Utf8JsonWriter json, Episode episode)
    {
        json.WriteStartObject("diagnostics");
        for (int k = 0; k < episode.DiagnosticNames.Count; k++)
        {
            int column = k;
            WriteNumbers(json, episode.DiagnosticNames[k], episode.Steps, step => episode.Diagnostics(step)[column]);
        }

        json.WriteEndObject();
    }

    private static void WriteFacts(Utf8JsonWriter json, EpisodeReport report)
    {
        json.WriteStartArray("facts");
        foreach ((string name, string value) in report.Facts)
        {
            json.WriteStartArray();
            json.WriteStringValue(name);
            json.WriteStringValue(value);
            json.WriteEndArray();
        }

        json.WriteEndArray();
    }

    private static void WriteScene(Utf8JsonWriter json, Scene? scene)
    {
        if (scene is not null)
        {
            json.WriteStartObject("scene");
            json.WriteString("script", scene.Script);
            json.WriteString("label", scene.Label);
            json.WriteBoolean("interpolate", scene.Interpolate);
            WriteNumber(json, "aspectRatio", scene.AspectRatio);
            json.WriteEndObject();
        }
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, int count, Func<int, float> at)
    {
        json.WriteStartArray(name);
        for (int k = 0; k < count; k++)
        {
            float value = at(k);
            if (float.IsFinite(value))
            {
                json.WriteNumberValue(value);
            }
            else
            {
                json.WriteNullValue();
            }
        }

        json.WriteEndArray();
    }

    // JSON has no NaN.
    private static void WriteNumber(Utf8JsonWriter json, string name, double value)
    {
        if (double.IsFinite(value))
        {
            json.WriteNumber(name, value);
        }
        else
        {
            json.WriteNull(name);
        }
    }
}
