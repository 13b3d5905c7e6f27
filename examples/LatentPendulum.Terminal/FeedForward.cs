using Microsoft.FSharp.Core;
using static Inference.Language;

namespace Inference.Examples.LatentPendulum;

/// <summary>A rival without memory: a network from the last three observations and the torque to the next observation, by its change.</summary>
internal sealed class FeedForward(StateSpaceSizes sizes)
{
    private const int Lags = 3;
    private const int Seen = Lags * Recording.Observed;

    private readonly Network _network =
        Net.Mlp("feed_forward", [Seen + 1, sizes.Width, sizes.Width, Recording.Observed], Activation.Elu);

    /// <summary>Learns each step by its squared error.</summary>
    public Learner<Recording> Learner(Optimizer optimizer) =>
        LearnerModule.minimise("feed forward", optimizer, FuncConvert.FromFunc((Recording r) =>
        {
            int count = Recording.Steps - Lags;
            FreeIndex step = PlateIndex("step", count);
            Tensor At(int lag) => Unstack(Slice(r.Observation, 0, Lags - lag, Lags - lag + count), step);
            Tensor next = Next(Concat(0, At(1), At(2), At(3)), Unstack(Slice(r.Action, 0, Lags, Recording.Steps), step));
            return MeanOver(step, Sum(Square(next - At(0))));
        }));

    /// <summary>Predicts the observations after the context from its last ones, each from those predicted before it.</summary>
    /// <returns>[30, 2].</returns>
    public Tensor Predict(Recording r)
    {
        FreeIndex ahead = TimeIndex("ahead", Recording.Steps - Recording.Context);
        Tensor action = Unstack(Slice(r.Action, 0, Recording.Context, Recording.Steps), ahead);
        Tensor Last(int lag) => Reshape(Slice(r.Observation, 0, Recording.Context - lag, Recording.Context - lag + 1), Recording.Observed);
        (_, Tensor predicted) = Scan<Tensor, Tensor>(ahead, Concat(0, Last(1), Last(2), Last(3)), last =>
        {
            Tensor next = Next(last, action);
            return (Concat(0, next, Slice(last, 0, 0, Seen - Recording.Observed)), next);
        });
        return Stack(predicted, ahead);
    }

    private Tensor Next(Tensor last, Tensor action) => Slice(last, 0, 0, Recording.Observed) + _network.Apply(Concat(0, last, action));
}
