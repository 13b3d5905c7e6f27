namespace Inference.Compiler

open Inference

/// The widest vectors that printed C# may use.
type InstructionSet =
    | Scalar = 0
    | Vector128 = 1
    | Vector256 = 2
    | Vector512 = 3

/// What a buffer of a compiled program holds.
type BufferKind =
    /// Numbers that never change; `Initial` holds them.
    | Constant = 0
    /// Written by the caller before a run.
    | Input = 1
    /// Owned by the executable, kept between runs.
    | State = 2
    /// Read by the caller after a run.
    | Output = 3
    /// Lives within a run.
    | Temporary = 4

/// The type of a buffer's elements, as the runtime sees it. Booleans are 32-bit, 0 or 1.
type ElementType =
    | Float32 = 0
    | Float64 = 1
    | Int32 = 2
    | UInt32 = 3
    | Bool = 4

/// One piece of native memory, aligned to 64 bytes.
[<CLIMutable>]
type BufferPlan =
    {
        Name: string
        Kind: BufferKind
        Type: ElementType
        /// Bytes to reserve: the elements and the padding that vector loads may touch.
        Bytes: int64
        /// Where it starts in the workspace.
        Offset: int64
        /// Its first contents, or null for zeros.
        Initial: byte[]
    }

/// An input, state or output: dense, row-major, without padding between rows.
[<CLIMutable>]
type SlotPlan =
    {
        Name: string
        Shape: int[]
        Type: ElementType
        Buffer: int
        /// For a state: the buffer that holds its next value after a run (equal to `Buffer` if it is written in place or never).
        Next: int
    }

/// What an output is for.
type OutputKind =
    | Value = 0
    /// Shown by the runtime, from `Probe`.
    | Probe = 1
    /// A count of violations (one number): above zero, the run has failed.
    | Check = 2

[<CLIMutable>]
type OutputPlan =
    {
        Slot: SlotPlan
        Kind: OutputKind
        /// For a check: site, requirement and place, ready to be shown. Otherwise empty.
        Message: string
    }

type StepKind =
    | Kernel = 0
    | BeginLoop = 1
    | EndLoop = 2

/// One step of a run. The runtime walks these in order; there is a barrier after each kernel.
[<CLIMutable>]
type StepPlan =
    {
        Kind: StepKind
        /// For a kernel: its number; the printed method is K0, K1, …
        Kernel: int
        /// For a kernel: how many items its `begin … end` range over, and for a loop how often it runs. With `Extent` ≥ 0 the count is
        /// Count · ⌈extent / Tile⌉, otherwise Count.
        Count: int64
        Extent: int
        Tile: int
        /// Split the items over the workers (in contiguous blocks), or run them all on the caller's thread.
        Parallel: bool
        /// For a loop: the entry of the variable table that holds its counter.
        Variable: int
        /// For a loop: the counter runs from the last value to 0.
        Descending: bool
    }

/// A number of repetitions given at run time.
[<CLIMutable>]
type ExtentPlan = { Name: string; Capacity: int }

/// A compiled program, as plain as can be: what crosses from the compiler to the runtime. The printed C# has one public static class
/// `Kernels` in namespace `Inference.Generated` with methods
/// `static unsafe void K0(byte** buffers, byte* scratch, int* variables, long begin, long end)`;
/// `variables` holds the extents, in order, then the counters of loops; `scratch` is the worker's own.
[<CLIMutable>]
type CompiledProgram =
    {
        Name: string
        Source: string
        Graph: string
        Schedule: string
        Loops: string
        KernelCount: int
        Steps: StepPlan[]
        Buffers: BufferPlan[]
        WorkspaceBytes: int64
        /// Bytes of scratch for each worker.
        ScratchBytes: int64
        VariableCount: int
        Extents: ExtentPlan[]
        Inputs: SlotPlan[]
        States: SlotPlan[]
        Outputs: OutputPlan[]
    }

/// What decides a compilation, besides the program.
[<CLIMutable>]
type CompileOptions =
    {
        InstructionSet: InstructionSet
        /// Single precision is computed in double.
        Double: bool
        /// Computed parameters of distributions are tested at each run.
        Checked: bool
        /// Verify every representation between passes.
        Verify: bool
    }
