/// Autoencoders of handwritten digits.
module internal Inference.Examples.Digits.Autoencoders

open Inference

open type Inference.Language

/// A variational autoencoder (Kingma and Welling, 2014).
let vae (n: DigitsSizes) : VariationalModel<Tensor> =
    let encoder = Net.Mlp("encoder", [| n.Pixels; n.Hidden; 2 * n.Latents |])
    let decoder = Net.Mlp("decoder", [| n.Latents; n.Hidden; n.Pixels |])

    let model =
        Model.defineTensor "vae" (Input("image", n.Pixels)) (fun image ->
            prob {
                let! z = Sample("z", Normal(Zeros n.Latents, Ones n.Latents))
                do! Observe("image", Bernoulli(logits = decoder.Apply z), image)
            })

    let guide =
        Guide.defineTensor "guide" (Input("image", n.Pixels)) (fun image -> Sample("z", DiagonalNormal(encoder.Apply image)))

    model.With(guide).Elbo()

/// The same given the label (Sohn et al., 2015).
let conditionalVae (n: DigitsSizes) : VariationalModel<struct (Tensor * Tensor)> =
    let image, label = Input("image", n.Pixels), Input("label", n.Classes)
    let encoder = Net.Mlp("encoder", [| n.Pixels + n.Classes; n.Hidden; 2 * n.Latents |])
    let decoder = Net.Mlp("decoder", [| n.Latents + n.Classes; n.Hidden; n.Pixels |])

    let model =
        Model.defineTensors "cvae" image label (fun image label ->
            prob {
                let! z = Sample("z", Normal(Zeros n.Latents, Ones n.Latents))
                do! Observe("image", Bernoulli(logits = decoder.Apply(Concat(0, z, label))), image)
            })

    let guide =
        Guide.defineTensors "guide" image label (fun image label -> Sample("z", DiagonalNormal(encoder.Apply(Concat(0, image, label)))))

    model.With(guide).Elbo()
