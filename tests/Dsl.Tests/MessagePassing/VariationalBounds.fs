/// What variational posteriors are tested by: fixed points of their equations, and bounds that rise and stay below the evidence.
module Inference.Dsl.Tests.MessagePassing.VariationalBounds

open System
open Inference
open Inference.Dsl.Tests.Evaluation
open Xunit

let precise = VariationalMessagePassing(Tolerance = 1e-12, Sweeps = 250)
let posterior program = ApproximatePosterior.passVariationally precise program
let numberOf (m: ApproximateMarginal) name = numbers (m.Parameter name)

let rises (bounds: double[]) =
    for before, after in Array.pairwise bounds do
        Assert.True(after >= before - 1e-9 * (1.0 + abs before), $"{after} came after {before}.")

let neverDecreases (found: ApproximatePosterior) = rises (numbers found.LogEvidences)

let isBelow (evidence: double) (within: double) (found: ApproximatePosterior) =
    let bound = number found.LogEvidence
    Assert.True(bound <= evidence + 1e-8 && bound > evidence - within, $"The bound {bound} is not just below {evidence}.")

let equal (expected: double) (actual: double) = Assert.Equal(expected, actual, 1e-6 * (1.0 + abs expected))

let sumExp (logs: double seq) =
    (let top = Seq.max logs in top + log (logs |> Seq.sumBy (fun l -> exp (l - top))))

/// Ψ and log Γ by recurrence and Stirling's series.
let digamma (x: double) =
    let shift = Seq.init 20 (fun k -> 1.0 / (x + double k)) |> Seq.sum
    let y = x + 20.0
    log y - 0.5 / y - 1.0 / (12.0 * y * y) + 1.0 / (120.0 * y ** 4.0) - shift

let logGamma (x: double) =
    let shift = Seq.init 20 (fun k -> log (x + double k)) |> Seq.sum
    let y = x + 20.0

    (y - 0.5) * log y - y + 0.5 * log (2.0 * Math.PI) + 1.0 / (12.0 * y)
    - 1.0 / (360.0 * y ** 3.0)
    - shift

/// log of the integral of Π p^counts over a Dirichlet.
let dirichletMultinomial (concentration: double list) (counts: int list) =
    let a, n = List.sum concentration, double (List.sum counts)

    logGamma a - logGamma (a + n)
    + List.sum (List.map2 (fun a n -> logGamma (a + double n) - logGamma a) concentration counts)

let rec assignments n k =
    if n = 0 then
        [ [] ]
    else
        [
            for rest in assignments (n - 1) k do
                for z in 0 .. k - 1 -> z :: rest
        ]
