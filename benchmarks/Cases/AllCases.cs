namespace Inference.Benchmarks.Cases;

/// <summary>What can be measured.</summary>
internal static class AllCases
{
    private static readonly Case[] All =
    [
        MppiCases.Small, MppiCases.Large, MppiCases.User,
        TrainingCases.Mlp, TrainingCases.Vae, TrainingCases.Conv, TrainingCases.Gru, TrainingCases.Rssm,
        SoftValueIteration.Case, HiddenMarkov.Case, KalmanFilter.Case,
    ];

    public static IReadOnlyList<string> Names { get; } = [.. All.Select(@case => @case.Name)];

    public static Case Named(string name) => All.Single(@case => @case.Name == name);
}
