using static Inference.Language;

namespace Inference.Benchmarks.Cases;

/// <summary>
/// Path-integral control as src/Dsl/Mppi.fs derives it, copied, with other weights: the best tenth of the samples count alike, the others not at
/// all. It reports all that the built-in one does, so that their times compare.
/// </summary>
internal static class TopTenth
{
    private const int ElboSamples = 64;

    public static Planner Plan<S, G>(Optimal<S, Torque, G> optimal, int samples, int horizon, double noise, Engine engine) =>
        optimal.Plan(
            "top tenth",
            horizon,
            p => from rollouts in Rollouts(p, "rollout", samples, p.Mean, noise)
                 let outcome = rollouts.Value.Outcome
                 let weights = Weigh(outcome.Return, samples, rollouts.Index, optimal.Temperature)
                 let mean = p.WeightedMean(weights, rollouts.Value.Actions, rollouts.Index)
                 from fresh in Rollouts(p, "elbo", ElboSamples, mean, noise)
                 let expected = MeanOver(fresh.Index, fresh.Value.Outcome.Return)
                 let bad = Select(IsFinite(outcome.Return), Zeros(), Ones())
                 select Inference.Plan.Of(
                     mean,
                     ("effective sample size", weights.EffectiveSamples),
                     ("free energy", -optimal.Temperature * weights.LogMean),
                     ("elbo", expected / optimal.Temperature - Divergence(p, mean, noise)),
                     ("non-finite samples", SumOver(rollouts.Index, bad)),
                     ("first non-finite step", MinOver(rollouts.Index, outcome.FiniteSteps))),
            engine,
            seed: 0);

    private static Prob<Plated<(Torque Actions, Outcome<S> Outcome)>> Rollouts<S, G>(
        Planning<S, Torque, G> p, string name, int count, Torque mean, double noise) =>
        Plate(
            name,
            count,
            from actions in p.SampleActions("actions", mean, noise)
            from outcome in p.Follow(actions)
            select (actions, outcome));

    private static Weighing Weigh(Tensor returns, int samples, FreeIndex over, double temperature)
    {
        Tensor best = KthLargestOver(over, samples / 10, returns);
        Tensor weights = Select(best <= returns, Ones(), Zeros());
        Tensor total = SumOver(over, weights);
        Tensor logMean = LogSumExpOver(over, returns / temperature) - Math.Log(samples);
        return new Weighing(weights, total, logMean, effectiveSamples: total);
    }

    /// <summary>KL(N(m′, σ²) ‖ N(m, σ²)) of whole plans.</summary>
    private static Tensor Divergence<S, G>(Planning<S, Torque, G> p, Torque mean, double noise) =>
        SumOver(p.Time, 0.5 * Square((mean.Value - p.Mean.Value) / noise));
}
