/// The umbrella world of Russell and Norvig, "Artificial Intelligence", 14.2: rain tends to stay from day to day, and is not seen; somebody comes
/// with an umbrella or without.
module internal Inference.Examples.Umbrella.Umbrella

open Inference

open type Inference.Language

let world (climate: Climate) (day: FreeIndex) : Prob<Chain<Tensor, Day>> =
    Markov(
        day,
        Fill(-1.0),
        fun before ->
            prob {
                // before the first day nothing is known
                let again = Select(Less(before, 0.0), 0.5, 1.0 - climate.Stay + (2.0 * climate.Stay - 1.0) * before)
                let! rain = Sample("rain", Bernoulli(probability = again))
                let taken = climate.Without + (climate.InRain - climate.Without) * rain
                let! umbrella = Sample("umbrella", Bernoulli(probability = taken))
                return struct (rain, Day(rain, umbrella))
            }
    )
