using Microsoft.FSharp.Core;

namespace Inference.Examples.EightSchools;

/// <summary>What was measured: the estimated effects of coaching in eight schools, and the standard errors of the estimates.</summary>
/// <param name="Effect">In points.</param>
/// <param name="Error">In points.</param>
public sealed record Schools([property: Size(SchoolData.Count)] Tensor Effect, [property: Size(SchoolData.Count)] Tensor Error);

/// <summary>What is not known.</summary>
/// <param name="Mu">The mean of the effects.</param>
/// <param name="Tau">The standard deviation of the effects.</param>
/// <param name="Theta">The effect in each school, of shape [8].</param>
public sealed record Effects(Tensor Mu, Tensor Tau, [property: Size(SchoolData.Count)] Tensor Theta);

/// <summary>The families of approximate posteriors.</summary>
public enum SchoolFamily
{
    /// <summary>Independent Normals.</summary>
    MeanField = 0,

    /// <summary>One Normal with a full covariance.</summary>
    FullRank = 1,

    /// <summary>A Normal through coupling layers.</summary>
    Flow = 2,
}

/// <summary>What a twin brings: the same model, specified in its own language.</summary>
public sealed record EightSchoolsTwin
{
    /// <summary>A learner that maximises a bound; its one datum is all schools.</summary>
    public required Func<SchoolFamily, Objective, Optimizer, Learner<Schools>> Learner { get; init; }

    /// <summary>What is believed before the data.</summary>
    public required Prob<Effects> Prior { get; init; }

    /// <summary>A family over what the prior draws.</summary>
    public required Func<SchoolFamily, Prob<Unit>> Guide { get; init; }
}
