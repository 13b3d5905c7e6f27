namespace Inference.Compiler

open System.Collections.Generic

/// The types of printed scalars. I64 and U64 occur only inside the expansions of double-precision functions and in addresses.
[<RequireQualifiedAccess>]
type ScalarType =
    | F32
    | F64
    | I32
    | U32
    | I64
    | U64
    | Bool

/// What a loop variable ranges over.
[<RequireQualifiedAccess>]
type LoopKind =
    /// One after another.
    | Sequential
    /// Independent: printed as SIMD lanes where the dialect has them.
    | Lane
    /// The counter of a loop around the kernel, in this entry of the variable table.
    | Around of slot: int

[<Sealed; AllowNullLiteral>]
type LoopVar(name: string, kind: LoopKind) =
    member _.Name = name
    member _.Kind = kind
    override _.ToString() = name

/// A printed variable. `Varies` is true if its value may differ from lane to lane.
[<Sealed; AllowNullLiteral>]
type Var(id: int, scalarType: ScalarType, varies: bool) =
    member _.Id = id
    member _.Type = scalarType
    member _.Varies = varies

/// A scalar operand.
[<RequireQualifiedAccess; CustomEquality; NoComparison>]
type Operand =
    | Var of Var
    | Float of ScalarType * double
    | Int of ScalarType * int64

    member operand.Type =
        match operand with
        | Var v -> v.Type
        | Float(t, _)
        | Int(t, _) -> t

    member operand.Varies =
        match operand with
        | Var v -> v.Varies
        | Float _
        | Int _ -> false

    override a.Equals other =
        match a, other with
        | Var x, (:? Operand as o) ->
            (match o with
             | Var y -> obj.ReferenceEquals(x, y)
             | _ -> false)
        | Float(t, x), (:? Operand as o) ->
            // by bits: 0 and −0 differ, and a NaN equals itself
            (match o with
             | Float(u, y) -> t = u && System.BitConverter.DoubleToInt64Bits x = System.BitConverter.DoubleToInt64Bits y
             | _ -> false)
        | Int(t, x), (:? Operand as o) ->
            (match o with
             | Int(u, y) -> t = u && x = y
             | _ -> false)
        | _ -> false

    override a.GetHashCode() =
        match a with
        | Var v -> v.Id * 31
        | Float(t, x) -> hash (t, System.BitConverter.DoubleToInt64Bits x)
        | Int(t, x) -> hash (t, x)

/// Scalar operations. Arithmetic is IEEE; `Min(a, b)` is `a < b ? a : b` and `Max(a, b)` is `a > b ? a : b`, on every dialect.
[<RequireQualifiedAccess>]
type Arith =
    | Neg
    | Abs
    | Sqrt
    | Floor
    /// To the nearest whole number, ties to even; the result is still floating.
    | Round
    | Not
    | Add
    | Sub
    | Mul
    | Div
    /// The remainder of whole numbers that are not negative (Div truncates).
    | Rem
    | Min
    | Max
    | And
    | Or
    | Xor
    /// Shift by a literal count.
    | ShiftLeft
    /// Shift by a literal count: arithmetic for I32 and I64, logical for U32 and U64.
    | ShiftRight
    | Less
    | LessEqual
    | Equal
    /// condition, if true, if false
    | Select
    /// a·b + c with one rounding where the machine has it, with two where it has not.
    | Fma
    /// Conversion by value; floating to whole numbers truncates.
    | Convert of ScalarType
    /// The same bits read as another type of the same width.
    | Bits of ScalarType

/// An affine address: constant + Σ coefficient·variable, in elements of the buffer.
type Address =
    {
        Constant: int64
        Loops: (LoopVar * int64) list
        /// Whole-number variables that the program computed.
        Vars: (Var * int64) list
    }

    static member Of(constant: int64) = { Constant = constant; Loops = []; Vars = [] }
    static member Of(variable: LoopVar) = { Constant = 0L; Loops = [ variable, 1L ]; Vars = [] }
    static member Of(variable: Var) = { Constant = 0L; Loops = []; Vars = [ variable, 1L ] }

    static member private Merge(a: ('k * int64) list, b: ('k * int64) list) =
        let add (terms: ('k * int64) list) (k: 'k, c) =
            match terms |> List.tryFindIndex (fun (other, _) -> obj.ReferenceEquals(other, k)) with
            | Some at -> terms |> List.updateAt at (k, snd terms[at] + c)
            | None -> terms @ [ k, c ]

        List.fold add a b |> List.filter (fun (_, c) -> c <> 0L)

    static member (+)(a: Address, b: Address) =
        {
            Constant = a.Constant + b.Constant
            Loops = Address.Merge(a.Loops, b.Loops)
            Vars = Address.Merge(a.Vars, b.Vars)
        }

    static member (*)(a: Address, factor: int64) =
        if factor = 0L then
            Address.Of 0L
        else
            {
                Constant = a.Constant * factor
                Loops = a.Loops |> List.map (fun (v, c) -> v, c * factor)
                Vars = a.Vars |> List.map (fun (v, c) -> v, c * factor)
            }

    /// The value, if it is known now.
    member a.TryConstant = if a.Loops.IsEmpty && a.Vars.IsEmpty then Some a.Constant else None

[<RequireQualifiedAccess>]
type Bound =
    | Fixed of int64
    /// The run-time extent with this number.
    | Extent of int
    /// A whole number that the program computed.
    | Computed of Var

type Statement =
    | Let of Var * Arith * Operand[]
    /// The value of a loop variable, as I32.
    | Read of Var * LoopVar
    /// A run-time extent, as I32.
    | ReadExtent of Var * int
    | Load of Var * buffer: int * Address
    | Store of buffer: int * Address * Operand
    /// A variable that is assigned again.
    | Declare of Var * Operand
    | Assign of Var * Operand
    /// An operation whose result the variable takes; its operands may be the variable as it was.
    | Update of Var * Arith * Operand[]
    /// The four words of Philox 4×32-10: counter words 0–3, then the key's two.
    | Philox of Var[] * Operand[]
    | Loop of Loop
    | When of condition: Operand * Statement list
    | ReduceLanes of LaneReduction
    | TransposeBlock of BlockTransposition

/// Rows of a buffer become columns of another: target[j, i] = source[i, j].
and BlockTransposition =
    {
        Source: int
        From: Address
        /// Elements from one row of the source to the next.
        SourceStride: int64
        Target: int
        To: Address
        TargetStride: int64
        Rows: int64
        Columns: int64
        Type: ScalarType
    }

and Loop =
    { Variable: LoopVar; From: int64; To: Bound; Step: int64; Body: Statement list }

/// Reductions over a lane loop in one fixed order, whatever the vector width: sixteen accumulators, lane l into l mod 16,
/// then a tree of halves (8, 4, 2, 1).
and LaneReduction =
    {
        /// Loops around the lanes, outermost first, whose terms go into the same accumulators; a loop's body is what stands before
        /// the next one.
        Around: Loop list
        Lane: LoopVar
        Count: Bound
        LaneBody: Statement list
        Terms: LaneTerm list
    }

    /// The statements as they are nested.
    member r.Nested: Statement list =
        List.foldBack (fun (loop: Loop) inner -> [ Statement.Loop { loop with Body = loop.Body @ inner } ]) r.Around r.LaneBody

and LaneTerm =
    {
        Combine: Arith
        Identity: Operand
        Value: Operand
        /// If given, the term is Value·Factor, accumulated with Fma.
        Factor: Operand option
        Result: Var
    }
