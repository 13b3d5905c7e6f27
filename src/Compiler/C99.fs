namespace Inference.Compiler

open System.Globalization

/// The C99 dialect, one value at a time: the proof that loops know nothing of C# or of vectors. Compile it without contraction of
/// products (`-ffp-contract=off`).
[<RequireQualifiedAccess>]
module C99 =
    let private typeName t =
        match t with
        | ScalarType.F32 -> "float"
        | ScalarType.F64 -> "double"
        | ScalarType.I32 -> "int32_t"
        | ScalarType.U32 -> "uint32_t"
        | ScalarType.I64 -> "int64_t"
        | ScalarType.U64 -> "uint64_t"
        | ScalarType.Bool -> "int"

    let private float (v: double) suffix =
        if System.Double.IsNaN v then
            "NAN"
        elif System.Double.IsPositiveInfinity v then
            "INFINITY"
        elif System.Double.IsNegativeInfinity v then
            "(-INFINITY)"
        else
            let digits = v.ToString((if suffix = "f" then "E9" else "E17"), CultureInfo.InvariantCulture)
            digits + suffix

    let private literal (o: Operand) =
        match o with
        | Operand.Float(ScalarType.F32, v) -> float v "f"
        | Operand.Float(_, v) -> float v ""
        | Operand.Int(ScalarType.Bool, v) -> if v <> 0L then "1" else "0"
        | Operand.Int(ScalarType.U32, v) -> $"{uint32 v}u"
        | Operand.Int(ScalarType.I64, v) -> if v = System.Int64.MinValue then "INT64_MIN" else $"{v}ll"
        | Operand.Int(ScalarType.U64, v) -> $"{uint64 v}ull"
        | Operand.Int(_, v) -> if v = -2147483648L then "INT32_MIN" else string v
        | Operand.Var _ -> invalidOp "A variable is no literal."

    let private suffix t =
        match t with
        | ScalarType.F32 -> "f32"
        | ScalarType.F64 -> "f64"
        | ScalarType.I32 -> "i32"
        | ScalarType.U32 -> "u32"
        | ScalarType.I64 -> "i64"
        | ScalarType.U64 -> "u64"
        | ScalarType.Bool -> "i32"

    let private infix (op: string) (a: string[]) = $"({a[0]} {op} {a[1]})"
    let private isFloat t = t = ScalarType.F32 || t = ScalarType.F64

    /// Signed whole numbers wrap, which C leaves open: they are computed unsigned.
    let private wrapping op t (a: string[]) =
        match t with
        | ScalarType.I32 -> $"((int32_t)((uint32_t){a[0]} {op} (uint32_t){a[1]}))"
        | ScalarType.I64 -> $"((int64_t)((uint64_t){a[0]} {op} (uint64_t){a[1]}))"
        | _ -> infix op a

    let private negative t a = if isFloat t then $"(-{a})" else wrapping "-" t [| "0"; a |]

    let private operation op t (a: string[]) =
        let f = if t = ScalarType.F32 then "f" else ""

        match op with
        | Arith.Neg -> negative t a[0]
        | Arith.Abs ->
            if isFloat t then
                $"fabs{f}({a[0]})"
            else
                $"({a[0]} < 0 ? {negative t a[0]} : {a[0]})"
        | Arith.Sqrt -> $"sqrt{f}({a[0]})"
        | Arith.Floor -> $"floor{f}({a[0]})"
        | Arith.Round -> $"rint{f}({a[0]})"
        | Arith.Not -> $"(!{a[0]})"
        | Arith.Add -> wrapping "+" t a
        | Arith.Sub -> wrapping "-" t a
        | Arith.Mul -> wrapping "*" t a
        | Arith.Div -> infix "/" a
        | Arith.Rem -> infix "%" a
        | Arith.Min -> $"({a[0]} < {a[1]} ? {a[0]} : {a[1]})"
        | Arith.Max -> $"({a[0]} > {a[1]} ? {a[0]} : {a[1]})"
        | Arith.And -> infix "&" a
        | Arith.Or -> infix "|" a
        | Arith.Xor -> infix "^" a
        | Arith.ShiftLeft ->
            match t with
            | ScalarType.I32 -> $"((int32_t)((uint32_t){a[0]} << {a[1]}))"
            | ScalarType.I64 -> $"((int64_t)((uint64_t){a[0]} << {a[1]}))"
            | _ -> infix "<<" a
        | Arith.ShiftRight -> infix ">>" a
        | Arith.Less -> infix "<" a
        | Arith.LessEqual -> infix "<=" a
        | Arith.Equal -> infix "==" a
        | Arith.Select -> $"({a[0]} ? {a[1]} : {a[2]})"
        | Arith.Fma -> $"fma{f}({a[0]}, {a[1]}, {a[2]})"
        | Arith.Convert(ScalarType.I32 | ScalarType.U32 as into) when isFloat t -> $"whole_{suffix into}({a[0]})"
        | Arith.Convert into -> $"(({typeName into}){a[0]})"
        | Arith.Bits into -> $"bits_{suffix t}_{suffix into}({a[0]})"

    let private bitCasts =
        [
            for a, b in
                [
                    ScalarType.F32, ScalarType.I32
                    ScalarType.F32, ScalarType.U32
                    ScalarType.I32, ScalarType.U32
                    ScalarType.F64, ScalarType.I64
                    ScalarType.F64, ScalarType.U64
                    ScalarType.I64, ScalarType.U64
                ] do
                for x, y in [ a, b; b, a ] do
                    $"static inline {typeName y} bits_{suffix x}_{suffix y}({typeName x} v) {{ {typeName y} r; memcpy(&r, &v, sizeof r); return r; }}\n"
        ]
        |> String.concat ""

    let private preamble =
        """#include <math.h>
#include <stdint.h>
#include <string.h>
#include <stddef.h>
typedef unsigned char byte;
static inline int32_t whole_i32(double v) { return v != v ? 0 : v <= INT32_MIN ? INT32_MIN : v >= INT32_MAX ? INT32_MAX : (int32_t)v; }
static inline uint32_t whole_u32(double v) { return !(v > 0) ? 0 : v >= UINT32_MAX ? UINT32_MAX : (uint32_t)v; }
static inline void philox(uint32_t a, uint32_t b, uint32_t c, uint32_t d, uint32_t k0, uint32_t k1, uint32_t *w) {
    for (int round = 0; round < 10; round++) {
        uint64_t p = 0xD2511F53ull * a, q = 0xCD9E8D57ull * c;
        a = (uint32_t)(q >> 32) ^ b ^ k0; b = (uint32_t)q;
        c = (uint32_t)(p >> 32) ^ d ^ k1; d = (uint32_t)p;
        k0 += 0x9E3779B9u; k1 += 0xBB67AE85u;
    }
    w[0] = a; w[1] = b; w[2] = c; w[3] = d;
}
"""

    let private transposition (element: ScalarType) =
        let bits = 8L * Buffers.BytesOf element
        let name, t = $"Transpose{bits}", $"uint{bits}_t"

        name,
        $$"""static inline void {{name}}(const void *source, ptrdiff_t sourceStride, void *target, ptrdiff_t targetStride, ptrdiff_t rows, ptrdiff_t columns) {
    const {{t}} *s = source;
    {{t}} *t = target;
    for (ptrdiff_t i = 0; i < rows; i++)
        for (ptrdiff_t j = 0; j < columns; j++) t[j * targetStride + i] = s[i * sourceStride + j];
}
"""

    let dialect: Dialect =
        {
            TypeName = typeName
            Literal = literal
            Op = operation
            Philox =
                fun o i ->
                    let inputs = String.concat ", " i
                    let copies = o |> Array.mapi (fun k w -> $"{w} = w_[{k}];") |> String.concat " "
                    $"{{ uint32_t w_[4]; philox({inputs}, w_); {copies} }}"
            Position = "ptrdiff_t"
            Reserve = fun t n -> $"{typeName t} {n}[16];"
            Transpose = transposition
            PartSignature = fun n -> $"static void {n}(byte** buffers, byte* scratch, int32_t* variables, ptrdiff_t item)"
            Signature = fun n -> $"void {n}(byte** buffers, byte* scratch, int32_t* variables, int64_t begin, int64_t end)"
            Preamble = preamble + bitCasts
            Postamble = ""
            Vector = None
        }
