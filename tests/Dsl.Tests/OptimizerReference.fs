/// Three parameters that are learnt together, and the optimisers' rules written out.
module Inference.Dsl.Tests.OptimizerReference

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

let shapes = [ "a", [| 2; 2 |]; "b", [| 2 |]; "c", [||] ]

let starts: double[][] = [| [| 0.9; -0.4; 0.2; 1.3 |]; [| -0.6; 0.8 |]; [| 0.5 |] |]

/// A column of a fixed matrix of full rank.
let column k =
    Array.init 7 (fun r -> (if r = k then 1.5 else 0.0) + 0.4 * cos (double (3 * r + 5 * k)))

/// ½‖M·x − 1‖² over all numbers of the parameters: how it is computed, and its gradient.
let loss (parameters: Tensor list) : Tensor =
    let x =
        parameters
        |> List.map (fun p -> L.Reshape(p, p.Count))
        |> Array.ofList
        |> fun parts -> L.Concat(0, parts)

    let m = L.Constant(Array.concat [ for k in 0..6 -> column k ], 7, 7)
    let error = Structure.dot Semiring.SumProduct [| 0 |] [| 0 |] [] m x - 1.0
    0.5 * L.Sum(error * error)

let split (x: double[]) = [| x[0..3]; x[4..5]; x[6..6] |]

let slopes (parameters: double[][]) : double[][] =
    let x = Array.concat parameters
    let errors = Array.init 7 (fun r -> Array.sum (Array.init 7 (fun k -> (column k)[r] * x[k])) - 1.0)
    split (Array.init 7 (fun k -> Array.fold2 (fun s m e -> s + m * e) 0.0 (column k) errors))

let make () =
    shapes |> List.map (fun (name, shape) -> Parameter.create name shape Initializer.Ones)

/// Runs a program again and again, each time from the states that it came to; what each run returned.
let runs count (start: (string * double[]) list) (program: Program) : Map<string, double[]> list =
    List.unfold
        (fun (n, states) ->
            if n = count then
                None
            else
                let next = interpret [] states program
                Some(next, (n + 1, Map.toList next)))
        (0, start)

let given = List.map2 (fun (name, _) values -> name, values) shapes (List.ofArray starts)

/// The states after each of five steps of an optimiser.
let learn (optimizer: Optimizer) =
    build "learning" (fun b ->
        let value = loss (make ())
        Learning.step b optimizer 0UL value |> ignore
        b.Output("loss", value))
    |> runs 5 given

type Rule = int -> double[][] -> double[][] -> double[][]

/// The parameters after each of five steps of a rule written out: number of the step, gradients, parameters to what is added.
let reference (rule: Rule) : double[][] list =
    List.unfold
        (fun (t, p) ->
            if t > 5 then
                None
            else
                let next = Array.map2 (Array.map2 (+)) p (rule t (slopes p) p)
                Some(next, (t + 1, next)))
        (1, starts)

let agrees (rule: Rule) (optimizer: Optimizer) =
    for expected, states in List.zip (reference rule) (learn optimizer) do
        for (name, _), numbers in Seq.zip shapes expected do
            close (List.ofArray numbers) states[name]

/// A function of each element of some parameters with a number that it keeps, zero at first.
let stateful (rule: int -> double -> double -> double -> double * double) : Rule =
    let state = starts |> Array.map (fun s -> Array.zeroCreate<double> s.Length)

    fun t g p ->
        Array.init 3 (fun k ->
            Array.init state[k].Length (fun e ->
                let next, update = rule t state[k].[e] g[k].[e] p[k].[e]
                state[k].[e] <- next
                update))

/// The same with two such numbers.
let stateful2 (rule: int -> struct (double * double) -> double -> double -> struct (double * double) * double) : Rule =
    let state =
        starts |> Array.map (fun s -> Array.create<struct (double * double)> s.Length (struct (0.0, 0.0)))

    fun t g p ->
        Array.init 3 (fun k ->
            Array.init state[k].Length (fun e ->
                let next, update = rule t state[k].[e] g[k].[e] p[k].[e]
                state[k].[e] <- next
                update))

// The rules of the papers, with a rate of each step.

let sgdRule (rate: int -> double) momentum = stateful (fun t v g _ -> let v = momentum * v + g in v, -(rate t) * v)

/// Kingma and Ba, algorithm 1.
let adamRule (rate: int -> double) b1 b2 epsilon decay =
    stateful2 (fun t (struct (m, v)) g p ->
        let m, v = b1 * m + (1.0 - b1) * g, b2 * v + (1.0 - b2) * g * g
        let mHat, vHat = m / (1.0 - b1 ** double t), v / (1.0 - b2 ** double t)
        struct (m, v), -(rate t) * (mHat / (sqrt vHat + epsilon) + decay * p))

let rmsRule (rate: int -> double) decay epsilon =
    stateful (fun t v g _ -> let v = decay * v + (1.0 - decay) * g * g in v, -(rate t) * g / (sqrt v + epsilon))

/// Ziyin et al., algorithm 1.
let laRule (rate: int -> double) b1 b2 epsilon =
    stateful2 (fun t (struct (m, n)) g _ ->
        let n = b2 * n + (1.0 - b2) * g * g
        let m = b1 * m + (1.0 - b1) * g / (sqrt (n / (1.0 - b2 ** double t)) + epsilon)
        struct (m, n), -(rate t) * m / (1.0 - b1 ** double t))

let norm (xs: double seq) = sqrt (xs |> Seq.sumBy (fun x -> x * x))
let scaled factor = Array.map (fun x -> factor * x)

/// Pascanu et al., algorithm 1: all gradients as one vector.
let clipNorm limit (g: double[][]) =
    let n = norm (Seq.concat g)
    if n > limit then Array.map (scaled (limit / n)) g else g

/// Each gradient against its own parameter.
let clipAdaptive share floor (g: double[][]) (p: double[][]) =
    Array.map2
        (fun g p ->
            let limit = share * max floor (norm p)
            if norm g > limit then scaled (limit / norm g) g else g)
        g
        p

/// Agreement where an optimiser adds something tiny to a norm that it divides by.
let nearly (rule: Rule) (optimizer: Optimizer) =
    for expected, states in List.zip (reference rule) (learn optimizer) do
        for (name, _), numbers in Seq.zip shapes expected do
            for a, b in Array.zip numbers states[name] do
                Assert.InRange(b, a - 2e-5, a + 2e-5)

let constant (rate: double) (_: int) = rate
