using Inference.Compiler;
using Xunit;

namespace Inference.Runtime.Tests;

public sealed class SlotTests : IDisposable
{
    private readonly Engine _engine = ExecutableTests.NewEngine();
    private readonly Executable _types;

    public SlotTests() => _types = ExecutableTests.Load(_engine, SamplePrograms.EveryType());

    public void Dispose()
    {
        _types.Dispose();
        _engine.Dispose();
    }

    [Fact]
    public void Values_are_converted_to_the_slots_type()
    {
        _types.SetInput(0, [1.5, 2, 3, 4]);
        Assert.Equal([1.5f, 2, 3, 4], _types.Input(0).ToArray());
        _types.SetInput(1, [0.25f, -1]);
        Assert.Equal([0.25, -1], _types.Input<double>(1).ToArray());
        _types.SetInput(2, [2.9, -2.9, 1e10]);
        Assert.Equal([2, -2, int.MaxValue], _types.Input<int>(2).ToArray());
        _types.SetInput(3, [0.5f, 0]);
        Assert.Equal([1, 0], _types.Input<int>(3).ToArray());
    }

    [Fact]
    public void Outputs_are_converted_to_what_is_asked_for()
    {
        _types.SetInput(3, [1f, 0]);
        _types.Run();
        var values = new double[1];
        _types.CopyOutput(_types.IndexOfOutput("flag"), values);
        Assert.Equal([1.0], values);
    }

    [Fact]
    public void A_wrong_count_is_refused_with_name_expected_and_actual()
    {
        var error = Assert.Throws<ArgumentException>(() => _types.SetInput(0, [1f, 2, 3]));
        Assert.Contains("input \"single\", shape [2, 2]", error.Message);
        Assert.Contains("was given 3 elements; it has 4", error.Message);
        Assert.Throws<ArgumentException>(() => _types.CopyOutput(0, new double[2]));
    }

    [Fact]
    public void A_wrong_type_is_refused_with_the_right_one()
    {
        var error = Assert.Throws<ArgumentException>(() => _types.Input(1).Length);
        Assert.Contains("\"double\"", error.Message);
        Assert.Contains("Ask for it as Double", error.Message);
        Assert.Throws<ArgumentException>(() => _types.Input<double>(0).Length);
        Assert.Throws<ArgumentException>(() => _types.Input<float>(3).Length);
    }

    [Fact]
    public void An_unknown_name_or_number_is_refused_with_those_there_are()
    {
        var error = Assert.Throws<ArgumentException>(() => _types.IndexOfInput("singel"));
        Assert.Contains("\"singel\"", error.Message);
        Assert.Contains("\"single\", \"double\", \"int\", \"bool\"", error.Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => _types.Input(4).Length);
        Assert.Throws<ArgumentOutOfRangeException>(() => _types.Output(-1).Length);
    }
}
