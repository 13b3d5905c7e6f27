namespace Inference

open System

/// The type of a tensor's elements.
[<RequireQualifiedAccess>]
type DType =
    | F32
    | F64
    | I32
    | U32
    | Bool

    /// True for the two floating-point types.
    member t.IsFloat =
        match t with
        | F32
        | F64 -> true
        | I32
        | U32
        | Bool -> false

    override op.ToString() =
        match op with
        | F32 -> "F32"
        | F64 -> "F64"
        | I32 -> "I32"
        | U32 -> "U32"
        | Bool -> "Bool"

/// What a free index stands for.
[<RequireQualifiedAccess>]
type IndexKind =
    /// Independent repetitions: samples, data, members of an ensemble.
    | Plate
    /// Steps of a Markov chain or of a sequential loop.
    | Time
    /// Segments of steps, taken one after another: their loop stands around whole kernels, so that what one segment computes need not
    /// outlast it.
    | Segment
    /// The values of a finite variable.
    | Enumerated

    override op.ToString() =
        match op with
        | Plate -> "Plate"
        | Time -> "Time"
        | Segment -> "Segment"
        | Enumerated -> "Enumerated"

/// How many values an index takes: at most `Capacity`; if `Runtime` is named, the count is an input of the program.
type Extent =
    {
        Capacity: int
        Runtime: string option
    }

    static member Fixed count = { Capacity = count; Runtime = None }

    /// A count given when the program runs, up to a stated capacity.
    static member UpTo(name: string, capacity: int) =
        if capacity < 1 then
            Fail.model $"The extent \"{name}\" has a capacity of {capacity}." "Give at least 1."

        { Capacity = capacity; Runtime = Some name }

/// A free index: a plate, a time step, an enumerated value. Two indices are the same only if they are the same object.
[<Sealed; AllowNullLiteral>]
type FreeIndex(name: string, extent: Extent, kind: IndexKind) =
    member _.Name = name
    member _.Extent = extent
    member _.Capacity = extent.Capacity
    member _.Kind = kind
    override _.ToString() = name

[<RequireQualifiedAccess>]
type UnaryOp =
    | Neg
    | Abs
    | Exp
    | Log
    | Expm1
    | Log1p
    | Sin
    | Cos
    | Tanh
    | Sqrt
    | Erf
    | Floor
    | Not

    override op.ToString() =
        match op with
        | Neg -> "Neg"
        | Abs -> "Abs"
        | Exp -> "Exp"
        | Log -> "Log"
        | Expm1 -> "Expm1"
        | Log1p -> "Log1p"
        | Sin -> "Sin"
        | Cos -> "Cos"
        | Tanh -> "Tanh"
        | Sqrt -> "Sqrt"
        | Erf -> "Erf"
        | Floor -> "Floor"
        | Not -> "Not"

/// `Min` and `Max` return the second operand when either is NaN, as hardware does: put the value that may be NaN second.
[<RequireQualifiedAccess>]
type BinaryOp =
    | Add
    | Sub
    | Mul
    | Div
    | Pow
    | Min
    | Max
    | Less
    | LessEqual
    | Equal
    | And
    | Or
    | Xor
    | ShiftLeft
    | ShiftRight

    override op.ToString() =
        match op with
        | Add -> "Add"
        | Sub -> "Sub"
        | Mul -> "Mul"
        | Div -> "Div"
        | Pow -> "Pow"
        | Min -> "Min"
        | Max -> "Max"
        | Less -> "Less"
        | LessEqual -> "LessEqual"
        | Equal -> "Equal"
        | And -> "And"
        | Or -> "Or"
        | Xor -> "Xor"
        | ShiftLeft -> "ShiftLeft"
        | ShiftRight -> "ShiftRight"

[<RequireQualifiedAccess>]
type ReduceOp =
    | Sum
    | Product
    | Max
    | Min

    override op.ToString() =
        match op with
        | Sum -> "Sum"
        | Product -> "Product"
        | Max -> "Max"
        | Min -> "Min"

/// The pair of operations that a contraction combines and accumulates with.
[<RequireQualifiedAccess>]
type Semiring =
    /// (+, ×)
    | SumProduct
    /// (max, +)
    | MaxPlus
    /// (logsumexp, +), computed with a shifted maximum
    | LogSumExpPlus

    override op.ToString() =
        match op with
        | SumProduct -> "SumProduct"
        | MaxPlus -> "MaxPlus"
        | LogSumExpPlus -> "LogSumExpPlus"

/// Which value of the trilinear form ⟨y, C(x, w)⟩ a convolution gives from the other two (Convolutions.fs).
[<RequireQualifiedAccess>]
type ConvolutionKind =
    /// y from x and w.
    | Forward
    /// x from y and w: the transposed convolution.
    | Data
    /// w from x and y.
    | Weights

    override op.ToString() =
        match op with
        | Forward -> "Forward"
        | Data -> "Data"
        | Weights -> "Weights"

/// What a random primitive returns: the raw 32-bit word, a uniform in (0, 1), or a standard normal.
[<RequireQualifiedAccess>]
type RandomKind =
    | Word
    | Uniform
    | Normal

    override op.ToString() =
        match op with
        | Word -> "Word"
        | Uniform -> "Uniform"
        | Normal -> "Normal"

/// Which draws a random primitive makes: counters come from the flattened plates and times, in this order (docs/random.md).
type RandomSpec =
    {
        Kind: RandomKind
        Plates: FreeIndex list
        Times: FreeIndex list
        Attempt: int
    }

/// A value that a program reads: an input of each run, or state that the executable owns. A state that a model brings with it, a
/// parameter, says what numbers it starts from at a seed.
[<Sealed>]
type InputSlot(name: string, isState: bool, location: Location, initial: System.Func<uint64, double[]>) =
    new(name, isState, location) = InputSlot(name, isState, location, null)
    member _.Name = name
    member _.IsState = isState
    member _.Location = location
    member _.IsParameter = not (isNull initial)
    member _.Initial = initial

/// A condition that a computed value must meet; tested when the engine runs in checked mode.
type CheckSpec = { Site: string; Requirement: string; Location: Location }
