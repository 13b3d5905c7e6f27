namespace Inference;

/// <summary>An animation for a report: how one moment is drawn.</summary>
/// <param name="Script">
/// The body of a JavaScript function <c>draw(context, width, height, state, action, theme)</c> that draws one moment on a canvas.
/// <c>context</c> is the canvas's 2D context, cleared, in units of CSS pixels; <c>width</c> and <c>height</c> are its size;
/// <c>state</c> and <c>action</c> are objects whose properties are the components by name; <c>theme</c> has the colours <c>ink</c>,
/// <c>muted</c>, <c>line</c>, <c>surface</c>, <c>accent</c> and <c>second</c> and the boolean <c>dark</c>. It must reach for nothing
/// outside the page.
/// </param>
public sealed record Scene(string Script)
{
    /// <summary>What the animation shows, in words, for those who cannot see it.</summary>
    public string Label { get; init; } = "The state of the process, drawn.";

    /// <summary>True if states between two steps are drawn as the states on the line between them.</summary>
    public bool Interpolate { get; init; } = true;

    /// <summary>The height of the drawing over its width.</summary>
    public double AspectRatio { get; init; } = 1;
}
