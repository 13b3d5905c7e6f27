using System.Globalization;
using System.Text.Json;
using Spectre.Console;

namespace Inference.Examples.CartLqr;

/// <summary>The program around the cart: balances it, swings it up, and shows how.</summary>
public static class CartLqrTerminal
{
    /// <summary>Runs the program.</summary>
    /// <param name="arguments">The command line.</param>
    /// <param name="twin">The cart.</param>
    /// <returns>The exit code: 0, 1 after an error, 2 after wrong usage, 130 when cancelled.</returns>
    public static int Run(string[] arguments, CartLqrTwin twin)
    {
        ArgumentNullException.ThrowIfNull(twin);
        return ExampleProgram.Run(CartLqrOptions.CommandLine, arguments, (options, cancellation) => Run(options, twin, cancellation));
    }

    private static void Run(CartLqrOptions options, CartLqrTwin twin, CancellationToken cancellation)
    {
        using var engine = new Engine(new EngineOptions { Threads = options.Threads, Precision = Precision.Double });
        Findings found = Findings.Of(options, twin, engine, cancellation);
        ExamplePage.Write(options, engine, "cart-lqr", "Cart with a pole", "Balanced by LQR and LQG, swung up by iterative LQR.", twin.Graph(options.Horizon), json =>
        {
            json.WriteNumber("episodes", options.Episodes);
            WriteFindings(json, found);
        });
        ExampleProgram.Conclude(
            options,
            json =>
            {
                json.WriteNumber("seed", options.Seed);
                json.WriteNumber("episodes", options.Episodes);
                json.WriteNumber("horizon", options.Horizon);
                WriteFindings(json, found);
            },
            () => Tell(options, found));
    }

    private static void Tell(CartLqrOptions options, Findings found)
    {
        AnsiConsole.Write(TableOf(options, found));
        string gain = string.Join(", ", found.Gain.Select(k => k.ToString("F3", CultureInfo.InvariantCulture)));
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"force = −K·(s − upright), K = [{gain}]; the policy's deviation is {found.Deviation:F3} N."));
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"Each step earns {found.Earned:F4}, and {found.EarnedBlind:F4} where velocities are not seen; the plan earns {found.Swing.Returns[^1]:F1} after {found.Swing.Returns.Length - 1} iterations."));
    }

    private static Table TableOf(CartLqrOptions options, Findings found)
    {
        var table = new Table { Border = TableBorder.Rounded };
        table.AddColumn("controller");
        table.AddColumn(new TableColumn("return").RightAligned());
        table.AddColumn(new TableColumn("upright").RightAligned());
        foreach (Balanced balanced in found.Balanced)
        {
            table.AddRow(balanced.Name, Shown(balanced.MeanReturn), $"{balanced.Upright} of {options.Episodes}");
        }

        table.AddRow("iterative LQR from hanging, then LQR", Shown(found.Swing.Run.Return), found.Swing.Run.IsUpright ? "1 of 1" : "0 of 1");
        return table;
    }

    private static string Shown(double number) => number.ToString("F2", CultureInfo.InvariantCulture);

    private static void WriteFindings(Utf8JsonWriter json, Findings found)
    {
        json.WriteNumbers("gain", found.Gain);
        json.WriteNumber("deviation", found.Deviation);
        json.WriteNumber("earned", found.Earned);
        json.WriteNumber("earned_blind", found.EarnedBlind);
        json.WriteStartArray("balanced");
        foreach (Balanced balanced in found.Balanced)
        {
            json.WriteStartObject();
            json.WriteString("name", balanced.Name);
            json.WriteNumber("return", balanced.MeanReturn);
            json.WriteNumber("upright", balanced.Upright);
            WriteRun(json, balanced.First);
            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteStartArray("gains");
        foreach (double[] row in found.Gains)
        {
            json.WriteStartArray();
            foreach (double number in row)
            {
                json.WriteNumberValue(Math.Round(number, 4));
            }

            json.WriteEndArray();
        }

        json.WriteEndArray();
        json.WriteStartObject("swing");
        json.WriteNumbers("planned", found.Swing.Planned);
        json.WriteNumbers("values", found.Swing.Values);
        json.WriteNumbers("returns", found.Swing.Returns);
        json.WriteBoolean("converged", found.Swing.Converged);
        json.WriteNumbers("deviations", found.Swing.Deviations);
        json.WriteNumber("return", found.Swing.Run.Return);
        json.WriteBoolean("upright", found.Swing.Run.IsUpright);
        WriteRun(json, found.Swing.Run);
        json.WriteEndObject();
    }

    private static void WriteRun(Utf8JsonWriter json, Run run)
    {
        json.WriteNumbers("positions", run.Positions);
        json.WriteNumbers("angles", run.Angles);
        json.WriteNumbers("forces", run.Forces);
    }
}
