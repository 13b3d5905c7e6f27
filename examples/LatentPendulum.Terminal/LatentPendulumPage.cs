using System.Text.Json;

namespace Inference.Examples.LatentPendulum;

/// <summary>What the page shows: what was observed beside what was imagined.</summary>
internal static class LatentPendulumPage
{
    private const string Summary = "A recurrent state-space model of a pendulum whose velocity is not seen.";
    private const int Shown = 6;

    public static void Write(LatentPendulumOptions options, Predictions predictions, Result result, Fitted fitted, ModelGraph graph, Engine engine) =>
        ExamplePage.Write(options, engine, "latent-pendulum", "Latent pendulum", Summary, graph, json =>
        {
            json.WriteNumber("epochs", options.Epochs);
            json.WriteNumber("recordings", options.Recordings);
            json.WriteNumber("width", options.Width);
            json.WriteNumber("latents", options.Latents);
            json.WriteNumber("context", Recording.Context);
            json.WriteNumber("testRecordings", predictions.Test.Count);
            json.WriteNumber("elbo", result.TestElbo);
            json.WriteNumber("seconds", result.Seconds);
            json.WriteNumbers("learning", fitted.History.Select(point => point.Training[0]));
            json.WriteNumbers("stateSpace", result.Scores.StateSpace);
            json.WriteNumbers("feedForward", result.Scores.FeedForward);
            json.WriteNumbers("lastValue", result.Scores.LastValue);
            json.WriteStartArray("shown");
            for (int k = 0; k < Math.Min(Shown, predictions.Test.Count); k++)
            {
                WriteRecording(json, predictions, k);
            }

            json.WriteEndArray();
        });

    private static void WriteRecording(Utf8JsonWriter json, Predictions p, int k)
    {
        void Numbers(string name, float[] values, int width)
        {
            int count = values.Length / p.Test.Count;
            json.WriteStartArray(name);
            for (int part = 0; part < width; part++)
            {
                json.WriteStartArray();
                for (int at = part; at < count; at += width)
                {
                    json.WriteNumberValue(Math.Round(values[(k * count) + at], 4));
                }

                json.WriteEndArray();
            }

            json.WriteEndArray();
        }

        json.WriteStartObject();
        Numbers("observed", p.Test.Observation, Recording.Observed);
        Numbers("torque", p.Test.Action, 1);
        Numbers("imagined", p.Imagined, Recording.Observed);
        Numbers("spread", p.Spread, Recording.Observed);
        Numbers("feedForward", p.FeedForward, Recording.Observed);
        json.WriteEndObject();
    }
}
