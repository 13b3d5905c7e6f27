using static Inference.Language;

namespace Inference.Examples.Skill;

/// <summary>How often what was predicted with about one probability came true.</summary>
/// <param name="Predicted">The mean probability.</param>
/// <param name="Seen">The share of outcomes that came true.</param>
/// <param name="Count">Outcomes.</param>
internal sealed record Calibration(double Predicted, double Seen, int Count);

/// <summary>What the example finds.</summary>
internal sealed record Findings
{
    /// <summary>Players and matches.</summary>
    public required Tournament Tournament { get; init; }

    /// <summary>The mean of each player's skill.</summary>
    public required double[] Means { get; init; }

    /// <summary>The standard deviation of each player's skill.</summary>
    public required double[] Deviations { get; init; }

    /// <summary>How far skills moved in each sweep, in their standard deviations.</summary>
    public required double[] Residuals { get; init; }

    /// <summary>The log-evidence, in nats, as expectation propagation estimates it.</summary>
    public required double LogEvidence { get; init; }

    /// <summary>Sweeps that were taken.</summary>
    public required int Sweeps { get; init; }

    /// <summary>Whether messages converged.</summary>
    public required bool Converged { get; init; }

    /// <summary>Updates that were put off as improper.</summary>
    public required int Improper { get; init; }

    /// <summary>Of outcomes of held matches, by tenths of probability.</summary>
    public required Calibration[] Calibration { get; init; }

    /// <summary>Nats a held match: −log of what was predicted for its outcome; null where none is held.</summary>
    public required double? LogLoss { get; init; }

    /// <summary>The same of a prediction by the frequency of draws alone.</summary>
    public required double? BaseLogLoss { get; init; }

    /// <summary>Spearman's correlation of means with the true skills; null where these are not known.</summary>
    public required double? RankCorrelation { get; init; }

    /// <summary>Passes messages, and predicts the matches that are held.</summary>
    public static Findings Of(SkillOptions options, SkillTwin twin, Engine engine)
    {
        Tournament tournament = Tournament.Of(options);
        int players = tournament.Names.Length, held = Math.Min((int)(options.Held * tournament.Matches.Length), tournament.Matches.Length - 1);
        Match[] seen = tournament.Matches[..^held], later = tournament.Matches[^held..];

        // A program has no empty inputs: without held matches one is asked for, and left out.
        Match[] asked = held > 0 ? later : [new Match(0, 1, false)];
        var method = new ExpectationPropagation { Sweeps = options.Sweeps, Damping = options.Damping, Tolerance = 1e-3 };
        using var rate = engine.Compile("skill", Input("matches", seen.Length, 3), Input("asked", asked.Length, 3), (matches, games) =>
        {
            ApproximatePosterior posterior = twin.Rate(matches, players, method);
            ApproximateMarginal skill = posterior.Marginal("player/skill");
            return (skill.Mean, skill.StandardDeviation, posterior.Residuals, posterior.LogEvidence, posterior.SweepsTaken, posterior.Converged,
                (posterior.ImproperCount, Predicted(skill, games)));
        });
        double[] found = [.. rate.Run(Rows(seen), Rows(asked)).ToArray().Select(value => (double)value)];
        double[] means = found[..players], reports = found[((2 * players) + options.Sweeps)..];
        int sweeps = (int)reports[1];
        double[] predictions = reports[4..];
        return new Findings
        {
            Tournament = tournament,
            Means = means,
            Deviations = found[players..(2 * players)],
            Residuals = found[(2 * players)..((2 * players) + sweeps)],
            LogEvidence = reports[0],
            Sweeps = sweeps,
            Converged = reports[2] > 0,
            Improper = (int)reports[3],
            Calibration = [.. Calibrated(later, predictions)],
            LogLoss = held > 0 ? Enumerable.Range(0, held).Average(k => -Math.Log(predictions[(3 * k) + (later[k].Drawn ? 1 : 0)])) : null,
            BaseLogLoss = held > 0 ? BaseLoss(seen, later) : null,
            RankCorrelation = tournament.Skills is { } skills ? Correlation(Ranks(means), Ranks(skills)) : null,
        };
    }

    /// <summary>Probabilities that the first wins, that it is a draw, that the second wins, for each match.</summary>
    private static Tensor Predicted(ApproximateMarginal skill, Tensor games)
    {
        FreeIndex game = PlateIndex("asked", games.Shape[0]);
        Tensor row = Unstack(games, game), first = Convert(Element(row, 0), DType.I32), second = Convert(Element(row, 1), DType.I32);
        Tensor lead = Gather(skill.Mean, first) - Gather(skill.Mean, second);
        Tensor spread = Sqrt(Gather(skill.Variance, first) + Gather(skill.Variance, second) + (2 * SkillModel.Performance * SkillModel.Performance));
        Tensor Above(Tensor x) => Exp(LogNormalCdf(x / spread));
        Tensor win = Above(lead - SkillModel.DrawMargin), loss = Above(-lead - SkillModel.DrawMargin);
        return Stack(Pack(win, 1 - win - loss, loss), game);
    }

    private static float[] Rows(Match[] matches) => [.. matches.SelectMany(m => new float[] { m.First, m.Second, m.Drawn ? 1 : 0 })];

    private static IEnumerable<Calibration> Calibrated(Match[] later, double[] predictions) =>
        from k in Enumerable.Range(0, 3 * later.Length)
        let isSo = k % 3 == (later[k / 3].Drawn ? 1 : 0)
        group (Predicted: predictions[k], IsSo: isSo) by Math.Min((int)(predictions[k] * 10), 9) into bin
        orderby bin.Key
        select new Calibration(bin.Average(outcome => outcome.Predicted), bin.Average(outcome => outcome.IsSo ? 1.0 : 0.0), bin.Count());

    private static double BaseLoss(Match[] seen, Match[] later)
    {
        double draws = (seen.Count(m => m.Drawn) + 1.0) / (seen.Length + 2.0);
        return later.Average(m => -Math.Log(m.Drawn ? draws : (1 - draws) / 2));
    }

    private static double[] Ranks(double[] values)
    {
        double[] ranks = new double[values.Length];
        int[] order = [.. Enumerable.Range(0, values.Length).OrderBy(k => values[k])];
        for (int rank = 0; rank < order.Length; rank++)
        {
            ranks[order[rank]] = rank;
        }

        return ranks;
    }

    private static double Correlation(double[] x, double[] y)
    {
        double meanOfX = x.Average(), meanOfY = y.Average();
        double Sum(Func<double, double, double> term) => x.Zip(y, (a, b) => term(a - meanOfX, b - meanOfY)).Sum();
        return Sum((a, b) => a * b) / Math.Sqrt(Sum((a, _) => a * a) * Sum((_, b) => b * b));
    }
}
