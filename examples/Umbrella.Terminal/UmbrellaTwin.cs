using static Inference.Language;

namespace Inference.Examples.Umbrella;

/// <summary>The probabilities of the world.</summary>
/// <param name="Stay">That the weather stays as it was the day before.</param>
/// <param name="InRain">Of an umbrella when it rains.</param>
/// <param name="Without">Of an umbrella when it does not.</param>
public sealed record Climate(Tensor Stay, Tensor InRain, Tensor Without);

/// <summary>A day.</summary>
/// <param name="Rain">Whether it rains: 0 or 1.</param>
/// <param name="Umbrella">Whether somebody has an umbrella: 0 or 1.</param>
public sealed record Day(Tensor Rain, Tensor Umbrella);

/// <summary>What a twin brings: the same world, specified in its own language.</summary>
public sealed record UmbrellaTwin
{
    /// <summary>A hidden Markov model over days: the weather "day/rain" is carried, "day/umbrella" follows from it.</summary>
    public required Func<Climate, FreeIndex, Prob<Chain<Tensor, Day>>> World { get; init; }

    /// <summary>The world's graph over some days.</summary>
    public ModelGraph Graph(int days) => World(new Climate(0.7, 0.9, 0.2), TimeIndex("day", days)).Graph("umbrella world");
}
