using System.Globalization;

namespace Inference.Examples.Pendulum;

/// <summary>What the report says beyond what every report says.</summary>
internal static class PendulumReport
{
    public static void Write(string page, PendulumOptions options, Episode episode, ModelGraph graph) => episode.Report(page, new EpisodeReport
    {
        Title = "Pendulum",
        Summary = options.RandomStart
            ? "Swung up and held by path-integral control, from a random start."
            : "Swung up and held by path-integral control, from hanging still.",
        SecondsPerStep = 0.05,
        Angles = ["Angle"],
        Units = new Dictionary<string, string> { ["Angle"] = "rad", ["Velocity"] = "rad/s", ["Value"] = "N·m" },
        Titles = new Dictionary<string, string> { ["Value"] = "Torque" },
        Samples = options.Samples,
        Facts =
        [
            new("samples", options.Samples.ToString("N0", CultureInfo.InvariantCulture)),
            new("horizon", $"{options.Horizon} steps"),
            new("noise", options.Noise.ToString(CultureInfo.InvariantCulture)),
            new("temperature", options.Temperature.ToString(CultureInfo.InvariantCulture)),
        ],
        Graph = graph,
        Scene = new Scene(Script()) { Label = "The pendulum: a rod with a bob at its end, and an arc for the torque at its pivot." },
    });

    private static string Script()
    {
        using Stream stream = typeof(PendulumReport).Assembly.GetManifestResourceStream("pendulum.js")!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
