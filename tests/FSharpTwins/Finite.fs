module Inference.Twins.Finite

open Inference
open type Inference.Language

/// Rain stays with 0.7 from day to day; the umbrella comes with 0.9 in rain and 0.2 without.
let world (seen: Tensor) =
    let day = TimeIndex("day", seen.Count)

    Markov(
        day,
        Fill(-1.0),
        fun before ->
            prob {
                // before the first day nothing is known
                let! rain = Sample("rain", Bernoulli(probability = Select(Less(before, 0.0), 0.5, 0.3 + 0.4 * before)))
                do! Observe("umbrella", Bernoulli(probability = 0.2 + 0.7 * rain), Unstack(seen, day))
                return rain
            }
    )

let smoothed (seen: Tensor) = (FinitePosterior.ofProgram (world seen)).Marginal "day/rain"

/// A network whose nodes are 0 or 1.
let alarm =
    prob {
        let! burglary = Sample("burglary", Bernoulli(probability = Fill(0.001)))
        let! earthquake = Sample("earthquake", Bernoulli(probability = Fill(0.002)))
        let p = 0.001 + 0.939 * burglary + 0.289 * earthquake - 0.279 * burglary * earthquake
        let! alarm = Sample("alarm", Bernoulli(probability = p))
        let! _ = Sample("john", Bernoulli(probability = 0.05 + 0.85 * alarm))
        let! _ = Sample("mary", Bernoulli(probability = 0.01 + 0.69 * alarm))
        return ()
    }

let burglary () =
    (FinitePosterior.ofProgram alarm).Conditional([ SiteAt "burglary" ], given = [ SiteAt "john"; SiteAt "mary" ])

/// A hidden Markov model of 30 days: probabilities of the next state as rows of logits, and what is seen in each state.
let hidden (rows: Tensor) (means: Tensor) (seen: Tensor) =
    let day = TimeIndex("day", 30)

    Markov(
        day,
        Convert(Zeros(), DType.I32),
        fun state ->
            prob {
                let! next = Sample("state", Categorical(Gather(rows, state)))
                do! Observe("seen", Normal(Gather(means, next), Fill(0.5)), Unstack(seen, day))
                return next
            }
    )
