using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Inference.Examples;

/// <summary>One self-contained page about a run; it asks nothing of the network.</summary>
public static partial class ExamplePage
{
    /// <summary>
    /// Writes a page from the resources <c>name.html</c>, <c>name.css</c> and <c>name.js</c> of the caller's assembly, whose places
    /// <c>{{style}}</c>, <c>{{script}}</c> and <c>{{data}}</c> are filled in. What all pages share stands before the caller's own style and script.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="name">Of the resources.</param>
    /// <param name="data">Writes the properties of an object, the page's data.</param>
    public static void Write(string path, string name, Action<Utf8JsonWriter> data)
    {
        ArgumentNullException.ThrowIfNull(data);
        Assembly own = Assembly.GetCallingAssembly(), shared = typeof(ExamplePage).Assembly;

        // All places are filled in one pass: what is filled in may hold what looks like one.
        string page = Place().Replace(
            Resource(own, $"{name}.html"),
            place => place.Groups[1].Value switch
            {
                "style" => (Resource(shared, "page.css") + Resource(own, $"{name}.css")).TrimEnd(),
                "script" => (Resource(shared, "page.js") + Resource(own, $"{name}.js")).TrimEnd(),
                "data" => JsonOf(data),
                _ => throw new InvalidOperationException($"The page has an unknown place, {place.Value}."),
            });
        File.WriteAllText(path, page, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
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

    [GeneratedRegex(@"\{\{(\w+)\}\}")]
    private static partial Regex Place();
}
