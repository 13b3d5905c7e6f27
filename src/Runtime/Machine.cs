using System.Runtime.Intrinsics;
using Inference.Compiler;

namespace Inference;

/// <summary>The processor that this process runs on.</summary>
public static class Machine
{
    /// <summary>The widest vectors that this machine accelerates.</summary>
    public static InstructionSet WidestInstructionSet =>
        Vector512.IsHardwareAccelerated ? InstructionSet.Vector512
        : Vector256.IsHardwareAccelerated ? InstructionSet.Vector256
        : Vector128.IsHardwareAccelerated ? InstructionSet.Vector128
        : InstructionSet.Scalar;

    /// <summary>Cores that this process may use.</summary>
    public static int Cores => Environment.ProcessorCount;

    /// <summary>The name of an instruction set as reports show it: AVX-512, AVX2, 128-bit or scalar.</summary>
    public static string NameOf(InstructionSet instructionSet) => instructionSet switch
    {
        InstructionSet.Vector512 => "AVX-512",
        InstructionSet.Vector256 => "AVX2",
        InstructionSet.Vector128 => "128-bit",
        InstructionSet.Scalar => "scalar",
        _ => throw new ArgumentOutOfRangeException(nameof(instructionSet), instructionSet, "Expected a member of InstructionSet."),
    };
}
