using Inference.Compiler;
using Xunit;

namespace Inference.Runtime.Tests;

public sealed class EngineTests
{
    [Fact]
    public void Unless_told_otherwise_an_engine_uses_the_whole_machine()
    {
        using var engine = new Engine();
        Assert.Equal(Environment.ProcessorCount, engine.Threads);
        Assert.Equal(Machine.WidestInstructionSet, engine.InstructionSet);
        Assert.False(engine.CompileOptions.Double);
    }

    [Fact]
    public void Options_reach_the_compiler()
    {
        using var engine = new Engine(
            new EngineOptions { Precision = Precision.Double, Checked = true, Verify = true, InstructionSet = InstructionSet.Scalar });
        var expected = new CompileOptions { InstructionSet = InstructionSet.Scalar, Double = true, Checked = true, Verify = true };
        Assert.Equal(expected, engine.CompileOptions);
    }

    [Fact]
    public void Options_out_of_range_are_refused_by_name()
    {
        var error = Assert.Throws<ArgumentOutOfRangeException>(() => new Engine(new EngineOptions { Threads = -1 }));
        Assert.Contains("Threads is -1", error.Message);
        Assert.Throws<ArgumentOutOfRangeException>(() => new Engine(new EngineOptions { CacheCapacityBytes = -1 }));
        Assert.Throws<ArgumentOutOfRangeException>(() => new Engine(new EngineOptions { InstructionSet = (InstructionSet)9 }));
    }

    [Theory]
    [InlineData("")]
    [InlineData("../x")]
    [InlineData("xyz")]
    public void Keys_are_hexadecimal(string key)
    {
        using Engine engine = ExecutableTests.NewEngine();
        Assert.Throws<ArgumentException>(() => engine.Load(key, SamplePrograms.Saxpy));
    }

    [Fact]
    public void Source_that_does_not_compile_is_shown_with_its_line()
    {
        using Engine engine = ExecutableTests.NewEngine();
        var error = Assert.Throws<GeneratedSourceException>(() => ExecutableTests.Load(engine, SamplePrograms.Broken()));
        Assert.Contains("\"broken\"", error.Message);
        Assert.Contains("CS0103", error.Message);
        Assert.Contains("float y = undefined + 1;", error.Message);
        Assert.Contains("undefined", error.GeneratedSource);
    }

    [Fact]
    public void A_plan_that_contradicts_itself_is_refused_before_it_runs()
    {
        Refuse(plan => plan.Buffers[0].Offset = plan.WorkspaceBytes);
        Refuse(plan => plan.Buffers[0].Offset += 4);
        Refuse(plan => plan.Buffers[0].Initial = new byte[plan.Buffers[0].Bytes + 1]);
        Refuse(plan => plan.Inputs[0].Buffer = 99);
        Refuse(plan => plan.Inputs[0].Shape = [int.MaxValue, int.MaxValue, int.MaxValue]);
        Refuse(plan => plan.Steps[0].Kernel = 3);
        Refuse(plan => plan.Steps[0].Extent = 2);
        Refuse(plan => plan.Steps[0].Tile = 0);
        Refuse(plan => plan.Steps[1].Variable = 0);
        Refuse(plan => plan.Steps[1].Variable = plan.VariableCount);
        Refuse(plan => plan.Steps = plan.Steps[..2]);
        Refuse(plan => plan.Steps = plan.Steps[2..]);

        static void Refuse(Action<CompiledProgram> spoil)
        {
            CompiledProgram plan = SamplePrograms.Saxpy();
            PlanVerifier.Verify(plan);
            spoil(plan);
            var error = Assert.Throws<GeneratedSourceException>(() => PlanVerifier.Verify(plan));
            Assert.Contains("\"saxpy\"", error.Message);
        }
    }

    [Fact]
    public void A_program_that_lacks_a_kernel_is_refused()
    {
        using Engine engine = ExecutableTests.NewEngine();
        CompiledProgram plan = SamplePrograms.Saxpy();
        plan.KernelCount++;
        Assert.Contains("K3", Assert.Throws<MissingMethodException>(() => ExecutableTests.Load(engine, plan)).Message);
    }

    [Theory]
    [InlineData(InstructionSet.Vector512, "AVX-512")]
    [InlineData(InstructionSet.Vector256, "AVX2")]
    [InlineData(InstructionSet.Vector128, "128-bit")]
    [InlineData(InstructionSet.Scalar, "scalar")]
    public void Instruction_sets_have_names(InstructionSet set, string name) => Assert.Equal(name, Machine.NameOf(set));
}
