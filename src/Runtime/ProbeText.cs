using System.Globalization;

namespace Inference;

/// <summary>Probes in words: all values of a small one, the first of a large one and what all are like.</summary>
internal static class ProbeText
{
    private const int Shown = 8;

    public static void WriteToStandardError(string name, double[] values) => Console.Error.WriteLine(Line(name, values));

    public static string Line(string name, double[] values)
    {
        string shown = string.Join(' ', values.Take(Shown).Select(Text));
        return values.Length <= Shown
            ? $"{name}: {shown}"
            : $"{name}: {shown} … ({values.Length} values, {Text(values.Min())} to {Text(values.Max())}, mean {Text(values.Average())})";
    }

    private static string Text(double value) => value.ToString("G6", CultureInfo.InvariantCulture);
}
