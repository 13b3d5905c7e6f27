using System.Globalization;
using System.Text.Json;

namespace Inference.Examples.Digits;

/// <summary>The training in a few words, or in a few properties of JSON.</summary>
internal static class Summary
{
    public static string TextOf(Result result) => string.Create(
        CultureInfo.InvariantCulture,
        $"Negative ELBO {result.TestNegativeElbo:F2} nats a test digit, {result.TrainNegativeElbo:F2} a training digit; trained in {result.Seconds:F2} s.");

    public static void Write(Utf8JsonWriter json, Result result, DigitsOptions options)
    {
        json.WriteString("model", options.Model);
        json.WriteNumber("test_negative_elbo", result.TestNegativeElbo);
        json.WriteNumber("train_negative_elbo", result.TrainNegativeElbo);
        json.WriteNumber("epochs", options.Epochs);
        json.WriteNumber("seconds", result.Seconds);
        json.WriteNumber("seed", options.Seed);
        json.WriteString("parameters_sha256", result.ParametersSha256);
    }
}
