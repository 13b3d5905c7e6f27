using System.Globalization;
using System.Text.Json;
using Spectre.Console;

namespace Inference.Examples.Gridworld;

/// <summary>The program around the grid: solves it, and shows values, policies and the reward that demonstrations tell.</summary>
public static class GridworldTerminal
{
    private const int Side = 5;

    /// <summary>Runs the program.</summary>
    /// <param name="arguments">The command line.</param>
    /// <param name="twin">The grid.</param>
    /// <returns>The exit code: 0, 1 after an error, 2 after wrong usage, 130 when cancelled.</returns>
    public static int Run(string[] arguments, GridworldTwin twin)
    {
        ArgumentNullException.ThrowIfNull(twin);
        return ExampleProgram.Run(GridworldOptions.CommandLine, arguments, (options, cancellation) => Run(options, twin, cancellation));
    }

    private static void Run(GridworldOptions options, GridworldTwin twin, CancellationToken cancellation)
    {
        using var engine = new Engine(new EngineOptions { Threads = options.Threads, Precision = Precision.Double });
        Findings found = Findings.Of(options, twin, engine, cancellation);
        ExamplePage.Write(options, engine, "gridworld", "Grid world", "Five by five cells, solved exactly: values as colours, policies as arrows.", twin.Graph(options.Slip, options.Horizon), json =>
            WriteAll(json, options, found));
        ExampleProgram.Conclude(
            options,
            json =>
            {
                json.WriteNumber("seed", options.Seed);
                WriteAll(json, options, found);
            },
            () => Tell(options, found));
    }

    private static void Tell(GridworldOptions options, Findings found)
    {
        AnsiConsole.Write(TableOf(found));
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"From {options.Episodes} demonstrations: the reward of cells correlates {found.Inverse.Correlation:F3} with the true one; its policy earns {found.Inverse.Share:P1} as much."));
    }

    private static Table TableOf(Findings found)
    {
        // Eighty columns hold it.
        static TableColumn Number(string name) => new TableColumn(name).RightAligned().NoWrap().PadLeft(0);

        var table = new Table { Border = TableBorder.Horizontal };
        table.AddColumn(new TableColumn("V of the top row").NoWrap().PadLeft(0));
        for (int column = 0; column < Side; column++)
        {
            table.AddColumn(Number($"{column}"));
        }

        table.AddColumn(Number("return"));
        table.AddColumn(Number("error ≤"));
        foreach (Map map in found.Temperatures.Concat(found.Semantics))
        {
            string[] numbers = [.. map.Values.Take(Side).Append(map.Return).Select(v => v.ToString("F3", CultureInfo.InvariantCulture))];
            table.AddRow([map.Name, .. numbers, map.ErrorBound?.ToString("0E+0", CultureInfo.InvariantCulture) ?? "none"]);
        }

        return table;
    }

    private static void WriteAll(Utf8JsonWriter json, GridworldOptions options, Findings found)
    {
        json.WriteNumber("slip", options.Slip);
        json.WriteNumber("horizon", options.Horizon);
        json.WriteNumber("episodes", options.Episodes);
        WriteMaps(json, "temperatures", found.Temperatures);
        WriteMaps(json, "semantics", found.Semantics);
        json.WriteStartObject("inverse");
        json.WriteNumbers("true", found.Inverse.True);
        json.WriteNumbers("found", found.Inverse.Found);
        json.WriteNumber("true_off", found.Inverse.TrueOff);
        json.WriteNumber("found_off", found.Inverse.FoundOff);
        json.WriteNumber("correlation", found.Inverse.Correlation);
        json.WriteNumber("return_share", found.Inverse.Share);
        json.WriteNumber("feature_gap", found.Inverse.Gap);
        json.WriteNumber("steps", found.Inverse.Steps);
        json.WriteEndObject();
    }

    private static void WriteMaps(Utf8JsonWriter json, string name, Map[] maps)
    {
        json.WriteStartArray(name);
        foreach (Map map in maps)
        {
            json.WriteStartObject();
            json.WriteString("name", map.Name);
            json.WriteNumbers("values", map.Values);
            json.WriteNumbers("policy", map.Policy.SelectMany(row => row));
            json.WriteNumber("return", map.Return);
            json.WriteNumber("residual", map.Residual);
            json.WriteNumber("sweeps", map.Sweeps);
            if (map.ErrorBound is { } bound)
            {
                json.WriteNumber("error_bound", bound);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
    }
}
