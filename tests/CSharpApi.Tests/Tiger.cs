using static Inference.Language;

namespace Inference.CSharpApi.Tests;

/// <summary>A process whose state is hidden.</summary>
internal static class Tiger
{
    public static MdpModel<Doors, Deed> Model { get; } = Define();

    private static MdpModel<Doors, Deed> Define()
    {
        // A deed: 0 opens the left door, 1 the right one, 2 listens. Behind an open door waits the tiger, or a reward; then all begins anew.
        var tiger = Mdp.Define<Doors, Deed>("tiger")
            .Start(from side in Sample("side", Bernoulli(probability: Fill(0.5)))
                   select new Doors(Convert(side, DType.I32), 0))
            .Step((s, a) =>
                from side in Sample("side", Bernoulli(probability: Fill(0.5)))
                let listens = Equal(a.Number, 2)
                select new Doors(Select(listens, s.Tiger, Convert(side, DType.I32)), Select(listens, 1, 0)))
            .Reward((s, a) => Select(Equal(a.Number, 2), -1, Select(Equal(a.Number, s.Tiger), -100, Fill(10))))
            .Observe(s => Bernoulli(probability: Select(Equal(s.Listened, 0), 0.5, 0.15 + 0.7 * Convert(s.Tiger, DType.F32))))
            .Discount(0.95);
        return tiger;
    }
}

/// <summary>Where the tiger is, 0 left and 1 right, and whether the last deed was to listen.</summary>
public sealed record Doors([property: Discrete(2)] Tensor Tiger, [property: Discrete(2)] Tensor Listened);

public sealed record Deed([property: Discrete(3)] Tensor Number);
