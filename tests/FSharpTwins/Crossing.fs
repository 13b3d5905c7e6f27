/// The process in which the three meanings of planning as inference differ.
module Inference.Twins.Crossing

open Inference

open type Inference.Language

type Spot =
    {
        [<Discrete(5)>]
        Number: Tensor
    }

type Way =
    {
        [<Discrete(2)>]
        Number: Tensor
    }

let crossing: Mdp<Spot, Way, NoSettings> =
    Mdp.define "crossing"
    |> Mdp.start (Prob.result { Spot.Number = Zeros() })
    |> Mdp.transition (fun s a ->
        prob {
            let! wind = Sample("wind", Bernoulli(probability = 0.5))
            let ferry = Select(Less(0.5, wind), 2, 3)

            return
                {
                    Spot.Number = Select(Equal(s.Number, 0), Select(Equal(a.Number, 0), 1, ferry), 4)
                }
        })
    |> Mdp.reward (fun s a ->
        Select(
            Equal(s.Number, 1),
            1,
            Select(Equal(s.Number, 2), 4.0 - 4.0 * Convert(a.Number, DType.F32), Select(Equal(s.Number, 3), -1, Zeros()))
        ))
    |> Mdp.termination (fun s _ -> Equal(s.Number, 4))
