using System.Text.Json;

namespace Inference.Examples.Pendulum;

/// <summary>The episode in a few properties of JSON.</summary>
internal static class Summary
{
    public static void Write(Utf8JsonWriter json, Episode episode, PendulumOptions options, double compileSeconds, double firstActionSeconds)
    {
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
