/// Instructions of random programs that move, rank and draw.
module Inference.Compiler.Tests.RandomMoves

open Inference
open Inference.Compiler.Tests.ProgramTests
open Inference.Compiler.Tests.RandomValues
open Inference.Compiler.Tests.RandomArithmetic

let moved (p: Pool) (i: Instruction) (v: Value) =
    let t = v.T
    let rank = t.Shape.Length
    let axis = if rank = 0 then 0 else i.C % rank

    match i.B % 10 with
    | 0 -> add p { v with T = L.Transpose t }
    | 1 -> add p { v with T = L.Reshape(t, t.Count) }
    | 2 when t.Count % 2 = 0 -> add p { v with T = L.Reshape(t, 2, t.Count / 2) }
    | 2 -> add p { v with T = L.Reshape(t, Array.append [| 1 |] t.Shape) }
    | 3 when rank > 0 && t.Shape[axis] > 1 ->
        let starts = Array.init rank (fun a -> if a = axis then i.D % (t.Shape[a] - 1) else 0)
        let steps = Array.init rank (fun a -> 1 + (i.D + a) % 2)
        add p { v with T = Shapes.slice starts t.Shape steps t }
    | 4 when rank > 0 && isFloat v ->
        let low, high = Array.init rank (fun a -> (i.C + a) % 3), Array.init rank (fun a -> (i.D + a) % 2)

        add
            p
            { v with
                T = L.Pad(t, low, high, 0.25)
                Grain = v.Grain |> Option.map (max 2)
                Bound = max v.Bound 1.0
            }
    | 5 when rank > 0 -> add p { v with T = L.Reverse(t, axis) }
    | 6 when rank > 0 ->
        match
            pick p i.D (fun o ->
                o.T.DType = t.DType
                && o.T.Shape.Length = rank
                && Array.removeAt axis o.T.Shape = Array.removeAt axis t.Shape)
        with
        | Some o ->
            let grain = Option.map2 max v.Grain o.Grain

            add
                p
                {
                    T = L.Concat(axis, t, o.T)
                    Bound = max v.Bound o.Bound
                    Error = max v.Error o.Error
                    Grain = grain
                }
        | None -> ()
    | 7 ->
        let into = Array.append [| 2 + i.C % 3 |] t.Shape
        add p { v with T = Build.broadcast (Array.init into.Length (fun a -> a - 1)) into t }
    | 8 when rank >= 2 -> add p { v with T = Shapes.at axis (i.D % t.Shape[axis]) t }
    | _ when rank >= 3 -> add p { v with T = L.Transpose(t, Array.init rank (fun a -> (a + 1) % rank)) }
    | _ -> ()

/// Whole numbers of a shape, some out of range of any table.
let positions (p: Pool) k (shape: int[]) =
    match pick p k (fun v -> v.T.DType = DType.I32 && v.T.Shape = shape) with
    | Some v when k % 3 > 0 -> v.T
    | _ -> let n = Build.size shape in L.Reshape(L.Integers(Array.init n (fun j -> (k + j * j) % 9 - 2)), shape)

let addressed (p: Pool) (i: Instruction) (v: Value) =
    let rank = v.T.Shape.Length
    let starts () = Array.init rank (fun a -> positions p (i.C + a) [||])

    match i.B % 6 with
    | 0 -> add p { v with T = L.Gather(v.T, positions p i.C [||]) }
    | 1 -> add p { v with T = L.Gather(v.T, positions p i.C [| 3 |]) }
    | 2 when isFloat v ->
        match pick p i.D isFloat with
        | Some u when u.T.Count <= 60 ->
            let u = fit (Array.append [| 4 |] (Array.tail v.T.Shape)) u
            let grain = Option.map2 max v.Grain u.Grain

            add
                p
                {
                    T = L.ScatterAdd(v.T, positions p i.C [| 4 |], u.T)
                    Bound = v.Bound + 4.0 * u.Bound
                    Error = v.Error + 4.0 * u.Error + 8.0 * eps
                    Grain = grain
                }
        | _ -> ()
    | 3 ->
        add
            p
            { v with
                T = L.DynamicSlice(v.T, v.T.Shape |> Array.map (fun n -> 1 + i.D % n), starts ())
            }
    | 4 ->
        match pick p i.D (fun u -> u.T.DType = v.T.DType) with
        | Some u ->
            let u = fit (v.T.Shape |> Array.map (fun n -> 1 + i.D % n)) u
            let grain = Option.map2 max v.Grain u.Grain

            add
                p
                {
                    T = L.DynamicUpdate(v.T, u.T, starts ())
                    Bound = max v.Bound u.Bound
                    Error = max v.Error u.Error
                    Grain = grain
                }
        | None -> ()
    | _ when isFloat v -> add p (summed v v.T.Shape[i.C % rank] (L.CumSum(v.T, i.C % rank)))
    | _ -> ()

let ranked' (p: Pool) (i: Instruction) (v: Value) =
    let position t = add p { T = t; Bound = 1e3; Error = 0.0; Grain = Some 0 }
    let vector = L.Reshape(v.T, v.T.Count)

    match i.B % 3 with
    | 0 when isExact v && v.T.Shape.Length > 0 -> position (L.ArgMax(v.T, i.C % v.T.Shape.Length))
    | 1 when isExact v && v.T.Count <= 60 -> position (L.TopK(vector, 1 + i.C % v.T.Count))
    | _ when v.T.Count <= 60 -> add p { v with T = L.KthLargest(vector, 1 + i.C % v.T.Count) }
    | _ -> ()

let overIndex (p: Pool) (i: Instruction) (v: Value) =
    let index = at v.T.Indices i.C

    match (if mayGather p [ v.T ] index then i.B % 5 else -1) with
    | -1 -> ()
    | 0 -> add p { v with T = L.Stack(v.T, index) }
    | 1 when v.T.IsScalar && index.Capacity <= 200 -> add p { v with T = L.KthLargestOver(index, 1 + i.D % min 3 index.Capacity, v.T) }
    | 2 when v.T.IsScalar && isExact v && index.Capacity <= 200 ->
        add
            p
            {
                T = L.TopKOver(index, 1 + i.D % min 5 index.Capacity, v.T)
                Bound = 1e3
                Error = 0.0
                Grain = Some 0
            }
    | 3 -> add p { inexact (fun x -> L.SoftmaxOver(index, x)) v 4.0 with Bound = 1.0 }
    | _ -> add p { v with T = L.At(v.T, index, positions p i.D [||]) }

let subset k (indices: FreeIndex[]) =
    [
        for j in 0 .. indices.Length - 1 do
            if (k >>> j) &&& 1 = 1 then
                indices[j]
    ]

let draw (world: World) (p: Pool) (i: Instruction) =
    let shape = at shapes i.A

    let plates, times =
        subset i.B world.Plates, subset i.C (if p.Around.IsEmpty then world.Times else Array.ofList p.Around)

    let make kind =
        Structure.random kind plates times (i.D % 4) [| fst world.Key; snd world.Key |] shape

    match i.D % 3 with
    | 0 -> add p { T = make RandomKind.Word; Bound = 1e10; Error = 0.0; Grain = Some 0 }
    | 1 -> add p { T = make RandomKind.Uniform; Bound = 1.0; Error = 0.0; Grain = Some 24 }
    | _ -> add p { T = make RandomKind.Normal; Bound = 6.0; Error = 4e-6; Grain = None }

let leaf (world: World) (p: Pool) (i: Instruction) =
    let shape = at shapes i.A
    let indices = subset i.B (Array.append world.Plates world.Times)
    let all = Array.append (indices |> List.map (fun x -> x.Capacity) |> Array.ofList) shape

    if p.Around.IsEmpty && Build.size all <= largest then
        let x = world.Leaf(all, i.C)
        add p { x with T = indices |> List.fold (fun t index -> L.Unstack(t, index)) x.T }
