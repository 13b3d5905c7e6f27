using System.Globalization;
using System.Text;

namespace Inference;

/// <content>The episode as a table of comma-separated values.</content>
public sealed partial class Episode
{
    /// <summary>
    /// Writes <c>t</c>, the components of the state, those of the action, and <c>reward</c>: a heading and one row a step, in decimals that
    /// read back to the same numbers.
    /// </summary>
    /// <param name="path">The file; it is replaced if it exists.</param>
    public void WriteTrace(string path)
    {
        using var writer = new StreamWriter(path, append: false, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { NewLine = "\n" };
        WriteTrace(writer);
    }

    /// <inheritdoc cref="WriteTrace(string)"/>
    /// <param name="writer">Receives the table.</param>
    public void WriteTrace(TextWriter writer)
    {
        ArgumentNullException.ThrowIfNull(writer);
        writer.WriteLine(string.Join(',', [.. Columns(), "reward"]));
        for (int step = 0; step < Steps; step++)
        {
            writer.Write(step.ToString(CultureInfo.InvariantCulture));
            WriteCells(writer, State(step));
            WriteCells(writer, Action(step));
            WriteCells(writer, Rewards.Slice(step, 1));
            writer.WriteLine();
        }
    }

    private static void WriteCells(TextWriter writer, ReadOnlySpan<float> values)
    {
        foreach (float value in values)
        {
            writer.Write(',');
            writer.Write(value.ToString("R", CultureInfo.InvariantCulture));
        }
    }

    private static string Cell(string name) => name.Contains(',') ? $"\"{name}\"" : name;

    private IEnumerable<string> Columns() => [.. (string[])["t"], .. StateFields.Concat(ActionFields).Select(Cell)];
}
