using System.Net;
using System.Text.RegularExpressions;

namespace Inference;

/// <summary>
/// The frame of a page about a run: a heading, light and dark, headline figures and facts, around a content of one's own. The page is one file and asks
/// nothing of the network. Its script finds the data as <c>data</c>, and <c>figure</c>, <c>facts</c>, <c>show</c> and a few more functions of the frame (<c>frame.js</c>).
/// </summary>
public sealed partial record ReportFrame
{
    /// <summary>The title, as text.</summary>
    public required string Title { get; init; }

    /// <summary>A sentence below the title, as text.</summary>
    public string Summary { get; init; } = "";

    /// <summary>
    /// What stands below the headline figures, as HTML. Facts go to an element <c>facts</c>, what is drawn to an element <c>board</c>, the graph to a
    /// place <c>{{graph}}</c>.
    /// </summary>
    public required string Content { get; init; }

    /// <summary>The graph of the model or process that the page is about; null: none is shown.</summary>
    public ModelGraph? Graph { get; init; }

    /// <summary>Style sheets beyond the frame's.</summary>
    public string Style { get; init; } = "";

    /// <summary>A script, which runs after the frame's.</summary>
    public string Script { get; init; } = "";

    /// <summary>The page's data: an object in JSON in which &lt;, &gt; and &amp; are escaped, as <see cref="System.Text.Json.Utf8JsonWriter"/> does.</summary>
    public required string Data { get; init; }

    /// <summary>The page.</summary>
    // All places are filled in one pass: what is filled in may hold what looks like one.
    public string ToHtml() => Place().Replace(
        Resource("frame.html"),
        place => place.Groups[1].Value switch
        {
            "title" => WebUtility.HtmlEncode(Title),
            "summary" => WebUtility.HtmlEncode(Summary),
            "style" => (Resource("frame.css") + Style).TrimEnd(),
            "content" => Content.Replace("{{graph}}", GraphSection(), StringComparison.Ordinal).TrimEnd(),
            "data" => Data,
            "script" => (Resource("frame.js") + Script).TrimEnd(),
            _ => throw new InvalidOperationException($"The page has an unknown place, {place.Value}."),
        });

    private string GraphSection() =>
        Graph is null ? "" : $"<section id=\"graph\"><h2>Graph</h2>\n{Graph.ToSvg().TrimEnd()}\n</section>";

    private static string Resource(string name)
    {
        using Stream stream = typeof(ReportFrame).Assembly.GetManifestResourceStream("Inference.Report." + name)
            ?? throw new InvalidOperationException($"The resource \"{name}\" is missing from the assembly.");
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    [GeneratedRegex(@"\{\{(\w+)\}\}")]
    private static partial Regex Place();
}
