namespace Inference

open System

/// The primitives. Each is closed and pure; everything else is written in these.
[<RequireQualifiedAccess; ReferenceEquality>]
type Op =
    /// Row-major values; one value fills the whole shape.
    | Constant of double[]
    | Input of InputSlot
    /// The value of an index, i32.
    | Position of FreeIndex
    /// The run-time count of an index, i32.
    | ExtentOf of FreeIndex
    /// 0 … n−1 along a vector of n, i32.
    | Iota
    /// Inputs: the two words of the key.
    | Random of RandomSpec
    /// One of the four words of Philox 4×32-10. Inputs: four counter words, two key words.
    | Philox of word: int
    | Unary of UnaryOp
    | Binary of BinaryOp
    /// Inputs: condition, value if true, value if false.
    | Select
    | Convert
    | Reshape
    | Transpose of permutation: int[]
    /// For each axis of the result, the operand's axis, or −1 for a repeated one.
    | Broadcast of axes: int[]
    | Slice of starts: int[] * steps: int[]
    /// Inputs: operand, scalar that fills. The result's shape says how much is added above.
    | Pad of low: int[]
    | Concat of axis: int
    | Reverse of axes: int[]
    /// Inputs: table [n, …], positions [p…] (clamped to the table). Result [p…, …].
    | Gather
    /// Inputs: target [n, …], positions [p…], updates [p…, …]. Positions outside are dropped.
    | ScatterAdd
    /// Inputs: operand, one scalar start an axis (clamped so that the slice fits).
    | DynamicSlice
    /// Inputs: operand, update, one scalar start an axis (clamped so that the update fits).
    | DynamicUpdate
    /// Makes the index the leading element axis.
    | Stack of FreeIndex
    /// Makes the leading element axis the index.
    | Unstack of FreeIndex
    | Reduce of ReduceOp * axes: int[] * indices: FreeIndex list
    /// The first position of the largest value along an element axis, i32.
    | ArgMax of axis: int
    /// Result axes: what is left of the first operand's, then of the second's.
    | Dot of Semiring * left: int[] * right: int[] * indices: FreeIndex list
    /// The form Σ y[o, a, b]·w[o, c, i, j]·x[c, stride·a + i, stride·b + j] without one of its values, which is the result. Inputs: the
    /// other two, x or y first and w or y second. The indices are contracted.
    | Convolution of ConvolutionKind * stride: int * indices: FreeIndex list
    /// From [c, H, W] to [c, i, j, a, b]: element (c, stride·a + i, stride·b + j). What compilers make of convolutions.
    | Window of stride: int
    | CumSum of axis: int
    /// The positions of the k largest of a vector, largest first, equal ones in order of position, i32.
    | TopK of k: int
    /// The k-th largest of a vector; NaN counts as the smallest.
    | KthLargest of k: int
    /// A scan's value before the step; free in the scan's index.
    | Carry of Scan * int
    /// A scan's value after the last step.
    | Final of Scan * int
    /// Passes its operand on; the runtime shows it.
    | Probe of string
    /// Inputs: value, condition. Passes the value on.
    | Check of CheckSpec
    /// Inputs: value, arguments. Passes the value on; its tangent is what the rule makes of those of the arguments.
    | Derivative of DerivativeRule

/// A derivative that stands in place of the one that calculus would find.
and DerivativeRule =
    {
        /// Rules of one name on one value with the same arguments are taken to be the same.
        Name: string
        /// From the value, the arguments and their tangents (null: zero) to the value's tangent (null: zero), linear in them.
        Tangent: Tensor -> Tensor[] -> Tensor[] -> Tensor
    }

/// A sequential loop: carry_k(0) = init_k, carry_k(t+1) = next_k(t); backward, carry_k(T−1) = init_k, carry_k(t−1) = next_k(t).
/// Every value free in the scan's index may be used outside the loop as well, which is how the values of each step leave it.
and [<Sealed; AllowNullLiteral>] Scan(index: FreeIndex, backward: bool, inits: Tensor[]) =
    let mutable nexts: Tensor[] = null
    let mutable carries: Tensor[] = null
    member _.Index = index
    /// Whether the steps are taken from the last to the first.
    member _.Backward = backward
    member _.Inits = inits
    member _.Carries = carries
    /// The values after one step. Written once, when the step has been traced.
    member _.Nexts = nexts

    member internal _.Bind(carryNodes, nextNodes) =
        carries <- carryNodes
        nexts <- nextNodes

/// A symbolic value: an element shape, a type, and a set of free indices. It holds no numbers; a program that is compiled does.
and [<Sealed; AllowNullLiteral>] Tensor internal (op: Op, inputs: Tensor[], shape: int[], dtype: DType, indices: FreeIndex[]) =
    member _.Op = op
    member _.Inputs = inputs
    /// The element shape; indices are not part of it.
    member _.Shape = shape
    member _.DType = dtype
    /// The free indices, in order of first use.
    member _.Indices = indices
    /// The number of elements.
    member _.Count = Array.fold (*) 1 shape
    member t.IsScalar = shape.Length = 0

    override t.ToString() =
        $"{dtype}{Fail.shape shape}"
        + (if indices.Length = 0 then "" else $" over {String.Join(',', indices)}")

/// Constructors that check shapes and types. One function a primitive; `Tensor`'s operators and `Language` are made of these.
[<RequireQualifiedAccess>]
module Build =
    let union (tensors: Tensor seq) : FreeIndex[] =
        let seen = ResizeArray<FreeIndex>()

        for t in tensors do
            for i in t.Indices do
                if not (seen.Contains i) then
                    seen.Add i

        seen.ToArray()

    let size (shape: int[]) = Array.fold (*) 1 shape

    let node op inputs shape dtype = Tensor(op, inputs, shape, dtype, union inputs)

    let constantOf dtype (shape: int[]) (values: double[]) =
        if values.Length <> 1 && values.Length <> size shape then
            Fail.model
                $"A constant of shape {Fail.shape shape} needs {size shape} numbers; {values.Length} came."
                "Give one number for each element, row by row."

        Tensor(Op.Constant values, [||], shape, dtype, [||])

    let scalar dtype (value: double) = constantOf dtype [||] [| value |]

    let broadcast (axes: int[]) shape (x: Tensor) =
        if shape = x.Shape && axes = [| 0 .. shape.Length - 1 |] then
            x
        else
            match x.Op with
            | Op.Constant [| v |] -> constantOf x.DType shape [| v |]
            | _ -> node (Op.Broadcast axes) [| x |] shape x.DType

    /// Repeats a scalar over a shape.
    let fill shape (x: Tensor) =
        if x.Shape = shape then
            x
        elif not x.IsScalar then
            Fail.model
                $"Fill of shape {Fail.shape shape} needs a scalar, or a value of that shape; {Fail.shape x.Shape} came."
                "Only scalars are repeated: unstack an axis along a plate instead."
        else
            broadcast (Array.create (Array.length shape) -1) shape x

    /// True for a number that a type holds as it is, as far as single precision goes.
    let private isOf dtype (value: double) =
        match dtype with
        | DType.F32
        | DType.F64 -> true
        | DType.I32 -> value = double (int32 value)
        | DType.U32 -> value = double (uint32 value)
        | DType.Bool -> value = 0.0 || value = 1.0

    let convert dtype (x: Tensor) =
        if x.DType = dtype then
            x
        else
            match x.Op with
            | Op.Constant values when dtype <> DType.Bool && values |> Array.forall (isOf dtype) -> constantOf dtype x.Shape values
            | _ -> node Op.Convert [| x |] x.Shape dtype

    /// A literal in another type, if it is a number of that type: 0.5 is no whole number.
    let internal literal (x: Tensor) dtype =
        match x.Op with
        | Op.Constant [| v |] when x.IsScalar && isOf dtype v -> Some(convert dtype x)
        | _ -> None

    /// Gives operands one type (a literal takes the other's) and one shape (a scalar combines with any).
    let agree (what: string) (a: Tensor) (b: Tensor) =
        let a, b =
            match a.DType = b.DType, literal a b.DType, literal b a.DType with
            | true, _, _ -> a, b
            | false, Some a, _ -> a, b
            | false, None, Some b -> a, b
            | false, None, None ->
                let shown (x: Tensor) =
                    match x.Op with
                    | Op.Constant [| v |] when x.IsScalar -> string v
                    | _ -> string x.DType

                Fail.model
                    $"{what} needs two values of one type; {shown a} and {shown b} came."
                    "Convert one of them: Convert(x, DType.F32)."

        if a.Shape = b.Shape then
            a, b
        elif a.IsScalar then
            fill b.Shape a, b
        elif b.IsScalar then
            a, fill a.Shape b
        else
            Fail.model
                $"{what} needs two values of one shape; {Fail.shape a.Shape} and {Fail.shape b.Shape} came."
                "Element shapes must be equal; plates and time steps combine by themselves and have no axis."

    let unary op (x: Tensor) =
        let wrong expected =
            Fail.model $"{op} needs {expected}; {x.DType} came." "Convert it first: Convert(x, DType.F32)."

        match op with
        | UnaryOp.Not ->
            if x.DType <> DType.Bool then
                wrong "a Bool"
        | UnaryOp.Neg
        | UnaryOp.Abs ->
            if x.DType = DType.Bool || x.DType = DType.U32 then
                wrong "a signed number"
        | UnaryOp.Exp
        | UnaryOp.Log
        | UnaryOp.Expm1
        | UnaryOp.Log1p
        | UnaryOp.Sin
        | UnaryOp.Cos
        | UnaryOp.Tanh
        | UnaryOp.Sqrt
        | UnaryOp.Erf
        | UnaryOp.Floor ->
            if not x.DType.IsFloat then
                wrong "a floating-point number"

        node (Op.Unary op) [| x |] x.Shape x.DType

    let binary op a b =
        let a, b = agree (string op) a b

        let wrong expected =
            Fail.model $"{op} needs {expected}; {a.DType} came." "Convert the operands first."

        let dtype =
            match op with
            | BinaryOp.Add
            | BinaryOp.Sub
            | BinaryOp.Mul
            | BinaryOp.Min
            | BinaryOp.Max -> if a.DType = DType.Bool then wrong "numbers" else a.DType
            | BinaryOp.Div
            | BinaryOp.Pow -> if a.DType.IsFloat then a.DType else wrong "floating-point numbers"
            | BinaryOp.Less
            | BinaryOp.LessEqual -> if a.DType = DType.Bool then wrong "numbers" else DType.Bool
            | BinaryOp.Equal -> DType.Bool
            | BinaryOp.And
            | BinaryOp.Or
            | BinaryOp.Xor -> if a.DType.IsFloat then wrong "Bool or whole numbers" else a.DType
            | BinaryOp.ShiftLeft
            | BinaryOp.ShiftRight ->
                if a.DType = DType.I32 || a.DType = DType.U32 then
                    a.DType
                else
                    wrong "whole numbers"

        node (Op.Binary op) [| a; b |] a.Shape dtype

    let select (condition: Tensor) a b =
        if condition.DType <> DType.Bool then
            Fail.model $"Select needs a Bool condition; {condition.DType} came." "Compare first: x < y."

        let a, b = agree "Select" a b

        let condition, a, b =
            if condition.Shape = a.Shape then
                condition, a, b
            elif condition.IsScalar then
                fill a.Shape condition, a, b
            elif a.IsScalar then
                condition, fill condition.Shape a, fill condition.Shape b
            else
                Fail.model
                    $"Select needs a condition of shape {Fail.shape a.Shape}; {Fail.shape condition.Shape} came."
                    "Use a scalar condition, or one of the values' shape."

        node Op.Select [| condition; a; b |] a.Shape a.DType

type Tensor with
    static member op_Implicit(value: double) : Tensor = Build.scalar DType.F32 value
    static member op_Implicit(value: int) : Tensor = Build.scalar DType.F32 (double value)
    static member (+)(a: Tensor, b: Tensor) = Build.binary BinaryOp.Add a b
    static member (+)(a: Tensor, b: double) = Build.binary BinaryOp.Add a (Build.scalar DType.F32 b)
    static member (+)(a: double, b: Tensor) = Build.binary BinaryOp.Add (Build.scalar DType.F32 a) b
    static member (-)(a: Tensor, b: Tensor) = Build.binary BinaryOp.Sub a b
    static member (-)(a: Tensor, b: double) = Build.binary BinaryOp.Sub a (Build.scalar DType.F32 b)
    static member (-)(a: double, b: Tensor) = Build.binary BinaryOp.Sub (Build.scalar DType.F32 a) b
    static member (*)(a: Tensor, b: Tensor) = Build.binary BinaryOp.Mul a b
    static member (*)(a: Tensor, b: double) = Build.binary BinaryOp.Mul a (Build.scalar DType.F32 b)
    static member (*)(a: double, b: Tensor) = Build.binary BinaryOp.Mul (Build.scalar DType.F32 a) b
    static member (/)(a: Tensor, b: Tensor) = Build.binary BinaryOp.Div a b
    static member (/)(a: Tensor, b: double) = Build.binary BinaryOp.Div a (Build.scalar DType.F32 b)
    static member (/)(a: double, b: Tensor) = Build.binary BinaryOp.Div (Build.scalar DType.F32 a) b
    static member (~-)(a: Tensor) = Build.unary UnaryOp.Neg a
    static member op_LessThan(a: Tensor, b: Tensor) = Build.binary BinaryOp.Less a b
    static member op_GreaterThan(a: Tensor, b: Tensor) = Build.binary BinaryOp.Less b a
    static member op_LessThanOrEqual(a: Tensor, b: Tensor) = Build.binary BinaryOp.LessEqual a b
    static member op_GreaterThanOrEqual(a: Tensor, b: Tensor) = Build.binary BinaryOp.LessEqual b a
    static member op_BitwiseAnd(a: Tensor, b: Tensor) = Build.binary BinaryOp.And a b
    static member op_BitwiseOr(a: Tensor, b: Tensor) = Build.binary BinaryOp.Or a b
    static member op_LogicalNot(a: Tensor) = Build.unary UnaryOp.Not a
    // F#'s own sin, cos, exp … resolve to these.
    static member Sin(x: Tensor) = Build.unary UnaryOp.Sin x
    static member Cos(x: Tensor) = Build.unary UnaryOp.Cos x
    static member Exp(x: Tensor) = Build.unary UnaryOp.Exp x
    static member Log(x: Tensor) = Build.unary UnaryOp.Log x
    static member Tanh(x: Tensor) = Build.unary UnaryOp.Tanh x
    static member Sqrt(x: Tensor) = Build.unary UnaryOp.Sqrt x
    static member Floor(x: Tensor) = Build.unary UnaryOp.Floor x
    static member Abs(x: Tensor) = Build.unary UnaryOp.Abs x
    static member Pow(x: Tensor, y: Tensor) = Build.binary BinaryOp.Pow x y
