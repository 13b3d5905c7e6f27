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
