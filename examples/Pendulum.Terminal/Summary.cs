using System.Text;
using System.Text.Json;

namespace Inference.Examples.Pendulum;

/// <summary>The episode in one line of JSON.</summary>
internal static class Summary
{
    public static string Of(Episode episode, PendulumOptions options, double compileSeconds, double firstActionSeconds)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            Number(json, "return", episode.Return);
            json.WriteNumber("steps", episode.Steps);
            json.WriteNumber("seed", options.Seed);
            json.WriteNumber("samples", options.Samples);
            json.WriteNumber("horizon", options.Horizon);
            json.WriteNumber("noise", options.Noise);
            json.WriteNumber("temperature", options.Temperature);
            Number(json, "solve_microseconds_median", episode.MedianSolveMicroseconds);
            Number(json, "solve_microseconds_p99", episode.SlowSolveMicroseconds);
            Number(json, "compile_seconds", compileSeconds);
            Number(json, "first_action_seconds", firstActionSeconds);
            json.WriteString("actions_sha256", episode.ActionsSha256());
            json.WriteNumber("threads", episode.Threads);
            json.WriteString("instruction_set", episode.InstructionSet);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(bytes.ToArray());
    }

    // JSON has no NaN: the times of solves after the first, where there was only one.
    private static void Number(Utf8JsonWriter json, string name, double value)
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
