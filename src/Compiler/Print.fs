namespace Inference.Compiler

open System
open System.Collections.Generic
open System.Text

/// How the statements of a lane loop are printed.
[<RequireQualifiedAccess>]
type private Mode =
    /// One value at a time.
    | Scalar
    /// Several vectors side by side; the lane loop's variable counts their first lane.
    | Vectors of copies: int * lanes: int

/// Prints loops in a C-like dialect: one kernel, one function.
[<Sealed>]
type Printer(dialect: Dialect, buffers: Buffers, lanesAllowed: bool) =
    let text = StringBuilder()
    let reserved = StringBuilder()
    let loopNames = Dictionary<LoopVar, string>(HashIdentity.Reference)
    let used = SortedSet<int>()
    let mutable indent = 1
    let mutable counter = 0

    let line (s: string) = text.Append(' ', indent * 4).Append(s).Append('\n') |> ignore

    let block (head: string) (body: unit -> unit) =
        line (head + " {")
        indent <- indent + 1
        body ()
        indent <- indent - 1
        line "}"

    let name (v: Var) = $"x{v.Id}"
    let copy (v: Var) k = $"x{v.Id}_{k}"

    let loopName (v: LoopVar) =
        match v.Kind with
        | LoopKind.Around slot -> $"variables[{slot}]"
        | LoopKind.Sequential
        | LoopKind.Lane ->
            match loopNames.TryGetValue v with
            | true, n -> n
            | _ ->
                counter <- counter + 1
                let letters = v.Name |> String.filter (fun c -> Char.IsAsciiLetterOrDigit c)
                let n = $"i{counter}{letters}"
                loopNames[v] <- n
                n

    let buffer k =
        used.Add k |> ignore
        $"b{k}"

    let memoryType t = if t = ScalarType.Bool then ScalarType.I32 else t

    /// The types of everything in a body that varies from lane to lane; false if some statement needs single lanes.
    let rec varying (types: HashSet<ScalarType>) (body: Statement list) : bool =
        let see (v: Var) =
            if v.Varies then
                types.Add v.Type |> ignore

        body
        |> List.forall (fun s ->
            match s with
            | Let(v, op, _) ->
                see v

                (match op with
                 | Arith.Div -> v.Type = ScalarType.F32 || v.Type = ScalarType.F64 || not v.Varies
                 | Arith.Rem -> not v.Varies
                 | _ -> true)
            | Read(v, _)
            | ReadExtent(v, _)
            | Declare(v, _)
            | Assign(v, _) ->
                see v
                true
            | Load(v, _, a) ->
                see v
                // truth values are 32 bits wide in memory, and so are computed positions
                (if v.Varies && (v.Type = ScalarType.Bool || a.Vars |> List.exists (fun (x, _) -> x.Varies)) then
                     types.Add ScalarType.I32 |> ignore)

                true
            | Store(_, a, value) ->
                (if value.Varies then
                     types.Add(memoryType value.Type) |> ignore)

                (if a.Vars |> List.exists (fun (x, _) -> x.Varies) then
                     types.Add ScalarType.I32 |> ignore)

                true
            | Philox(words, _) ->
                Array.iter see words
                true
            | Statement.Loop loop ->
                (match loop.To with
                 | Bound.Computed v -> not v.Varies
                 | _ -> true)
                && varying types loop.Body
            | When(condition, inner) -> not condition.Varies && varying types inner
            | ReduceLanes _ -> false)

    let rec size (body: Statement list) =
        body
        |> List.sumBy (fun s ->
            match s with
            | Statement.Loop l -> size l.Body
            | When(_, b) -> size b
            | ReduceLanes r -> size r.LaneBody
            | Philox _ -> 40
            | _ -> 1)

    /// Lanes of a vector for a body, if it can be printed with vectors.
    let lanesOf (body: Statement list) extra =
        match dialect.Vector with
        | Some v when lanesAllowed ->
            let types = HashSet<ScalarType>()
            Seq.iter (types.Add >> ignore) extra

            if varying types body then
                types.Remove ScalarType.Bool |> ignore
                let bytes = types |> Seq.map Buffers.BytesOf |> Seq.distinct |> List.ofSeq

                match bytes with
                | [] -> Some(v.Bytes / 4)
                | [ b ] -> Some(v.Bytes / int b)
                | _ -> None
            else
                None
        | _ -> None

    let vector () = Option.get dialect.Vector

    /// The type whose width a mask has in the loop being printed.
    let mutable maskType = ScalarType.I32

    let vectorType t = if t = ScalarType.Bool then maskType else t

    let broadcast t scalar =
        if t = ScalarType.Bool then
            let suffix = if maskType = ScalarType.I64 then "L" else ""
            vector().Broadcast maskType $"({scalar} ? -1{suffix} : 0{suffix})"
        else
            vector().Broadcast t scalar

    let operand mode k (o: Operand) =
        match mode, o with
        | Mode.Scalar, Operand.Var v -> name v
        | Mode.Scalar, _ -> dialect.Literal o
        | Mode.Vectors _, Operand.Var v when v.Varies -> copy v k
        | Mode.Vectors _, Operand.Var v -> broadcast v.Type (name v)
        | Mode.Vectors _, _ -> broadcast o.Type (dialect.Literal o)

    /// The part of an address that is the same in all lanes, and what the lane's number is multiplied with.
    let uniformAddress (lane: LoopVar) (a: Address) =
        let times c s = if c = 1L then s else $"{c} * {s}"

        let terms =
            [
                for v, c in a.Loops do
                    if not (obj.ReferenceEquals(v, lane)) then
                        yield times c $"({dialect.Position}){loopName v}"
                for v, c in a.Vars do
                    if not v.Varies then
                        yield times c $"({dialect.Position}){name v}"
                if a.Constant <> 0L then
                    yield string a.Constant
            ]

        (if terms.IsEmpty then "0" else String.Join(" + ", terms)),
        a.Loops
        |> List.tryPick (fun (v, c) -> if obj.ReferenceEquals(v, lane) then Some c else None)
        |> Option.defaultValue 0L

    let scalarAddress (a: Address) =
        let times c s = if c = 1L then s else $"{c} * {s}"

        let terms =
            [
                for v, c in a.Loops -> times c $"({dialect.Position}){loopName v}"
                for v, c in a.Vars -> times c $"({dialect.Position}){name v}"
                if a.Constant <> 0L then
                    yield string a.Constant
            ]

        if terms.IsEmpty then "0" else String.Join(" + ", terms)

    let bound b =
        match b with
        | Bound.Fixed n -> string n
        | Bound.Extent slot -> $"variables[{slot}]"
        | Bound.Computed v -> name v

    let typeName t = dialect.TypeName t
    let argumentType (args: Operand[]) = args[args.Length - 1].Type

    let shiftType op (args: Operand[]) =
        match op with
        | Arith.ShiftLeft
        | Arith.ShiftRight -> args[0].Type
        | _ -> argumentType args

    let scalarStatement (s: Statement) =
        match s with
        | Let(v, op, args) ->
            let operands = args |> Array.map (operand Mode.Scalar 0)
            line $"{typeName v.Type} {name v} = {dialect.Op op (shiftType op args) operands};"
        | Read(v, loop) -> line $"{typeName v.Type} {name v} = ({typeName v.Type}){loopName loop};"
        | ReadExtent(v, slot) -> line $"{typeName v.Type} {name v} = variables[{slot}];"
        | Load(v, b, a) ->
            let source = $"{buffer b}[{scalarAddress a}]"

            line (
                if v.Type = ScalarType.Bool then
                    $"{typeName v.Type} {name v} = {source} != 0;"
                else
                    $"{typeName v.Type} {name v} = {source};"
            )
        | Store(b, a, value) ->
            let v = operand Mode.Scalar 0 value

            line (
                if value.Type = ScalarType.Bool then
                    $"{buffer b}[{scalarAddress a}] = {v} ? 1 : 0;"
                else
                    $"{buffer b}[{scalarAddress a}] = {v};"
            )
        | Declare(v, init) -> line $"{typeName v.Type} {name v} = {operand Mode.Scalar 0 init};"
        | Assign(v, value) -> line $"{name v} = {operand Mode.Scalar 0 value};"
        | Philox(words, inputs) ->
            let outs = words |> Array.map name

            for w in outs do
                line $"{typeName ScalarType.U32} {w};"

            line (dialect.Philox outs (inputs |> Array.map (operand Mode.Scalar 0)))
        | Statement.Loop _
        | When _
        | ReduceLanes _ -> ()

    /// The positions of lanes that do not lie side by side.
    let lanePositions (lane: LoopVar) first (a: Address) k =
        let v = vector ()
        let uniform, coefficient = uniformAddress lane a

        let scaled c s =
            if c = 1L then
                s
            else
                v.Op Arith.Mul ScalarType.I32 [| s; v.Broadcast ScalarType.I32 (string c) |]

        let start = v.Broadcast ScalarType.I32 $"(int)({uniform})"

        let ofLanes =
            if coefficient = 0L then
                []
            else
                [ scaled coefficient (v.Count ScalarType.I32 $"(int)({first})") ]

        let ofVars =
            [
                for x, c in a.Vars do
                    if x.Varies then
                        scaled c (copy x k)
            ]

        (ofLanes @ ofVars)
        |> List.fold (fun sum term -> v.Op Arith.Add ScalarType.I32 [| sum; term |]) start

    let vectorLoad (lane: LoopVar) lanes k (x: Var) b (a: Address) =
        let v = vector ()
        let first = $"{loopName lane} + {k * lanes}"
        let uniform, coefficient = uniformAddress lane a

        if a.Vars |> List.exists (fun (x, _) -> x.Varies) then
            v.Gather x.Type (buffer b) (lanePositions lane first a k)
        elif coefficient = 1L then
            v.Load x.Type $"{buffer b} + ({uniform} + {first})"
        else
            v.Strided x.Type (buffer b) $"{uniform} + {coefficient} * ({first})" (string coefficient)

    let followsLane (lane: LoopVar) (a: Address) =
        a.Loops |> List.exists (fun (l, _) -> obj.ReferenceEquals(l, lane))
        || a.Vars |> List.exists (fun (x, _) -> x.Varies)

    let vectorStore (lane: LoopVar) lanes k b (a: Address) (value: Operand) mode =
        let v = vector ()
        let first = $"{loopName lane} + {k * lanes}"
        let uniform, coefficient = uniformAddress lane a

        let computed = a.Vars |> List.exists (fun (x, _) -> x.Varies)

        if coefficient = 1L && not computed then
            line (v.Store value.Type $"{buffer b} + ({uniform} + {first})" (operand mode k value) + ";")
        else
            counter <- counter + 1
            let positions, values, l = $"p{counter}", $"s{counter}", $"l{counter}"
            line $"var {values} = {operand mode k value};"
            let element = v.Lane (memoryType value.Type) values l
            let stored = if value.Type = ScalarType.Bool then $"{element} != 0 ? 1 : 0" else element

            let position =
                if computed then
                    line $"var {positions} = {lanePositions lane first a k};"
                    v.Lane ScalarType.I32 positions l
                else
                    $"{uniform} + {coefficient} * ({first} + {l})"

            line $"for (int {l} = 0; {l} < {lanes}; {l}++) {buffer b}[{position}] = {stored};"

    /// A statement on vectors, for one of the copies; what is the same in all lanes is printed with the first.
    let vectorStatement (lane: LoopVar) copies lanes k (s: Statement) =
        let v = vector ()
        let mode = Mode.Vectors(copies, lanes)

        match s with
        | Let(x, op, args) when x.Varies ->
            let shiftCount i = (op = Arith.ShiftLeft || op = Arith.ShiftRight) && i = 1

            let operands =
                args |> Array.mapi (fun i a -> if shiftCount i then dialect.Literal a else operand mode k a)

            line $"var {copy x k} = {v.Op op (shiftType op args) operands};"
        | Read(x, loop) when obj.ReferenceEquals(loop, lane) ->
            line ($"var {copy x k} = " + v.Count x.Type $"(int)({loopName lane} + {k * lanes})" + ";")
        | Load(x, b, a) when x.Varies -> line $"var {copy x k} = {vectorLoad lane lanes k x b a};"
        | Store(b, a, value) when followsLane lane a -> vectorStore lane lanes k b a value mode
        | Declare(x, init) when x.Varies -> line $"{v.Type(vectorType x.Type)} {copy x k} = {operand mode k init};"
        | Assign(x, value) when x.Varies -> line $"{copy x k} = {operand mode k value};"
        | Philox(words, inputs) when words[0].Varies ->
            for w in words do
                line $"{v.Type ScalarType.U32} {copy w k};"

            // as a rule only the first word of the counter differs from lane to lane
            let onlyFirst = inputs |> Array.skip 1 |> Array.forall (fun o -> not o.Varies)
            let input i o = if onlyFirst && i > 0 then operand Mode.Scalar 0 o else operand mode k o
            line (v.Philox (words |> Array.map (fun w -> copy w k)) (inputs |> Array.mapi input))
        | Let _
        | Read _
        | ReadExtent _
        | Load _
        | Store _
        | Declare _
        | Assign _
        | Philox _ ->
            if k = 0 then
                scalarStatement s
        | Statement.Loop _
        | When _
        | ReduceLanes _ -> ()

    let helpers = SortedDictionary<string, string>(StringComparer.Ordinal)

    /// The name of a function that folds sixteen accumulators: halves onto halves.
    let treeOf (op: Arith) t =
        let n = $"Tree{op}{t}"

        if not (helpers.ContainsKey n) then
            let ty = typeName t

            let step h =
                let fold = dialect.Op op t [| "a[k]"; $"a[k + {h}]" |]
                $"for (int k = 0; k < {h}; k++) a[k] = {fold};"

            helpers[n] <- $"""static {ty} {n}({ty}* a) {{ {String.Join(" ", [ step 8; step 4; step 2; step 1 ])} return a[0]; }}"""

        n

    member _.Helpers = helpers.Values |> List.ofSeq

    member private p.Body(mode, lane: LoopVar, body: Statement list) =
        let isStraight s =
            match s with
            | Statement.Loop _
            | When _
            | ReduceLanes _ -> false
            | _ -> true

        match mode, body with
        | _, [] -> ()
        | Mode.Vectors(copies, lanes), first :: _ when isStraight first ->
            // one copy after another: the processor overlaps them, and each needs registers for itself alone
            let run = List.takeWhile isStraight body

            for k in 0 .. copies - 1 do
                for s in run do
                    vectorStatement lane copies lanes k s

            p.Body(mode, lane, List.skip run.Length body)
        | _, first :: rest ->
            p.Nested(mode, lane, first)
            p.Body(mode, lane, rest)

    member private p.Nested(mode, lane: LoopVar, s: Statement) =
        match s with
        | Statement.Loop loop when loop.Variable.Kind = LoopKind.Lane && isNull lane -> p.LaneLoop loop
        | Statement.Loop loop ->
            let i = loopName loop.Variable

            block $"for ({dialect.Position} {i} = {loop.From}; {i} < {bound loop.To}; {i} += {loop.Step})" (fun () ->
                p.Body(mode, lane, loop.Body))
        | When(condition, inner) -> block $"if ({operand Mode.Scalar 0 condition})" (fun () -> p.Body(mode, lane, inner))
        | ReduceLanes r -> p.Reduce r
        | _ -> scalarStatement s

    member private p.LaneLoop(loop: Loop) =
        let i = loopName loop.Variable
        let limit = bound loop.To

        let scalarLoop start =
            block $"for ({start}; {i} < {limit}; {i}++)" (fun () -> p.Body(Mode.Scalar, loop.Variable, loop.Body))

        match lanesOf loop.Body [] with
        | None -> scalarLoop $"{dialect.Position} {i} = {loop.From}"
        | Some lanes ->
            maskType <- (if lanes * 4 = (vector ()).Bytes then ScalarType.I32 else ScalarType.I64)
            let statements = size loop.Body

            let wanted =
                if statements <= 90 then 4
                elif statements <= 200 then 2
                else 1

            let copies =
                match loop.To with
                | Bound.Fixed n -> List.find (fun c -> c = 1 || (c <= wanted && n % int64 (c * lanes) = 0L)) [ 4; 2; 1 ]
                | Bound.Extent _
                | Bound.Computed _ -> 1

            let whole =
                match loop.To with
                | Bound.Fixed n -> n % int64 lanes = 0L
                | _ -> false

            let start = $"{dialect.Position} {i} = {loop.From}"
            let step = copies * lanes

            if whole then
                block $"for ({start}; {i} < {limit}; {i} += {step})" (fun () ->
                    p.Body(Mode.Vectors(copies, lanes), loop.Variable, loop.Body))
            else
                block "" (fun () ->
                    line $"{start};"

                    block $"for (; {i} + {step} <= {limit}; {i} += {step})" (fun () ->
                        p.Body(Mode.Vectors(copies, lanes), loop.Variable, loop.Body))

                    scalarLoop "")

    member private p.Reduce(r: LaneReduction) =
        let i = loopName r.Lane
        let limit = bound r.Count
        counter <- counter + 1
        let stem = counter
        let at k = $"r{stem}_{k}"

        r.Terms
        |> List.iteri (fun k t -> reserved.Append("    ").Append(dialect.Reserve t.Identity.Type (at k)).Append('\n') |> ignore)

        let combine mode k (t: LaneTerm) (now: string) =
            let value = operand mode k t.Value

            let ops op args =
                match mode with
                | Mode.Scalar -> dialect.Op op t.Identity.Type args
                | Mode.Vectors _ -> (vector ()).Op op t.Identity.Type args

            match t.Factor, t.Combine with
            | Some f, _ -> ops Arith.Fma [| value; operand mode k f; now |]
            | None, (Arith.Max | Arith.Min) -> ops t.Combine [| value; now |]
            | None, _ -> ops t.Combine [| now; value |]

        let types = r.Terms |> List.map (fun t -> t.Identity.Type)

        match lanesOf r.LaneBody types with
        | None ->
            r.Terms
            |> List.iteri (fun k t -> line $"for (int k = 0; k < 16; k++) {at k}[k] = {dialect.Literal t.Identity};")

            block $"for ({dialect.Position} {i} = 0; {i} < {limit}; {i}++)" (fun () ->
                p.Body(Mode.Scalar, r.Lane, r.LaneBody)

                r.Terms
                |> List.iteri (fun k t -> let slot = $"{at k}[{i} & 15]" in line $"{slot} = {combine Mode.Scalar 0 t slot};"))
        | Some lanes ->
            let v = vector ()
            maskType <- (if lanes * 4 = v.Bytes then ScalarType.I32 else ScalarType.I64)
            let copies = 16 / lanes
            let mode = Mode.Vectors(copies, lanes)
            let total k c = $"t{stem}_{k}_{c}"

            r.Terms
            |> List.iteri (fun k t ->
                for c in 0 .. copies - 1 do
                    line $"{v.Type t.Identity.Type} {total k c} = {v.Broadcast t.Identity.Type (dialect.Literal t.Identity)};")

            line $"{dialect.Position} {i} = 0;"

            block $"for (; {i} + 16 <= {limit}; {i} += 16)" (fun () ->
                p.Body(mode, r.Lane, r.LaneBody)

                r.Terms
                |> List.iteri (fun k t ->
                    for c in 0 .. copies - 1 do
                        line $"{total k c} = {combine mode c t (total k c)};"))

            // lanes behind the end are left out by select
            let whole =
                match r.Count with
                | Bound.Fixed n -> n % 16L = 0L
                | _ -> false

            if not whole then
                block $"if ({i} < {limit})" (fun () ->
                    p.Body(mode, r.Lane, r.LaneBody)

                    for c in 0 .. copies - 1 do
                        let inside =
                            v.Op
                                Arith.Less
                                maskType
                                [|
                                    v.Count maskType $"(int)({i} + {c * lanes})"
                                    v.Broadcast maskType $"({typeName maskType})({limit})"
                                |]

                        line $"var inside_{stem}_{c} = {inside};"

                        r.Terms
                        |> List.iteri (fun k t ->
                            let chosen =
                                v.Op Arith.Select t.Identity.Type [| $"inside_{stem}_{c}"; combine mode c t (total k c); total k c |]

                            line $"{total k c} = {chosen};"))

            r.Terms
            |> List.iteri (fun k t ->
                for c in 0 .. copies - 1 do
                    line (v.Store t.Identity.Type $"{at k} + {c * lanes}" (total k c) + ";"))

        r.Terms
        |> List.iteri (fun k t -> line $"{typeName t.Identity.Type} {name t.Result} = {treeOf t.Combine t.Identity.Type}({at k});")

    /// One kernel as a function. `scratchOffset` says where a scratch buffer starts.
    member p.Kernel(kernel: KernelCode, scratchOffset: int -> int64) : string =
        text.Clear() |> ignore
        reserved.Clear() |> ignore
        used.Clear()
        indent <- 1
        let item = loopName kernel.Item
        let body () = p.Body(Mode.Scalar, null, kernel.Body)

        if kernel.Step.Count = 1L && kernel.Step.Extent < 0 then
            block "" (fun () ->
                line $"{dialect.Position} {item} = 0;"
                body ())
        else
            block $"for ({dialect.Position} {item} = ({dialect.Position})begin; {item} < end; {item}++)" body

        let pointers =
            [
                for k in used do
                    let ty = typeName (memoryType buffers[k].Type)

                    if buffers[k].Scratch then
                        $"    {ty}* b{k} = ({ty}*)(scratch + {scratchOffset k});\n"
                    else
                        $"    {ty}* b{k} = ({ty}*)buffers[{k}];\n"
            ]

        let signature = dialect.Signature kernel.Name
        $"// {kernel.Title}\n{signature} {{\n{String.Join(String.Empty, pointers)}{reserved}{text}}}\n"
