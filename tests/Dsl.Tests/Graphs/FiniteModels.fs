/// Models of binary variables with random tables, whose joint distribution is listed.
module Inference.Dsl.Tests.Graphs.FiniteModels

open System
open Inference.Dsl.Tests.Graphs.RandomModels

/// For each variable, and each assignment of its parents, the probability of 1.
let tables (random: Random) (dag: Dag) : float[][] =
    dag
    |> Array.map (fun parents -> Array.init (1 <<< parents.Length) (fun _ -> 0.1 + 0.8 * random.NextDouble()))

let bit (world: int) v = (world >>> v) &&& 1

/// The product of the tables of some variables in a world.
let weight (dag: Dag) (tables: float[][]) (variables: int seq) (world: int) : float =
    variables
    |> Seq.map (fun v ->
        let row = dag[v] |> Seq.mapi (fun k u -> bit world u <<< k) |> Seq.sum
        if bit world v = 1 then tables[v][row] else 1.0 - tables[v][row])
    |> Seq.fold (*) 1.0

/// The joint distribution: the weights of all 2ⁿ assignments.
let joint (dag: Dag) (tables: float[][]) : float[] = Array.init (1 <<< dag.Length) (weight dag tables [ 0 .. dag.Length - 1 ])

/// The largest |p(a, b | given) − p(a | given)·p(b | given)|.
let dependence (p: float[]) a b (given: int list) =
    Seq.indexed p
    |> Seq.groupBy (fun (world, _) -> [ for z in given -> bit world z ])
    |> Seq.map (fun (_, worlds) ->
        let total test = worlds |> Seq.filter (fst >> test) |> Seq.sumBy snd
        let all = total (fun _ -> true)
        let both = total (fun w -> bit w a = 1 && bit w b = 1) / all
        abs (both - total (fun w -> bit w a = 1) / all * total (fun w -> bit w b = 1) / all))
    |> Seq.max

/// p(y = 1) where x is set to a value: the product of all tables but that of x.
let effect (dag: Dag) (tables: float[][]) x value y : float =
    let others =
        [
            for v in 0 .. dag.Length - 1 do
                if v <> x then
                    v
        ]

    seq { 0 .. (1 <<< dag.Length) - 1 }
    |> Seq.filter (fun w -> bit w x = value && bit w y = 1)
    |> Seq.sumBy (weight dag tables others)

/// Σ_z p(y = 1 | x, z)·p(z) over the values of some variables.
let adjusted (p: float[]) x value y (given: int list) : float =
    Seq.indexed p
    |> Seq.groupBy (fun (world, _) -> [ for z in given -> bit world z ])
    |> Seq.sumBy (fun (_, worlds) ->
        let total test = worlds |> Seq.filter (fst >> test) |> Seq.sumBy snd
        let withX = total (fun w -> bit w x = value)
        total (fun w -> bit w x = value && bit w y = 1) / withX * total (fun _ -> true))
