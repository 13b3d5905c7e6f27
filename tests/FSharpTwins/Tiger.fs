/// A process whose state is hidden.
module Inference.Twins.Tiger

open Inference

open type Inference.Language

type Doors =
    {
        [<Discrete(2)>]
        Tiger: Tensor
        [<Discrete(2)>]
        Listened: Tensor
    }

type Deed =
    {
        [<Discrete(3)>]
        Number: Tensor
    }

let tiger: Mdp<Doors, Deed, NoSettings> =
    Mdp.define "tiger"
    |> Mdp.start (
        prob {
            let! side = Sample("side", Bernoulli(probability = Fill(0.5)))
            return { Tiger = Convert(side, DType.I32); Listened = Zeros() }
        }
    )
    |> Mdp.transition (fun s a ->
        prob {
            let! side = Sample("side", Bernoulli(probability = Fill(0.5)))
            let listens = Equal(a.Number, 2)

            return
                {
                    Tiger = Select(listens, s.Tiger, Convert(side, DType.I32))
                    Listened = Select(listens, 1, 0)
                }
        })
    |> Mdp.reward (fun s a -> Select(Equal(a.Number, 2), -1, Select(Equal(a.Number, s.Tiger), -100, Fill(10.0))))
    |> Mdp.observe (fun s -> Bernoulli(probability = Select(Equal(s.Listened, 0), 0.5, 0.15 + 0.7 * Convert(s.Tiger, DType.F32))))
    |> Mdp.discount 0.95
