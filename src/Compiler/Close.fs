namespace Inference.Compiler

open System
open System.Collections.Generic
open Inference

/// Closes a program: numbers its nodes, shares equal ones, settles precision, and rewrites contractions over other semirings
/// than (+, ×) into reductions, and convolutions into contractions.
[<Sealed>]
type Closing private (options: CompileOptions) =
    let nodes = ResizeArray<Node>()
    let indices = ResizeArray<FreeIndex>()
    let scans = Dictionary<Scan, int>(HashIdentity.Reference)
    let scanList = ResizeArray<LoopPart>()
    let parts = Dictionary<Scan, struct (LoopPart * int) option[]>(HashIdentity.Reference)
    let shared = Dictionary<string, int>()
    let ids = Dictionary<Tensor, int>(HashIdentity.Reference)

    let indexOf (i: FreeIndex) =
        match indices.IndexOf i with
        | -1 ->
            indices.Add i
            indices.Count - 1
        | k -> k

    let scanOf (s: Scan) = scans[s]

    /// The loop of its own that holds what a traced loop carries, and the number there.
    let partOf (s: Scan) k =
        if not (parts.ContainsKey s) then
            parts[s] <- PartLoops.ofScan s

            for struct (part, _) in Seq.choose id parts[s] do
                if scans.TryAdd(part.Scan, scanList.Count) then
                    scanList.Add part

        let struct (part, at) = parts[s].[k].Value
        part.Scan, at

    let settle (t: DType) =
        match t with
        | DType.F32 when options.Double -> DType.F64
        | DType.F32
        | DType.F64
        | DType.I32
        | DType.U32
        | DType.Bool -> t

    let add (op: Op) (inputs: int[]) shape dtype (free: FreeIndex seq) =
        let free = free |> Seq.map indexOf |> Seq.sort |> Array.ofSeq
        let text = OpText.ofOp indexOf scanOf (fun s -> (if s.IsState then "state " else "input ") + s.Name) op
        let numbers (xs: int[]) = String.Join(",", xs)
        let key = String.Join("|", text, numbers inputs, numbers shape, string dtype)

        match shared.TryGetValue key with
        | true, id -> id
        | false, _ ->
            let id = nodes.Count

            nodes.Add
                {
                    Id = id
                    Op = op
                    Inputs = inputs
                    Shape = shape
                    DType = dtype
                    Indices = free
                }

            shared[key] <- id
            id

    let free (id: int) = nodes[id].Indices |> Array.map (fun k -> indices[k])
    let union ids = ids |> Seq.collect free |> Seq.distinct
    let elementwise op (inputs: int[]) dtype = add op inputs nodes[inputs[inputs.Length - 1]].Shape dtype (union inputs)
    let binary op a b = elementwise (Op.Binary op) [| a; b |] nodes[a].DType

    let scalar value shape dtype = add (Op.Constant [| value |]) [||] shape dtype []

    let spread axes shape a =
        if shape = nodes[a].Shape && axes = [| 0 .. shape.Length - 1 |] then
            a
        else
            add (Op.Broadcast axes) [| a |] shape nodes[a].DType (free a)

    /// Σ over (max, +) or (logsumexp, +): the sum a + b over all axes, then a reduction.
    let contract semiring (left: int[]) (right: int[]) (gone: FreeIndex list) (x: Tensor) (a: int) (b: int) =
        let rest (shape: int[]) axes =
            [|
                for k in 0 .. shape.Length - 1 do
                    if not (Array.contains k axes) then
                        k
            |]

        let restA, restB = rest nodes[a].Shape left, rest nodes[b].Shape right

        let shape =
            [|
                yield! restA |> Array.map (fun k -> nodes[a].Shape[k])
                yield! restB |> Array.map (fun k -> nodes[b].Shape[k])
                yield! left |> Array.map (fun k -> nodes[a].Shape[k])
            |]

        let outer = restA.Length + restB.Length

        let axesA =
            Array.init shape.Length (fun k ->
                if k < restA.Length then restA[k]
                elif k < outer then -1
                else left[k - outer])

        let axesB =
            Array.init shape.Length (fun k ->
                if k < restA.Length then -1
                elif k < outer then restB[k - restA.Length]
                else right[k - outer])

        let sum = binary BinaryOp.Add (spread axesA shape a) (spread axesB shape b)
        let axes = [| outer .. shape.Length - 1 |]
        let kept = free sum |> Array.filter (fun i -> not (List.contains i gone))

        let reduce op v =
            add (Op.Reduce(op, axes, gone)) [| v |] (Array.take outer shape) nodes[v].DType kept

        let largest = reduce ReduceOp.Max sum

        match semiring with
        | Semiring.MaxPlus -> largest
        | Semiring.SumProduct
        | Semiring.LogSumExpPlus ->
            let t = nodes[sum].DType
            let like = Array.take outer shape
            let size = elementwise (Op.Unary UnaryOp.Abs) [| largest |] t

            let finite =
                elementwise (Op.Binary BinaryOp.Less) [| size; scalar Double.PositiveInfinity like t |] DType.Bool

            let shift = elementwise Op.Select [| finite; largest; scalar 0.0 like t |] t
            let back = spread (Array.init shape.Length (fun k -> if k < outer then k else -1)) shape shift
            let terms = elementwise (Op.Unary UnaryOp.Exp) [| binary BinaryOp.Sub sum back |] t
            binary BinaryOp.Add shift (elementwise (Op.Unary UnaryOp.Log) [| reduce ReduceOp.Sum terms |] t)

    /// What an operation on numbers gives, or what it passes on unchanged. Only operations that every machine rounds alike.
    let tryFold (op: Op) (inputs: int[]) (shape: int[]) (dtype: DType) : int option =
        let number (id: int) =
            match nodes[id].Op with
            | Op.Constant [| v |] when nodes[id].DType.IsFloat -> Some v
            | _ -> None

        let constant (v: double) = Some(scalar (if dtype = DType.F32 then double (float32 v) else v) shape dtype)

        match op, inputs |> Array.map number with
        | (Op.Broadcast _ | Op.Reshape | Op.Transpose _), [| Some a |] -> constant a
        | Op.Unary(UnaryOp.Neg | UnaryOp.Abs | UnaryOp.Sqrt as u), [| Some a |] -> constant (Scalars.unary u a)
        | Op.Binary(BinaryOp.Add | BinaryOp.Sub | BinaryOp.Mul | BinaryOp.Div as b), [| Some x; Some y |] ->
            constant (Scalars.binary b dtype x y)
        | Op.Binary BinaryOp.Mul, [| Some 1.0; None |] -> Some inputs[1]
        | Op.Binary(BinaryOp.Mul | BinaryOp.Div), [| None; Some 1.0 |] -> Some inputs[0]
        | _ -> None

    let rec close (x: Tensor) =
        let inputs = x.Inputs |> Array.map (fun i -> ids[i])

        let id =
            match x.Op with
            | Op.Dot((Semiring.MaxPlus | Semiring.LogSumExpPlus) as s, l, r, i) -> contract s l r i x inputs[0] inputs[1]
            | Op.Probe _
            | Op.Check _
            | Op.Derivative _ -> inputs[0]
            | Op.Carry(s, k)
            | Op.Final(s, k) when PartLoops.isConstant s k -> ids[s.Inits[k]]
            | Op.Carry(s, k) -> add (Op.Carry(partOf s k)) inputs x.Shape (settle x.DType) x.Indices
            | Op.Final(s, k) ->
                // a loop stands where what it carries does, read or not
                if not (ids.ContainsKey s.Carries[k]) then
                    close s.Carries[k]

                add (Op.Final(partOf s k)) inputs x.Shape (settle x.DType) x.Indices
            | Op.Convert when nodes[inputs[0]].DType = settle x.DType -> inputs[0]
            | op ->
                let dtype = settle x.DType

                match Contractions.ofConvolution x with
                | Some contraction ->
                    closeNew contraction
                    ids[contraction]
                | None ->
                    tryFold op inputs x.Shape dtype
                    |> Option.defaultWith (fun () -> add op inputs x.Shape dtype x.Indices)

        ids[x] <- id

    /// What a rewriting made, down to what is closed.
    and closeNew (x: Tensor) =
        if not (ids.ContainsKey x) then
            Array.iter closeNew x.Inputs
            close x

    /// Probes and, in checked mode, conditions become outputs of their own.
    let observers (roots: Tensor seq) =
        let stackAll (x: Tensor) = x.Indices |> Array.rev |> Array.fold (fun v i -> Structure.stack i v) x

        [
            for x in Traverse.postOrder roots do
                match x.Op with
                | Op.Probe name -> yield name, OutputKind.Probe, "", stackAll x.Inputs[0]
                | Op.Check c when options.Checked ->
                    let violation = Build.select x.Inputs[1] (Build.scalar DType.F32 0.0) (Build.scalar DType.F32 1.0)

                    let count =
                        Structure.sum [| 0 .. violation.Shape.Length - 1 |] (List.ofArray violation.Indices) violation

                    let place = if c.Location.IsUnknown then "" else $" (at {c.Location})"
                    yield c.Site, OutputKind.Check, $"The site \"{c.Site}\" needs {c.Requirement}{place}.", count
                | _ -> ()
        ]

    /// One name of a run-time count means one count, and room for as many everywhere.
    let requireOneCapacity () =
        for name, same in
            indices
            |> Seq.filter (fun i -> i.Extent.Runtime.IsSome)
            |> Seq.groupBy (fun i -> i.Extent.Runtime.Value) do
            match same |> Seq.map (fun i -> i.Capacity) |> Seq.distinct |> List.ofSeq with
            | first :: other :: _ ->
                Fail.model
                    $"The run-time count \"{name}\" has a capacity of {first} in one index and of {other} in another."
                    "Give both one capacity, or counts of different names."
            | _ -> ()

    member private _.Run(program: Program) : struct (Graph * (Scan -> int)) =
        let roots =
            [
                for _, x in program.Inputs -> x
                for s in program.States do
                    yield s.Current
                    yield s.Next
                for _, x in program.Outputs -> x
            ]

        let extra = observers roots
        let all = roots @ (extra |> List.map (fun (_, _, _, x) -> x))

        for x in Traverse.postOrder all do
            close x

        requireOneCapacity ()
        let id (x: Tensor) = ids[x]

        let closed =
            {
                Name = program.Name
                Nodes = nodes.ToArray()
                Indices = indices.ToArray()
                Scans =
                    [|
                        for part in scanList ->
                            let carried (all: Tensor[]) = part.Members |> Array.map (fun k -> all[k])

                            {
                                Index = indexOf part.Scan.Index
                                Backward = part.Scan.Backward
                                Inits = carried part.Traced.Inits |> Array.map id
                                Carries =
                                    carried part.Traced.Carries
                                    |> Array.map (fun c ->
                                        match ids.TryGetValue c with
                                        | true, k -> k
                                        | _ -> -1)
                                Nexts = carried part.Traced.Nexts |> Array.map id
                            }
                    |]
                Inputs = program.Inputs |> Array.map (fun (s, x) -> s, id x)
                States =
                    program.States
                    |> Array.map (fun s ->
                        {
                            Name = s.Slot.Name
                            Slot = s.Slot
                            Initial = s.Initial
                            Current = id s.Current
                            Next = id s.Next
                        })
                Outputs =
                    [|
                        for name, x in program.Outputs -> { Name = name; Node = id x; Kind = OutputKind.Value; Message = "" }
                        for name, kind, message, x in extra -> { Name = name; Node = id x; Kind = kind; Message = message }
                    |]
            }

        Live.only closed scanOf

    /// The closed graph, and the numbers of its scans.
    static member Close(options: CompileOptions, program: Program) = Closing(options).Run program
