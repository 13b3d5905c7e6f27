namespace Inference.Compiler

open System.Collections.Generic
open Inference

/// Checks what passes promise one another; run between them in tests, and on request.
[<RequireQualifiedAccess>]
module Verify =
    /// Every placed node stands once, after all that it reads, and never in a loop whose values it needs complete.
    let schedule (graph: Graph) (scanOf: Scan -> int) (schedule: Schedule) =
        let broken n text = invalidOp $"The schedule of \"{graph.Name}\" is broken at %%{n}: {text}."
        let done' = HashSet<int>()
        let closed = HashSet<Item>(HashIdentity.Reference)

        let rec ancestors (item: Item) = if isNull item then [] else item :: ancestors item.Parent

        let rec reads (n: int) across : (int * Set<int>) list =
            let node = graph.Nodes[n]
            let gone = Set.union across (Set.ofList (Graph.eliminated graph scanOf node))

            [
                for i in Graph.edges graph scanOf node do
                    match schedule.Strategies[i] with
                    | Strategy.Placed -> yield i, gone
                    | Strategy.Inline -> yield! reads i gone
            ]

        let check (item: Item) =
            let n = item.Node
            let around = ancestors item.Parent

            for d, across in reads n Set.empty do
                if not (done'.Contains d) then
                    broken n $"it reads %%{d}, which comes later"

                for shared in ancestors schedule.Location[d].Parent do
                    match shared.Key with
                    | Some(Key.Within i | Key.Around i) when
                        across.Contains i && List.exists (fun a -> obj.ReferenceEquals(a, shared)) around
                        ->
                        // a reduction may stand in the loop that it accumulates over
                        if item.Accumulates = 0 then
                            broken n $"it needs %%{d} complete over {graph.Indices[i].Name} inside that loop"
                    | _ -> ()

            if not (done'.Add n) then
                broken n "it stands twice"

        let rec walk (item: Item) =
            if item.Key.IsNone && item.Node >= 0 then
                check item

            for child in item.Children do
                walk child

            closed.Add item |> ignore

        walk schedule.Root

        for n in graph.Nodes do
            if schedule.Strategies[n.Id] = Strategy.Placed && not (done'.Contains n.Id) then
                broken n.Id "it has no place"

    let private sameType name a b =
        if a <> b then
            invalidOp $"The loops of {name} are broken: {a} meets {b}."

    /// Variables are set before they are read, in the same block or an enclosing one; operands have one type; buffers exist.
    let loops (buffers: Buffers) (kernels: KernelCode list) =
        let rec block name (outer: Set<int>) (loopVars: Set<string>) (body: Statement list) =
            let mutable known = outer
            let define (v: Var) = known <- known.Add v.Id

            let read (o: Operand) =
                match o with
                | Operand.Var v when not (known.Contains v.Id) ->
                    invalidOp $"The loops of {name} are broken: x{v.Id} is read before it is set."
                | Operand.Var _
                | Operand.Float _
                | Operand.Int _ -> ()

            let address buffer t (a: Address) =
                if buffer < 0 || buffer >= buffers.All.Count then
                    invalidOp $"The loops of {name} are broken: there is no buffer {buffer}."

                sameType name buffers[buffer].Type t
                a.Vars |> List.iter (fun (v, _) -> read (Operand.Var v))

            for s in body do
                match s with
                | Let(v, op, args) ->
                    Array.iter read args
                    sameType name v.Type (Fold.resultType op args)
                    define v
                | Read(v, _)
                | ReadExtent(v, _) -> define v
                | Load(v, b, a) ->
                    address b v.Type a
                    define v
                | Store(b, a, value) ->
                    address b value.Type a
                    read value
                | Declare(v, value) ->
                    read value
                    sameType name v.Type value.Type
                    define v
                | Assign(v, value) ->
                    read (Operand.Var v)
                    read value
                    sameType name v.Type value.Type
                | Update(v, op, args) ->
                    read (Operand.Var v)
                    Array.iter read args
                    sameType name v.Type (Fold.resultType op args)
                | Philox(words, inputs) ->
                    Array.iter read inputs
                    Array.iter define words
                | Statement.Loop loop -> block name known loopVars loop.Body
                | When(condition, inner) ->
                    read condition
                    block name known loopVars inner
                | TransposeBlock t ->
                    address t.Source t.Type t.From
                    address t.Target t.Type t.To
                | ReduceLanes r ->
                    block name known loopVars r.Nested
                    r.Terms |> List.iter (fun t -> define t.Result)

        for k in kernels do
            block k.Name Set.empty Set.empty k.Body
