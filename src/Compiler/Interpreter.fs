namespace Inference.Compiler

open System
open System.Collections.Generic
open System.Threading
open Inference

/// The oracle: evaluates a program in double precision, node by node and point by point, with no cleverness at all.
[<Sealed>]
type Interpreter
    private (program: Program, inputs: IReadOnlyDictionary<string, double[]>, extents: IReadOnlyDictionary<string, int>, inDouble: bool) =
    let nodes =
        Traverse.postOrder
            [
                for s in program.States do
                    yield s.Current
                    yield s.Next
                for _, x in program.Inputs -> x
                for _, x in program.Outputs -> x
            ]

    let number = Dictionary<Tensor, int>(HashIdentity.Reference)
    let indices = nodes |> Seq.collect (fun n -> n.Indices) |> Seq.distinct |> Array.ofSeq
    let position = Dictionary<FreeIndex, int>(HashIdentity.Reference)
    let memo: double[][][] = Array.zeroCreate nodes.Length
    let scanDone = Dictionary<Scan, int>(HashIdentity.Reference)

    do
        nodes |> Array.iteri (fun k n -> number[n] <- k)

        nodes
        |> Array.iteri (fun k n -> memo[k] <- Array.zeroCreate (n.Indices |> Array.fold (fun c i -> c * i.Capacity) 1))

    let value (i: FreeIndex) =
        match position.TryGetValue i with
        | true, v -> v
        | _ -> 0

    let extent (i: FreeIndex) =
        match i.Extent.Runtime with
        | Some name when extents.ContainsKey name -> extents[name]
        | _ -> i.Capacity

    let wrap (t: DType) (v: double) =
        match t with
        | DType.I32 -> double (int32 (int64 v))
        | DType.U32 -> double (uint32 (int64 v))
        | DType.F32
        | DType.F64
        | DType.Bool -> v

    let truth b = if b then 1.0 else 0.0

    let rec at (x: Tensor) : double[] =
        let k = number[x]
        let slot = x.Indices |> Array.fold (fun acc i -> acc * i.Capacity + value i) 0

        if isNull memo[k].[slot] then
            memo[k].[slot] <- compute x

        memo[k].[slot]

    and over (held: FreeIndex list) (action: unit -> unit) =
        match held with
        | [] -> action ()
        | i :: rest ->
            let before = value i

            for v in 0 .. extent i - 1 do
                position[i] <- v
                over rest action

            position[i] <- before

    /// The step that is taken u-th, and when a step is taken.
    and order (s: Scan) : (int -> int) * (int -> int) =
        if s.Backward then
            let last = extent s.Index - 1
            (fun u -> last - u), (fun t -> last - t)
        else
            id, id

    and carried (s: Scan) k =
        let t = value s.Index
        let stepOf, taken = order s

        if taken t = 0 then
            at s.Inits[k]
        else
            // earlier steps first, so that the recursion stays shallow
            for u in 1 .. taken t - 1 do
                position[s.Index] <- stepOf u
                at s.Carries[k] |> ignore

            position[s.Index] <- stepOf (taken t - 1)
            let v = at s.Nexts[k]
            position[s.Index] <- t
            v

    and final (s: Scan) k =
        let before = value s.Index
        let steps = extent s.Index

        let v =
            if steps = 0 then
                at s.Inits[k]
            else
                let stepOf, _ = order s

                // earlier steps first here as well; a value that no step reads has none
                if number.ContainsKey s.Carries[k] then
                    for u in 1 .. steps - 1 do
                        position[s.Index] <- stepOf u
                        at s.Carries[k] |> ignore

                position[s.Index] <- stepOf (steps - 1)
                at s.Nexts[k]

        position[s.Index] <- before
        v

    and random (x: Tensor) (r: RandomSpec) =
        let flat (xs: FreeIndex list) = xs |> List.fold (fun acc i -> acc * int64 i.Capacity + int64 (value i)) 0L
        let key = at x.Inputs[0] |> Array.head |> uint32, at x.Inputs[1] |> Array.head |> uint32

        let word (draw: int64) =
            let struct (time, block, w) = Philox.counterOf x.Count 0L draw
            (Philox.words (uint32 (flat r.Plates)) time block (uint32 r.Attempt) (fst key) (snd key)).[w]

        let uniform draw =
            if inDouble || x.DType = DType.F64 then
                (double (word draw) + 0.5) * (1.0 / 4294967296.0)
            else
                (double (word draw >>> 9) + 0.5) * (1.0 / 8388608.0)

        Array.init x.Count (fun e ->
            let draw = flat r.Times * int64 x.Count + int64 e

            match r.Kind with
            | RandomKind.Word -> double (word draw)
            | RandomKind.Uniform -> uniform draw
            | RandomKind.Normal ->
                let first = draw / 2L * 2L
                let radius = sqrt (-2.0 * log (uniform first))
                let angle = 2.0 * Math.PI * uniform (first + 1L)
                radius * (if draw % 2L = 0L then cos angle else sin angle))

    and reduce op axes held (x: Tensor) (operand: Tensor) =
        let combine, start =
            match op with
            | ReduceOp.Sum -> (+), 0.0
            | ReduceOp.Product -> (*), 1.0
            // NaN is passed over
            | ReduceOp.Max -> (fun best v -> if v > best then v else best), Double.NegativeInfinity
            | ReduceOp.Min -> (fun best v -> if v < best then v else best), Double.PositiveInfinity

        let result = Array.create x.Count start

        let kept =
            [|
                for a in 0 .. operand.Shape.Length - 1 do
                    if not (Array.contains a axes) then
                        a
            |]

        over held (fun () ->
            at operand
            |> Array.iteri (fun flat v ->
                let c = Rearrange.coordinates operand.Shape flat
                let target = Rearrange.flatten x.Shape (kept |> Array.map (fun a -> c[a]))
                result[target] <- combine result[target] v))

        result

    and contract semiring (left: int[]) (right: int[]) held (x: Tensor) (a: Tensor) (b: Tensor) =
        let rest (t: Tensor) gone =
            [|
                for k in 0 .. t.Shape.Length - 1 do
                    if not (Array.contains k gone) then
                        k
            |]

        let restA, restB = rest a left, rest b right
        let inner = left |> Array.map (fun k -> a.Shape[k])
        let terms = Array.init x.Count (fun _ -> ResizeArray<double>())

        over held (fun () ->
            let va, vb = at a, at b

            for out in 0 .. x.Count - 1 do
                let c = Rearrange.coordinates x.Shape out

                for flat in 0 .. Build.size inner - 1 do
                    let k = Rearrange.coordinates inner flat
                    let ca, cb = Array.zeroCreate a.Shape.Length, Array.zeroCreate b.Shape.Length
                    restA |> Array.iteri (fun j axis -> ca[axis] <- c[j])
                    restB |> Array.iteri (fun j axis -> cb[axis] <- c[restA.Length + j])
                    left |> Array.iteri (fun j axis -> ca[axis] <- k[j])
                    right |> Array.iteri (fun j axis -> cb[axis] <- k[j])
                    let p, q = va[Rearrange.flatten a.Shape ca], vb[Rearrange.flatten b.Shape cb]

                    terms[out]
                        .Add(
                            match semiring with
                            | Semiring.SumProduct -> p * q
                            | Semiring.MaxPlus
                            | Semiring.LogSumExpPlus -> p + q
                        ))

        terms
        |> Array.map (fun t ->
            match semiring with
            | Semiring.SumProduct -> Seq.sum t
            | Semiring.MaxPlus -> Seq.fold max Double.NegativeInfinity t
            | Semiring.LogSumExpPlus ->
                let m = Seq.fold max Double.NegativeInfinity t

                if Double.IsInfinity m then
                    m
                else
                    m + log (t |> Seq.sumBy (fun v -> exp (v - m))))

    /// The terms of the trilinear form, each added to the element of the value that is left out.
    and convolve kind stride held (x: Tensor) =
        let first, second = x.Inputs[0], x.Inputs[1]

        let data, weights, outputs =
            match kind with
            | ConvolutionKind.Forward -> first, second, x
            | ConvolutionKind.Data -> x, second, first
            | ConvolutionKind.Weights -> first, x, second

        let result = Array.zeroCreate<double> x.Count

        over held (fun () ->
            let a, b = at first, at second

            for flat in 0 .. weights.Count - 1 do
                let k = Rearrange.coordinates weights.Shape flat

                for row in 0 .. outputs.Shape[1] - 1 do
                    for column in 0 .. outputs.Shape[2] - 1 do
                        let d = Rearrange.flatten data.Shape [| k[1]; stride * row + k[2]; stride * column + k[3] |]
                        let o = Rearrange.flatten outputs.Shape [| k[0]; row; column |]

                        match kind with
                        | ConvolutionKind.Forward -> result[o] <- result[o] + a[d] * b[flat]
                        | ConvolutionKind.Data -> result[d] <- result[d] + a[o] * b[flat]
                        | ConvolutionKind.Weights -> result[flat] <- result[flat] + a[d] * b[o])

        result

    and compute (x: Tensor) : double[] =
        let operand k = at x.Inputs[k]

        match x.Op with
        | Op.Constant [| v |] -> Array.create x.Count v
        | Op.Constant values -> values
        | Op.Input slot ->
            (match inputs.TryGetValue slot.Name with
             | true, v when v.Length = x.Count -> v
             | true, v -> invalidArg slot.Name $"The input \"{slot.Name}\" needs {x.Count} numbers; {v.Length} came."
             | _ ->
                 match program.States |> Array.tryFind (fun s -> obj.ReferenceEquals(s.Slot, slot)) with
                 | Some s ->
                     if s.Initial.Length = x.Count then
                         s.Initial
                     else
                         Array.create x.Count s.Initial[0]
                 | None -> invalidArg slot.Name $"The input \"{slot.Name}\" has no value.")
        | Op.Position i -> [| double (value i) |]
        | Op.ExtentOf i -> [| double (extent i) |]
        | Op.Iota -> Array.init x.Count double
        | Op.Random r -> random x r
        | Op.Philox w ->
            let word k e = uint32 (Array.item e (operand k))
            Array.init x.Count (fun e -> double (Philox.words (word 0 e) (word 1 e) (word 2 e) (word 3 e) (word 4 e) (word 5 e)).[w])
        | Op.Unary op -> operand 0 |> Array.map (Scalars.unary op >> wrap x.DType)
        | Op.Binary op -> Array.map2 (fun a b -> Scalars.binary op x.Inputs[0].DType a b |> wrap x.DType) (operand 0) (operand 1)
        | Op.Select -> Array.map3 (fun c a b -> if c <> 0.0 then a else b) (operand 0) (operand 1) (operand 2)
        | Op.Convert ->
            operand 0
            |> Array.map (fun v ->
                match x.DType with
                | DType.F32
                | DType.F64 -> v
                | DType.Bool -> truth (v <> 0.0)
                | DType.I32
                | DType.U32 -> if x.Inputs[0].DType.IsFloat then Scalars.whole x.DType v else wrap x.DType v)
        | Op.Stack i ->
            let parts = ResizeArray()
            over [ i ] (fun () -> parts.AddRange(at x.Inputs[0]))
            Array.append (parts.ToArray()) (Array.zeroCreate (x.Count - parts.Count))
        | Op.Unstack i -> let n = Build.size x.Shape in Array.sub (operand 0) (value i * n) n
        | Op.Reduce(op, axes, held) -> reduce op axes held x x.Inputs[0]
        | Op.Dot(semiring, l, r, held) -> contract semiring l r held x x.Inputs[0] x.Inputs[1]
        | Op.Convolution(kind, stride, held) -> convolve kind stride held x
        | Op.Carry(s, k) -> carried s k
        | Op.Final(s, k) -> final s k
        | Op.Probe _
        | Op.Check _
        | Op.Derivative _ -> operand 0
        | _ -> Rearrange.evaluate x operand

    member private _.Evaluate() =
        let outputs = Dictionary<string, double[]>()
        let states = Dictionary<string, double[]>()

        // the recursion follows the graph, so it gets a stack as deep as a graph may be
        let work () =
            for name, x in program.Outputs do
                outputs[name] <- at x

            for s in program.States do
                states[s.Slot.Name] <- at s.Next

        let mutable failure: exn = null

        let thread =
            Thread(
                (fun () ->
                    try
                        work ()
                    with e ->
                        failure <- e),
                1 <<< 30
            )

        thread.Start()
        thread.Join()

        if not (isNull failure) then
            raise (AggregateException(failure.Message, failure))

        struct (outputs :> IReadOnlyDictionary<_, _>, states :> IReadOnlyDictionary<_, _>)

    /// Runs a program once. `inputs` holds inputs by name and, for states, values other than the initial ones; returns outputs
    /// and next states by name, row-major. `inDouble` makes uniforms of all 32 bits, as double precision does.
    static member Run
        (program: Program, inputs: IReadOnlyDictionary<string, double[]>, extents: IReadOnlyDictionary<string, int>, inDouble: bool)
        =
        Interpreter(program, inputs, extents, inDouble).Evaluate()
