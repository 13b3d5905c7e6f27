namespace Inference.Compiler

open System
open System.Collections.Generic

/// How the statements of a lane loop are printed.
[<RequireQualifiedAccess>]
type private Mode =
    /// One value at a time.
    | Scalar
    /// Several vectors side by side; the lane loop's variable counts their first lane.
    | Vectors of copies: int * lanes: int

/// Prints the loops of one kernel.
[<Sealed>]
type private KernelPage
    (
        dialect: Dialect,
        page: Page,
        vectors: VectorPage,
        treeOf: Arith -> ScalarType -> string,
        foldOf: VectorDialect -> Arith -> ScalarType -> string,
        transposeOf: ScalarType -> string,
        tileOf: VectorDialect -> ScalarType -> int -> int -> string,
        uses: IReadOnlyDictionary<int, int>
    ) =
    /// Straight statements printed for one copy before they are printed for the next. Copies side by side in short portions
    /// let the processor overlap their chains of operations; in portions of a few statements their values outgrow the registers.
    let portion = 20

    let isStraight s =
        match s with
        | Statement.Loop _
        | When _
        | TransposeBlock _
        | ReduceLanes _ -> false
        | Let _
        | Read _
        | ReadExtent _
        | Load _
        | Store _
        | Declare _
        | Assign _
        | Update _
        | Philox _ -> true

    member private p.Body(mode, lane: LoopVar, body: Statement list) =
        match mode, body with
        | _, [] -> ()
        | Mode.Vectors(copies, lanes), first :: _ when isStraight first ->
            let run = List.takeWhile isStraight body

            let run, tile, rest =
                match p.TileIn(lane, run, List.skip run.Length body) with
                | Some(tile, run, rest) -> run, Some tile, rest
                | None -> run, None, List.skip run.Length body

            for part in List.chunkBySize portion run do
                for k in 0 .. copies - 1 do
                    for s in part do
                        vectors.Statement(lane, lanes, k, s)

            tile |> Option.iter (fun t -> p.Tile(lane, copies, t))
            p.Body(mode, lane, rest)
        | _, first :: rest ->
            p.Nested(mode, lane, first)
            p.Body(mode, lane, rest)

    /// A tile whose sums a run declares and the loop behind it adds up.
    member private _.TileIn(lane: LoopVar, run: Statement list, behind: Statement list) =
        let isRow (a: Address) =
            List.contains (lane, 1L) a.Loops && a.Vars |> List.forall (fun (v, _) -> not v.Varies)

        match behind with
        | Statement.Loop loop :: after ->
            Tile.recognise uses run loop after
            |> Option.filter (fun (t, _, _) -> isRow t.RightAt && isRow t.TargetAt)
        | _ -> None

    /// A call of the function for tiles.
    member private _.Tile(lane: LoopVar, copies: int, t: Tile) =
        let isLoop v = t.Loops |> List.exists (fun l -> obj.ReferenceEquals(l.Variable, v))

        let place buffer (a: Address) (first: string) =
            let struct (uniform, _) =
                page.UniformAddress(lane, { a with Loops = a.Loops |> List.filter (fun (v, _) -> not (isLoop v)) })

            $"{page.Buffer buffer} + ({uniform}{first})"

        /// Strides along the inner and the outer loop.
        let along (a: Address) =
            match List.rev t.Loops with
            | inner :: outer ->
                let stride (l: Loop) =
                    a.Loops |> List.tryFind (fun (v, _) -> obj.ReferenceEquals(v, l.Variable)) |> Option.map snd

                let coefficient l = stride l |> Option.defaultValue 0L
                $"{coefficient inner}, {outer |> List.sumBy coefficient}"
            | [] -> "0, 0"

        let times =
            match List.rev t.Loops with
            | [ inner ] -> $"{page.Bound inner.To}, 1"
            | inner :: outer :: _ -> $"{page.Bound inner.To}, {page.Bound outer.To}"
            | [] -> "1, 1"

        let first = $" + {page.LoopName lane}"
        let left = $"{place t.Left t.LeftAt String.Empty}, {t.LeftStride}, {along t.LeftAt}"
        let right = $"{place t.Right t.RightAt first}, {along t.RightAt}"
        let target = $"{place t.Target t.TargetAt first}, {t.TargetStride}"
        let more = if t.Continues then "true" else "false"
        page.Line $"{tileOf vectors.Vector t.Type t.Rows copies}({left}, {right}, {times}, {target}, {more});"

    member private p.Nested(mode, lane: LoopVar, s: Statement) =
        match s with
        | Statement.Loop loop when loop.Variable.Kind = LoopKind.Lane && isNull lane -> p.LaneLoop loop
        | Statement.Loop loop ->
            let i = page.LoopName loop.Variable

            page.Block $"for ({dialect.Position} {i} = {loop.From}; {i} < {page.Bound loop.To}; {i} += {loop.Step})" (fun () ->
                p.Body(mode, lane, loop.Body))
        | When(condition, inner) -> page.Block $"if ({page.Scalar condition})" (fun () -> p.Body(mode, lane, inner))
        | ReduceLanes r -> p.Reduce r
        | TransposeBlock t ->
            let source, target = page.Buffer t.Source, page.Buffer t.Target
            let from, into = page.ScalarAddress t.From, page.ScalarAddress t.To

            page.Line
                $"{transposeOf t.Type}({source} + ({from}), {t.SourceStride}, {target} + ({into}), {t.TargetStride}, {t.Rows}, {t.Columns});"
        | _ -> page.Statement s

    member private p.LaneLoop(loop: Loop) =
        let i, limit = page.LoopName loop.Variable, page.Bound loop.To
        let start = $"{dialect.Position} {i} = {loop.From}"

        let scalars first =
            page.Block $"for ({first}; {i} < {limit}; {i}++)" (fun () -> p.Body(Mode.Scalar, loop.Variable, loop.Body))

        match vectors.LanesOf(loop.Body, []) with
        | None -> scalars start
        | Some lanes ->
            let wanted = vectors.CopiesOf loop.Body

            let copies, whole =
                match loop.To with
                | Bound.Fixed n ->
                    List.find (fun c -> c = 1 || (c <= wanted && n % int64 (c * lanes) = 0L)) [ 4; 2; 1 ], n % int64 lanes = 0L
                | Bound.Extent _
                | Bound.Computed _ -> 1, false

            let step = copies * lanes
            let body () = p.Body(Mode.Vectors(copies, lanes), loop.Variable, loop.Body)

            if whole then
                page.Block $"for ({start}; {i} < {limit}; {i} += {step})" body
            else
                page.Block "" (fun () ->
                    page.Line $"{start};"
                    page.Block $"for (; {i} + {step} <= {limit}; {i} += {step})" body
                    scalars "")

    member private p.Reduce(r: LaneReduction) =
        match vectors.LanesOf(r.LaneBody, r.Terms |> List.map (fun t -> t.Identity.Type)) with
        | None -> p.ReduceScalars r
        | Some lanes ->
            page.Line $"{dialect.Position} {page.LoopName r.Lane};"

            // as many terms at once as there are registers for
            for terms in List.chunkBySize (max 1 (vectors.AccumulatorRegisters * lanes / 16)) r.Terms do
                let values = terms |> List.collect (fun t -> t.Value :: Option.toList t.Factor)
                p.ReduceVectors({ r with Terms = terms; LaneBody = Prune.bodyFor values r.LaneBody }, lanes)

    member private _.Result(t: LaneTerm, value: string) = page.Line $"{dialect.TypeName t.Identity.Type} {page.Name t.Result} = {value};"

    /// The next value of an accumulator, written with `op` and `operand`.
    member private _.Combined(t: LaneTerm, op: Arith -> ScalarType -> string[] -> string, operand: Operand -> string, now: string) =
        let ty = t.Identity.Type

        match t.Factor, t.Combine with
        | Some factor, _ -> op Arith.Fma ty [| operand t.Value; operand factor; now |]
        // a NaN term is passed over
        | None, (Arith.Max | Arith.Min) -> op t.Combine ty [| operand t.Value; now |]
        | None, _ -> op t.Combine ty [| now; operand t.Value |]

    /// The loops around the lanes of a reduction.
    member private p.Around(loops: Loop list, inner: unit -> unit) =
        match loops with
        | [] -> inner ()
        | loop :: rest ->
            let i = page.LoopName loop.Variable

            page.Block $"for ({dialect.Position} {i} = 0; {i} < {page.Bound loop.To}; {i}++)" (fun () ->
                p.Body(Mode.Scalar, null, loop.Body)
                p.Around(rest, inner))

    member private p.ReduceScalars(r: LaneReduction) =
        let number = page.Fresh()
        let place k = $"r{number}_{k}"
        r.Terms |> List.iteri (fun k t -> page.Reserve(t.Identity.Type, place k))
        let i = page.LoopName r.Lane

        r.Terms
        |> List.iteri (fun k t -> page.Line $"for (int k = 0; k < 16; k++) {place k}[k] = {dialect.Literal t.Identity};")

        p.Around(
            r.Around,
            fun () ->
                page.Block $"for ({dialect.Position} {i} = 0; {i} < {page.Bound r.Count}; {i}++)" (fun () ->
                    p.Body(Mode.Scalar, r.Lane, r.LaneBody)

                    r.Terms
                    |> List.iteri (fun k t ->
                        let slot = $"{place k}[{i} & 15]"
                        page.Line $"{slot} = {p.Combined(t, dialect.Op, page.Scalar, slot)};"))
        )

        r.Terms |> List.iteri (fun k t -> p.Result(t, $"{treeOf t.Combine t.Identity.Type}({place k})"))

    member private p.ReduceVectors(r: LaneReduction, lanes: int) =
        let number = page.Fresh()
        let i, limit, v = page.LoopName r.Lane, page.Bound r.Count, vectors.Vector
        let copies = 16 / lanes
        let total k c = $"t{number}_{k}_{c}"
        let body () = p.Body(Mode.Vectors(copies, lanes), r.Lane, r.LaneBody)
        let next k c t = p.Combined(t, v.Op, (fun o -> vectors.Operand(c, o)), total k c)

        let each (line: int -> int -> LaneTerm -> string) =
            r.Terms
            |> List.iteri (fun k t ->
                for c in 0 .. copies - 1 do
                    page.Line(line k c t))

        each (fun k c t -> $"{v.Type t.Identity.Type} {total k c} = {v.Broadcast t.Identity.Type (dialect.Literal t.Identity)};")

        let whole =
            match r.Count with
            | Bound.Fixed n -> n % 16L = 0L
            | Bound.Extent _
            | Bound.Computed _ -> false

        p.Around(
            r.Around,
            fun () ->
                page.Line $"{i} = 0;"

                page.Block $"for (; {i} + 16 <= {limit}; {i} += 16)" (fun () ->
                    body ()
                    each (fun k c t -> $"{total k c} = {next k c t};"))

                // lanes behind the end are left out by select
                if not whole then
                    page.Block $"if ({i} < {limit})" (fun () ->
                        body ()
                        let mask = vectors.MaskType

                        for c in 0 .. copies - 1 do
                            let lane, count =
                                v.Count mask $"(int)({i} + {c * lanes})", v.Broadcast mask $"({dialect.TypeName mask})({limit})"

                            page.Line $"var inside_{number}_{c} = {v.Op Arith.Less mask [| lane; count |]};"

                        each (fun k c t ->
                            let chosen = v.Op Arith.Select t.Identity.Type [| $"inside_{number}_{c}"; next k c t; total k c |]
                            $"{total k c} = {chosen};"))
        )

        // sixteen accumulators, halves onto halves: vectors first, then the lanes of one
        let rec halves op t (parts: string[]) =
            match parts with
            | [| one |] -> one
            | _ ->
                let half = parts.Length / 2
                halves op t (Array.init half (fun c -> v.Op op t [| parts[c]; parts[c + half] |]))

        r.Terms
        |> List.iteri (fun k t ->
            let all = halves t.Combine t.Identity.Type (Array.init copies (total k))
            p.Result(t, $"{foldOf v t.Combine t.Identity.Type}({all})"))

    /// What one item, named `item`, does in a part.
    member p.Part(kernel: KernelCode, part: Statement list) =
        page.Line $"{dialect.Position} {page.LoopName kernel.Item} = item;"
        p.Body(Mode.Scalar, null, part)

    /// All items, each by a body or by calls of its parts.
    member p.Items(kernel: KernelCode, body: string -> unit) =
        let item = page.LoopName kernel.Item

        if kernel.Step.Count = 1L && kernel.Step.Extent < 0 then
            page.Block "" (fun () ->
                page.Line $"{dialect.Position} {item} = 0;"
                body item)
        else
            page.Block $"for ({dialect.Position} {item} = ({dialect.Position})begin; {item} < end; {item}++)" (fun () -> body item)

    member p.Whole(kernel: KernelCode) = p.Items(kernel, fun _ -> p.Body(Mode.Scalar, null, kernel.Body))

/// Prints kernels in a C-like dialect: one kernel, one function.
[<Sealed>]
type Printer(dialect: Dialect, buffers: Buffers, lanesAllowed: bool) =
    let helpers = SortedDictionary<string, string>(StringComparer.Ordinal)

    /// The statements of the largest kernel of several parts that is printed as one method.
    let largestWhole = 350

    /// The name of a function that folds sixteen accumulators: halves onto halves.
    let treeOf (op: Arith) t =
        let name = $"Tree{op}{t}"

        if not (helpers.ContainsKey name) then
            let step h =
                let fold = dialect.Op op t [| "a[k]"; $"a[k + {h}]" |]
                $"for (int k = 0; k < {h}; k++) a[k] = {fold};"

            let steps = String.Join(" ", [ step 8; step 4; step 2; step 1 ])
            helpers[name] <- $"static {dialect.TypeName t} {name}({dialect.TypeName t}* a) {{ {steps} return a[0]; }}"

        name

    let foldOf (vector: VectorDialect) (op: Arith) t =
        let name, text = vector.Fold op t
        helpers[name] <- text
        name

    let transposeOf t =
        let name, text = dialect.Transpose t
        helpers[name] <- text
        name

    let tileOf (vector: VectorDialect) t rows copies =
        let name, text = vector.Tile t rows copies
        helpers[name] <- text
        name

    /// Functions that the kernels call.
    member _.Helpers = helpers.Values |> List.ofSeq

    /// One kernel as a function; if it is large, with a function for each of its parts. `scratchOffset` says where a scratch buffer starts.
    member _.Kernel(kernel: KernelCode, scratchOffset: int -> int64) : string =
        let uses = Tile.uses kernel.Body

        let print title signature (emit: KernelPage -> Page -> unit) =
            let page = Page(dialect, buffers)
            let vectors = VectorPage(dialect, page, lanesAllowed)
            emit (KernelPage(dialect, page, vectors, treeOf, foldOf, transposeOf, tileOf, uses)) page
            page.Function(title, signature, scratchOffset)

        match kernel.Parts with
        | parts when parts.Length = 1 || VectorPage.Size kernel.Body <= largestWhole ->
            print kernel.Title (dialect.Signature kernel.Name) (fun p _ -> p.Whole kernel)
        | parts ->
            let name k = $"{kernel.Name}Part{k}"

            let functions =
                parts
                |> List.mapi (fun k part ->
                    print $"part {k} of {kernel.Title}" (dialect.PartSignature(name k)) (fun p _ -> p.Part(kernel, part)))

            let calls (p: KernelPage) (page: Page) =
                p.Items(
                    kernel,
                    fun item ->
                        for k in 0 .. parts.Length - 1 do
                            page.Line $"{name k}(buffers, scratch, variables, {item});"
                )

            String.Join("\n", functions @ [ print kernel.Title (dialect.Signature kernel.Name) calls ])
