namespace Inference.Examples.Digits;

/// <summary>What the page shows of a fitted model.</summary>
internal sealed record Gallery
{
    private const int Restorations = 30;
    private const int SamplesOfClass = 12;
    private const int Draws = 1000;
    private const int PointsOfMap = 2000;

    /// <summary>Pixels of an image.</summary>
    public required int Pixels { get; init; }

    /// <summary>Numbers of a code.</summary>
    public required int Latents { get; init; }

    /// <summary>For each epoch the negative ELBO, the reconstruction's share and the divergence, in nats a training digit.</summary>
    public required IReadOnlyList<(double Loss, double Reconstruction, double Divergence)> Curve { get; init; }

    /// <summary>Test digits.</summary>
    public required DigitSet Originals { get; init; }

    /// <summary>What is decoded from their codes.</summary>
    public required float[] Restored { get; init; }

    /// <summary>Images drawn for each class.</summary>
    public required float[][] Samples { get; init; }

    /// <summary>Training digits.</summary>
    public required DigitSet Mapped { get; init; }

    /// <summary>Their codes along the first two principal components, in pairs.</summary>
    public required float[] Map { get; init; }

    /// <summary>Asks a fitted model.</summary>
    public static Gallery Of<TDatum>(FittedModel<TDatum> model, DigitSet training, DigitSet test, bool isConditional, long seed)
    {
        DigitSet originals = test.First(Restorations), mapped = training.First(PointsOfMap);
        float[] codes = model.Encode(mapped.Rows(isConditional));
        return new Gallery
        {
            Pixels = training.Pixels,
            Latents = model.Latents.Count,
            // The metrics of a learner that maximises a bound: its negative, then the bound's parts, here log p(image) and KL(q(z) ‖ p(z)).
            Curve = [.. model.Fitted.History.Select(point => (point.Training[0], -point.Training[1], point.Training[2]))],
            Originals = originals,
            Restored = model.Decode(model.Encode(originals.Rows(isConditional)), isConditional ? Conditions(originals.Labels) : []),
            Samples = isConditional ? SampledWithLabels(model, seed) : SampledAndSorted(model, mapped, codes, seed),
            Mapped = mapped,
            Map = PrincipalComponents.FirstTwo(codes, model.Latents.Count),
        };
    }

    private static float[] Conditions(IEnumerable<int> labels) => [.. labels.SelectMany(DigitSet.OneHot)];

    /// <summary>Draws of the model for each label.</summary>
    private static float[][] SampledWithLabels<TDatum>(FittedModel<TDatum> model, long seed)
    {
        int[] labels = [.. Enumerable.Range(0, DigitSet.Classes * SamplesOfClass).Select(k => k / SamplesOfClass)];
        float[] drawn = model.Sample(labels.Length, seed, Conditions(labels));
        return [.. drawn.Chunk(drawn.Length / DigitSet.Classes)];
    }

    /// <summary>Draws of a model that knows no labels, each given to the class whose codes have the nearest mean.</summary>
    private static float[][] SampledAndSorted<TDatum>(FittedModel<TDatum> model, DigitSet known, float[] codes, long seed)
    {
        int width = model.Latents.Count, pixels = known.Pixels;
        double[][] means = MeansOfClasses(known.Labels, codes, width);
        float[] drawn = model.Sample(Draws, seed);
        float[] drawnCodes = model.Encode(drawn);
        var sorted = Enumerable.Range(0, DigitSet.Classes).Select(_ => new List<float>()).ToArray();
        for (int k = 0; k < Draws; k++)
        {
            float[] code = drawnCodes[(k * width)..((k + 1) * width)];
            int nearest = Enumerable.Range(0, DigitSet.Classes).MinBy(label => code.Zip(means[label], (a, b) => (a - b) * (a - b)).Sum());
            if (sorted[nearest].Count < SamplesOfClass * pixels)
            {
                sorted[nearest].AddRange(drawn.AsSpan(k * pixels, pixels));
            }
        }

        return Array.ConvertAll(sorted, images => images.ToArray());
    }

    private static double[][] MeansOfClasses(int[] labels, float[] codes, int width)
    {
        double[][] means = [.. Enumerable.Range(0, DigitSet.Classes).Select(_ => new double[width])];
        int[] counts = new int[DigitSet.Classes];
        for (int k = 0; k < labels.Length; k++)
        {
            counts[labels[k]]++;
            for (int at = 0; at < width; at++)
            {
                means[labels[k]][at] += codes[(k * width) + at];
            }
        }

        for (int label = 0; label < DigitSet.Classes; label++)
        {
            means[label] = Array.ConvertAll(means[label], sum => sum / Math.Max(1, counts[label]));
        }

        return means;
    }
}
