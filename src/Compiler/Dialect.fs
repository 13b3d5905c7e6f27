namespace Inference.Compiler

/// How a target writes operations on vectors of lanes.
type VectorDialect =
    {
        /// Bytes of a vector.
        Bytes: int
        Type: ScalarType -> string
        Op: Arith -> ScalarType -> string[] -> string
        /// A scalar expression in every lane.
        Broadcast: ScalarType -> string -> string
        Load: ScalarType -> string -> string
        Store: ScalarType -> string -> string -> string
        /// Elements at computed positions: type, buffer, vector of positions.
        Gather: ScalarType -> string -> string -> string
        /// Elements a fixed step apart: type, buffer, position of the first lane's, step.
        Strided: ScalarType -> string -> string -> string -> string
        /// One lane's value: type, vector, lane.
        Lane: ScalarType -> string -> string -> string
        /// The numbers 0, 1, 2, … of the lanes added to a start: type of the lanes' width.
        Count: ScalarType -> string -> string
        Philox: string[] -> string[] -> string
        /// A function for a tile of so many rows and so many vectors side by side: its name and its text. It takes where the left
        /// factors lie, their strides from row to row and along the inner and the outer loop; where the right factors lie and their
        /// strides along both loops; how often both loops run; where the sums go, their stride from row to row, and whether they
        /// are added to what is there.
        Tile: ScalarType -> int -> int -> string * string
        /// A function that folds the lanes of a vector, halves onto halves: its name and its text.
        Fold: Arith -> ScalarType -> string * string
    }

/// How a C-like target writes types, literals and scalar operations. The printer knows the rest.
type Dialect =
    {
        TypeName: ScalarType -> string
        Literal: Operand -> string
        /// Operation, type of its (last) operands, operands.
        Op: Arith -> ScalarType -> string[] -> string
        Philox: string[] -> string[] -> string
        /// The type of loop variables and positions.
        Position: string
        /// Reserves sixteen elements: type and name.
        Reserve: ScalarType -> string -> string
        /// A function that transposes a block in memory, for elements of a type: its name and its text. It takes source, source's
        /// stride, target, target's stride, rows and columns of the source.
        Transpose: ScalarType -> string * string
        Signature: string -> string
        /// The same for a part of a kernel, which takes one item, named `item`.
        PartSignature: string -> string
        /// Text before and after the kernels.
        Preamble: string
        Postamble: string
        Vector: VectorDialect option
    }
