/// Elementwise instructions of random programs, and reductions.
module Inference.Compiler.Tests.RandomArithmetic

open Inference
open Inference.Compiler.Tests.ProgramTests
open Inference.Compiler.Tests.RandomValues

let unary (p: Pool) (i: Instruction) (v: Value) =
    let magnitude = L.Abs v.T

    match i.B % 13 with
    | 0 when v.Bound <= 4.0 -> let b = exp v.Bound in add p { T = L.Exp v.T; Bound = b; Error = b * (v.Error + 2.0 * eps); Grain = None }
    | 1 -> add p (inexact (fun _ -> L.Log(magnitude + 1.0)) v 1.0)
    | 2 -> add p { inexact L.Sin v 1.0 with Bound = 1.0 }
    | 3 -> add p { inexact L.Cos v 1.0 with Bound = 1.0 }
    | 4 -> add p { inexact L.Tanh v 1.0 with Bound = 1.0 }
    | 5 ->
        add
            p
            { inexact (fun _ -> L.Sqrt(magnitude + 0.5)) v 0.8 with
                Bound = sqrt (v.Bound + 0.5)
            }
    | 6 -> add p { inexact L.Erf v 1.2 with Bound = 1.0 }
    | 7 when v.Bound <= 4.0 ->
        let b = exp v.Bound

        add
            p
            {
                T = Build.unary UnaryOp.Expm1 v.T
                Bound = b
                Error = b * (v.Error + 2.0 * eps)
                Grain = None
            }
    | 8 -> add p (inexact (fun _ -> Build.unary UnaryOp.Log1p magnitude) v 1.0)
    | 9 -> add p { v with T = -v.T }
    | 10 -> add p { v with T = magnitude }
    | 11 -> add p { inexact L.Sigmoid v 0.25 with Bound = 1.0 }
    | _ -> add p { inexact L.Softplus v 1.0 with Bound = v.Bound + 0.7 }

let binary (p: Pool) (i: Instruction) (a: Value) (b: Value) =
    let a, b = both a b
    let grain f = Option.map2 f a.Grain b.Grain

    match i.C % 7 with
    | 0 ->
        add
            p
            {
                T = a.T + b.T
                Bound = a.Bound + b.Bound
                Error = a.Error + b.Error + eps * (a.Bound + b.Bound)
                Grain = grain max
            }
    | 1 ->
        add
            p
            {
                T = a.T - b.T
                Bound = a.Bound + b.Bound
                Error = a.Error + b.Error + eps * (a.Bound + b.Bound)
                Grain = grain max
            }
    | 2 ->
        let bound = a.Bound * b.Bound

        add
            p
            {
                T = a.T * b.T
                Bound = bound
                Error = a.Error * b.Bound + b.Error * a.Bound + eps * bound
                Grain = grain (+)
            }
    | 3 ->
        add
            p
            {
                T = a.T / (L.Abs b.T + 1.0)
                Bound = a.Bound
                Error = a.Error + a.Bound * (b.Error + 3.0 * eps)
                Grain = None
            }
    | 4 ->
        add
            p
            {
                T = L.Min(a.T, b.T)
                Bound = max a.Bound b.Bound
                Error = max a.Error b.Error
                Grain = grain max
            }
    | 5 ->
        add
            p
            {
                T = L.Max(a.T, b.T)
                Bound = max a.Bound b.Bound
                Error = max a.Error b.Error
                Grain = grain max
            }
    | _ when a.Bound <= 4.0 && b.Bound <= 4.0 ->
        let bound = 4.5 ** 2.0

        add
            p
            {
                T = L.Pow(L.Abs a.T + 0.5, b.T * 0.5)
                Bound = bound
                Error = 40.0 * (a.Error + b.Error) + 8.0 * eps * bound
                Grain = None
            }
    | _ -> ()

let compare (p: Pool) (i: Instruction) (a: Value) (b: Value) =
    let a, b = both a b

    let truth =
        match i.C % 3 with
        | 0 -> L.Less(a.T, b.T)
        | 1 -> L.LessEqual(a.T, b.T)
        | _ -> L.Equal(a.T, b.T)

    add p { T = truth; Bound = 1.0; Error = 0.0; Grain = Some 0 }

let select (p: Pool) (i: Instruction) (condition: Value) (a: Value) (b: Value) =
    let a, b = both a b
    let condition = fit a.T.Shape condition
    let grain = Option.map2 max a.Grain b.Grain

    add
        p
        {
            T = L.Select(condition.T, a.T, b.T)
            Bound = max a.Bound b.Bound
            Error = max a.Error b.Error
            Grain = grain
        }

let wholeNumber (p: Pool) (i: Instruction) =
    let result t = add p { T = t; Bound = 1e3; Error = 0.0; Grain = Some 0 }

    match i.B % 8 with
    | 0 ->
        match pick p i.A (fun v -> isFloat v && isExact v) with
        | Some v -> result (L.Convert(v.T * 2.0, DType.I32))
        | None -> ()
    | 1 ->
        match pick p i.A (fun v -> v.T.Indices.Length > 0) with
        | Some v -> result (L.Position(at v.T.Indices i.C))
        | None -> ()
    | 2 -> result (L.Iota(1 + i.A % 12))
    | 3
    | 4 ->
        match pick p i.A isWhole with
        | Some a ->
            match pick p i.C (fun b -> b.T.DType = a.T.DType) with
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
        match pick p i.A isWhole with
        | Some a ->
            let op = if i.D % 2 = 0 then BinaryOp.ShiftLeft else BinaryOp.ShiftRight
            result (Build.binary op a.T (whole a.T.DType (i.C % 32)))
        | None -> ()
    | 6 ->
        match pick p i.A isWhole with
        | Some a -> result (L.Convert(a.T, (if a.T.DType = DType.I32 then DType.U32 else DType.I32)))
        | None -> ()
    | _ ->
        match pick p i.A isWhole with
        | Some a ->
            let small = Build.binary BinaryOp.And a.T (whole a.T.DType 7)

            add
                p
                {
                    T = L.Convert(small, DType.F32) * 0.25
                    Bound = 2.0
                    Error = 0.0
                    Grain = Some 2
                }
        | None -> ()

let truths (p: Pool) (i: Instruction) (a: Value) (b: Value) =
    let a, b = both a b

    let t =
        match i.C % 5 with
        | 0 -> L.And(a.T, b.T)
        | 1 -> L.Or(a.T, b.T)
        | 2 -> Build.binary BinaryOp.Xor a.T b.T
        | 3 -> L.Equal(a.T, b.T)
        | _ -> L.Not a.T

    add p { a with T = t }

    if i.D % 3 = 0 then
        add
            p
            {
                T = L.Convert(t, (if i.D % 2 = 0 then DType.F32 else DType.I32))
                Bound = 1.0
                Error = 0.0
                Grain = Some 0
            }

let summed (v: Value) (count: int) t =
    let n = float count

    {
        T = t
        Bound = v.Bound * n
        Error = v.Error * n + eps * v.Bound * n * 2.0
        Grain = v.Grain
    }

let someAxes k (v: Value) =
    [|
        for a in 0 .. v.T.Shape.Length - 1 do
            if (k >>> a) &&& 1 = 1 then
                a
    |]

let someIndices (p: Pool) k (v: Value) =
    [
        for j in 0 .. v.T.Indices.Length - 1 do
            if (k >>> j) &&& 1 = 1 then
                v.T.Indices[j]
    ]
    |> List.filter (mayGather p [ v.T ])

let reduced (p: Pool) (i: Instruction) (v: Value) (axes: int[]) (indices: FreeIndex list) =
    let count =
        (axes |> Array.fold (fun acc a -> acc * v.T.Shape[a]) 1)
        * (indices |> List.fold (fun acc i -> acc * i.Capacity) 1)

    let t op = Structure.reduce op axes indices v.T

    match i.C % 6 with
    | 0
    | 1 -> add p (summed v count (t ReduceOp.Sum))
    | 2 -> add p { v with T = t ReduceOp.Max }
    | 3 -> add p { v with T = t ReduceOp.Min }
    | 4 when count <= 5 && v.Bound <= 3.0 ->
        let bound = (max 1.0 v.Bound) ** float count

        add
            p
            {
                T = t ReduceOp.Product
                Bound = bound
                Error = float count * bound * (v.Error + eps)
                Grain = v.Grain |> Option.map ((*) count)
            }
    | _ ->
        add
            p
            { inexact (fun x -> Structure.logSumExp axes indices x) v 1.0 with
                Bound = v.Bound + log (float count)
            }

let contraction (p: Pool) (i: Instruction) (a: Value) =
    let axis = i.B % a.T.Shape.Length

    match pick p i.C (fun v -> isFloat v && Array.contains a.T.Shape[axis] v.T.Shape) with
    | Some b ->
        let other = System.Array.IndexOf(b.T.Shape, a.T.Shape[axis])
        let free = Build.union [ a.T; b.T ]

        let gone =
            [
                for j in 0 .. free.Length - 1 do
                    if (i.D >>> j) &&& 1 = 1 then
                        free[j]
            ]
            |> List.filter (mayGather p [ a.T; b.T ])

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
                    p
                    {
                        T = dot Semiring.MaxPlus
                        Bound = a.Bound + b.Bound
                        Error = a.Error + b.Error + 8.0 * eps
                        Grain = Option.map2 max a.Grain b.Grain
                    }
            | 1 ->
                let bound = a.Bound + b.Bound + log (float count)

                add
                    p
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
                    p
                    {
                        T = dot Semiring.SumProduct
                        Bound = bound
                        Error = error
                        Grain = Option.map2 (+) a.Grain b.Grain
                    }
    | None -> ()
