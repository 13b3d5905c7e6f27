namespace Inference.Compiler

/// Vectors of a given width in C#, from the base class library alone.
[<RequireQualifiedAccess>]
module CSharpVectors =
    let private rounds count =
        let one =
            "    Round(ref a, ref b, ref c, ref d, k0 += s0, k1 += s1); Round(ref e, ref f, ref g, ref h, k0, k1);\n"

        String.replicate count one

    /// The same where keys differ from lane to lane: the odd lanes' keys stand in the low halves as well.
    let private keyedRounds count =
        let one =
            "    Round(ref a, ref b, ref c, ref d, k0 += s0, k1 += s1); Round(ref e, ref f, ref g, ref h, o0 += s0, o1 += s1);\n"

        String.replicate count one

    /// Philox on vectors. The even and the odd lanes' words each stand in the low halves of 64-bit lanes, where a product of two is
    /// whole and what lies in the high halves does no harm; they are put together again at the end. Only the first counter word
    /// varies from lane to lane as a rule, so the first rounds are partly scalar.
    let private vectorPhilox v wideMultiply =
        $$"""[MethodImpl(MethodImplOptions.AggressiveInlining)]
static {{v}}<ulong> Wide({{v}}<uint> a, {{v}}<uint> b) => {{wideMultiply}};
[MethodImpl(MethodImplOptions.AggressiveInlining)]
static void Round(ref {{v}}<uint> a, ref {{v}}<uint> b, ref {{v}}<uint> c, ref {{v}}<uint> d, {{v}}<uint> k0, {{v}}<uint> k1) {
    {{v}}<ulong> p = Wide(a, {{v}}.Create(0xD2511F53u)), q = Wide(c, {{v}}.Create(0xCD9E8D57u));
    a = (q >>> 32).AsUInt32() ^ b ^ k0; b = q.AsUInt32();
    c = (p >>> 32).AsUInt32() ^ d ^ k1; d = p.AsUInt32();
}
[MethodImpl(MethodImplOptions.AggressiveInlining)]
static {{v}}<uint> Together({{v}}<uint> even, {{v}}<uint> odd) =>
    {{v}}.ConditionalSelect({{v}}.Create(0xFFFFFFFF00000000ul).AsUInt32(), (odd.AsUInt64() << 32).AsUInt32(), even);
[MethodImpl(MethodImplOptions.AggressiveInlining)]
static void Philox({{v}}<uint> a, {{v}}<uint> b, {{v}}<uint> c, {{v}}<uint> d, {{v}}<uint> k0, {{v}}<uint> k1,
    out {{v}}<uint> w0, out {{v}}<uint> w1, out {{v}}<uint> w2, out {{v}}<uint> w3) {
    {{v}}<uint> s0 = {{v}}.Create(0x9E3779B9u), s1 = {{v}}.Create(0xBB67AE85u);
    {{v}}<uint> e = (a.AsUInt64() >>> 32).AsUInt32(), f = (b.AsUInt64() >>> 32).AsUInt32(), g = (c.AsUInt64() >>> 32).AsUInt32(), h = (d.AsUInt64() >>> 32).AsUInt32();
    {{v}}<uint> o0 = (k0.AsUInt64() >>> 32).AsUInt32(), o1 = (k1.AsUInt64() >>> 32).AsUInt32();
    Round(ref a, ref b, ref c, ref d, k0, k1); Round(ref e, ref f, ref g, ref h, o0, o1);
{{keyedRounds 9}}    w0 = Together(a, e); w1 = Together(b, f); w2 = Together(c, g); w3 = Together(d, h);
}
[MethodImpl(MethodImplOptions.AggressiveInlining)]
static void Philox({{v}}<uint> x, uint b0, uint c0, uint d0, uint key0, uint key1,
    out {{v}}<uint> w0, out {{v}}<uint> w1, out {{v}}<uint> w2, out {{v}}<uint> w3) {
    {{v}}<uint> s0 = {{v}}.Create(0x9E3779B9u), s1 = {{v}}.Create(0xBB67AE85u);
    ulong q = 0xCD9E8D57ul * c0;
    uint a1 = (uint)(q >> 32) ^ b0 ^ key0;
    ulong p1 = 0xD2511F53ul * a1;
    {{v}}<ulong> p = Wide(x, {{v}}.Create(0xD2511F53u)), o = Wide((x.AsUInt64() >>> 32).AsUInt32(), {{v}}.Create(0xD2511F53u));
    {{v}}<uint> mix = {{v}}.Create(d0 ^ key1);
    {{v}}<ulong> r = Wide((p >>> 32).AsUInt32() ^ mix, {{v}}.Create(0xCD9E8D57u)), t = Wide((o >>> 32).AsUInt32() ^ mix, {{v}}.Create(0xCD9E8D57u));
    {{v}}<uint> k0 = {{v}}.Create(key0 + 0x9E3779B9u), k1 = {{v}}.Create(key1 + 0xBB67AE85u);
    {{v}}<uint> low = {{v}}.Create((uint)q) ^ k0, high = {{v}}.Create((uint)(p1 >> 32)) ^ k1;
    {{v}}<uint> a = (r >>> 32).AsUInt32() ^ low, e = (t >>> 32).AsUInt32() ^ low, b = r.AsUInt32(), f = t.AsUInt32();
    {{v}}<uint> c = p.AsUInt32() ^ high, g = o.AsUInt32() ^ high, d = {{v}}.Create((uint)p1), h = d;
{{rounds 8}}    w0 = Together(a, e); w1 = Together(b, f); w2 = Together(c, g); w3 = Together(d, h);
}
"""

    let private gather v t lanes =
        let elements = Seq.init lanes (fun k -> $"p[i.GetElement({k})]") |> String.concat ", "
        $"[MethodImpl(MethodImplOptions.AggressiveInlining)] static {v}<{t}> Gather({t}* p, {v}<int> i) => {v}.Create({elements});\n"

    let private strided v t lanes =
        let elements = Seq.init lanes (fun k -> $"p[s + {k} * c]") |> String.concat ", "
        $"[MethodImpl(MethodImplOptions.AggressiveInlining)] static {v}<{t}> Strided({t}* p, nint s, nint c) => {v}.Create({elements});\n"

    let private asType t =
        match t with
        | ScalarType.F32 -> "AsSingle"
        | ScalarType.F64 -> "AsDouble"
        | ScalarType.I32 -> "AsInt32"
        | ScalarType.U32 -> "AsUInt32"
        | ScalarType.I64 -> "AsInt64"
        | ScalarType.U64 -> "AsUInt64"
        | ScalarType.Bool -> invalidOp "A mask has the width of what it masks."

    let private vectorOp v fused op t (a: string[]) =
        let mask s =
            $"{s}.{(if Buffers.BytesOf t = 8L then asType ScalarType.I64 else asType ScalarType.I32)}()"

        match op with
        | Arith.Neg -> $"(-{a[0]})"
        | Arith.Abs -> $"{v}.Abs({a[0]})"
        | Arith.Sqrt -> $"{v}.Sqrt({a[0]})"
        | Arith.Floor -> $"{v}.Floor({a[0]})"
        | Arith.Round -> $"{v}.Round({a[0]})"
        | Arith.Not -> $"(~{a[0]})"
        | Arith.Add -> CSharpScalars.infix "+" a
        | Arith.Sub -> CSharpScalars.infix "-" a
        | Arith.Mul -> CSharpScalars.infix "*" a
        | Arith.Div -> CSharpScalars.infix "/" a
        | Arith.Rem -> invalidOp "Remainders are taken one lane at a time."
        | Arith.Min ->
            if CSharpScalars.isFloat t then
                $"{v}.MinNative({a[0]}, {a[1]})"
            else
                $"{v}.Min({a[0]}, {a[1]})"
        | Arith.Max ->
            if CSharpScalars.isFloat t then
                $"{v}.MaxNative({a[0]}, {a[1]})"
            else
                $"{v}.Max({a[0]}, {a[1]})"
        | Arith.And -> CSharpScalars.infix "&" a
        | Arith.Or -> CSharpScalars.infix "|" a
        | Arith.Xor -> CSharpScalars.infix "^" a
        | Arith.ShiftLeft -> CSharpScalars.infix "<<" a
        | Arith.ShiftRight ->
            if t = ScalarType.U32 || t = ScalarType.U64 then
                CSharpScalars.infix ">>>" a
            else
                CSharpScalars.infix ">>" a
        | Arith.Less -> mask $"{v}.LessThan({a[0]}, {a[1]})"
        | Arith.LessEqual -> mask $"{v}.LessThanOrEqual({a[0]}, {a[1]})"
        | Arith.Equal ->
            if t = ScalarType.Bool then
                $"(~({a[0]} ^ {a[1]}))"
            else
                mask $"{v}.Equals({a[0]}, {a[1]})"
        | Arith.Select ->
            if t = ScalarType.Bool then
                $"{v}.ConditionalSelect({a[0]}, {a[1]}, {a[2]})"
            else
                $"{v}.ConditionalSelect({a[0]}.{asType t}(), {a[1]}, {a[2]})"
        | Arith.Fma ->
            if fused then
                $"{v}.FusedMultiplyAdd({a[0]}, {a[1]}, {a[2]})"
            else
                $"({a[0]} * {a[1]} + {a[2]})"
        | Arith.Bits into -> $"{a[0]}.{asType into}()"
        | Arith.Convert into ->
            match t, into with
            | ScalarType.F32, ScalarType.I32 -> $"{v}.ConvertToInt32({a[0]})"
            | ScalarType.F32, ScalarType.U32 -> $"{v}.ConvertToUInt32({a[0]})"
            | ScalarType.F64, ScalarType.I64 -> $"{v}.ConvertToInt64({a[0]})"
            | _, ScalarType.F32 -> $"{v}.ConvertToSingle({a[0]})"
            | _, ScalarType.F64 -> $"{v}.ConvertToDouble({a[0]})"
            | _ -> $"{a[0]}.{asType into}()"

    /// Folds the lanes of a vector: the upper half onto the lower, down to one.
    let private fold bits op t =
        let name, ty = $"Fold{op}{t}", CSharpScalars.typeName t

        let lanes x =
            CSharpScalars.operation true op t [| $"{x}.GetElement(0)"; $"{x}.GetElement(1)" |]

        let rec halve bits (x: string) =
            if bits > 128 then
                let half = bits / 2
                let next = vectorOp $"Vector{half}" true op t [| $"{x}.GetLower()"; $"{x}.GetUpper()" |]
                $"var h{half} = {next}; " + halve half $"h{half}"
            elif Buffers.BytesOf t = 8L then
                $"return {lanes x};"
            else
                let order = "Vector128.Create(2, 3, 0, 1)" + (if t = ScalarType.U32 then ".AsUInt32()" else "")
                let next = vectorOp "Vector128" true op t [| x; $"Vector128.Shuffle({x}, {order})" |]
                let ends = lanes "p"
                $"var p = {next}; return {ends};"

        let body = halve bits "a"
        name, $"[MethodImpl(MethodImplOptions.AggressiveInlining)] static {ty} {name}(Vector{bits}<{ty}> a) {{ {body} }}"

    /// A tile: an accumulator for each row and vector. Of the rows' strides three stand in registers, the others are seen from every
    /// fourth row.
    let private tile bits fused t rows copies =
        let v, ty = $"Vector{bits}", CSharpScalars.typeName t
        let name, lanes = $"Tile{rows}x{copies}{t}", int64 bits / 8L / Buffers.BytesOf t
        let side (f: int -> string) = String.concat " " (Seq.init copies f)
        let each (f: int -> int -> string) = String.concat "\n" [ for r in 0 .. rows - 1 -> "    " + side (f r) ]
        let fours = [ 0..4 .. rows - 1 ]
        let seen r = if r % 4 = 0 then $"*p{r}" else $"p{r / 4 * 4}[row{r % 4}]"
        let target r k = $"z + ({r} * stride + {int64 k * lanes})"
        let sum r k = vectorOp v fused Arith.Fma t [| "f"; $"x{k}"; $"s{r}_{k}" |]
        let body r = $"f = {v}.Create({seen r}); " + side (fun k -> $"s{r}_{k} = {sum r k};")

        name,
        $$"""static void {{name}}({{ty}}* w, nint row, nint step, nint turn, {{ty}}* x, nint next, nint around, nint steps, nint turns,
    {{ty}}* z, nint stride, bool more) {
{{each (fun r k -> $"{v}<{ty}> s{r}_{k} = more ? {v}.Load({target r k}) : {v}<{ty}>.Zero;")}}
    nint row1 = row, row2 = 2 * row, row3 = 3 * row;
    for (nint t = 0; t < turns; t++) {
        {{ty}}* q = x + t * around;
{{String.concat "\n" [ for r in fours -> $"        {ty}* p{r} = w + (t * turn + {r} * row);" ]}}
        for (nint k = 0; k < steps; k++) {
            {{side (fun k -> $"{v}<{ty}> x{k} = {v}.Load(q + {int64 k * lanes});")}}
            {{v}}<{{ty}}> f;
{{String.concat "\n" [ for r in 0 .. rows - 1 -> "            " + body r ]}}
            {{String.concat " " [ for r in fours -> $"p{r} += step;" ]}} q += next;
        }
    }
{{each (fun r k -> $"s{r}_{k}.Store({target r k});")}}
}
"""

    /// Operations on vectors of some bits; fused: with fused products.
    let ofWidth bits fused : VectorDialect =
        let v = $"Vector{bits}"

        {
            Bytes = bits / 8
            Type = fun t -> $"{v}<{CSharpScalars.typeName t}>"
            Op = vectorOp v fused
            Broadcast = fun _ s -> $"{v}.Create({s})"
            Load =
                fun t p ->
                    if t = ScalarType.Bool then
                        $"(~{v}.Equals({v}.Load({p}), {v}<int>.Zero))"
                    else
                        $"{v}.Load({p})"
            Store =
                fun t p x ->
                    if t = ScalarType.Bool then
                        $"({x} & {v}.Create(1)).Store({p})"
                    else
                        $"{x}.Store({p})"
            Gather =
                fun t p i ->
                    if t = ScalarType.Bool then
                        $"(~{v}.Equals(Gather({p}, {i}), {v}<int>.Zero))"
                    else
                        $"Gather({p}, {i})"
            Strided =
                fun t p s c ->
                    if t = ScalarType.Bool then
                        $"(~{v}.Equals(Strided({p}, {s}, {c}), {v}<int>.Zero))"
                    else
                        $"Strided({p}, {s}, {c})"
            Lane = fun _ x l -> $"{x}.GetElement({l})"
            Count =
                fun t s ->
                    if Buffers.BytesOf t = 8L then
                        $"({v}.Create((long)({s})) + {v}<long>.Indices)"
                    else
                        $"({v}.Create({s}) + {v}<int>.Indices)"
            Philox = fun o i -> $"""Philox({String.concat ", " i}, out {String.concat ", out " o});"""
            Tile = tile bits fused
            Fold = fold bits
        }

    /// The preamble of a vector dialect. A machine without the instructions of its width computes the same, more slowly.
    let preamble bits isa =
        let v = $"Vector{bits}"
        let low x = $"({x}.AsUInt64() & {v}.Create(0xFFFFFFFFul))"
        let multiply = $"{isa}.IsSupported ? {isa}.Multiply(a, b) : {low 'a'} * {low 'b'}"

        let gathers =
            [ "float"; "int"; "uint" ] |> List.map (fun t -> gather v t (bits / 32)) |> String.concat ""

        let narrow = [ "float"; "int"; "uint" ] |> List.map (fun t -> strided v t (bits / 32))
        let wide = [ "double"; "long"; "ulong" ] |> List.map (fun t -> strided v t (bits / 64))
        vectorPhilox v multiply + gathers + String.concat "" (narrow @ wide)
