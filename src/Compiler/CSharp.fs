namespace Inference.Compiler

/// The C# dialect, with vectors of a given width from the base class library alone.
[<RequireQualifiedAccess>]
module CSharp =
    let private preamble =
        """using System;
using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
namespace Inference.Generated;
public static unsafe class Kernels {
[MethodImpl(MethodImplOptions.AggressiveInlining)]
static void Philox(uint a, uint b, uint c, uint d, uint k0, uint k1, out uint w0, out uint w1, out uint w2, out uint w3) {
    for (int round = 0; round < 10; round++) {
        ulong p = 0xD2511F53ul * a, q = 0xCD9E8D57ul * c;
        a = (uint)(q >> 32) ^ b ^ k0; b = (uint)q;
        c = (uint)(p >> 32) ^ d ^ k1; d = (uint)p;
        k0 += 0x9E3779B9u; k1 += 0xBB67AE85u;
    }
    w0 = a; w1 = b; w2 = c; w3 = d;
}
"""

    let private transpose8 =
        """static void Transpose8(float* s, nint a, float* t, nint b) {
    Vector256<float> r0 = Vector256.Load(s), r1 = Vector256.Load(s + a), r2 = Vector256.Load(s + 2 * a), r3 = Vector256.Load(s + 3 * a);
    Vector256<float> r4 = Vector256.Load(s + 4 * a), r5 = Vector256.Load(s + 5 * a), r6 = Vector256.Load(s + 6 * a), r7 = Vector256.Load(s + 7 * a);
    var p0 = Avx.UnpackLow(r0, r1); var p1 = Avx.UnpackHigh(r0, r1); var p2 = Avx.UnpackLow(r2, r3); var p3 = Avx.UnpackHigh(r2, r3);
    var p4 = Avx.UnpackLow(r4, r5); var p5 = Avx.UnpackHigh(r4, r5); var p6 = Avx.UnpackLow(r6, r7); var p7 = Avx.UnpackHigh(r6, r7);
    var q0 = Avx.Shuffle(p0, p2, 0x44); var q1 = Avx.Shuffle(p0, p2, 0xEE); var q2 = Avx.Shuffle(p1, p3, 0x44); var q3 = Avx.Shuffle(p1, p3, 0xEE);
    var q4 = Avx.Shuffle(p4, p6, 0x44); var q5 = Avx.Shuffle(p4, p6, 0xEE); var q6 = Avx.Shuffle(p5, p7, 0x44); var q7 = Avx.Shuffle(p5, p7, 0xEE);
    Avx.Permute2x128(q0, q4, 0x20).Store(t); Avx.Permute2x128(q1, q5, 0x20).Store(t + b);
    Avx.Permute2x128(q2, q6, 0x20).Store(t + 2 * b); Avx.Permute2x128(q3, q7, 0x20).Store(t + 3 * b);
    Avx.Permute2x128(q0, q4, 0x31).Store(t + 4 * b); Avx.Permute2x128(q1, q5, 0x31).Store(t + 5 * b);
    Avx.Permute2x128(q2, q6, 0x31).Store(t + 6 * b); Avx.Permute2x128(q3, q7, 0x31).Store(t + 7 * b);
}
"""

    /// Transposes a block in memory, eight by eight elements in registers where there are such.
    let private transposition (t: ScalarType) =
        let name, element =
            if Buffers.BytesOf t = 8L then
                "Transpose64", "double"
            else
                "Transpose32", "float"

        let inRegisters =
            if element = "float" then
                """    if (Avx.IsSupported && columns % 8 == 0)
        for (; i + 8 <= rows; i += 8)
            for (nint j = 0; j < columns; j += 8) Transpose8(s + i * sourceStride + j, sourceStride, t + j * targetStride + i, targetStride);
"""
            else
                ""

        let eight = if element = "float" then transpose8 else ""

        name,
        $$"""{{eight}}static void {{name}}(void* source, nint sourceStride, void* target, nint targetStride, nint rows, nint columns) {
    {{element}}* s = ({{element}}*)source, t = ({{element}}*)target;
    nint i = 0;
{{inRegisters}}    for (; i < rows; i++)
        for (nint j = 0; j < columns; j++) t[j * targetStride + i] = s[i * sourceStride + j];
}
"""

    let private dialect (vector: (VectorDialect * string) option) fused : Dialect =
        {
            TypeName = CSharpScalars.typeName
            Literal = CSharpScalars.literal
            Op = CSharpScalars.operation fused
            Philox = fun o i -> $"""Philox({String.concat ", " i}, out {String.concat ", out " o});"""
            Position = "nint"
            Reserve = fun t n -> $"{CSharpScalars.typeName t}* {n} = stackalloc {CSharpScalars.typeName t}[16];"
            Transpose = transposition
            PartSignature =
                fun n ->
                    $"[MethodImpl(MethodImplOptions.NoInlining)] static void {n}(byte** buffers, byte* scratch, int* variables, nint item)"
            Signature = fun n -> $"public static void {n}(byte** buffers, byte* scratch, int* variables, long begin, long end)"
            Preamble = preamble + (vector |> Option.map snd |> Option.defaultValue "")
            Postamble = "}\n"
            Vector = vector |> Option.map fst
        }

    let dialectOf (set: InstructionSet) : Dialect =
        match set with
        | InstructionSet.Vector512 -> dialect (Some(CSharpVectors.ofWidth 512 true, CSharpVectors.preamble 512 "Avx512F")) true
        | InstructionSet.Vector256 -> dialect (Some(CSharpVectors.ofWidth 256 true, CSharpVectors.preamble 256 "Avx2")) true
        | InstructionSet.Vector128 ->
            // no fused products: the narrow path serves machines without them
            dialect (Some(CSharpVectors.ofWidth 128 false, CSharpVectors.preamble 128 "Sse2")) false
        | _ -> dialect None false
