module Inference.Twins.Learning

open Inference
open type Inference.Language

type Measurement =
    {
        [<Size(3)>]
        X: Tensor
        Y: Tensor
    }

let net = Net.Mlp("net", [| 3; 32; 1 |])

let learner =
    Learner.minimise "regression" (Adam(1e-2)) (fun (m: Measurement) -> Square(Element(net.Apply m.X, 0) - m.Y))

let fit (engine: Engine) (x: float32[]) (y: float32[]) =
    learner.Fit(Dataset.Columns(("X", x), ("Y", y)), FitOptions(Epochs = 50L, BatchSize = 32), engine)

type Moments = { Count: Tensor; Mean: Tensor }

/// The mean of what is seen, with the squared distance from it.
let averaging =
    Learner.define "averaging" { Count = Zeros(); Mean = Zeros() } (fun context s (x: Tensor) ->
        let count = s.Count + 1.0
        let mean = s.Mean + (context.Mean x - s.Mean) / count
        { Count = count; Mean = mean }, Square(x - mean))
