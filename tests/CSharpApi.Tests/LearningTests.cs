using Xunit;
using static Inference.Language;

namespace Inference.CSharpApi.Tests;

/// <summary>Derivatives, networks and optimisers as C# writes them.</summary>
public class LearningTests
{
    [Fact]
    public void A_gradient_by_values_of_a_plate_keeps_the_plate()
    {
        FreeIndex data = PlateIndex("data", 3);
        Network net = Net.Function("square", v => Square(v));
        Tensor x = Unstack(Constant([1, 2, 3, 4, 5, 6], 3, 2), data);
        Tensor y = Zeros(2);
        Tensor loss = MeanOver(data, Sum(Square(net.Apply(x) - y)));
        Tensor slope = Gradient(loss, x);
        Assert.Equal([data], slope.Indices);
        Assert.Equal([2], slope.Shape);
    }

    [Fact]
    public void Derivatives_take_records()
    {
        double[] values = Function.Evaluate(
            (Weights weights) =>
            {
                Tensor loss = weights.Scale * Sum(Square(weights.Values));
                Weights gradient = Gradient(loss, weights);
                Weights curvature = HessianVector(loss, weights, new Weights(Fill(1), Zeros(2)));
                return Concat(0, Reshape(gradient.Scale, 1), gradient.Values, curvature.Values);
            },
            2,
            3,
            4);
        Assert.Equal([25, 12, 16, 6, 8], values);
    }

    [Fact]
    public void An_optimiser_of_ones_own_takes_part_in_a_chain()
    {
        var optimizer = new ClipNorm(100).Then(new Adam(Rate.WarmUp(1000, 6e-4)));
        Assert.NotNull(optimizer);
        var signs = new Optimizer((context, gradients) => Array.ConvertAll(gradients, g => -0.01 * Select(Less(g, 0), -1, 1)));
        var builder = new ProgramBuilder("signs");
        Network net = Net.Linear("line", 1, 1);
        Tensor x = builder.Input("x", [1], DType.F32);
        Tensor loss = Sum(Square(net.Apply(x) - 1));
        Tensor[] parameters = Learning.step(builder, signs, 0, loss);
        Assert.Equal(["line.bias", "line.weight"], parameters.Select(Parameter.nameOf));
        builder.Output("loss", loss);
        using var engine = new Engine(new EngineOptions { Cache = false, Threads = 1 });
        using Executable executable = engine.Compile(builder.Build());
        executable.SetInput(0, (ReadOnlySpan<float>)[2]);
        float[] before = new float[1];
        float[] after = new float[1];
        executable.Run();
        executable.CopyOutput(0, before.AsSpan());
        for (int step = 0; step < 200; step++)
        {
            executable.Run();
        }

        executable.CopyOutput(0, after.AsSpan());
        Assert.True(after[0] < 0.01 && after[0] < before[0]);
    }

    private sealed record Weights(Tensor Scale, [Size(2)] Tensor Values);
}
