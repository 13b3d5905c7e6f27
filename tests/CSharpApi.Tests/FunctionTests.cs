using Xunit;
using static Inference.Language;

namespace Inference.CSharpApi.Tests;

public record Pair([Size(3)] Tensor Left, Tensor Scale);

public record Sums(Tensor Total, Tensor Scaled);

public record Counter(Tensor Count, Tensor Sum);

/// <summary>Functions over tensors and records of tensors, compiled and interpreted.</summary>
public sealed class FunctionTests : IDisposable
{
    private readonly List<(string Name, double[] Values)> _probed = [];
    private readonly Engine _engine;

    public FunctionTests() =>
        _engine = new Engine(new EngineOptions { Threads = 1, Cache = false, Probed = (name, values) => _probed.Add((name, values)) });

    public void Dispose() => _engine.Dispose();

    [Fact]
    public void A_function_of_a_record_computes_what_the_interpreter_does()
    {
        using var sums = _engine.Compile("sums", (Pair x) => new Sums(Sum(x.Left), x.Scale * Sin(x.Left)));
        float[] result = sums.Run([1, 2, 3, 10]).ToArray();
        double[] expected = [6, 10 * Math.Sin(1), 10 * Math.Sin(2), 10 * Math.Sin(3)];
        double[] evaluated = sums.Evaluate(1, 2, 3, 10);
        for (int k = 0; k < 4; k++)
        {
            Assert.Equal(expected[k], evaluated[k], 1e-12);
            Assert.Equal(expected[k], result[k], 1e-5);
        }

        Assert.Equal("Total, Scaled", string.Join(", ", sums.Output.Leaves.Select(leaf => leaf.Path)));
        Assert.Equal([3], sums.Output.Leaves[1].Shape);
    }

    [Fact]
    public void Shapes_of_tensors_are_stated()
    {
        using var inner = _engine.Compile("inner product", Input("x", 3), Input("y", 3), (x, y) => Dot(x, y));
        Assert.Equal(32, inner.Run([1, 2, 3], [4, 5, 6])[0]);
        Assert.Equal([32], inner.Evaluate([1, 2, 3], [4, 5, 6]));
        Assert.Equal([14], Function.Evaluate(Input("x", 3), x => Sum(Square(x)), 1, 2, 3));
        Assert.Equal([12], Function.Evaluate((Tensor x, Tensor y) => x * y, [3], [4]));
    }

    [Fact]
    public void A_state_is_kept_from_run_to_run()
    {
        using var mean = _engine.Compile(
            "running mean",
            new Counter(0, Zeros(2)),
            (Counter s, Point x) =>
            {
                var next = new Counter(s.Count + 1, s.Sum + x.X);
                return (next, next.Sum / next.Count);
            });
        Assert.Equal([4, 4], mean.Run([4]).ToArray());
        Assert.Equal([3, 3], mean.Run([2]).ToArray());
        double[] state = new double[3];
        mean.CopyState(state);
        Assert.Equal([2, 6, 6], state);
        (double[] result, double[] next) = mean.Evaluate(state, [0]);
        Assert.Equal([2, 2], result);
        Assert.Equal([3, 6, 6], next);
        mean.Reset();
        Assert.Equal([8, 8], mean.Run([8]).ToArray());
        mean.SetState([1, 0, 2]);
        Assert.Equal([0, 1], mean.Run([0]).ToArray());
    }

    [Fact]
    public void Double_precision_is_precise()
    {
        using var engine = new Engine(new EngineOptions { Threads = 1, Cache = false, Precision = Precision.Double });
        using var third = engine.Compile("third", (Tensor x) => x / 3);
        double[] result = new double[1];
        third.Run([1.0], result);
        Assert.Equal(1.0 / 3.0, result[0]);
        Assert.Equal(1f / 3f, third.Run([1f])[0]);
    }

    [Fact]
    public void Runs_do_not_allocate()
    {
        using var square = _engine.Compile("square", (Tensor x) => Square(x));
        float[] input = [3];
        square.Run(input);
        Assert.Equal(0, Allocations.Of(() =>
        {
            for (int k = 0; k < 100; k++)
            {
                square.Run(input);
            }
        }));
    }

    [Fact]
    public void Probes_go_to_the_engines_listener_or_to_the_executables_own()
    {
        using var probing = _engine.Compile("probing", Input("x", 2), x => Sum(Probe("doubled", 2 * x)));
        Assert.Equal(6, probing.Run([1, 2])[0]);
        (string name, double[] values) = Assert.Single(_probed);
        Assert.Equal("doubled", name);
        Assert.Equal([2, 4], values);

        var own = new List<string>();
        probing.Executable.Probed += (probe, _) => own.Add(probe);
        probing.Run([1, 2]);
        Assert.Equal(["doubled"], own);
        Assert.Single(_probed);
    }

    [Fact]
    public void Probes_within_plates_show_every_repetition()
    {
        using var probing = _engine.Compile("positions", (Tensor x) =>
        {
            FreeIndex three = PlateIndex("three", 3);
            return SumOver(three, Probe("scaled", x * Convert(Position(three), DType.F32)));
        });
        Assert.Equal(6, probing.Run([2])[0]);
        Assert.Equal([0, 2, 4], _probed[0].Values);
    }

    [Fact]
    public void Explain_shows_signature_graph_schedule_loops_and_source()
    {
        using var sums = _engine.Compile("sums", (Pair x) => new Sums(Sum(x.Left), x.Scale * x.Left));
        string text = sums.Explain();
        Assert.StartsWith("sums(x.Left[3], x.Scale) → Total, Scaled[3]", text, StringComparison.Ordinal);
        foreach (string heading in new[] { "Graph", "Schedule", "Loops", "Source" })
        {
            Assert.Contains($"== {heading}", text, StringComparison.Ordinal);
        }
    }
}
