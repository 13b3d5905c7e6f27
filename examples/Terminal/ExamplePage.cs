using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.Json;

namespace Inference.Examples;

/// <summary>One self-contained page about a run; it asks nothing of the network.</summary>
public static class ExamplePage
{
    /// <summary>
    /// Writes a page, where one is wanted, from the resources <c>name.html</c>, <c>name.css</c> and <c>name.js</c> of the caller's assembly. What all pages of
    /// examples share stands before the caller's own style and script; the seed, threads and instruction set before its own data.
    /// </summary>
    /// <param name="options">Where the page goes.</param>
    /// <param name="engine">The machine that the run was on.</param>
    /// <param name="name">Of the resources.</param>
    /// <param name="title">The page's title.</param>
    /// <param name="summary">A sentence about it.</param>
    /// <param name="graph">Of the model.</param>
    /// <param name="data">Writes the properties of an object, the page's data.</param>
    public static void Write(
        ExampleOptions options, Engine engine, string name, string title, string summary, ModelGraph graph, Action<Utf8JsonWriter> data)
    {
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(engine);
        ArgumentNullException.ThrowIfNull(data);
        if (options.Page is null)
        {
            return;
        }

        Assembly own = Assembly.GetCallingAssembly(), shared = typeof(ExamplePage).Assembly;
        var page = new ReportFrame
        {
            Title = title,
            Summary = summary,
            Content = Resource(own, $"{name}.html"),
            Graph = graph,
            Style = Resource(shared, "page.css") + Resource(own, $"{name}.css"),
            Script = Resource(shared, "page.js") + Resource(own, $"{name}.js"),
            Data = JsonOf(json =>
            {
                // As text: a script's numbers hold 53 bits.
                json.WriteString("seed", options.Seed.ToString(CultureInfo.InvariantCulture));
                json.WriteNumber("threads", engine.Threads);
                json.WriteString("instructionSet", Machine.NameOf(engine.InstructionSet));
                data(json);
            }),
        };
        File.WriteAllText(options.Page, page.ToHtml(), new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
    }

    /// <summary>An object on one line. <c>&lt;</c>, <c>&gt;</c> and <c>&amp;</c> are escaped: no text can end a script element.</summary>
    /// <param name="properties">Writes its properties.</param>
    public static string JsonOf(Action<Utf8JsonWriter> properties)
    {
        ArgumentNullException.ThrowIfNull(properties);
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            properties(json);
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(bytes.ToArray());
    }

    /// <summary>An array of numbers with four digits after the point.</summary>
    public static void WriteNumbers(this Utf8JsonWriter json, string name, IEnumerable<double> values)
    {
        ArgumentNullException.ThrowIfNull(json);
        ArgumentNullException.ThrowIfNull(values);
        json.WriteStartArray(name);
        foreach (double value in values)
        {
            json.WriteNumberValue(Math.Round(value, 4));
        }

        json.WriteEndArray();
    }

    private static string Resource(Assembly assembly, string name)
    {
        using Stream stream = assembly.GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
