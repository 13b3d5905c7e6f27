/// Values of random programs, with what is known of them, and the pools that they are picked from.
module Inference.Compiler.Tests.RandomValues

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

let eps = 1.2e-7
let largest = 3000
let volume (t: Tensor) = t.Indices |> Array.fold (fun acc i -> acc * i.Capacity) t.Count

let shapes: int[][] =
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

let at (xs: 'a[]) k = xs[k % xs.Length]

let isExact (v: Value) =
    v.Grain |> Option.exists (fun g -> v.Bound * Math.Pow(2.0, float g) <= 16777216.0)

let whole t (k: int) = Build.scalar t (float k)

/// Keeps values within 4, so that nothing overflows and functions stay in their domains.
let normalise (v: Value) =
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
let isOfOpenLoop (x: Tensor) =
    let seen = HashSet<Tensor>(HashIdentity.Reference)

    let rec visit (x: Tensor) =
        seen.Add x
        && (match x.Op with
            | Op.Carry(scan, _) -> isNull scan.Nexts || Seq.exists visit scan.Inits || Seq.exists visit scan.Nexts
            | _ -> Traverse.edges x |> Seq.exists visit)

    visit x

/// The values made so far. `around` are the indices of the loops whose step this is.
[<Sealed>]
type Pool(values: ResizeArray<Value>, around: FreeIndex list) =
    member _.Values = values
    member _.Around = around

/// A step may not look at its own loop's other steps.
let mayGather (p: Pool) (tensors: Tensor list) (index: FreeIndex) =
    not (List.contains index p.Around) || not (List.exists isOfOpenLoop tensors)

let add (p: Pool) (v: Value) =
    if volume v.T <= largest && v.Error <= 2e-5 then
        p.Values.Add(if v.T.DType = DType.F32 then normalise v else v)

let pick (p: Pool) k (test: Value -> bool) =
    let fitting = p.Values |> Seq.filter test |> Array.ofSeq
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
