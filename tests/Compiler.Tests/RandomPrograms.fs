/// Random programs over the primitives. A program is a list of instructions whose numbers choose operands and parameters; any list
/// makes a program, so lists shrink freely.
module Inference.Compiler.Tests.RandomPrograms

open System
open System.Collections.Generic
open Inference
open Inference.Compiler.Tests.ProgramTests
open Inference.Compiler.Tests.RandomArithmetic
open Inference.Compiler.Tests.RandomMoves
open Inference.Compiler.Tests.RandomValues

let private one p k test f = pick p k test |> Option.iter f

let private two p k l test f =
    match pick p k test, pick p l test with
    | Some a, Some b -> f a b
    | _ -> ()

let private isKnown v = isFloat v && isExact v
let private isPlated (v: Value) = isFloat v && v.T.Indices.Length > 0
let private isTensor v = isFloat v && ranked 1 v

let private intoIndex (world: World) (p: Pool) (i: Instruction) (v: Value) =
    let fitting =
        Array.append world.Plates world.Times
        |> Array.filter (fun x -> x.Capacity = v.T.Shape[0] && not (Array.contains x v.T.Indices))

    if fitting.Length > 0 then
        add p { v with T = L.Unstack(v.T, at fitting i.B) }

/// What instructions do, and how often each is drawn.
let private rules: (World -> Pool -> Instruction -> unit)[] =
    [
        4, (fun _ p i -> one p i.A isFloat (unary p i))
        5, (fun _ p i -> two p i.A i.B isFloat (binary p i))
        2, (fun _ p i -> two p i.A i.B isKnown (compare p i))
        2, (fun _ p i -> one p i.A isBool (fun c -> two p i.B i.C isFloat (select p i c)))
        1, (fun _ p i -> one p i.A isKnown (fun v -> add p { v with T = L.Floor(v.T * 1.5); Bound = v.Bound * 1.5 + 1.0; Grain = Some 0 }))
        2, (fun _ p i -> one p i.A isTensor (fun v -> reduced p i v (someAxes i.B v) []))
        3, (fun _ p i -> one p i.A isPlated (fun v -> reduced p i v (someAxes i.D v) (someIndices p i.B v)))
        4, (fun _ p i -> one p i.A (fun _ -> true) (moved p i))
        2, (fun _ p i -> one p i.A (fun v -> ranked 1 v && not (isBool v)) (addressed p i))
        1, (fun _ p i -> one p i.A isFloat (ranked' p i))
        2, (fun _ p i -> one p i.A isPlated (overIndex p i))
        2, (fun _ p i -> one p i.A isTensor (contraction p i))
        1, (fun _ p i -> two p i.A i.B isBool (truths p i))
        2, (fun _ p i -> wholeNumber p i)
        1, draw
        3, leaf
        1, (fun world p i -> one p i.A (ranked 1) (intoIndex world p i))
    ]
    |> Seq.collect (fun (count, rule) -> Seq.replicate count rule)
    |> Array.ofSeq

/// How many operation numbers there are: those of the rules, and two for loops.
let operations = rules.Length + 2

let isLoop (i: Instruction) = i.Op % operations >= rules.Length

let rec private follow (world: World) (p: Pool) (instructions: Instruction list) =
    for i in instructions do
        if isLoop i then loop world p i else rules[i.Op % operations] world p i

/// A loop that contracts: bounds and errors of what it carries hold after any number of steps.
and private loop (world: World) (p: Pool) (i: Instruction) =
    let index = at world.Times i.A
    let carriedError = 4e-6

    // side by side, loops hold nothing of each other's steps: which of them would stand outside?
    let mayHold (v: Value) =
        not p.Around.IsEmpty
        || world.Times |> Array.forall (fun t -> t = index || not (Array.contains t v.T.Indices))

    let mayStart (v: Value) =
        mayHold v
        && not (Array.contains index v.T.Indices)
        && v.Error <= carriedError
        && v.T.DType <> DType.U32
        && volume v.T * index.Capacity <= largest

    let inits =
        [|
            for k in 0 .. i.B % 3 do
                match pick p (i.C + 5 * k) mayStart with
                | Some v -> v
                | None -> ()
        |]

    // loops over the second index stand in loops over the first, never the other way round
    let mayNest = p.Around.IsEmpty || (p.Around = [ world.Times[0] ] && index = world.Times[1])

    if mayNest && inits.Length > 0 then
        let finals, each =
            Structure.scanIn (i.D % 3 = 0) index (inits |> Array.map (fun v -> v.T)) (fun carries ->
                let carried =
                    Array.map2
                        (fun t (v: Value) ->
                            {
                                T = t
                                Bound = max v.Bound 2.0
                                Error = carriedError
                                Grain = (if isFloat v then None else Some 0)
                            })
                        carries
                        inits

                let inner =
                    ResizeArray<Value>(Seq.append (p.Values |> Seq.filter mayHold |> Seq.rev |> Seq.truncate 8) carried)

                follow world (Pool(inner, index :: p.Around)) i.Body

                let next k (c: Value) =
                    let like = inner |> Seq.filter (fun v -> v.T.DType = c.T.DType && mayHold v) |> Array.ofSeq
                    let v = fit c.T.Shape (at like (like.Length - 1 - (i.D + k) % min 3 like.Length))
                    let free = Build.union [ c.T; v.T ]

                    let v =
                        if c.T.Count * (free |> Array.fold (fun acc f -> acc * f.Capacity) 1) > largest then
                            c
                        else
                            v

                    match c.T.DType with
                    | DType.Bool -> Build.binary BinaryOp.Xor c.T v.T
                    | DType.F32 ->
                        let scale = min 0.25 (1e-6 / (v.Error + 2.0 * eps))
                        (if i.D % 2 = 0 then L.Tanh v.T else v.T * 0.25) * scale + c.T * 0.5
                    | _ -> Build.binary BinaryOp.And (c.T * whole DType.I32 5 + v.T) (whole DType.I32 1023)

                carried |> Array.mapi next, Seq.truncate 2 (Seq.rev inner) |> Seq.append carried |> Array.ofSeq)

        for v in each do
            add p v

        Array.iter2
            (fun t (v: Value) ->
                add
                    p
                    {
                        T = t
                        Bound = max v.Bound 2.0
                        Error = carriedError
                        Grain = (if isFloat v then None else Some 0)
                    })
            finals
            inits

let private capacities = [| 1; 3; 5; 8; 16; 17; 33; 64; 65; 100; 130; 200 |]

/// Outputs of all values that no other value is made from, and some more, but for those that were given.
let private finish (world: World) (given: int) (pool: ResizeArray<Value>) =
    let used =
        HashSet<Tensor>(Traverse.postOrder (pool |> Seq.map (fun v -> v.T)) |> Seq.collect Traverse.edges, HashIdentity.Reference)

    pool
    |> Seq.iteri (fun k v ->
        if k >= given && (not (used.Contains v.T) || k % 9 = 0) then
            let close (v: Value) (index: FreeIndex) =
                if volume v.T <= 500 || v.T.DType <> DType.F32 || k % 3 = 0 then
                    { v with T = L.Stack(v.T, index) }
                elif k % 3 = 1 then
                    { v with T = L.MaxOver(index, v.T) }
                else
                    { v with T = L.MeanOver(index, v.T) }

            let closed = Array.fold close v v.T.Indices
            world.Builder.Output($"{world.Label} out{k}", closed.T))

    // a state of a vector, which a value of the pool replaces
    match
        pool
        |> Seq.tryFindBack (fun v -> v.T.DType = DType.F32 && v.T.Indices.Length = 0 && v.T.Shape.Length = 1)
    with
    | Some v ->
        let state = world.Builder.State($"{world.Label} state", v.T.Shape, DType.F32, [| 0.5 |])
        world.Builder.Next(state, v.T + state * 0.5)
    | None -> ()

/// One part of a program: its indices come from the first instruction.
let private part (builder: ProgramBuilder) (extents: Dictionary<string, int>) label (instructions: Instruction list) =
    let head =
        match instructions with
        | i :: _ -> i
        | [] -> { Op = 0; A = 0; B = 0; C = 0; D = 0; Body = [] }

    let large = at capacities head.A
    let small = at [| 2; 3; 4; 7 |] head.B

    let outer =
        if head.C % 4 = 0 then
            extents[$"{label} batch"] <- 1 + head.D % large
            L.PlateIndex($"{label}i", Extent.UpTo($"{label} batch", large))
        else
            L.PlateIndex($"{label}i", large)

    let plates =
        [| outer; L.PlateIndex($"{label}j", small); L.EnumeratedIndex($"{label}z", 2 + head.D % 3) |]

    let times = [| L.TimeIndex($"{label}t", 1 + head.C % 9); L.TimeIndex($"{label}u", 1 + head.D % 4) |]
    let world = World(builder, label, plates, times)
    let pool = ResizeArray<Value>()

    for shape, indices in
        [
            [||], [ plates[0] ]
            [| 4 |], [ plates[1] ]
            [| 3 |], [ plates[0] ]
            [||], [ times[0] ]
            [| 2; 3 |], []
            [||], []
        ] do
        let x =
            world.Leaf(Array.append (indices |> List.map (fun i -> i.Capacity) |> Array.ofList) shape, head.A + shape.Length)

        pool.Add { x with T = indices |> List.fold (fun t i -> L.Unstack(t, i)) x.T }

    let given = pool.Count
    follow world (Pool(pool, [])) instructions
    finish world given pool
    world.Inputs

/// A program of several parts, its inputs, and its run-time extents.
let make (parts: Instruction list list) : Program * (string * double[]) list * (string * int) list =
    let builder = ProgramBuilder "random"
    let extents = Dictionary<string, int>()
    let inputs = parts |> List.mapi (fun k p -> List.ofSeq (part builder extents $"p{k}" p)) |> List.concat
    let program = builder.Build()

    let roots =
        [
            for _, x in program.Outputs -> x
            for s in program.States -> s.Next
        ]

    let used =
        Traverse.postOrder roots
        |> Seq.collect (fun x -> x.Indices)
        |> Seq.choose (fun i -> i.Extent.Runtime)
        |> Set.ofSeq

    program,
    inputs,
    [
        for KeyValue(n, c) in extents do
            if used.Contains n then
                n, c
    ]
