using System.Reflection;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Inference.Compiler;

namespace Inference;

/// <summary>The name under which a compiled program is kept.</summary>
public static class CacheKey
{
    /// <summary>
    /// The hash of all that decides what is compiled: the program, the options, the runtime, and the build of this library and of
    /// its compiler, so that a changed generator never meets the programs of its predecessor.
    /// </summary>
    /// <param name="program">The program in a form that differs whenever its meaning does.</param>
    /// <param name="options">What decides the compilation besides.</param>
    /// <returns>64 hexadecimal digits.</returns>
    public static string Of(string program, CompileOptions options)
    {
        string[] parts =
        [
            $"{options.InstructionSet} {options.Double} {options.Checked} {options.Verify}",
            $".NET {Environment.Version} {RuntimeInformation.ProcessArchitecture}",
            BuildOf(typeof(CompiledProgram).Assembly),
            BuildOf(typeof(CacheKey).Assembly),
            program,
        ];
        return Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(string.Join('\n', parts))));
    }

    private static string BuildOf(Assembly assembly) => assembly.ManifestModule.ModuleVersionId.ToString();
}
