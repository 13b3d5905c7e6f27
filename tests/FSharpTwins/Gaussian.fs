module Inference.Twins.Gaussian

open Inference
open type Inference.Language

/// A level that wanders, and is seen with noise.
let level (seen: Tensor) =
    let day = TimeIndex("day", seen.Count)

    Markov(
        day,
        Fill(0.0),
        fun before ->
            prob {
                let! level = Sample("level", Normal(0.95 * before, 0.3))
                do! Observe("seen", Normal(level, 0.5), Unstack(seen, day))
                return level
            }
    )

let smoothed (seen: Tensor) =
    let level = (GaussianPosterior.ofProgram (level seen)).Marginal "day/level"
    level.Mean, level.StandardDeviation

let answers (seen: Tensor) =
    let posterior = GaussianPosterior.ofProgram (level seen)
    let first, last = SiteAt("day/level", 0), SiteAt("day/level", seen.Count - 1)
    let both = posterior.Joint(first, last)
    let lastGivenFirst = posterior.Conditional([ last ], given = [ struct (first, Fill(1.0)) ])
    posterior.LogEvidence, both.Covariance, lastGivenFirst.Mean
