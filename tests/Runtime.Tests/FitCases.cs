using static Inference.Language;

namespace Inference.Runtime.Tests;

internal sealed record Example([Size(3)] Tensor X, Tensor Y);

internal sealed record Labelled(Tensor X, [Discrete(3)] Tensor Label);

internal sealed record Moments(Tensor Count, Tensor Mean);

/// <summary>Small learners and their data.</summary>
internal static class FitCases
{
    public const int Rows = 200;

    /// <summary>Options of a run that crosses epochs, with evaluations that do not fall on checkpoints.</summary>
    public static FitOptions Options { get; } = new() { Epochs = 6, BatchSize = 16, Seed = 5, EvaluateEvery = 7, Validation = Data(1, 37), Patience = 100 };

    /// <summary>A network that is fitted with noise on its inputs, so that draws matter.</summary>
    public static Learner<Example> Noisy(double rate = 1e-2, int hidden = 8)
    {
        Network net = Net.Mlp("net", [3, hidden, 1], Activation.Tanh);
        return Learner.Minimise(
            "noisy",
            (Example e) =>
                from noise in Sample("noise", Normal(Zeros(3), Fill(0.1, 3)))
                select Square(Element(net.Apply(e.X + noise), 0) - e.Y),
            new Adam(rate));
    }

    /// <summary>Mean and count of what it sees, by a rule of its own.</summary>
    public static Learner<Tensor> Averaging() => Learner.Define(
        "averaging",
        new Moments(0, 0),
        (LearnerContext context, Moments s, Tensor x) =>
        {
            Tensor count = s.Count + 1;
            Tensor mean = s.Mean + (context.Mean(x) - s.Mean) / count;
            return (new Moments(count, mean), Square(x - mean));
        });

    /// <summary>Numbers in [−1, 1) and a function of them.</summary>
    public static (float[] X, float[] Y) Columns(int seed, int rows = Rows)
    {
        var random = new Random(seed);
        float[] x = [.. Enumerable.Range(0, 3 * rows).Select(_ => (2 * random.NextSingle()) - 1)];
        float[] y = [.. Enumerable.Range(0, rows).Select(k => (x[3 * k] * x[(3 * k) + 1]) + MathF.Sin(x[(3 * k) + 2]))];
        return (x, y);
    }

    public static Dataset Data(int seed, int rows = Rows)
    {
        (float[] x, float[] y) = Columns(seed, rows);
        return Dataset.Columns(("X", x), ("Y", y));
    }

    /// <summary>The bytes of all parameters, in the order of their names.</summary>
    public static byte[] Bits(Fitted fitted) =>
        [.. fitted.Parameters.OrderBy(pair => pair.Key, StringComparer.Ordinal).SelectMany(pair => pair.Value.Bytes)];
}
