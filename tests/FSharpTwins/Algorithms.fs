module Inference.Twins.Algorithms

open Inference
open type Inference.Language

/// Path-integral control.
let pathIntegral samples horizon (noise: Noise) (optimal: Optimal<'S, 'A, 'G>) =
    Planner.define "mppi again" horizon optimal (fun p ->
        prob {
            let! rollouts =
                Plate(
                    "rollout",
                    samples,
                    prob {
                        let! actions = Planner.sampleActions "actions" p p.Mean noise
                        let! outcome = Trajectory.follow p.Optimal p.Time p.Now p.Settings p.State actions
                        return actions, outcome.Return
                    }
                )

            let actions, returns = rollouts.Value
            let weights = Mppi.weigh [ rollouts.Index ] (returns / optimal.Temperature)

            return
                {
                    Mean = Mppi.weightedMean [ rollouts.Index ] weights p.Mean actions
                    Diagnostics =
                        [
                            "effective sample size", weights.EffectiveSamples
                            "free energy", -optimal.Temperature * weights.LogMean
                        ]
                }
        })

/// Keep the mean of the best tenth of the samples, all of them weighing the same.
let topTenth samples horizon (noise: Noise) (optimal: Optimal<'S, 'A, 'G>) =
    Planner.define "top tenth" horizon optimal (fun p ->
        prob {
            let! rollouts =
                Plate(
                    "rollout",
                    samples,
                    prob {
                        let! actions = Planner.sampleActions "actions" p p.Mean noise
                        let! outcome = Trajectory.follow p.Optimal p.Time p.Now p.Settings p.State actions
                        return actions, outcome.Return
                    }
                )

            let actions, returns = rollouts.Value
            let best = KthLargestOver(rollouts.Index, samples / 10, returns)
            let chosen = Select(LessEqual(best, returns), Ones(), Zeros())
            let weights = chosen / SumOver(rollouts.Index, chosen)

            return
                {
                    Mean = Expectation(rollouts.Index, weights, actions)
                    Diagnostics = [ "effective sample size", SumOver(rollouts.Index, chosen) ]
                }
        })

/// Path-integral control under a prior of its own.
let anchored samples horizon (prior: NormalPrior) (optimal: Optimal<'S, 'A, 'G>) =
    optimal
    |> Mppi.plan
        { MppiSettings.Default with
            Samples = samples
            Horizon = horizon
            Prior = Some prior
        }
