namespace Inference.Compiler

open System
open System.Collections.Generic
open System.Text

/// The text of one kernel while it is printed: lines, names, addresses, and scalar statements.
[<Sealed>]
type Page(dialect: Dialect, buffers: Buffers) =
    let text = StringBuilder()
    let reserved = StringBuilder()
    let loopNames = Dictionary<LoopVar, string>(HashIdentity.Reference)
    let used = SortedSet<int>()
    /// Offsets that the open blocks have named.
    let offsets = Stack<Dictionary<string, string>>([ Dictionary<string, string>() ])
    let mutable indent = 1
    let mutable counter = 0

    let times c s = if c = 1L then s else $"{c} * {s}"
    let sum (terms: string list) = if terms.IsEmpty then "0" else String.Join(" + ", terms)

    member _.Line(s: string) = text.Append(' ', indent * 4).Append(s).Append('\n') |> ignore

    member page.Block (head: string) (body: unit -> unit) =
        page.Line(head + " {")
        indent <- indent + 1
        offsets.Push(Dictionary())
        body ()
        offsets.Pop() |> ignore
        indent <- indent - 1
        page.Line "}"

    /// A number that no name of this page has yet.
    member _.Fresh() =
        counter <- counter + 1
        counter

    /// Reserves sixteen elements at the top of the function: a reservation in a loop would grow the stack.
    member _.Reserve(t, name) = reserved.Append("    ").Append(dialect.Reserve t name).Append('\n') |> ignore

    member _.Name(v: Var) = $"x{v.Id}"

    member page.LoopName(v: LoopVar) =
        match v.Kind with
        | LoopKind.Around slot -> $"variables[{slot}]"
        | LoopKind.Sequential
        | LoopKind.Lane ->
            match loopNames.TryGetValue v with
            | true, n -> n
            | _ ->
                let letters = v.Name |> String.filter (fun c -> Char.IsAsciiLetterOrDigit c)
                let n = $"i{page.Fresh()}{letters}"
                loopNames[v] <- n
                n

    member _.Buffer k =
        used.Add k |> ignore
        $"b{k}"

    /// Truth values are 32 bits wide in memory.
    static member MemoryType t = if t = ScalarType.Bool then ScalarType.I32 else t

    member page.Bound b =
        match b with
        | Bound.Fixed n -> string n
        | Bound.Extent slot -> $"variables[{slot}]"
        | Bound.Computed v -> page.Name v

    member page.ScalarAddress(a: Address) =
        sum
            [
                for v, c in a.Loops -> times c $"({dialect.Position}){page.LoopName v}"
                for v, c in a.Vars -> times c $"({dialect.Position}){page.Name v}"
                if a.Constant <> 0L then
                    yield string a.Constant
            ]

    /// A scalar address whose varying part has a name, which addresses that differ by a constant share: compilers compute it anew for
    /// each of them otherwise.
    member page.SharedAddress(a: Address) =
        let varying = page.ScalarAddress { a with Constant = 0L }

        let known =
            offsets
            |> Seq.tryPick (fun block ->
                match block.TryGetValue varying with
                | true, name -> Some name
                | _ -> None)

        let name =
            match known with
            | Some name -> name
            | None ->
                let name = $"a{page.Fresh()}"
                page.Line $"{dialect.Position} {name} = {varying};"
                offsets.Peek()[varying] <- name
                name

        $"{name} + {a.Constant}"

    /// The part of an address that is the same in all lanes, and what the lane's number is multiplied with.
    member page.UniformAddress(lane: LoopVar, a: Address) : struct (string * int64) =
        let isLane v = obj.ReferenceEquals(v, lane)

        let terms =
            [
                for v, c in a.Loops do
                    if not (isLane v) then
                        yield times c $"({dialect.Position}){page.LoopName v}"
                for v, c in a.Vars do
                    if not v.Varies then
                        yield times c $"({dialect.Position}){page.Name v}"
                if a.Constant <> 0L then
                    yield string a.Constant
            ]

        struct (sum terms, a.Loops |> List.tryPick (fun (v, c) -> if isLane v then Some c else None) |> Option.defaultValue 0L)

    member page.Scalar(o: Operand) =
        match o with
        | Operand.Var v -> page.Name v
        | Operand.Float _
        | Operand.Int _ -> dialect.Literal o

    /// The type that decides how an operation is written: of what is shifted, otherwise of the last operand.
    static member TypeOf(op, args: Operand[]) =
        match op with
        | Arith.ShiftLeft
        | Arith.ShiftRight -> args[0].Type
        | _ -> args[args.Length - 1].Type

    /// A statement on single values; loops are not statements of this kind.
    member page.Statement(s: Statement) =
        let typed (v: Var) = $"{dialect.TypeName v.Type} {page.Name v}"

        match s with
        | Let(v, op, args) -> page.Line $"{typed v} = {dialect.Op op (Page.TypeOf(op, args)) (Array.map page.Scalar args)};"
        | Read(v, loop) -> page.Line $"{typed v} = ({dialect.TypeName v.Type}){page.LoopName loop};"
        | ReadExtent(v, slot) -> page.Line $"{typed v} = variables[{slot}];"
        | Load(v, b, a) ->
            let test = if v.Type = ScalarType.Bool then " != 0" else ""
            page.Line $"{typed v} = {page.Buffer b}[{page.ScalarAddress a}]{test};"
        | Store(b, a, value) ->
            let choice = if value.Type = ScalarType.Bool then " ? 1 : 0" else ""
            page.Line $"{page.Buffer b}[{page.ScalarAddress a}] = {page.Scalar value}{choice};"
        | Declare(v, init) -> page.Line $"{typed v} = {page.Scalar init};"
        | Assign(v, value) -> page.Line $"{page.Name v} = {page.Scalar value};"
        | Update(v, op, args) -> page.Line $"{page.Name v} = {dialect.Op op (Page.TypeOf(op, args)) (Array.map page.Scalar args)};"
        | Philox(words, inputs) ->
            for w in words do
                page.Line $"{typed w};"

            page.Line(dialect.Philox (Array.map page.Name words) (Array.map page.Scalar inputs))
        | Statement.Loop _
        | When _
        | TransposeBlock _
        | ReduceLanes _ -> invalidOp "A loop is printed with its body."

    /// The finished function. `scratchOffset` says where a scratch buffer starts.
    member _.Function(title: string, signature: string, scratchOffset: int -> int64) =
        let pointer k =
            let ty = dialect.TypeName(Page.MemoryType buffers[k].Type)
            let source = if buffers[k].Scratch then $"(scratch + {scratchOffset k})" else $"buffers[{k}]"
            $"    {ty}* b{k} = ({ty}*){source};\n"

        let pointers = used |> Seq.map pointer |> String.concat ""
        $"// {title}\n{signature} {{\n{pointers}{reserved}{text}}}\n"
