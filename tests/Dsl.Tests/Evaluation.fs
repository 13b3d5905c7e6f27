/// Values of tensors and programs, by the interpreter or by an engine.
module Inference.Dsl.Tests.Evaluation

open System
open System.Collections.Generic
open Inference
open Inference.Compiler
open Xunit

type L = Language

/// Runs a program once in the interpreter; outputs and next states by name.
let interpret extents inputs (program: Program) : Map<string, double[]> =
    let struct (outputs, states) =
        Interpreter.Run(program, Dictionary(dict inputs), Dictionary(dict extents), false)

    Seq.append outputs states |> Seq.map (fun (KeyValue(name, values)) -> name, values) |> Map.ofSeq

/// Runs a program once in an engine, from inputs and states; outputs and next states by name.
let execute (engine: Engine) (inputs: (string * double[]) list) (program: Program) : Map<string, double[]> =
    use executable = engine.Compile program

    for name, values in inputs do
        if executable.States |> Seq.exists (fun slot -> slot.Name = name) then
            executable.SetState(executable.IndexOfState name, ReadOnlySpan<double> values)
        else
            executable.SetInput(executable.IndexOfInput name, ReadOnlySpan<double> values)

    executable.Run()

    let read count copy =
        let values = Array.zeroCreate<double> count
        copy values
        values

    let size = Array.fold (*) 1

    [
        for k in 0 .. executable.Outputs.Count - 1 do
            let slot = executable.Outputs[k].Slot
            slot.Name, read (size slot.Shape) (fun v -> executable.CopyOutput(k, Span<double> v))
        for k in 0 .. executable.States.Count - 1 do
            let slot = executable.States[k]
            slot.Name, read (size slot.Shape) (fun v -> executable.CopyState(k, Span<double> v))
    ]
    |> Map.ofList

/// The paths of a trace's sites.
let paths (trace: Trace) = [ for s in trace.Sites -> s.Path ]

/// A program's value and trace, each site at its mean.
let traced (program: Prob<'T>) = Prob.trace (fun _ d -> d.Mean) program

/// A program that `define` makes.
let build name (define: ProgramBuilder -> unit) : Program =
    let b = ProgramBuilder name
    define b
    b.Build()

let private program (x: Tensor) = build "value" (fun b -> b.Output("value", x))

/// The elements of a tensor without inputs, row-major, where some extents are given.
let numbersWith extents (x: Tensor) : double[] = (interpret extents [] (program x)).["value"]

/// The elements of a tensor without inputs, row-major.
let numbers (x: Tensor) : double[] = numbersWith [] x

/// The value of a scalar without inputs.
let number (x: Tensor) : double = numbers x |> Array.exactlyOne

/// A vector whose numbers are not known when the graph is built.
let vector (values: double list) : Tensor = L.Probe("given", L.Constant(Array.ofList values))

/// A tensor whose numbers are not known when the graph is built.
let tensor (shape: int list) (values: double list) : Tensor = L.Reshape(vector values, Array.ofList shape)

/// A scalar that is not known when the graph is built.
let scalar (value: double) : Tensor = tensor [] [ value ]

/// Whole numbers that are not known when the graph is built.
let whole (values: int list) : Tensor = L.Probe("given", L.Integers(Array.ofList values))

/// The message of the ModelException that an action raises.
let failure (action: unit -> 'a) : ModelException = Assert.Throws<ModelException>(fun () -> action () |> ignore)

/// Says that an action raises a ModelException with this problem.
let refuses (problem: string) (action: unit -> 'a) = Assert.Equal(problem, (failure action).Problem)

/// Says that numbers are equal to within 1e-9, relative above 1; NaN equals NaN.
let close (expected: double list) (actual: double[]) : unit =
    let near (a: double) (b: double) =
        a = b
        || (Double.IsNaN a && Double.IsNaN b)
        || (Double.IsFinite a && abs (a - b) <= 1e-9 * (1.0 + abs a))

    if expected.Length <> actual.Length || not (Seq.forall2 near expected actual) then
        let text (xs: double seq) = xs |> Seq.map string |> String.concat ", "
        failwith $"Expected [{text expected}]; [{text actual}] came."

let names (x: Tensor) : string list = [ for i in x.Indices -> i.Name ]

/// The seed of a run as a program takes it.
let seed low high : Tensor[] = [| Build.scalar DType.U32 low; Build.scalar DType.U32 high |]

/// Runs a probabilistic program with fresh draws at one seed and step.
let draw low step (p: Prob<'T>) : 'T * Trace = Prob.draw (seed low 0.0) (seed step 0.0) [] [] p
