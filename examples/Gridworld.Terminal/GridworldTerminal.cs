using System.Globalization;
using System.Text.Json;
using Spectre.Console;

namespace Inference.Examples.Gridworld;

/// <summary>The program around the grid: solves it, and shows values, policies and the reward that demonstrations tell.</summary>
public static class GridworldTerminal
{
    private const int Side = 5;

    private const string Description =
        "Solves a 5×5 grid world exactly: at several temperatures, in the three senses of planning as inference, and from demonstrations alone.";

    /// <summary>Runs the program.</summary>
    /// <param name="arguments">The command line.</param>
    /// <param name="twin">The grid.</param>
    /// <returns>The exit code: 0, 1 after an error, 2 after wrong usage, 130 when cancelled.</returns>
    public static int Run(string[] arguments, GridworldTwin twin)
    {
        ArgumentNullException.ThrowIfNull(twin);
        (GridworldOptions? options, int exitCode) = GridworldOptions.Parse(Description, arguments);
        return options is null ? exitCode : ExampleProgram.Run(cancellation => Run(options, twin, cancellation));
    }

    private static void Run(GridworldOptions options, GridworldTwin twin, CancellationToken cancellation)
    {
        ExampleProgram.RequireWritable(options.NoReport ? null : options.Out);
        using var engine = new Engine(new EngineOptions { Threads = options.Threads, Precision = Precision.Double });
        Findings found = Findings.Of(options, twin, engine, cancellation);
        if (!options.NoReport)
        {
            ExamplePage.Write(options.Out, "gridworld", json =>
            {
                json.WriteString("seed", options.Seed.ToString(CultureInfo.InvariantCulture));
                json.WriteNumber("slip", options.Slip);
                json.WriteNumber("horizon", options.Horizon);
                json.WriteNumber("episodes", options.Episodes);
                json.WriteNumber("threads", engine.Threads);
                json.WriteString("instructionSet", Machine.NameOf(engine.InstructionSet));
                WriteFindings(json, found);
            });
        }

        if (options.Json)
        {
            Console.WriteLine(ExamplePage.JsonOf(json =>
            {
                json.WriteNumber("seed", options.Seed);
                json.WriteNumber("slip", options.Slip);
                json.WriteNumber("horizon", options.Horizon);
                json.WriteNumber("episodes", options.Episodes);
                WriteFindings(json, found);
            }));
        }
        else
        {
            AnsiConsole.Write(TableOf(found));
            Inverse inverse = found.Inverse;
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture,
                $"From {options.Episodes} demonstrations: the reward of cells correlates {inverse.Correlation:F3} with the true one; its policy earns {inverse.Share:P1} as much."));
            Console.WriteLine(options.NoReport ? "" : $"Page: {Path.GetFullPath(options.Out)}");
        }
    }

    private static Table TableOf(Findings found)
    {
        var table = new Table { Border = TableBorder.Rounded };
        table.AddColumn("V of the top row");
        for (int column = 0; column < Side; column++)
        {
            table.AddColumn(new TableColumn($"{column}").RightAligned());
        }

        table.AddColumn(new TableColumn("return").RightAligned());
        table.AddColumn(new TableColumn("error at most").RightAligned());
        foreach (Map map in found.Temperatures.Concat(found.Semantics))
        {
            string[] numbers = [.. map.Values.Take(Side).Append(map.Return).Select(v => v.ToString("F4", CultureInfo.InvariantCulture))];
            table.AddRow([map.Name, .. numbers, map.ErrorBound?.ToString("E0", CultureInfo.InvariantCulture) ?? "none"]);
        }

        return table;
    }

    private static void WriteFindings(Utf8JsonWriter json, Findings found)
    {
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
