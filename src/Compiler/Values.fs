namespace Inference.Compiler

open System.Collections.Generic
open Inference

/// Why a node's values must be in memory, as its readers showed while code was emitted.
type Need =
    {
        /// Read by another kernel.
        Everywhere: bool
        /// The loops that every reader shares with the node: their indices need no room.
        Shared: Set<int>
    }

/// What one pass of lowering knows: the graph, where things stand, and where values lie.
type Context =
    {
        Graph: Graph
        ScanOf: Scan -> int
        Roles: Roles
        Schedule: Schedule
        Buffers: Buffers
        Options: CompileOptions
        /// Storage given to nodes, from the needs of the pass before.
        Storage: Dictionary<int, Storage>
        /// Storage of what a scan carries, or none if it is in registers.
        CarryStorage: Dictionary<struct (int * int), Storage>
        /// Registers of what a scan carries.
        CarryRegisters: Dictionary<struct (int * int), Var[]>
        /// Needs found in this pass; if any is new, lowering starts again.
        Needs: Dictionary<int, Need>
        CarryNeeds: HashSet<struct (int * int)>
        /// Input, state and constant buffers by node.
        Leaves: Dictionary<int, int>
    }

/// Reads values: computes inline ones on the spot, takes placed ones from registers or memory.
[<Sealed>]
type Values(context: Context) =
    let graph = context.Graph
    let nodes = graph.Nodes

    let scalarType (n: Node) = Buffers.ScalarOf n.DType
    let zero = Address.Of 0L

    /// A state that is updated in place may change while a kernel runs.
    let steadyLeaf (n: Node) =
        context.Roles.Users[n.Id]
        |> Array.forall (fun u ->
            match nodes[u].Op with
            | Op.DynamicUpdate -> false
            | _ -> true)

    /// The first and the last value of loops that run from number to number.
    let ranges = Dictionary<LoopVar, struct (int64 * int64)>(HashIdentity.Reference)

    /// The least and the greatest value of a coordinate, if they are known.
    let rangeOf (a: Address) : struct (int64 * int64) voption =
        if a.Vars.IsEmpty && a.Loops |> List.forall (fun (v, _) -> ranges.ContainsKey v) then
            let mutable low, high = a.Constant, a.Constant

            for v, c in a.Loops do
                let struct (first, last) = ranges[v]
                low <- low + min (c * first) (c * last)
                high <- high + max (c * first) (c * last)

            ValueSome(struct (low, high))
        else
            ValueNone

    let constantFlat (shape: int[]) (coordinates: Address[]) =
        let mutable flat, known = 0L, true

        Array.iteri2
            (fun k (c: Address) stride ->
                match c.TryConstant with
                | Some v -> flat <- flat + v * stride
                | None -> known <- false)
            coordinates
            (Buffers.Strides(shape, 1L))

        if known then int flat else -1

    let rec ancestors (item: Item) = if isNull item then [] else item :: ancestors item.Parent

    let loopIndex (item: Item) =
        match item.Key with
        | Some(Key.Around i)
        | Some(Key.Within i) -> Some i
        | Some(Key.Kernel _)
        | Some(Key.Elements _)
        | Some(Key.Pointwise _)
        | Some(Key.Panels _)
        | Some(Key.Products _)
        | Some(Key.Reducing _)
        | None -> None

    let isKernel (item: Item) =
        match item.Key with
        | Some(Key.Kernel _)
        | Some(Key.Elements _)
        | Some(Key.Pointwise _)
        | Some(Key.Panels _)
        | Some(Key.Products _)
        | Some(Key.Reducing _) -> true
        | Some(Key.Around _)
        | Some(Key.Within _)
        | None -> false

    /// Records that a node must be in memory for a reader at an item.
    let need (n: int) (reader: Item) (env: Point) =
        let home =
            let item = context.Schedule.Location[n]
            // an accumulated value is complete outside the loops that it sums over
            Seq.fold (fun (i: Item) _ -> i.Parent) item.Parent [ 1 .. item.Accumulates ]

        let around = ancestors home
        let above = ancestors reader
        let common = around |> List.filter (fun i -> above |> List.exists (fun a -> obj.ReferenceEquals(a, i)))
        let sameKernel = common |> List.exists isKernel

        let shared =
            common |> List.choose loopIndex |> List.filter (fun i -> not (env.Rebound.Contains i)) |> Set.ofList

        let found = { Everywhere = not sameKernel; Shared = shared }

        match context.Needs.TryGetValue n with
        | true, before ->
            context.Needs[n] <-
                {
                    Everywhere = before.Everywhere || found.Everywhere
                    Shared = Set.intersect before.Shared found.Shared
                }
        | _ -> context.Needs[n] <- found

    let coordinateOf (env: Point) (storage: Storage) index =
        if storage.Scratch && index = env.Lane then
            env.Local
        else
            match env.At.TryFind index with
            | Some a -> a
            | None -> zero

    /// The address of an element under an environment.
    member _.AddressIn(storage: Storage, env: Point, coordinates: Address[]) =
        let overIndices =
            storage.IndexStride |> Map.fold (fun acc i s -> acc + coordinateOf env storage i * s) zero

        Array.fold2 (fun acc (c: Address) s -> acc + c * s) overIndices coordinates storage.ElementStride

    member v.LoadFrom(scope: Scope, storage: Storage, env, coordinates, steady, changing) =
        let t = context.Buffers[storage.Buffer].Type
        scope.Load(storage.Buffer, t, v.AddressIn(storage, env, coordinates), steady, changing)

    /// Whether the node is computed by another kernel than the item's.
    member _.IsElsewhere(n: int, item: Item) =
        let kernelOf i = ancestors i |> List.tryFind isKernel

        match kernelOf context.Schedule.Location[n], kernelOf item with
        | Some a, Some b -> not (obj.ReferenceEquals(a, b))
        | _ -> false

    member _.NeedOf(n, reader, env) = need n reader env

    /// Notes how far a loop runs, so that tests of its positions are decided now.
    member _.Runs(variable: LoopVar, from: int64, upTo: Bound) =
        match upTo with
        | Bound.Fixed n when n > from -> ranges[variable] <- struct (from, n - 1L)
        | Bound.Fixed _
        | Bound.Extent _
        | Bound.Computed _ -> ()

    /// The value of a node's element at a point.
    member v.Read(scope: Scope, item: Item, env: Point, n: int, coordinates: Address[]) : Operand =
        match context.Schedule.Strategies[n] with
        | Strategy.Placed -> v.ReadPlaced(scope, item, env, nodes[n], coordinates)
        | Strategy.Inline -> v.ReadInline(scope, item, env, nodes[n], coordinates)

    member private v.ReadPlaced(scope, item, env, n, coordinates) =
        let rebound = n.Indices |> Array.exists env.Rebound.Contains
        let flat = constantFlat n.Shape coordinates

        let known =
            if rebound then ValueNone
            elif flat < 0 then scope.RecallAt(n.Id, coordinates)
            else scope.Recall(n.Id, flat)

        match known, n.Op with
        | ValueSome value, _ -> value
        | ValueNone, Op.Carry(s, k) when not rebound && v.IsInside(item, context.ScanOf s) ->
            v.ReadCarry(scope, env, context.ScanOf s, k, coordinates)
        | ValueNone, _ ->
            need n.Id item env

            match context.Storage.TryGetValue n.Id with
            | true, storage -> v.LoadFrom(scope, storage, env, coordinates, v.IsElsewhere(n.Id, item), false)
            | _ ->
                scope.Emitter.Int(scalarType n, 0L)
                |> fun o -> if n.DType.IsFloat then scope.Emitter.Lit(scalarType n, 0.0) else o

    member _.IsInside(item: Item, scan: int) = ancestors item |> List.exists (fun a -> a.Scans.Contains scan)

    /// What a scan carries, read at a computed position: from its memory.
    member v.ReadCarry(scope, env, scan, k, coordinates) =
        context.CarryNeeds.Add(struct (scan, k)) |> ignore
        let n = nodes[graph.Scans[scan].Inits[k]]

        match context.CarryStorage.TryGetValue(struct (scan, k)) with
        | true, storage -> v.LoadFrom(scope, storage, env, coordinates, false, true)
        | _ ->
            if n.DType.IsFloat then
                scope.Emitter.Lit(scalarType n, 0.0)
            else
                scope.Emitter.Int(scalarType n, 0L)

    /// The value of a node's element by its operation, wherever else the node may be kept.
    member v.View(scope: Scope, item, env, n, coordinates) = v.ReadInline(scope, item, env, n, coordinates)

    member private v.ReadInline(scope: Scope, item, env, n, c: Address[]) : Operand =
        let e = scope.Emitter
        let t = scalarType n
        let read k coordinates = v.Read(scope, item, env, n.Inputs[k], coordinates)
        let shapeOf k = nodes[n.Inputs[k]].Shape

        match n.Op with
        | Op.Constant [| x |] -> if n.DType.IsFloat then e.Lit(t, x) else e.Int(t, int64 x)
        | Op.Constant values ->
            (match constantFlat n.Shape c with
             | flat when flat >= 0 -> if n.DType.IsFloat then e.Lit(t, values[flat]) else e.Int(t, int64 values[flat])
             | _ -> scope.Load(context.Leaves[n.Id], t, Coordinate.flatten n.Shape c, steadyLeaf n, false))
        | Op.Input _ -> scope.Load(context.Leaves[n.Id], t, Coordinate.flatten n.Shape c, steadyLeaf n, false)
        | Op.Position i -> Coordinate.operand e (env.At |> Map.tryFind (graph.IndexOf i) |> Option.defaultValue zero)
        | Op.ExtentOf i ->
            let r = e.NewVar(ScalarType.I32, false)
            e.Append(ReadExtent(r, v.ExtentSlot(graph.IndexOf i)))
            Operand.Var r
        | Op.Iota -> Coordinate.operand e c[0]
        | Op.Reshape -> read 0 (v.Reshaped(scope, shapeOf 0, n.Shape, c))
        | Op.Transpose p ->
            let source = Array.create p.Length zero
            p |> Array.iteri (fun k a -> source[a] <- c[k])
            read 0 source
        | Op.Broadcast axes ->
            let source = Array.create (shapeOf 0).Length zero

            axes
            |> Array.iteri (fun k a ->
                if a >= 0 then
                    source[a] <- c[k])

            read 0 source
        | Op.Slice(starts, steps) -> read 0 (Array.map3 (fun s d (k: Address) -> k * int64 d + Address.Of(int64 s)) starts steps c)
        | Op.Reverse axes ->
            read
                0
                (c
                 |> Array.mapi (fun a k ->
                     if Array.contains a axes then
                         k * -1L + Address.Of(int64 (n.Shape[a] - 1))
                     else
                         k))
        | Op.Window stride ->
            let along k = c[k + 2] * int64 stride + c[k]
            read 0 [| c[0]; along 1; along 2 |]
        | Op.Pad low -> v.ReadPad(scope, item, env, n, low, c)
        | Op.Concat axis -> v.ReadConcat(scope, item, env, n, axis, c)
        | Op.Gather ->
            let rank = (shapeOf 1).Length
            let position = Coordinate.clamp e ((shapeOf 0)[0] - 1) (read 1 (Array.take rank c))
            read 0 (Array.append [| Coordinate.ofOperand position |] (Array.skip rank c))
        | Op.DynamicSlice ->
            read
                0
                (c
                 |> Array.mapi (fun a k ->
                     let start = Coordinate.clamp e ((shapeOf 0)[a] - n.Shape[a]) (read (a + 1) [||])
                     k + Coordinate.ofOperand start))
        | Op.Stack i ->
            let index = graph.IndexOf i
            let there = { env with At = env.At.Add(index, c[0]); Rebound = env.Rebound.Add index }
            v.Read(scope, item, there, n.Inputs[0], Array.tail c)
        | Op.Unstack i ->
            let at = env.At |> Map.tryFind (graph.IndexOf i) |> Option.defaultValue zero
            read 0 (Array.append [| at |] c)
        | _ -> v.Elementwise(scope, n, (fun k -> read k c))

    /// Coordinates in the operand of a reshape.
    member private _.Reshaped(scope: Scope, from: int[], into: int[], c: Address[]) =
        let squeezed (shape: int[]) = shape |> Array.filter (fun s -> s <> 1)

        if squeezed from = squeezed into then
            // only axes of length one come or go
            let kept = Array.zip into c |> Array.filter (fun (s, _) -> s <> 1) |> Array.map snd |> Queue
            from |> Array.map (fun s -> if s = 1 then zero else kept.Dequeue())
        else
            // trailing axes that stay keep their coordinates: no division takes apart what was just put together
            let stay = Seq.zip (Seq.rev from) (Seq.rev into) |> Seq.takeWhile (fun (a, b) -> a = b) |> Seq.length

            let leading (x: 'x[]) = Array.take (x.Length - stay) x

            Array.append
                (Coordinate.unflattenWithin rangeOf scope.Emitter (leading from) (Coordinate.flatten (leading into) (leading c)))
                (Array.skip (c.Length - stay) c)

    /// Tests low ≤ c < high for a coordinate; None if it is known to hold.
    member private _.Within(e: Emitter, c: Address, low: int, high: int, length: int) : Operand option =
        match rangeOf c with
        | ValueSome(struct (first, last)) when first >= int64 low && last < int64 high -> None
        | ValueSome(struct (first, last)) when last < int64 low || first >= int64 high -> Some(e.Int(ScalarType.Bool, 0L))
        | _ ->
            let position = Coordinate.operand e c

            let above =
                if low > 0 then
                    Some(e.LessEqual(e.Int(ScalarType.I32, int64 low), position))
                else
                    None

            let below =
                if high < length then
                    Some(e.Less(position, e.Int(ScalarType.I32, int64 high)))
                else
                    None

            match above, below with
            | Some a, Some b -> Some(e.And(a, b))
            | Some a, None -> Some a
            | None, b -> b

    member private _.Clamped(e: Emitter, c: Address, low: int, size: int) =
        match c.TryConstant, rangeOf c with
        | Some k, _ -> Address.Of(max 0L (min (int64 (size - 1)) (k - int64 low)))
        | None, ValueSome(struct (first, last)) when first >= int64 low && last < int64 (low + size) -> c + Address.Of(int64 -low)
        | None, _ -> Coordinate.ofOperand (Coordinate.clamp e (size - 1) (Coordinate.operand e (c + Address.Of(int64 -low))))

    member private v.ReadPad(scope: Scope, item, env, n, low, c) =
        let e = scope.Emitter
        let shape = nodes[n.Inputs[0]].Shape

        let tests =
            c
            |> Array.mapi (fun a k -> v.Within(e, k, low[a], low[a] + shape[a], n.Shape[a]))
            |> Array.choose id

        let fill () = v.Read(scope, item, env, n.Inputs[1], [||])

        let value () =
            let source =
                c
                |> Array.mapi (fun a k ->
                    if low[a] = 0 && shape[a] = n.Shape[a] then
                        k
                    else
                        v.Clamped(e, k, low[a], shape[a]))

            v.Read(scope, item, env, n.Inputs[0], source)

        if tests.Length = 0 then
            value ()
        elif tests |> Array.exists (fun t -> t.Equals(e.Int(ScalarType.Bool, 0L))) then
            fill ()
        else
            let inside = tests |> Array.reduce (fun a b -> e.And(a, b))
            e.Select(inside, value (), fill ())

    member private v.ReadConcat(scope: Scope, item, env, n, axis, c: Address[]) =
        let e = scope.Emitter
        let sizes = n.Inputs |> Array.map (fun i -> nodes[i].Shape[axis])
        let starts = sizes |> Array.scan (+) 0
        let part k at = v.Read(scope, item, env, n.Inputs[k], Array.updateAt axis at c)

        let only =
            match rangeOf c[axis] with
            | ValueSome(struct (first, last)) ->
                Seq.tryFindIndex (fun k -> int64 starts[k] <= first && last < int64 starts[k + 1]) (seq { 0 .. sizes.Length - 1 })
            | ValueNone -> None

        match only with
        | Some k -> part k (c[axis] + Address.Of(int64 -starts[k]))
        | None ->
            let position = Coordinate.operand e c[axis]
            let values = sizes |> Array.mapi (fun k size -> part k (v.Clamped(e, c[axis], starts[k], size)))
            let mutable result = values[values.Length - 1]

            for k in values.Length - 2 .. -1 .. 0 do
                result <- e.Select(e.Less(position, e.Int(ScalarType.I32, int64 starts[k + 1])), values[k], result)

            result

    /// An elementwise operation on operands that `read` gives.
    member _.Elementwise(scope: Scope, n: Node, read: int -> Operand) : Operand =
        let e = scope.Emitter

        match n.Op with
        | Op.Unary op -> Arithmetic.unary e op (read 0)
        | Op.Binary op -> Arithmetic.binary e op (read 0) (read 1)
        | Op.Select -> e.Select(read 0, read 1, read 2)
        | Op.Convert -> Arithmetic.convert e (scalarType n) (read 0)
        | Op.Philox word -> (e.PhiloxWords(Array.init 4 read, [| read 4; read 5 |]))[word]
        | op -> invalidOp $"{OpText.ofOp graph.IndexOf context.ScanOf (fun s -> s.Name) op} is not elementwise."

    /// The entry of the variable table that holds a run-time extent.
    member _.ExtentSlot(index: int) =
        graph.Indices
        |> Seq.choose (fun i -> i.Extent.Runtime)
        |> Seq.distinct
        |> Seq.findIndex (fun name -> Some name = graph.Indices[index].Extent.Runtime)

    /// How far a loop over an index runs.
    member v.BoundOf(index: int) =
        match graph.Indices[index].Extent.Runtime with
        | None -> Bound.Fixed(int64 graph.Indices[index].Capacity)
        | Some _ -> Bound.Extent(v.ExtentSlot index)
