namespace Inference.Examples.Digits;

/// <summary>The sizes of the autoencoders.</summary>
/// <param name="Pixels">Pixels of an image.</param>
/// <param name="Hidden">Units of the one hidden layer of each network.</param>
/// <param name="Latents">Numbers of a code.</param>
/// <param name="Classes">Labels.</param>
public sealed record DigitsSizes(int Pixels, int Hidden, int Latents, int Classes);

/// <summary>What a twin brings: the same models, specified in its own language.</summary>
public sealed record DigitsTwin
{
    /// <summary>The autoencoder: its datum is an image.</summary>
    public required Func<DigitsSizes, VariationalModel<Tensor>> Vae { get; init; }

    /// <summary>The conditional autoencoder: its datum is an image and its label as one of <see cref="DigitsSizes.Classes"/> ones.</summary>
    public required Func<DigitsSizes, VariationalModel<(Tensor Image, Tensor Label)>> ConditionalVae { get; init; }
}
