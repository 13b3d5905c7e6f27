using System.Globalization;

namespace Inference.Examples.Skill;

/// <summary>A match: the winner and the other player, or both of a draw.</summary>
internal readonly record struct Match(int First, int Second, bool Drawn);

/// <summary>Players and their matches, in order.</summary>
/// <param name="Names">Of the players.</param>
/// <param name="Skills">The true ones; null where nobody knows them.</param>
/// <param name="Matches">The matches.</param>
internal sealed record Tournament(string[] Names, double[]? Skills, Match[] Matches)
{
    /// <summary>Players and matches as the options ask for.</summary>
    /// <exception cref="InvalidDataException">A row of the file is no match.</exception>
    public static Tournament Of(SkillOptions options) => options.File == "" ? Drawn(options) : Read(options.File);

    /// <summary>Skills and matches of the model itself.</summary>
    private static Tournament Drawn(SkillOptions options)
    {
        var random = new Random((int)(options.Seed ^ (options.Seed >> 32)));
        double Normal() => Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
        double[] skills = [.. Enumerable.Range(0, options.Players).Select(_ => SkillModel.Mean + (SkillModel.Deviation * Normal()))];
        var matches = new Match[options.Matches];
        for (int k = 0; k < matches.Length; k++)
        {
            int first = random.Next(options.Players), second = (first + 1 + random.Next(options.Players - 1)) % options.Players;
            double lead = skills[first] - skills[second] + (Math.Sqrt(2) * SkillModel.Performance * Normal());
            bool drawn = Math.Abs(lead) < SkillModel.DrawMargin;
            matches[k] = lead > 0 || drawn ? new Match(first, second, drawn) : new Match(second, first, drawn);
        }

        return new Tournament([.. skills.Select((_, k) => $"player {k + 1}")], skills, matches);
    }

    private static Tournament Read(string path)
    {
        var numbers = new Dictionary<string, int>();
        int NumberOf(string name) => numbers.TryGetValue(name, out int known) ? known : numbers[name] = numbers.Count;
        var matches = new List<Match>();
        string[] lines = File.ReadAllLines(path);
        for (int k = 0; k < lines.Length; k++)
        {
            string[] cells = [.. lines[k].Split(',').Select(cell => cell.Trim())];
            bool isNumber = double.TryParse(cells[^1], CultureInfo.InvariantCulture, out double result);
            if (lines[k].Trim() == "" || (k == 0 && !isNumber))
            {
                continue;
            }

            if (cells.Length != 3 || !(result is 0 or 0.5 or 1) || !isNumber || cells[0] == cells[1])
            {
                throw new InvalidDataException(
                    $"Line {k + 1} of {path} is \"{lines[k]}\"; expected two different players and 1, 0.5 or 0: \"Anna,Ben,1\".");
            }

            int first = NumberOf(cells[0]), second = NumberOf(cells[1]);
            matches.Add(result == 0 ? new Match(second, first, false) : new Match(first, second, result == 0.5));
        }

        return matches.Count >= 2
            ? new Tournament([.. numbers.Keys], null, [.. matches])
            : throw new InvalidDataException($"{path} has {matches.Count} matches; expected at least 2.");
    }
}
