/// Compares derivatives with central differences, in double precision.
module Inference.Dsl.Tests.Differences

open System
open System.Collections.Generic
open Inference
open Inference.Compiler

/// An input of a function: its shape and its numbers, row-major.
type Argument = { Shape: int list; Values: double list }

let argument shape values = { Shape = shape; Values = values }
let scalarOf value = argument [] [ value ]
let vectorOf (values: double list) = argument [ values.Length ] values

/// Numbers that look random and keep away from 0 and from each other: the fractional parts of multiples of the golden ratio.
let private spread (start: int) count =
    [
        for k in 1..count ->
            let v = double (start + k) * 0.6180339887498949
            0.3 + 0.9 * (v - floor v)
    ]

/// An argument of a shape with numbers between 0.3 and 1.2.
let positive seed shape = argument shape (spread (17 * seed) (List.fold (*) 1 shape))

/// An argument of a shape with numbers between −0.75 and 0.75, none nearer to 0 than 0.01.
let signed seed shape =
    let values = spread (17 * seed) (List.fold (*) 1 shape)
    argument shape (values |> List.map (fun v -> let w = 1.6 * (v - 0.75) in if abs w < 0.01 then 0.05 else w))

let private evaluate (outputs: (string * Tensor) list) (inputs: (string * Tensor) list) (values: Map<string, double[]>) =
    let program =
        Evaluation.build "derivative" (fun b ->
            for name, x in outputs do
                b.Output(name, x))

    let struct (results, _) =
        Interpreter.Run({ program with Inputs = [||] }, Dictionary values, Dictionary(), true)

    [ for name, _ in outputs -> results[name] ]

/// A leaf of a graph that the interpreter gives numbers to.
let private leaf (builder: ProgramBuilder) name (a: Argument) = builder.Input(name, Array.ofList a.Shape, DType.F32)

let private dot (a: double[]) (b: double[]) = Array.fold2 (fun s x y -> s + x * y) 0.0 a b
let private far (a: double) (b: double) scale = not (abs (a - b) <= 2e-6 * (1.0 + scale))

let private closeTo what (expected: double[]) (actual: double[]) =
    let scale = Array.fold (fun m v -> max m (abs v)) 0.0 expected

    if expected.Length <> actual.Length || Array.exists2 (fun a b -> far a b scale) expected actual then
        let text (xs: double[]) = xs |> Array.map (fun v -> v.ToString "g8") |> String.concat ", "
        failwith $"{what}: differences give [{text expected}]; calculus gives [{text actual}]."

/// A function of tensors with its arguments as leaves of a graph.
let private traced (arguments: Argument list) (f: Tensor[] -> Tensor) =
    let builder = ProgramBuilder "derivative"
    let names = arguments |> List.mapi (fun k _ -> $"x{k}")
    let leaves = List.map2 (leaf builder) names arguments |> Array.ofList
    names, leaves, f leaves

let private step = 1e-4

/// Differences of fourth order of a value at numbers moved along a direction.
let private difference (at: double -> double[]) : double[] =
    let f = List.map at [ -2.0 * step; -step; step; 2.0 * step ]
    Array.init f[0].Length (fun k -> (f[0].[k] - 8.0 * f[1].[k] + 8.0 * f[2].[k] - f[3].[k]) / (12.0 * step))

let private moved (names: string list) (arguments: Argument list) (along: double[] list) h : Map<string, double[]> =
    List.zip3 names arguments along
    |> List.map (fun (n, a, d) -> n, Array.map2 (fun v t -> v + h * t) (Array.ofList a.Values) d)
    |> Map.ofList

let private directions seed (arguments: Argument list) : double[] list =
    arguments |> List.mapi (fun k a -> Array.ofList (signed (seed + 3 * k) a.Shape).Values)

let private constants (xs: Tensor[]) (values: double[] list) =
    Array.map2 (fun (x: Tensor) (v: double[]) -> Build.constantOf x.DType x.Shape v) xs (Array.ofList values)

/// Tangents equal differences, and cotangents are their transpose: ⟨c, J·t⟩ = ⟨Jᵀ·c, t⟩.
let agreesToFirstOrder (arguments: Argument list) (f: Tensor[] -> Tensor) =
    let names, leaves, y = traced arguments f
    let t = directions 5 arguments
    let inputs = List.zip names (List.ofArray leaves)
    let here = moved names arguments t 0.0
    let tangent = (Calculus.jvp [| y |] leaves (constants leaves t)).[0]
    let jt = (evaluate [ "tangent", tangent ] inputs here)[0]
    closeTo "Jvp" (difference (fun h -> (evaluate [ "y", y ] inputs (moved names arguments t h))[0])) jt

    let c = Array.ofList (signed 11 (List.ofArray y.Shape)).Values
    let back = Calculus.vjp [| y |] leaves (constants [| y |] [ c ])
    let jc = evaluate [ for n, g in Seq.zip names back -> n, g ] inputs here
    let left, right = dot c jt, List.map2 dot jc t |> List.sum
    closeTo "Vjp" [| left |] [| right |]

/// The Hessian of a weighed sum of the results times a direction equals the difference of its gradients.
let agreesToSecondOrder (arguments: Argument list) (f: Tensor[] -> Tensor) =
    let names, leaves, y = traced arguments f
    let inputs = List.zip names (List.ofArray leaves)
    let weights = Build.constantOf y.DType y.Shape (Array.ofList (signed 7 (List.ofArray y.Shape)).Values)
    let loss = Structure.sum [| 0 .. y.Shape.Length - 1 |] [] (y * weights)
    let gradient = Calculus.gradient loss leaves
    let t = directions 13 arguments
    let outputs xs = [ for n, g in Seq.zip names xs -> n, g ]
    let here = moved names arguments t 0.0
    let product = evaluate (outputs (Calculus.hessianVector loss leaves (constants leaves t))) inputs here
    let at h = evaluate (outputs gradient) inputs (moved names arguments t h) |> Array.concat
    closeTo "Hessian" (difference at) (Array.concat product)

/// First and second derivatives agree with differences.
let agrees (arguments: Argument list) (f: Tensor[] -> Tensor) =
    agreesToFirstOrder arguments f
    agreesToSecondOrder arguments f
