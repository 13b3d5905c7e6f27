/// Tests of draws against their distributions, and sums in place of integrals.
module Inference.Dsl.Tests.Statistics

open System
open Inference.Compiler

/// The probability below which draws are taken not to come from a distribution.
let errorRate = 1e-6

let normalCdf (x: double) = 0.5 * (1.0 + Scalars.erf (x / sqrt 2.0))

/// The asymptotic probability of a Kolmogorov–Smirnov distance at least as large as that of the draws.
let kolmogorovSmirnov (cdf: double -> double) (draws: double[]) =
    let n = double draws.Length

    let distance =
        Array.sort draws
        |> Array.mapi (fun k x -> max (cdf x - double k / n) (double (k + 1) / n - cdf x))
        |> Array.max

    let z = distance * (sqrt n + 0.12 + 0.11 / sqrt n)

    // the series is slow near 0, where all is likely
    if z < 0.2 then
        1.0
    else
        2.0
        * Seq.sumBy (fun k -> (if k % 2 = 1 then 1.0 else -1.0) * exp (-2.0 * z * z * double (k * k))) [ 1..100 ]
        |> min 1.0

/// The upper tail of χ² by Q(a + 1, x) = Q(a, x) + xᵃe⁻ˣ/Γ(a + 1).
let chiSquareTail (freedom: int) (statistic: double) =
    let x = statistic / 2.0

    let rec tail a =
        if a = 1.0 then
            exp -x, exp -x
        elif a = 0.5 then
            1.0 - Scalars.erf (sqrt x), exp -x / sqrt (Math.PI * x)
        else
            // the last term of Q(a, x) is x^(a−1)·e⁻ˣ/Γ(a)
            let below, term = tail (a - 1.0)
            let term = term * x / (a - 1.0)
            below + term, term

    fst (tail (double freedom / 2.0))

/// The probability of counts at least as far from their expectations.
let chiSquare (probabilities: double list) (counts: int list) =
    let total = double (List.sum counts)

    let statistic =
        List.sum (List.map2 (fun p c -> (double c - total * p) ** 2.0 / (total * p)) probabilities counts)

    chiSquareTail (counts.Length - 1) statistic

/// Points in the middle of equal cells, and the width of a cell.
let cells count (low: double) (high: double) =
    let width = (high - low) / double count
    Array.init count (fun k -> low + (double k + 0.5) * width), width

/// ∫ f by the midpoint rule.
let integral (f: double -> double) low high =
    let points, width = cells 4000 low high
    width * Array.sumBy f points

let mean (xs: double[]) = Array.average xs

let correlation (xs: double[]) (ys: double[]) =
    let mx, my = mean xs, mean ys
    let product a b ma mb = Array.fold2 (fun s x y -> s + (x - ma) * (y - mb)) 0.0 a b
    product xs ys mx my / sqrt (product xs xs mx mx * product ys ys my my)
