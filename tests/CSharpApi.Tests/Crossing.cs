using static Inference.Language;

namespace Inference.CSharpApi.Tests;

/// <summary>A process in which the three meanings of planning as inference differ.</summary>
internal static class Crossing
{
    public static MdpModel<Spot, Way> Model { get; } = Define();

    private static MdpModel<Spot, Way> Define()
    {
        // 0: the river. 1: over the bridge, for sure. The ferry lands at the market, 2, or on the shore, 3. 4: home.
        var crossing = Mdp.Define<Spot, Way>("crossing")
            .Start(new Spot(0))
            .Step((s, a) =>
                from wind in Sample("wind", Bernoulli(probability: 0.5))
                let ferry = Select(Less(0.5, wind), 2, 3)
                select new Spot(Select(Equal(s.Number, 0), Select(Equal(a.Number, 0), 1, ferry), 4)))
            .Reward((s, a) =>
                Select(Equal(s.Number, 1), 1, Select(Equal(s.Number, 2), 4 - 4 * Convert(a.Number, DType.F32), Select(Equal(s.Number, 3), -1, Zeros()))))
            .Terminate(s => Equal(s.Number, 4));
        return crossing;
    }
}

public sealed record Spot([property: Discrete(5)] Tensor Number);

public sealed record Way([property: Discrete(2)] Tensor Number);
