module Inference.Dsl.Tests.Umbrella

open Inference
open Inference.Dsl.Tests.Evaluation

/// The umbrella world of Russell and Norvig (Artificial Intelligence, 14.2).
let world (seen: Tensor) =
    let day = L.TimeIndex("day", seen.Shape[0])

    L.Markov(
        day,
        scalar -1.0,
        fun before ->
            prob {
                let prior = L.Select(L.Less(before, 0.0), 0.5, 0.3 + 0.4 * before)
                let! rain = L.Sample("rain", L.Bernoulli(probability = prior))
                do! L.Observe("umbrella", L.Bernoulli(probability = 0.2 + 0.7 * rain), L.Unstack(seen, day))
                return rain
            }
    )
