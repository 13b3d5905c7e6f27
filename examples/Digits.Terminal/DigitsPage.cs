namespace Inference.Examples.Digits;

/// <summary>One self-contained page about a training; it asks nothing of the network.</summary>
internal static class DigitsPage
{
    public static void Write(DigitsOptions options, Gallery gallery, Result result, ModelGraph graph, Engine engine) => ExamplePage.Write(options, engine, "digits", "Digits", SummaryOf(options), graph, json =>
    {
        json.WriteString("model", options.Model);
        json.WriteNumber("epochs", options.Epochs);
        json.WriteNumber("test", result.TestNegativeElbo);
        json.WriteNumber("train", result.TrainNegativeElbo);
        json.WriteNumber("seconds", result.Seconds);
        json.WriteNumber("side", (int)Math.Round(Math.Sqrt(gallery.Pixels)));
        json.WriteNumber("latents", gallery.Latents);
        json.WriteNumbers("elbo", gallery.Curve.Select(point => point.Loss));
        json.WriteNumbers("reconstruction", gallery.Curve.Select(point => point.Reconstruction));
        json.WriteNumbers("divergence", gallery.Curve.Select(point => point.Divergence));
        json.WriteBase64String("originals", Intensities(gallery.Originals.Images));
        json.WriteBase64String("restored", Intensities(gallery.Restored));
        json.WriteStartArray("samples");
        foreach (float[] images in gallery.Samples)
        {
            json.WriteBase64StringValue(Intensities(images));
        }

        json.WriteEndArray();
        json.WriteNumbers("map", gallery.Map.Select(value => (double)value));
        json.WriteString("labels", string.Concat(gallery.Mapped.Labels));
        json.WriteBase64String("mapped", Bits(gallery.Mapped.Images));
    });

    private static string SummaryOf(DigitsOptions options) =>
        $"A {(options.Model == DigitsOptions.Vae ? "" : "conditional ")}variational autoencoder of {(options.Mnist is null ? "8×8 handwritten digits" : "MNIST")}, in black and white.";

    private static byte[] Intensities(float[] images) => Array.ConvertAll(images, value => (byte)MathF.Round(255 * value));

    /// <summary>Eight pixels to a byte, the first in the highest bit.</summary>
    private static byte[] Bits(float[] images)
    {
        byte[] bits = new byte[(images.Length + 7) / 8];
        for (int k = 0; k < images.Length; k++)
        {
            bits[k / 8] |= (byte)(images[k] > 0.5f ? 0x80 >> (k % 8) : 0);
        }

        return bits;
    }
}
