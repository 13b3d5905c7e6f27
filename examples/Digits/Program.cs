using Inference;
using Inference.Examples.Digits;
using static Inference.Language;

return DigitsTerminal.Run(args, new DigitsTwin { Vae = Vae, ConditionalVae = ConditionalVae });

// A variational autoencoder (Kingma and Welling, 2014).
static VariationalModel<Tensor> Vae(DigitsSizes n)
{
    var encoder = Net.Mlp("encoder", [n.Pixels, n.Hidden, 2 * n.Latents]);
    var decoder = Net.Mlp("decoder", [n.Latents, n.Hidden, n.Pixels]);

    var model = Model.Define(
        Input("image", n.Pixels),
        image =>
            from z in Sample("z", Normal(Zeros(n.Latents), Ones(n.Latents)))
            select z.Observed("image", Bernoulli(logits: decoder.Apply(z)), image),
        "vae");

    var guide = Guide.Define(Input("image", n.Pixels), image => Sample("z", DiagonalNormal(encoder.Apply(image))));
    return model.With(guide).Elbo();
}

// The same given the label (Sohn et al., 2015).
static VariationalModel<(Tensor Image, Tensor Label)> ConditionalVae(DigitsSizes n)
{
    var encoder = Net.Mlp("encoder", [n.Pixels + n.Classes, n.Hidden, 2 * n.Latents]);
    var decoder = Net.Mlp("decoder", [n.Latents + n.Classes, n.Hidden, n.Pixels]);

    var model = Model.Define(
        Input("image", n.Pixels),
        Input("label", n.Classes),
        (image, label) =>
            from z in Sample("z", Normal(Zeros(n.Latents), Ones(n.Latents)))
            select z.Observed("image", Bernoulli(logits: decoder.Apply(Concat(0, z, label))), image),
        "cvae");

    var guide = Guide.Define(
        Input("image", n.Pixels),
        Input("label", n.Classes),
        (image, label) => Sample("z", DiagonalNormal(encoder.Apply(Concat(0, image, label)))));
    return model.With(guide).Elbo();
}
