using System.Globalization;
using System.Text.Json;
using Spectre.Console;

namespace Inference.Examples.Skill;

/// <summary>The program around the model: ranks players, and shows how sure it is and how well it predicts.</summary>
public static class SkillTerminal
{
    private const int Shown = 10;

    /// <summary>Runs the program.</summary>
    /// <param name="arguments">The command line.</param>
    /// <param name="twin">The model.</param>
    /// <returns>The exit code: 0, 1 after an error, 2 after wrong usage, 130 when cancelled.</returns>
    public static int Run(string[] arguments, SkillTwin twin)
    {
        ArgumentNullException.ThrowIfNull(twin);
        return ExampleProgram.Run(SkillOptions.CommandLine, arguments, (options, _) => Run(options, twin));
    }

    private static void Run(SkillOptions options, SkillTwin twin)
    {
        using var engine = new Engine(new EngineOptions { Threads = options.Threads });
        Findings found = Findings.Of(options, twin, engine);
        ExamplePage.Write(
            options, engine, "skill", "Skills of players", "Ranked from the results of their matches, by expectation propagation.", twin.Graph(found.Tournament.Matches.Length, found.Tournament.Names.Length), json => Write(json, options, found));
        ExampleProgram.Conclude(
            options,
            json =>
            {
                json.WriteNumber("seed", options.Seed);
                Write(json, options, found);
            },
            () => Tell(found));
    }

    private static void Tell(Findings found)
    {
        AnsiConsole.Write(TableOf(found));
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{(found.Converged ? "Converged" : "Not converged")} after {found.Sweeps} sweeps; {found.Improper} improper updates put off; log-evidence {found.LogEvidence:F2} nats."));
        if (found.LogLoss is { } loss)
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"Held matches: {loss:F3} nats each; by the share of draws alone {found.BaseLogLoss:F3}."));
        }
    }

    private static Table TableOf(Findings found)
    {
        var table = new Table { Border = TableBorder.Rounded };
        table.AddColumn("rank");
        table.AddColumn("player");
        table.AddColumn(new TableColumn("skill").RightAligned());
        table.AddColumn(new TableColumn("true").RightAligned());
        int rank = 0;
        foreach (int k in Enumerable.Range(0, found.Means.Length).OrderByDescending(k => found.Means[k]).Take(Shown))
        {
            string skill = string.Create(CultureInfo.InvariantCulture, $"{found.Means[k]:F2} ± {found.Deviations[k]:F2}");
            string truth = found.Tournament.Skills?[k].ToString("F2", CultureInfo.InvariantCulture) ?? "";
            table.AddRow($"{++rank}", Markup.Escape(found.Tournament.Names[k]), skill, truth);
        }

        return table;
    }

    private static void Write(Utf8JsonWriter json, SkillOptions options, Findings found)
    {
        json.WriteNumber("matches", found.Tournament.Matches.Length);
        json.WriteNumber("draws", found.Tournament.Matches.Count(m => m.Drawn));
        json.WriteNumber("damping", options.Damping);
        json.WriteNumber("sweeps", found.Sweeps);
        json.WriteBoolean("converged", found.Converged);
        json.WriteNumber("improper", found.Improper);
        json.WriteNumber("log_evidence", Math.Round(found.LogEvidence, 4));
        WriteOptional(json, "log_loss", found.LogLoss);
        WriteOptional(json, "base_log_loss", found.BaseLogLoss);
        WriteOptional(json, "rank_correlation", found.RankCorrelation);
        json.WriteStartArray("names");
        foreach (string name in found.Tournament.Names)
        {
            json.WriteStringValue(name);
        }

        json.WriteEndArray();
        json.WriteNumbers("skills", found.Means);
        json.WriteNumbers("deviations", found.Deviations);
        if (found.Tournament.Skills is { } truth)
        {
            json.WriteNumbers("true", truth);
        }

        // The first sweep starts from nothing.
        json.WriteNumbers("log10_residuals", found.Residuals.Where(value => double.IsFinite(value) && value > 0).Select(Math.Log10));
        json.WriteStartArray("calibration");
        foreach (Calibration bin in found.Calibration)
        {
            json.WriteStartObject();
            json.WriteNumber("predicted", Math.Round(bin.Predicted, 4));
            json.WriteNumber("seen", Math.Round(bin.Seen, 4));
            json.WriteNumber("count", bin.Count);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteOptional(Utf8JsonWriter json, string name, double? value)
    {
        if (value is { } number)
        {
            json.WriteNumber(name, Math.Round(number, 6));
        }
    }
}
