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

let groups =
    Model.withGlobals "model" (fun (data: Data<Tensor>) ->
        prob {
            let! mean = Sample("mean", Normal(0.0, 1.0))

            return!
                data.Plate(fun y ->
                    prob {
                        let! z = Sample("z", Normal(mean, Fill(0.5)))
                        do! Observe("y", Normal(z, Fill(0.3)), y)
                    })
        })

let private start name = Parameter.create name [||] Initializer.Zeros

let groupGuide =
    let location, scale, share, spread = start "location", start "scale", start "share", start "spread"

    Guide.withGlobals "guide" (fun (data: Data<Tensor>) ->
        prob {
            let! mean = Sample("mean", Normal(location, Exp scale))
            return! data.Plate(fun y -> Sample("z", Normal(share * y + (1.0 - share) * mean, Exp spread)))
        })

let fitGroups (engine: Engine) (data: Dataset) (options: FitOptions) =
    groups.With(groupGuide).Elbo(Objective.Elbo 4).Fit(data, Adam(Rate.Cosine(0.03, 3600)), options, engine)
