/// Random programs over the primitives. A program is a list of instructions whose numbers choose operands and parameters; any list
/// makes a program, so lists shrink freely.
module Inference.Compiler.Tests.RandomPrograms

open System
open System.Collections.Generic
open Inference
open Inference.Compiler.Tests.ProgramTests

type Instruction =
    {
        Op: int
        A: int
        B: int
        C: int
        D: int
        /// The step of a loop; only loops look at it.
        Body: Instruction list
    }

/// A value with what is known of it. `Grain` is k if all its values are exact multiples of 2⁻ᵏ in both precisions, so that
/// comparisons and roundings have one answer; `Error` bounds the rounding error of single precision.
type Value = { T: Tensor; Bound: float; Error: float; Grain: int option }

let private eps = 1.2e-7
let private largest = 3000
let volume (t: Tensor) = t.Indices |> Array.fold (fun acc i -> acc * i.Capacity) t.Count

let private shapes: int[][] =
    [|
        [||]
        [| 3 |]
        [| 4 |]
        [| 5 |]
        [| 9 |]
        [| 2; 3 |]
        [| 3; 4 |]
        [| 12 |]
        [| 1; 5 |]
        [| 2; 2; 3 |]
        [| 20 |]
        [||]
        [| 40 |]
        [| 5; 3 |]
    |]

let private at (xs: 'a[]) k = xs[k % xs.Length]

let private isExact (v: Value) =
    v.Grain |> Option.exists (fun g -> v.Bound * Math.Pow(2.0, float g) <= 16777216.0)

let private whole t (k: int) = Build.scalar t (float k)

/// Keeps values within 4, so that nothing overflows and functions stay in their domains.
let private normalise (v: Value) =
    let v = if isExact v then v else { v with Grain = None }

    if v.Bound <= 4.0 then
        v
    else
        let shift = int (Math.Ceiling(Math.Log2(v.Bound / 4.0)))
        let factor = Math.Pow(2.0, float -shift)

        {
            T = v.T * factor
            Bound = v.Bound * factor
            Error = v.Error * factor + eps
            Grain = v.Grain |> Option.map ((+) shift)
        }

/// What a program is made in: its inputs and their values, and its indices.
[<Sealed>]
type World(builder: ProgramBuilder, label: string, plates: FreeIndex[], times: FreeIndex[]) =
    let inputs = ResizeArray<string * double[]>()
    let words = builder.Input($"{label} key", [| 2 |], DType.U32)
    do inputs.Add($"{label} key", [| 17.0; 4000000000.0 |])
    member _.Builder = builder
    member _.Label = label
    member _.Plates = plates
    member _.Times = times
    member _.Inputs = inputs
    member _.Key = L.Element(words, 0), L.Element(words, 1)

    /// An input of multiples of 1/4 within 2.
    member _.Leaf(shape: int[], seed: int) =
        let name = $"{label} x{inputs.Count}"
        let random = Random seed
        let x = builder.Input(name, shape, DType.F32)
        inputs.Add(name, Array.init x.Count (fun _ -> float (random.Next(-8, 9)) / 4.0))
        { T = x; Bound = 2.0; Error = 0.0; Grain = Some 2 }

/// Whether a value depends on what a loop that is still being traced carries.
let private isOfOpenLoop (x: Tensor) =
    let seen = HashSet<Tensor>(HashIdentity.Reference)

    let rec visit (x: Tensor) =
        seen.Add x
        && (match x.Op with
            | Op.Carry(scan, _) -> isNull scan.Nexts || Seq.exists visit scan.Inits || Seq.exists visit scan.Nexts
            | _ -> Traverse.edges x |> Seq.exists visit)

    visit x

/// Follows instructions, from and into a pool of values. `around` are the indices of the loops whose step this is; a step makes no
/// inputs.
[<Sealed>]
type Maker(world: World, pool: ResizeArray<Value>, around: FreeIndex list) =
    let depth = around.Length

    /// A step may not look at its own loop's other steps.
    let mayGather (tensors: Tensor list) (index: FreeIndex) = not (List.contains index around) || not (List.exists isOfOpenLoop tensors)

    let add (v: Value) =
        if volume v.T <= largest && v.Error <= 2e-5 then
            pool.Add(if v.T.DType = DType.F32 then normalise v else v)

    let pick k (test: Value -> bool) =
        let fitting = pool |> Seq.filter test |> Array.ofSeq
        if fitting.Length = 0 then None else Some(at fitting k)

    let isFloat (v: Value) = v.T.DType = DType.F32
    let isWhole (v: Value) = v.T.DType = DType.I32 || v.T.DType = DType.U32
    let isBool (v: Value) = v.T.DType = DType.Bool
    let ranked n (v: Value) = v.T.Shape.Length >= n
    let inexact f (v: Value) slope = { v with T = f v.T; Error = v.Error * slope + 2.0 * eps; Grain = None }

    /// A value of another's shape: of the same number of elements, a scalar, or the mean.
    let fit (shape: int[]) (v: Value) =
        if v.T.Shape = shape then
            v
        elif v.T.IsScalar then
            { v with T = Build.fill shape v.T }
        elif v.T.Count = Build.size shape then
            { v with T = L.Reshape(v.T, shape) }
        elif isFloat v then
            { v with
                T = Build.fill shape (L.Mean v.T)
                Error = v.Error + 4.0 * eps
                Grain = None
            }
        else
            { v with
                T =
                    Build.fill
                        shape
                        (L.Reshape(
                            Shapes.slice
                                (Array.zeroCreate v.T.Shape.Length)
                                (Array.create v.T.Shape.Length 1)
                                (Array.create v.T.Shape.Length 1)
                                v.T
                        ))
            }

    let both (a: Value) (b: Value) = if a.T.IsScalar then fit b.T.Shape a, b else a, fit a.T.Shape b

    let unary (i: Instruction) (v: Value) =
        let magnitude = L.Abs v.T

        match i.B % 13 with
        | 0 when v.Bound <= 4.0 -> let b = exp v.Bound in add { T = L.Exp v.T; Bound = b; Error = b * (v.Error + 2.0 * eps); Grain = None }
        | 1 -> add (inexact (fun _ -> L.Log(magnitude + 1.0)) v 1.0)
        | 2 -> add { inexact L.Sin v 1.0 with Bound = 1.0 }
        | 3 -> add { inexact L.Cos v 1.0 with Bound = 1.0 }
        | 4 -> add { inexact L.Tanh v 1.0 with Bound = 1.0 }
        | 5 ->
            add
                { inexact (fun _ -> L.Sqrt(magnitude + 0.5)) v 0.8 with
                    Bound = sqrt (v.Bound + 0.5)
                }
        | 6 -> add { inexact L.Erf v 1.2 with Bound = 1.0 }
        | 7 when v.Bound <= 4.0 ->
            let b = exp v.Bound

            add
                {
                    T = Build.unary UnaryOp.Expm1 v.T
                    Bound = b
                    Error = b * (v.Error + 2.0 * eps)
                    Grain = None
                }
        | 8 -> add (inexact (fun _ -> Build.unary UnaryOp.Log1p magnitude) v 1.0)
        | 9 -> add { v with T = -v.T }
        | 10 -> add { v with T = magnitude }
        | 11 -> add { inexact L.Sigmoid v 0.25 with Bound = 1.0 }
        | _ -> add { inexact L.Softplus v 1.0 with Bound = v.Bound + 0.7 }

    let binary (i: Instruction) (a: Value) (b: Value) =
        let a, b = both a b
        let grain f = Option.map2 f a.Grain b.Grain

        match i.C % 7 with
        | 0 ->
            add
                {
                    T = a.T + b.T
                    Bound = a.Bound + b.Bound
                    Error = a.Error + b.Error + eps * (a.Bound + b.Bound)
                    Grain = grain max
                }
        | 1 ->
            add
                {
                    T = a.T - b.T
                    Bound = a.Bound + b.Bound
                    Error = a.Error + b.Error + eps * (a.Bound + b.Bound)
                    Grain = grain max
                }
        | 2 ->
            let bound = a.Bound * b.Bound

            add
                {
                    T = a.T * b.T
                    Bound = bound
                    Error = a.Error * b.Bound + b.Error * a.Bound + eps * bound
                    Grain = grain (+)
                }
        | 3 ->
            add
                {
                    T = a.T / (L.Abs b.T + 1.0)
                    Bound = a.Bound
                    Error = a.Error + a.Bound * (b.Error + 3.0 * eps)
                    Grain = None
                }
        | 4 ->
            add
                {
                    T = L.Min(a.T, b.T)
                    Bound = max a.Bound b.Bound
                    Error = max a.Error b.Error
                    Grain = grain max
                }
        | 5 ->
            add
                {
                    T = L.Max(a.T, b.T)
                    Bound = max a.Bound b.Bound
                    Error = max a.Error b.Error
                    Grain = grain max
                }
        | _ when a.Bound <= 4.0 && b.Bound <= 4.0 ->
            let bound = 4.5 ** 2.0

            add
                {
                    T = L.Pow(L.Abs a.T + 0.5, b.T * 0.5)
                    Bound = bound
                    Error = 40.0 * (a.Error + b.Error) + 8.0 * eps * bound
                    Grain = None
                }
        | _ -> ()

    let compare (i: Instruction) (a: Value) (b: Value) =
        let a, b = both a b

        let truth =
            match i.C % 3 with
            | 0 -> L.Less(a.T, b.T)
            | 1 -> L.LessEqual(a.T, b.T)
            | _ -> L.Equal(a.T, b.T)

        add { T = truth; Bound = 1.0; Error = 0.0; Grain = Some 0 }

    let select (i: Instruction) (condition: Value) (a: Value) (b: Value) =
        let a, b = both a b
        let condition = fit a.T.Shape condition
        let grain = Option.map2 max a.Grain b.Grain

        add
            {
                T = L.Select(condition.T, a.T, b.T)
                Bound = max a.Bound b.Bound
                Error = max a.Error b.Error
                Grain = grain
            }

    let summed (v: Value) (count: int) t =
        let n = float count

        {
            T = t
            Bound = v.Bound * n
            Error = v.Error * n + eps * v.Bound * n * 2.0
            Grain = v.Grain
        }

    let reduced (i: Instruction) (v: Value) (axes: int[]) (indices: FreeIndex list) =
        let count =
            (axes |> Array.fold (fun acc a -> acc * v.T.Shape[a]) 1)
            * (indices |> List.fold (fun acc i -> acc * i.Capacity) 1)

        let t op = Structure.reduce op axes indices v.T

        match i.C % 6 with
        | 0
        | 1 -> add (summed v count (t ReduceOp.Sum))
        | 2 -> add { v with T = t ReduceOp.Max }
        | 3 -> add { v with T = t ReduceOp.Min }
        | 4 when count <= 5 && v.Bound <= 3.0 ->
            let bound = (max 1.0 v.Bound) ** float count

            add
                {
                    T = t ReduceOp.Product
                    Bound = bound
                    Error = float count * bound * (v.Error + eps)
                    Grain = v.Grain |> Option.map ((*) count)
                }
        | _ ->
            add
                { inexact (fun x -> Structure.logSumExp axes indices x) v 1.0 with
                    Bound = v.Bound + log (float count)
                }

    let someAxes k (v: Value) =
        [|
            for a in 0 .. v.T.Shape.Length - 1 do
                if (k >>> a) &&& 1 = 1 then
                    a
        |]

    let someIndices k (v: Value) =
        [
            for j in 0 .. v.T.Indices.Length - 1 do
                if (k >>> j) &&& 1 = 1 then
                    v.T.Indices[j]
        ]
        |> List.filter (mayGather [ v.T ])

    let moved (i: Instruction) (v: Value) =
        let t = v.T
        let rank = t.Shape.Length
        let axis = if rank = 0 then 0 else i.C % rank

        match i.B % 10 with
        | 0 -> add { v with T = L.Transpose t }
        | 1 -> add { v with T = L.Reshape(t, t.Count) }
        | 2 when t.Count % 2 = 0 -> add { v with T = L.Reshape(t, 2, t.Count / 2) }
        | 2 -> add { v with T = L.Reshape(t, Array.append [| 1 |] t.Shape) }
        | 3 when rank > 0 && t.Shape[axis] > 1 ->
            let starts = Array.init rank (fun a -> if a = axis then i.D % (t.Shape[a] - 1) else 0)
            let steps = Array.init rank (fun a -> 1 + (i.D + a) % 2)
            add { v with T = Shapes.slice starts t.Shape steps t }
        | 4 when rank > 0 && isFloat v ->
            let low, high = Array.init rank (fun a -> (i.C + a) % 3), Array.init rank (fun a -> (i.D + a) % 2)

            add
                { v with
                    T = L.Pad(t, low, high, 0.25)
                    Grain = v.Grain |> Option.map (max 2)
                    Bound = max v.Bound 1.0
                }
        | 5 when rank > 0 -> add { v with T = L.Reverse(t, axis) }
        | 6 when rank > 0 ->
            match
                pick i.D (fun o ->
                    o.T.DType = t.DType
                    && o.T.Shape.Length = rank
                    && Array.removeAt axis o.T.Shape = Array.removeAt axis t.Shape)
            with
            | Some o ->
                let grain = Option.map2 max v.Grain o.Grain

                add
                    {
                        T = L.Concat(axis, t, o.T)
                        Bound = max v.Bound o.Bound
                        Error = max v.Error o.Error
                        Grain = grain
                    }
            | None -> ()
        | 7 ->
            let into = Array.append [| 2 + i.C % 3 |] t.Shape
            add { v with T = Build.broadcast (Array.init into.Length (fun a -> a - 1)) into t }
        | 8 when rank >= 2 -> add { v with T = Shapes.at axis (i.D % t.Shape[axis]) t }
        | _ when rank >= 3 -> add { v with T = L.Transpose(t, 1, 2, 0) }
        | _ -> ()

    /// Whole numbers of a shape, some out of range of any table.
    let positions k (shape: int[]) =
        match pick k (fun v -> v.T.DType = DType.I32 && v.T.Shape = shape) with
        | Some v when k % 3 > 0 -> v.T
        | _ -> let n = Build.size shape in L.Reshape(L.Integers(Array.init n (fun j -> (k + j * j) % 9 - 2)), shape)

    let addressed (i: Instruction) (v: Value) =
        let rank = v.T.Shape.Length
        let starts () = Array.init rank (fun a -> positions (i.C + a) [||])

        match i.B % 6 with
        | 0 -> add { v with T = L.Gather(v.T, positions i.C [||]) }
        | 1 -> add { v with T = L.Gather(v.T, positions i.C [| 3 |]) }
        | 2 when isFloat v ->
            match pick i.D isFloat with
            | Some u when u.T.Count <= 60 ->
                let u = fit (Array.append [| 4 |] (Array.tail v.T.Shape)) u
                let grain = Option.map2 max v.Grain u.Grain

                add
                    {
                        T = L.ScatterAdd(v.T, positions i.C [| 4 |], u.T)
                        Bound = v.Bound + 4.0 * u.Bound
                        Error = v.Error + 4.0 * u.Error + 8.0 * eps
                        Grain = grain
                    }
            | _ -> ()
        | 3 ->
            add
                { v with
                    T = L.DynamicSlice(v.T, v.T.Shape |> Array.map (fun n -> 1 + i.D % n), starts ())
                }
        | 4 ->
            match pick i.D (fun u -> u.T.DType = v.T.DType) with
            | Some u ->
                let u = fit (v.T.Shape |> Array.map (fun n -> 1 + i.D % n)) u
                let grain = Option.map2 max v.Grain u.Grain

                add
                    {
                        T = L.DynamicUpdate(v.T, u.T, starts ())
                        Bound = max v.Bound u.Bound
                        Error = max v.Error u.Error
                        Grain = grain
                    }
            | None -> ()
        | _ when isFloat v -> add (summed v v.T.Shape[i.C % rank] (L.CumSum(v.T, i.C % rank)))
        | _ -> ()

    let ranked' (i: Instruction) (v: Value) =
        let position t = add { T = t; Bound = 1e3; Error = 0.0; Grain = Some 0 }
        let vector = L.Reshape(v.T, v.T.Count)

        match i.B % 3 with
        | 0 when isExact v && v.T.Shape.Length > 0 -> position (L.ArgMax(v.T, i.C % v.T.Shape.Length))
        | 1 when isExact v && v.T.Count <= 60 -> position (L.TopK(vector, 1 + i.C % v.T.Count))
        | _ when v.T.Count <= 60 -> add { v with T = L.KthLargest(vector, 1 + i.C % v.T.Count) }
        | _ -> ()

    let overIndex (i: Instruction) (v: Value) =
        let index = at v.T.Indices i.C

        match (if mayGather [ v.T ] index then i.B % 5 else -1) with
        | -1 -> ()
        | 0 -> add { v with T = L.Stack(v.T, index) }
        | 1 when v.T.IsScalar && index.Capacity <= 200 -> add { v with T = L.KthLargestOver(index, 1 + i.D % min 3 index.Capacity, v.T) }
        | 2 when v.T.IsScalar && isExact v && index.Capacity <= 200 ->
            add
                {
                    T = L.TopKOver(index, 1 + i.D % min 5 index.Capacity, v.T)
                    Bound = 1e3
                    Error = 0.0
                    Grain = Some 0
                }
        | 3 -> add { inexact (fun x -> L.SoftmaxOver(index, x)) v 4.0 with Bound = 1.0 }
        | _ -> add { v with T = L.At(v.T, index, positions i.D [||]) }

    let contraction (i: Instruction) (a: Value) =
        let axis = i.B % a.T.Shape.Length

        match pick i.C (fun v -> isFloat v && Array.contains a.T.Shape[axis] v.T.Shape) with
        | Some b ->
            let other = Array.IndexOf(b.T.Shape, a.T.Shape[axis])
            let free = Build.union [ a.T; b.T ]

            let gone =
                [
                    for j in 0 .. free.Length - 1 do
                        if (i.D >>> j) &&& 1 = 1 then
                            free[j]
                ]
                |> List.filter (mayGather [ a.T; b.T ])

            let count = gone |> List.fold (fun acc i -> acc * i.Capacity) a.T.Shape[axis]

            let cells =
                volume a.T
                * b.T.Count
                * (free
                   |> Seq.filter (fun f -> not (Array.contains f a.T.Indices))
                   |> Seq.fold (fun acc i -> acc * i.Capacity) 1)

            if cells <= 20000 then
                let dot semiring = Structure.dot semiring [| axis |] [| other |] gone a.T b.T

                match i.A % 5 with
                | 0 ->
                    add
                        {
                            T = dot Semiring.MaxPlus
                            Bound = a.Bound + b.Bound
                            Error = a.Error + b.Error + 8.0 * eps
                            Grain = Option.map2 max a.Grain b.Grain
                        }
                | 1 ->
                    let bound = a.Bound + b.Bound + log (float count)

                    add
                        {
                            T = dot Semiring.LogSumExpPlus
                            Bound = bound
                            Error = a.Error + b.Error + 16.0 * eps
                            Grain = None
                        }
                | _ ->
                    let bound = a.Bound * b.Bound * float count
                    let error = float count * (a.Error * b.Bound + b.Error * a.Bound) + 4.0 * eps * bound

                    add
                        {
                            T = dot Semiring.SumProduct
                            Bound = bound
                            Error = error
                            Grain = Option.map2 (+) a.Grain b.Grain
                        }
        | None -> ()

    let wholeNumber (i: Instruction) =
        let result t = add { T = t; Bound = 1e3; Error = 0.0; Grain = Some 0 }

        match i.B % 8 with
        | 0 ->
            match pick i.A (fun v -> isFloat v && isExact v) with
            | Some v -> result (L.Convert(v.T * 2.0, DType.I32))
            | None -> ()
        | 1 ->
            match pick i.A (fun v -> v.T.Indices.Length > 0) with
            | Some v -> result (L.Position(at v.T.Indices i.C))
            | None -> ()
        | 2 -> result (L.Iota(1 + i.A % 12))
        | 3
        | 4 ->
            match pick i.A isWhole with
            | Some a ->
                match pick i.C (fun b -> b.T.DType = a.T.DType) with
                | Some b ->
                    let a, b = both a b

                    let ops =
                        [|
                            BinaryOp.Add
                            BinaryOp.Sub
                            BinaryOp.Mul
                            BinaryOp.Min
                            BinaryOp.Max
                            BinaryOp.And
                            BinaryOp.Or
                            BinaryOp.Xor
                        |]

                    result (Build.binary (at ops i.D) a.T b.T)
                | None -> ()
            | None -> ()
        | 5 ->
            match pick i.A isWhole with
            | Some a ->
                let op = if i.D % 2 = 0 then BinaryOp.ShiftLeft else BinaryOp.ShiftRight
                result (Build.binary op a.T (whole a.T.DType (i.C % 32)))
            | None -> ()
        | 6 ->
            match pick i.A isWhole with
            | Some a -> result (L.Convert(a.T, (if a.T.DType = DType.I32 then DType.U32 else DType.I32)))
            | None -> ()
        | _ ->
            match pick i.A isWhole with
            | Some a ->
                let small = Build.binary BinaryOp.And a.T (whole a.T.DType 7)

                add
                    {
                        T = L.Convert(small, DType.F32) * 0.25
                        Bound = 2.0
                        Error = 0.0
                        Grain = Some 2
                    }
            | None -> ()

    let truths (i: Instruction) (a: Value) (b: Value) =
        let a, b = both a b

        let t =
            match i.C % 5 with
            | 0 -> L.And(a.T, b.T)
            | 1 -> L.Or(a.T, b.T)
            | 2 -> Build.binary BinaryOp.Xor a.T b.T
            | 3 -> L.Equal(a.T, b.T)
            | _ -> L.Not a.T

        add { a with T = t }

        if i.D % 3 = 0 then
            add
                {
                    T = L.Convert(t, (if i.D % 2 = 0 then DType.F32 else DType.I32))
                    Bound = 1.0
                    Error = 0.0
                    Grain = Some 0
                }

    let subset k (indices: FreeIndex[]) =
        [
            for j in 0 .. indices.Length - 1 do
                if (k >>> j) &&& 1 = 1 then
                    indices[j]
        ]

    let draw (i: Instruction) =
        let shape = at shapes i.A

        let plates, times =
            subset i.B world.Plates, subset i.C (if around.IsEmpty then world.Times else Array.ofList around)

        let make kind =
            Structure.random kind plates times (i.D % 4) [| fst world.Key; snd world.Key |] shape

        match i.D % 3 with
        | 0 -> add { T = make RandomKind.Word; Bound = 1e10; Error = 0.0; Grain = Some 0 }
        | 1 -> add { T = make RandomKind.Uniform; Bound = 1.0; Error = 0.0; Grain = Some 24 }
        | _ -> add { T = make RandomKind.Normal; Bound = 6.0; Error = 4e-6; Grain = None }

    let leaf (i: Instruction) =
        let shape = at shapes i.A
        let indices = subset i.B (Array.append world.Plates world.Times)
        let all = Array.append (indices |> List.map (fun x -> x.Capacity) |> Array.ofList) shape

        if depth = 0 && Build.size all <= largest then
            let x = world.Leaf(all, i.C)
            add { x with T = indices |> List.fold (fun t index -> L.Unstack(t, index)) x.T }

    /// A loop that contracts: bounds and errors of what it carries hold after any number of steps.
    let loop (m: Maker) (i: Instruction) =
        let index = at world.Times i.A
        let carriedError = 4e-6

        // side by side, loops hold nothing of each other's steps: which of them would stand outside?
        let mayHold (v: Value) =
            not around.IsEmpty
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
                    match pick (i.C + 5 * k) mayStart with
                    | Some v -> v
                    | None -> ()
            |]

        // loops over the second index stand in loops over the first, never the other way round
        let mayNest = around.IsEmpty || (around = [ world.Times[0] ] && index = world.Times[1])

        if mayNest && inits.Length > 0 then
            let finals, each =
                Structure.scan index (inits |> Array.map (fun v -> v.T)) (fun carries ->
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
                        ResizeArray<Value>(Seq.append (pool |> Seq.filter mayHold |> Seq.rev |> Seq.truncate 8) carried)

                    let step = Maker(world, inner, index :: around)
                    step.Follow i.Body

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
                add v

            Array.iter2
                (fun t (v: Value) ->
                    add
                        {
                            T = t
                            Bound = max v.Bound 2.0
                            Error = carriedError
                            Grain = (if isFloat v then None else Some 0)
                        })
                finals
                inits

    let two k l test f =
        match pick k test, pick l test with
        | Some a, Some b -> f a b
        | _ -> ()

    let one k test f =
        match pick k test with
        | Some v -> f v
        | None -> ()

    member m.Step(i: Instruction) =
        let exact v = isFloat v && isExact v

        match i.Op % 40 with
        | 0
        | 1
        | 2
        | 3 -> one i.A isFloat (unary i)
        | 4
        | 5
        | 6
        | 7
        | 8 -> two i.A i.B isFloat (binary i)
        | 9
        | 10 -> two i.A i.B exact (compare i)
        | 11
        | 12 -> one i.A isBool (fun c -> two i.B i.C isFloat (select i c))
        | 13 -> one i.A exact (fun v -> add { v with T = L.Floor(v.T * 1.5); Bound = v.Bound * 1.5 + 1.0; Grain = Some 0 })
        | 14
        | 15 -> one i.A (fun v -> isFloat v && ranked 1 v) (fun v -> reduced i v (someAxes i.B v) [])
        | 16
        | 17
        | 18 -> one i.A (fun v -> isFloat v && v.T.Indices.Length > 0) (fun v -> reduced i v (someAxes i.D v) (someIndices i.B v))
        | 19
        | 20
        | 21
        | 22 -> one i.A (fun _ -> true) (moved i)
        | 23
        | 24 -> one i.A (fun v -> ranked 1 v && not (isBool v)) (addressed i)
        | 25 -> one i.A isFloat (ranked' i)
        | 26
        | 27 -> one i.A (fun v -> isFloat v && v.T.Indices.Length > 0) (overIndex i)
        | 28
        | 29 -> one i.A (fun v -> isFloat v && ranked 1 v) (contraction i)
        | 30 -> two i.A i.B isBool (truths i)
        | 31
        | 32 -> wholeNumber i
        | 33 -> draw i
        | 34
        | 35
        | 36 -> leaf i
        | 37 ->
            one i.A (fun v -> ranked 1 v) (fun v ->
                match
                    Array.append world.Plates world.Times
                    |> Array.filter (fun x -> x.Capacity = v.T.Shape[0] && not (Array.contains x v.T.Indices))
                with
                | [||] -> ()
                | fitting -> add { v with T = L.Unstack(v.T, at fitting i.B) })
        | _ -> loop m i

    member m.Follow(instructions: Instruction list) =
        for i in instructions do
            m.Step i

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
    Maker(world, pool, []).Follow instructions
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
