using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Inference.Examples.Digits;

/// <summary>One self-contained page about a training; it asks nothing of the network.</summary>
internal static class DigitsPage
{
    public static void Write(DigitsOptions options, Gallery gallery, Result result, Engine engine)
    {
        // All places are filled in one pass: what is filled in may hold what looks like one.
        string page = Regex.Replace(
            Resource("digits.html"),
            @"\{\{(\w+)\}\}",
            place => place.Groups[1].Value switch
            {
                "style" => Resource("digits.css").TrimEnd(),
                "script" => Resource("digits.js").TrimEnd(),
                "data" => DataOf(options, gallery, result, engine),
                _ => throw new InvalidOperationException($"The page has an unknown place, {place.Value}."),
            });
        File.WriteAllText(options.Out, page, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false));
    }

    private static string Resource(string name)
    {
        using Stream stream = typeof(DigitsPage).Assembly.GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }

    // The writer escapes <, > and &: no text can end the script element.
    private static string DataOf(DigitsOptions options, Gallery gallery, Result result, Engine engine)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes))
        {
            json.WriteStartObject();
            json.WriteString("model", options.Model);
            json.WriteBoolean("mnist", options.Mnist is not null);
            json.WriteString("seed", options.Seed.ToString(System.Globalization.CultureInfo.InvariantCulture));
            json.WriteNumber("epochs", options.Epochs);
            json.WriteNumber("test", result.TestNegativeElbo);
            json.WriteNumber("train", result.TrainNegativeElbo);
            json.WriteNumber("seconds", result.Seconds);
            json.WriteNumber("threads", engine.Threads);
            json.WriteString("instructionSet", Machine.NameOf(engine.InstructionSet));
            json.WriteNumber("side", (int)Math.Round(Math.Sqrt(gallery.Pixels)));
            json.WriteNumber("latents", gallery.Latents);
            WriteNumbers(json, "elbo", gallery.Curve.Select(point => point.Loss));
            WriteNumbers(json, "reconstruction", gallery.Curve.Select(point => point.Reconstruction));
            WriteNumbers(json, "divergence", gallery.Curve.Select(point => point.Divergence));
            json.WriteBase64String("originals", Intensities(gallery.Originals.Images));
            json.WriteBase64String("restored", Intensities(gallery.Restored));
            json.WriteStartArray("samples");
            foreach (float[] images in gallery.Samples)
            {
                json.WriteBase64StringValue(Intensities(images));
            }

            json.WriteEndArray();
            WriteNumbers(json, "map", gallery.Map.Select(value => (double)value));
            json.WriteString("labels", string.Concat(gallery.Mapped.Labels));
            json.WriteBase64String("mapped", Bits(gallery.Mapped.Images));
            json.WriteEndObject();
        }

        return Encoding.UTF8.GetString(bytes.ToArray());
    }

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

    private static void WriteNumbers(Utf8JsonWriter json, string name, IEnumerable<double> values)
    {
        json.WriteStartArray(name);
        foreach (double value in values)
        {
            json.WriteNumberValue(Math.Round(value, 4));
        }

        json.WriteEndArray();
    }
}
