/// Solves by path-integral control, and the processes that they are of.
module Inference.Dsl.Tests.MppiSolves

open System
open Inference
open Inference.Dsl.Tests.Evaluation

let solve (state: double list) inputs (p: PlannerProgram) =
    let settings = Array.zeroCreate (max 1 p.SettingsSpace.Count)
    interpret [] (List.append [ "state", Array.ofList state; "settings", settings; "seed", [| 1.0; 0.0 |] ] inputs) p.Program

let solveFast engine (state: double list) (p: PlannerProgram) =
    let settings = Array.zeroCreate (max 1 p.SettingsSpace.Count)
    execute engine [ "state", Array.ofList state; "settings", settings; "seed", [| 1.0; 0.0 |] ] p.Program

let newEngine () = new Engine(EngineOptions(Threads = 1, Cache = false))
let one (result: Map<string, double[]>) name = Array.exactlyOne result[name]

let settings samples horizon =
    { MppiSettings.Default with
        Samples = samples
        Horizon = horizon
        ElboSamples = 4
    }

type Point = { X: Tensor }
type Move = { By: Tensor }

/// A quadratic cost of one step, where all is known: u ~ N(0, 1), R = −½(1 + u)², posterior N(−1/(1 + α), α/(1 + α)).
let quadratic: Mdp<Point, Move, NoSettings> =
    Mdp.define "quadratic"
    |> Mdp.step (fun s u -> { X = s.X + u.By })
    |> Mdp.reward (fun s u -> -0.5 * L.Square(s.X + u.By))

let normal mean variance x = exp (-0.5 * (x - mean) ** 2.0 / variance) / sqrt (2.0 * Math.PI * variance)

/// Normal draw `n` of a site with seed (1, 0) at an outer step, at a place of its plate, where it draws `count` numbers a step.
let drawn (path: string) step plate count n =
    let struct (low, high) = Philox.hashPath path
    let key = Philox.words low high step 0u 1u 0u

    let uniform n =
        let first = n / 4 * 4

        let w =
            (Philox.words (uint32 plate) (uint32 (first / count)) (uint32 (first % count / 4)) 0u key[0] key[1]).[n % 4]

        (double (w >>> 9) + 0.5) * 2.0 ** -23.0

    let radius, angle = sqrt (-2.0 * log (uniform (n / 2 * 2))), 2.0 * Math.PI * uniform (n / 2 * 2 + 1)
    if n % 2 = 0 then radius * cos angle else radius * sin angle
