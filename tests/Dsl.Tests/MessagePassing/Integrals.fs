/// Posteriors of one or two continuous values by Simpson's rule.
module Inference.Dsl.Tests.MessagePassing.Integrals

open System

type Moments = { LogZ: double; Mean: double[]; Variance: double[] }

let private grid (low: double, high: double) n = Array.init n (fun k -> low + (high - low) * double k / double (n - 1))

let private ofWeights (logs: double[]) (cell: double) (values: double[][]) : Moments =
    let top = Array.max logs
    let w = logs |> Array.map (fun l -> exp (l - top))
    let z = Array.sum w
    let mean = values |> Array.map (fun v -> Array.fold2 (fun s w x -> s + w * x) 0.0 w v / z)

    {
        LogZ = top + log (z * cell)
        Mean = mean
        Variance = Array.map2 (fun v m -> Array.fold2 (fun s w x -> s + w * (x - m) * (x - m)) 0.0 w v / z) values mean
    }

/// The logarithm of Simpson's weight of a point.
let private simpson n k =
    if k = 0 || k = n - 1 then log (1.0 / 3.0)
    elif k % 2 = 1 then log (4.0 / 3.0)
    else log (2.0 / 3.0)

/// Of exp(log x) between limits.
let one (low: double, high: double) (log: double -> double) : Moments =
    let n = 20001
    let x = grid (low, high) n
    ofWeights (x |> Array.mapi (fun k x -> log x + simpson n k)) ((high - low) / double (n - 1)) [| x |]

/// Of exp(log x y) between limits.
let two (first: double * double) (second: double * double) (log: double -> double -> double) : Moments =
    let n = 501
    let x, y = grid first n, grid second n
    let cell = (x[1] - x[0]) * (y[1] - y[0])
    let all f = Array.init (n * n) (fun k -> f x[k / n] y[k % n])
    let weights = Array.init (n * n) (fun k -> simpson n (k / n) + simpson n (k % n))
    ofWeights (Array.map2 (+) (all log) weights) cell [| all (fun x _ -> x); all (fun _ y -> y) |]

let logNormal (mean: double) (deviation: double) (x: double) =
    let z = (x - mean) / deviation
    -0.5 * z * z - log deviation - 0.5 * log (2.0 * Math.PI)

/// log Φ(x): by the continued fraction of Mills' ratio in the tails, by the series between (Abramowitz and Stegun, 26.2.14 and 26.2.11).
let logNormalCdf (x: double) =
    let a = abs x

    if a > 3.0 then
        let below = Seq.fold (fun f k -> double k / (a + f)) 0.0 (seq { 200..-1..1 })
        let tail = logNormal 0.0 1.0 a - log (a + below)
        if x < 0.0 then tail else log (1.0 - exp tail)
    else
        let terms = Seq.unfold (fun (term, k) -> Some(term, (term * x * x / (2.0 * k + 3.0), k + 1.0))) (x, 0.0)
        log (0.5 + exp (logNormal 0.0 1.0 x) * Seq.sum (Seq.take 80 terms))
