module Inference.Twins.Models

open Inference
open type Inference.Language

type Picture =
    {
        [<Size(16)>]
        Image: Tensor
        [<Size(2)>]
        Label: Tensor
    }

let encoder = Net.Mlp("encoder", [| 18; 32; 4 |])
let decoder = Net.Mlp("decoder", [| 4; 32; 16 |])

let model =
    Model.define "model" (fun (p: Picture) ->
        prob {
            let! z = Sample("z", Normal(Zeros(2), Ones(2)))
            do! Observe("image", Bernoulli(logits = decoder.Apply(Concat(0, z, p.Label))), p.Image)
        })

let guide =
    Guide.define "guide" (fun (p: Picture) -> Sample("z", DiagonalNormal(encoder.Apply(Concat(0, p.Image, p.Label)))))

let guided = model.With guide

let fit (engine: Engine) (images: float32[]) (labels: float32[]) =
    let data = Dataset.Columns(("Image", images), ("Label", labels))
    guided.Elbo().Fit(data, Adam(1e-2), FitOptions(Epochs = 20L, BatchSize = 50, Seed = 3L), engine)
