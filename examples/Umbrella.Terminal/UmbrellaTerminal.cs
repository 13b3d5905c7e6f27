using System.Globalization;
using System.Text.Json;
using Spectre.Console;

namespace Inference.Examples.Umbrella;

/// <summary>The program around the umbrella world: asks for the weather behind umbrellas, and learns how it goes.</summary>
public static class UmbrellaTerminal
{
    private const int DrawsShown = 8;

    private static readonly string[] Names = ["weather stays", "umbrella in rain", "umbrella without"];

    /// <summary>Runs the program.</summary>
    /// <param name="arguments">The command line.</param>
    /// <param name="twin">The world.</param>
    /// <returns>The exit code: 0, 1 after an error, 2 after wrong usage, 130 when cancelled.</returns>
    public static int Run(string[] arguments, UmbrellaTwin twin)
    {
        ArgumentNullException.ThrowIfNull(twin);
        return ExampleProgram.Run(UmbrellaOptions.CommandLine, arguments, (options, cancellation) => Run(options, twin, cancellation));
    }

    private static void Run(UmbrellaOptions options, UmbrellaTwin twin, CancellationToken cancellation)
    {
        using var engine = new Engine(new EngineOptions { Threads = options.Threads });
        Findings found = Findings.Of(options, twin, engine, cancellation);
        ExamplePage.Write(options, engine, "umbrella", "Umbrella world", "The weather of days, inferred from the umbrellas alone, exactly.", twin.Graph(options.Days), json =>
        {
            json.WriteNumber("draw_count", options.Draws);
            WriteFindings(json, found);
            WriteCourse(json, found.Learnt);
            json.WriteStartArray("draws");
            foreach (double[] draw in found.Shown.Draws.Take(DrawsShown))
            {
                json.WriteStringValue(string.Concat(draw.Select(rain => rain > 0.5 ? '1' : '0')));
            }

            json.WriteEndArray();
        });
        ExampleProgram.Conclude(
            options,
            json =>
            {
                json.WriteNumber("seed", options.Seed);
                WriteFindings(json, found);
            },
            () =>
            {
                AnsiConsole.Write(WeatherOf(found));
                AnsiConsole.Write(ProbabilitiesOf(found));
            });
    }

    private static string Text(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);

    private static Table WeatherOf(Findings found)
    {
        Weather two = found.TwoDays, shown = found.Shown;
        var table = new Table { Border = TableBorder.Rounded };
        table.AddColumn("rain");
        table.AddColumn(new TableColumn("two days, two umbrellas").RightAligned());
        table.AddColumn(new TableColumn($"right of {shown.Rain.Length} days").RightAligned());
        string Both(double[] p) => $"{Text(p[0], "F6")}, {Text(p[1], "F6")}";
        table.AddRow("filtered", Both(two.Filtered), Text(shown.AccuracyOf(shown.Filtered), "P1"));
        table.AddRow("smoothed", Both(two.Smoothed), Text(shown.AccuracyOf(shown.Smoothed), "P1"));
        table.AddRow("likeliest", string.Join(", ", two.Likeliest), Text(shown.AccuracyOf(shown.Likeliest), "P1"));
        table.AddRow("log p(umbrellas)", Text(two.LogEvidence, "F6"), Text(shown.LogEvidence, "F4"));
        return table;
    }

    private static Table ProbabilitiesOf(Findings found)
    {
        var table = new Table { Border = TableBorder.Rounded };
        table.AddColumn($"from {Learnt.Days} umbrellas alone");
        table.AddColumn(new TableColumn("true").RightAligned());
        table.AddColumn(new TableColumn("learnt").RightAligned());
        for (int k = 0; k < Names.Length; k++)
        {
            table.AddRow(Names[k], Text(Findings.Truth[k], "F3"), Text(found.Learnt.Found[k], "F3"));
        }

        table.AddRow("log p of a day", Text(found.LogEvidence, "F5"), Text(-found.Learnt.Loss[^1], "F5"));
        return table;
    }

    private static void WriteFindings(Utf8JsonWriter json, Findings found)
    {
        WriteWeather(json, "two_days", found.TwoDays);
        WriteWeather(json, "shown", found.Shown);
        json.WriteStartObject("learnt");
        json.WriteNumber("days", Learnt.Days);
        json.WriteNumbers("true", Findings.Truth);
        json.WriteNumbers("found", found.Learnt.Found);
        WriteDigits(json, "log_evidence_true", found.LogEvidence);
        WriteDigits(json, "log_evidence_found", -found.Learnt.Loss[^1]);
        json.WriteEndObject();
    }

    private static void WriteWeather(Utf8JsonWriter json, string name, Weather weather)
    {
        json.WriteStartObject(name);
        json.WriteNumbers("rain", weather.Rain);
        json.WriteNumbers("umbrellas", weather.Umbrellas);
        WriteDigits(json, "filtered", weather.Filtered);
        WriteDigits(json, "smoothed", weather.Smoothed);
        json.WriteNumbers("likeliest", weather.Likeliest);
        json.WriteNumbers("drawn", weather.Drawn);
        WriteDigits(json, "log_evidence", weather.LogEvidence);
        WriteDigits(json, "log_likeliest", weather.LogLikeliest);
        json.WriteNumber("right_filtered", weather.AccuracyOf(weather.Filtered));
        json.WriteNumber("right_smoothed", weather.AccuracyOf(weather.Smoothed));
        json.WriteNumber("right_likeliest", weather.AccuracyOf(weather.Likeliest));
        json.WriteEndObject();
    }

    private static void WriteCourse(Utf8JsonWriter json, Learnt learnt)
    {
        json.WriteStartObject("course");
        json.WriteNumbers("steps", learnt.Steps);
        json.WriteNumbers("stay", learnt.Course[0]);
        json.WriteNumbers("in_rain", learnt.Course[1]);
        json.WriteNumbers("without", learnt.Course[2]);
        json.WriteEndObject();
    }

    private static void WriteDigits(Utf8JsonWriter json, string name, double value) => json.WriteNumber(name, Math.Round(value, 6));

    private static void WriteDigits(Utf8JsonWriter json, string name, double[] values)
    {
        json.WriteStartArray(name);
        foreach (double value in values)
        {
            json.WriteNumberValue(Math.Round(value, 6));
        }

        json.WriteEndArray();
    }
}
