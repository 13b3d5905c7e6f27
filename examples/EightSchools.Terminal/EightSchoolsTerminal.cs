using System.Globalization;
using System.Text.Json;
using Spectre.Console;

namespace Inference.Examples.EightSchools;

/// <summary>The program around the model: fits the families, and shows them beside the exact posterior.</summary>
public static class EightSchoolsTerminal
{
    /// <summary>Runs the program.</summary>
    /// <param name="arguments">The command line.</param>
    /// <param name="twin">The model.</param>
    /// <returns>The exit code: 0, 1 after an error, 2 after wrong usage, 130 when cancelled.</returns>
    public static int Run(string[] arguments, EightSchoolsTwin twin)
    {
        ArgumentNullException.ThrowIfNull(twin);
        return ExampleProgram.Run(EightSchoolsOptions.CommandLine, arguments, (options, cancellation) => Run(options, twin, cancellation));
    }

    private static void Run(EightSchoolsOptions options, EightSchoolsTwin twin, CancellationToken cancellation)
    {
        using var engine = new Engine(new EngineOptions { Threads = options.Threads });
        ExactPosterior exact = ExactPosterior.Compute();
        Approximation[] found =
            [.. Approximation.Families.Select(pair => Approximation.Fit(options, twin, pair.Family, pair.Name, engine, cancellation))];
        EightSchoolsPage.Write(options, twin, exact, found, engine);
        ExampleProgram.Conclude(options, json => WriteSummary(json, options, exact, found), () => AnsiConsole.Write(TableOf(exact, found)));
    }

    private static Table TableOf(ExactPosterior exact, Approximation[] found)
    {
        static string Cell(Marginal m) => string.Create(CultureInfo.InvariantCulture, $"{m.Mean:F2} ± {m.Deviation:F2}");
        static string Nats(double value) => string.Create(CultureInfo.InvariantCulture, $"{value:F3}");

        var table = new Table { Border = TableBorder.Rounded };
        table.AddColumn("posterior");
        table.AddColumn(new TableColumn("exact").RightAligned());
        foreach (Approximation a in found)
        {
            table.AddColumn(new TableColumn(a.Name).RightAligned());
        }

        for (int k = 0; k < SchoolData.Quantities.Length; k++)
        {
            table.AddRow([SchoolData.Quantities[k], Cell(exact.Marginals[k]), .. found.Select(a => Cell(a.Marginals[k]))]);
        }

        table.AddEmptyRow();
        table.AddRow(["log p(y), bounds", Nats(exact.LogEvidence), .. found.Select(a => Nats(a.Elbo))]);
        return table;
    }

    private static void WriteSummary(Utf8JsonWriter json, EightSchoolsOptions options, ExactPosterior exact, Approximation[] found)
    {
        json.WriteNumber("steps", options.Steps);
        json.WriteNumber("seed", options.Seed);
        json.WriteNumber("log_evidence", exact.LogEvidence);
        WriteMoments(json, exact.Marginals);
        json.WriteStartArray("families");
        foreach (Approximation a in found)
        {
            json.WriteStartObject();
            json.WriteString("name", a.Name);
            json.WriteNumber("elbo", a.Elbo);
            WriteMoments(json, a.Marginals);
            json.WriteNumber("seconds", a.Seconds);
            json.WriteString("parameters_sha256", a.ParametersSha256);
            json.WriteEndObject();
        }

        json.WriteEndArray();
    }

    private static void WriteMoments(Utf8JsonWriter json, Marginal[] marginals)
    {
        json.WriteNumbers("means", marginals.Select(m => m.Mean));
        json.WriteNumbers("deviations", marginals.Select(m => m.Deviation));
    }
}
