module Inference.Twins.Messages

open System
open Inference
open type Inference.Language

/// Two players of TrueSkill; the first wins by more than a margin.
let game (margin: Tensor) =
    prob {
        let! a = Sample("a", Normal(25.0, 25.0 / 3.0))
        let! b = Sample("b", Normal(25.0, 25.0 / 3.0))
        let! lead = Sample("lead", Normal(a - b, sqrt 2.0 * 25.0 / 6.0))
        do! Factor(Select(Less(margin, lead), 0.0, Double.NegativeInfinity))
        return a
    }

let winner (margin: Tensor) =
    (ApproximatePosterior.propagate (ExpectationPropagation()) (game margin)).Marginal "a"

/// Points of two groups, and which is of which.
let groups (seen: Tensor) =
    let k, i = PlateIndex("component", 2), PlateIndex("i", seen.Count)

    prob {
        let! weights = Sample("weights", Dirichlet(Ones 2))
        let! mean = Plate(k, Sample("mean", Normal(0.0, 3.0)))
        let means = Stack(mean.Value, k)

        let! _ =
            Plate(
                i,
                prob {
                    let! z = Sample("z", Categorical(Log weights))
                    do! Observe("y", Normal(Gather(means, z), 0.8), Unstack(seen, i))
                    return z
                }
            )

        return weights
    }

let groupMeans (seen: Tensor) =
    ((ApproximatePosterior.passVariationally (VariationalMessagePassing()) (groups seen)).Marginal "component/mean").Mean
