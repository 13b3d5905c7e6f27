namespace Inference.Compiler

open System.Collections.Generic

/// Prints the statements of lane loops as vectors.
[<Sealed>]
type VectorPage(dialect: Dialect, page: Page, lanesAllowed: bool) =
    let copy (v: Var) k = $"x{v.Id}_{k}"

    /// Numbers loaded once for all lanes: each fills a vector as it is loaded, however many products it goes into.
    let filled = HashSet<int>()

    /// The types of everything in a body that varies from lane to lane; false if some statement needs single lanes.
    let rec varying (types: HashSet<ScalarType>) (body: Statement list) : bool =
        let see (v: Var) =
            if v.Varies then
                types.Add v.Type |> ignore

        body
        |> List.forall (fun s ->
            match s with
            | Let(v, op, _)
            | Update(v, op, _) ->
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
                // a value that is the same in all lanes fills a vector as well
                (if value.Varies || a.Loops |> List.exists (fun (l, _) -> l.Kind = LoopKind.Lane) then
                     types.Add(Page.MemoryType value.Type) |> ignore)

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
            | TransposeBlock _
            | ReduceLanes _ -> false)

    /// The most statements that stand in a row, with no loop between them: what has to share the registers.
    let rec longestRun (body: Statement list) =
        let folder (run, most) s =
            match s with
            | Statement.Loop l -> 0, max most (longestRun l.Body)
            | When(_, b) -> 0, max most (longestRun b)
            | ReduceLanes r -> 0, max most (longestRun r.LaneBody)
            | _ ->
                let run = run + VectorPage.Size [ s ]
                run, max most run

        body |> List.fold folder (0, 0) |> snd

    /// The most accumulators that one loop updates at once.
    let rec accumulators (body: Statement list) =
        let own (statements: Statement list) =
            statements
            |> List.sumBy (fun s ->
                match s with
                | Assign(v, _)
                | Update(v, _, _) when v.Varies -> 1
                | _ -> 0)

        body
        |> List.fold
            (fun most s ->
                match s with
                | Statement.Loop l -> max most (max (own l.Body) (accumulators l.Body))
                | When(_, b) -> max most (accumulators b)
                | _ -> most)
            0

    /// Statements in a row of which processors overlap several turns by themselves, where no turn waits for the one before.
    let independent = 16

    let vector () = Option.get dialect.Vector

    /// Registers for accumulators: half of all there are.
    let accumulatorRegisters () = if vector().Bytes = 64 then 16 else 8

    /// The type whose width a mask has in the loop being printed.
    let mutable maskType = ScalarType.I32

    let vectorType t = if t = ScalarType.Bool then maskType else t

    let broadcast t scalar =
        if t = ScalarType.Bool then
            let suffix = if maskType = ScalarType.I64 then "L" else ""
            vector().Broadcast maskType $"({scalar} ? -1{suffix} : 0{suffix})"
        else
            vector().Broadcast t scalar

    /// An operand in the vector with this number.
    let operand k (o: Operand) =
        match o with
        | Operand.Var v when v.Varies -> copy v k
        | Operand.Var v when filled.Contains v.Id -> copy v 0
        | Operand.Var _
        | Operand.Float _
        | Operand.Int _ -> broadcast o.Type (page.Scalar o)

    /// An operation on the vectors with this number.
    let applied k op (args: Operand[]) =
        let isShiftCount i = (op = Arith.ShiftLeft || op = Arith.ShiftRight) && i = 1
        let operands = args |> Array.mapi (fun i a -> if isShiftCount i then dialect.Literal a else operand k a)
        vector().Op op (Page.TypeOf(op, args)) operands

    /// The positions of lanes that do not lie side by side.
    let lanePositions (lane: LoopVar) first (a: Address) k =
        let v = vector ()
        let struct (uniform, coefficient) = page.UniformAddress(lane, a)

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
        let first = $"{page.LoopName lane} + {k * lanes}"
        let struct (uniform, coefficient) = page.UniformAddress(lane, a)

        if a.Vars |> List.exists (fun (x, _) -> x.Varies) then
            v.Gather x.Type (page.Buffer b) (lanePositions lane first a k)
        elif coefficient = 1L then
            v.Load x.Type $"{page.Buffer b} + ({uniform} + {first})"
        else
            v.Strided x.Type (page.Buffer b) $"{uniform} + {coefficient} * ({first})" (string coefficient)

    let followsLane (lane: LoopVar) (a: Address) =
        a.Loops |> List.exists (fun (l, _) -> obj.ReferenceEquals(l, lane))
        || a.Vars |> List.exists (fun (x, _) -> x.Varies)

    let vectorStore (lane: LoopVar) lanes k b (a: Address) (value: Operand) =
        let v = vector ()
        let first = $"{page.LoopName lane} + {k * lanes}"
        let struct (uniform, coefficient) = page.UniformAddress(lane, a)

        let computed = a.Vars |> List.exists (fun (x, _) -> x.Varies)

        if coefficient = 1L && not computed then
            page.Line(v.Store value.Type $"{page.Buffer b} + ({uniform} + {first})" (operand k value) + ";")
        else
            let number = page.Fresh()
            let positions, values, l = $"p{number}", $"s{number}", $"l{number}"
            page.Line $"var {values} = {operand k value};"
            let element = v.Lane (Page.MemoryType value.Type) values l
            let stored = if value.Type = ScalarType.Bool then $"{element} != 0 ? 1 : 0" else element

            let position =
                if computed then
                    page.Line $"var {positions} = {lanePositions lane first a k};"
                    v.Lane ScalarType.I32 positions l
                else
                    $"{uniform} + {coefficient} * ({first} + {l})"

            page.Line $"for (int {l} = 0; {l} < {lanes}; {l}++) {page.Buffer b}[{position}] = {stored};"

    /// The number of statements of a body, calls of the generator counted as what they cost in code.
    static member Size(body: Statement list) : int =
        body
        |> List.sumBy (fun s ->
            match s with
            | Statement.Loop l -> VectorPage.Size l.Body
            | When(_, b) -> VectorPage.Size b
            | ReduceLanes r -> VectorPage.Size r.LaneBody
            | Philox _ -> 40
            | _ -> 1)

    member _.Vector = vector ()

    /// The type whose width masks have in the loop being printed.
    member _.MaskType = maskType

    member _.Operand(k, o) = operand k o

    /// How many vectors side by side a body leaves registers for, and a method that is small enough to be optimised.
    member _.CopiesOf(body) =
        let assigned = accumulators body
        let byRegisters = accumulatorRegisters () / max 1 assigned
        let run, all = longestRun body, VectorPage.Size body

        (if assigned = 0 && run >= independent then 1
         elif run <= 90 && all <= 300 then 4
         elif run <= 200 && all <= 600 then 2
         else 1)
        |> min byRegisters

    member _.AccumulatorRegisters = accumulatorRegisters ()

    /// Lanes of a vector for a body, if it can be printed with vectors. `extra` types meet it.
    member _.LanesOf(body: Statement list, extra: ScalarType list) =
        match dialect.Vector with
        | Some v when lanesAllowed ->
            let types = HashSet<ScalarType>()
            Seq.iter (types.Add >> ignore) extra

            if varying types body then
                types.Remove ScalarType.Bool |> ignore
                let bytes = types |> Seq.map Buffers.BytesOf |> Seq.distinct |> List.ofSeq

                match bytes with
                | []
                | [ 4L ] ->
                    maskType <- ScalarType.I32
                    Some(v.Bytes / 4)
                | [ 8L ] ->
                    maskType <- ScalarType.I64
                    Some(v.Bytes / 8)
                | _ -> None
            else
                None
        | _ -> None

    /// A statement on vectors, for one of the copies; what is the same in all lanes is printed with the first.
    member _.Statement(lane: LoopVar, lanes: int, k: int, s: Statement) =
        let v = vector ()

        match s with
        | Let(x, op, args) when x.Varies -> page.Line $"var {copy x k} = {applied k op args};"
        | Read(x, loop) when obj.ReferenceEquals(loop, lane) ->
            page.Line($"var {copy x k} = " + v.Count x.Type $"(int)({page.LoopName lane} + {k * lanes})" + ";")
        | Load(x, b, a) when x.Varies -> page.Line $"var {copy x k} = {vectorLoad lane lanes k x b a};"
        | Load(x, b, a) when k = 0 && (x.Type = ScalarType.F32 || x.Type = ScalarType.F64) ->
            page.Line $"{dialect.TypeName x.Type} {page.Name x} = {page.Buffer b}[{page.SharedAddress a}];"
            page.Line $"var {copy x 0} = {v.Broadcast x.Type (page.Name x)};"
            filled.Add x.Id |> ignore
        | Store(b, a, value) when followsLane lane a -> vectorStore lane lanes k b a value
        | Declare(x, init) when x.Varies -> page.Line $"{v.Type(vectorType x.Type)} {copy x k} = {operand k init};"
        | Assign(x, value) when x.Varies -> page.Line $"{copy x k} = {operand k value};"
        | Update(x, op, args) when x.Varies -> page.Line $"{copy x k} = {applied k op args};"
        | Philox(words, inputs) when words[0].Varies ->
            for w in words do
                page.Line $"{v.Type ScalarType.U32} {copy w k};"

            // as a rule only the first word of the counter differs from lane to lane
            let onlyFirst = inputs |> Array.skip 1 |> Array.forall (fun o -> not o.Varies)
            let input i o = if onlyFirst && i > 0 then page.Scalar o else operand k o
            page.Line(v.Philox (words |> Array.map (fun w -> copy w k)) (inputs |> Array.mapi input))
        | Let _
        | Read _
        | ReadExtent _
        | Load _
        | Store _
        | Declare _
        | Assign _
        | Update _
        | Philox _ ->
            if k = 0 then
                page.Statement s
        | Statement.Loop _
        | When _
        | TransposeBlock _
        | ReduceLanes _ -> ()
