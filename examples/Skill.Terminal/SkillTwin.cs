namespace Inference.Examples.Skill;

/// <summary>The numbers of the model, which both twins state it with: the defaults of TrueSkill (Herbrich et al., 2006).</summary>
public static class SkillModel
{
    /// <summary>The mean of a skill.</summary>
    public const double Mean = 25;

    /// <summary>The standard deviation of a skill.</summary>
    public const double Deviation = 25.0 / 3;

    /// <summary>The standard deviation of a performance around its skill.</summary>
    public const double Performance = 25.0 / 6;

    /// <summary>Performances that differ by less make a draw.</summary>
    public const double DrawMargin = 1;
}

/// <summary>What a twin brings: the same model, specified in its own language.</summary>
public sealed record SkillTwin
{
    /// <summary>
    /// From matches [matches, 3], a row being the winner's number, or of a draw the first player's, the other's, and 1 for a draw, and the number of
    /// players, to the posterior of the site <c>player/skill</c>.
    /// </summary>
    public required Func<Tensor, int, ExpectationPropagation, ApproximatePosterior> Rate { get; init; }

    /// <summary>The model's graph, by the numbers of matches and of players.</summary>
    public required Func<int, int, ModelGraph> Graph { get; init; }
}
