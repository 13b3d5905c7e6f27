namespace Inference.Compiler

open System.Collections.Generic
open Inference

/// A piece of memory that kernels name by number.
type BufferInfo =
    {
        Name: string
        Type: ScalarType
        /// Elements, padding between rows included.
        Elements: int64
        /// Elements that a load may touch behind the end.
        Slack: int64
        Kind: BufferKind
        /// In each worker's own scratch, not in the workspace.
        Scratch: bool
        Initial: double[]
    }

/// Where a node's values lie: [indices][elements][lane].
type Storage =
    {
        Buffer: int
        /// The stride of each index that is stored.
        IndexStride: Map<int, int64>
        ElementStride: int64[]
        /// In scratch the lane counts from the tile's start.
        Scratch: bool
    }

/// The buffers of a program being lowered.
[<Sealed>]
type Buffers() =
    let list = ResizeArray<BufferInfo>()

    static member ScalarOf(t: DType) =
        match t with
        | DType.F32 -> ScalarType.F32
        | DType.F64 -> ScalarType.F64
        | DType.I32 -> ScalarType.I32
        | DType.U32 -> ScalarType.U32
        | DType.Bool -> ScalarType.Bool

    static member BytesOf(t: ScalarType) =
        match t with
        | ScalarType.F64
        | ScalarType.I64
        | ScalarType.U64 -> 8L
        | ScalarType.F32
        | ScalarType.I32
        | ScalarType.U32
        | ScalarType.Bool -> 4L

    /// Row-major strides, times a factor.
    static member Strides(shape: int[], factor: int64) = Array.scanBack (fun n acc -> int64 n * acc) shape factor |> Array.tail

    member _.All = list :> IReadOnlyList<BufferInfo>

    member _.Item
        with get k = list[k]

    member _.Add(info: BufferInfo) =
        list.Add info
        list.Count - 1

    member _.Change(k, f: BufferInfo -> BufferInfo) = list[k] <- f list[k]

    /// A dense row-major buffer.
    member b.Dense(name, kind, dtype, shape: int[], slack, initial) =
        b.Add
            {
                Name = name
                Type = Buffers.ScalarOf dtype
                Elements = Array.fold (fun acc n -> acc * int64 n) 1L shape
                Slack = slack
                Kind = kind
                Scratch = false
                Initial = initial
            }

    /// Storage for a node's values over some of its indices; `lane` comes innermost, padded to whole tiles.
    member b.Allocate(name, dtype, shape: int[], indices: (int * int) list, lane: (int * int64) option, scratch) : Storage =
        let laneIndex = lane |> Option.map fst |> Option.defaultValue -1
        let laneSize = lane |> Option.map snd |> Option.defaultValue 1L
        let elements = Array.fold (fun acc n -> acc * int64 n) laneSize shape
        let mutable stride = elements
        let mutable strides = if laneIndex >= 0 then Map.ofList [ laneIndex, 1L ] else Map.empty

        for index, capacity in List.rev indices do
            if index <> laneIndex then
                strides <- strides.Add(index, stride)
                stride <- stride * int64 capacity

        let buffer =
            b.Add
                {
                    Name = name
                    Type = Buffers.ScalarOf dtype
                    Elements = stride
                    Slack = 64L
                    Kind = BufferKind.Temporary
                    Scratch = scratch
                    Initial = null
                }

        {
            Buffer = buffer
            IndexStride = strides
            ElementStride = Buffers.Strides(shape, laneSize)
            Scratch = scratch
        }
