using System.Globalization;
using System.Reflection.Metadata;
using System.Text;
using Microsoft.CodeAnalysis;
using Microsoft.CodeAnalysis.CSharp;
using Microsoft.CodeAnalysis.Text;

namespace Inference;

/// <summary>Compiles printed C# in this process.</summary>
internal static unsafe class SourceCompiler
{
    private const int ErrorsShown = 5;

    // Uses what printed programs use, so that compiling it warms up what compiling them will need.
    private const string WarmUpSource = """
        using System.Runtime.CompilerServices;
        using System.Runtime.Intrinsics;
        namespace Inference.Generated;
        public static unsafe class Kernels
        {
            public static void K0(byte** buffers, byte* scratch, int* variables, long begin, long end)
            {
                float* x = (float*)buffers[0];
                for (long i = begin; i < end; i++)
                {
                    Vector256<float> v = Vector256.Load(x + (nint)i * 8);
                    float s = v.GetElement(0) > 0.5f ? Square(1.5f) : -x[i];
                    Vector256<uint> bits = v.AsUInt32() ^ (Vector256.Create((uint)s) >> 3);
                    v = Vector256.ConditionalSelect(Vector256.LessThan(v, Vector256<float>.Zero), v * v + bits.AsSingle(), v);
                    Vector256.Store(v, x + (nint)i * 8);
                    if (variables[0] != 0) { ((double*)scratch)[i & 3] += s; }
                }
            }

            [MethodImpl(MethodImplOptions.AggressiveInlining)]
            private static float Square(float x) => x * x;
        }
        """;

    /// <summary>Compiles a source file that needs only the core library.</summary>
    /// <param name="source">The C#.</param>
    /// <param name="program">The name of the program, for errors.</param>
    /// <returns>A portable executable.</returns>
    /// <exception cref="GeneratedSourceException">The source does not compile.</exception>
    public static byte[] Compile(string source, string program)
    {
        var tree = CSharpSyntaxTree.ParseText(source, new CSharpParseOptions(LanguageVersion.CSharp12, DocumentationMode.None));
        var options = new CSharpCompilationOptions(
            OutputKind.DynamicallyLinkedLibrary,
            optimizationLevel: OptimizationLevel.Release,
            allowUnsafe: true,
            generalDiagnosticOption: ReportDiagnostic.Suppress,
            deterministic: true);
        var compilation = CSharpCompilation.Create("Inference.Generated", [tree], [CoreLibrary()], options);
        using var image = new MemoryStream();
        var result = compilation.Emit(image);
        return result.Success
            ? image.ToArray()
            : throw new GeneratedSourceException(Describe(program, tree.GetText(), result.Diagnostics), source);
    }

    /// <summary>
    /// Compiles a small program for the sake of the compiler, most of whose first second goes into being compiled itself.
    /// Meant for a thread of its own while the source is still being printed.
    /// </summary>
    public static void WarmUp()
    {
        try
        {
            Compile(WarmUpSource, "warm-up");
        }
        catch
        {
            // On a thread of its own this would end the process. Whatever it is, the compilation in earnest will say it.
        }
    }

    /// <summary>The library that holds all that printed code uses, from memory: its 15 MB need not be read again.</summary>
    private static PortableExecutableReference CoreLibrary() =>
        typeof(object).Assembly.TryGetRawMetadata(out byte* metadata, out int length)
            ? AssemblyMetadata.Create(ModuleMetadata.CreateFromMetadata((nint)metadata, length)).GetReference()
            : MetadataReference.CreateFromFile(typeof(object).Assembly.Location);

    private static string Describe(string program, SourceText text, IEnumerable<Diagnostic> diagnostics)
    {
        Diagnostic[] errors = [.. diagnostics.Where(diagnostic => diagnostic.Severity == DiagnosticSeverity.Error)];
        var message = new StringBuilder();
        message.Append($"The source generated for the program \"{program}\" does not compile, ");
        message.Append($"which is a defect of the compiler; errors: {errors.Length}.");
        foreach (Diagnostic error in errors.Take(ErrorsShown))
        {
            TextSpan span = error.Location.SourceSpan;
            TextLine line = text.Lines.GetLineFromPosition(span.Start);
            message.AppendLine().Append($"  line {line.LineNumber + 1}: {error.Id}: {error.GetMessage(CultureInfo.InvariantCulture)}");
            message.AppendLine().Append("    ").Append(line);
            message.AppendLine().Append(' ', 4 + span.Start - line.Start).Append('^');
        }

        return message.ToString();
    }
}
