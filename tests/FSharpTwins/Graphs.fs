module Inference.Twins.Graphs

open Inference
open type Inference.Language

let school = PlateIndex("school", 8)

let schools (effects: Tensor) (errors: Tensor) =
    prob {
        let! mu = Sample("mu", Normal(0.0, 5.0))
        let! tau = Sample("tau", LogNormal(0.0, 1.0))

        let! _ =
            Plate(
                school,
                prob {
                    let! z = Sample("z", Normal(0.0, 1.0))
                    do! Observe("effect", Normal(mu + tau * z, Unstack(errors, school)), Unstack(effects, school))
                }
            )

        return mu
    }

let answers (effects: Tensor) (errors: Tensor) =
    let graph = ModelGraph.ofProgram "eight schools" (schools effects errors)
    let parents = graph.Parents "effect"
    let answer = graph.Independent("mu", "tau", given = [ "effect" ])
    parents, answer.IsIndependent, graph.ToSvg()
