/// The hierarchical model of eight schools.
module internal Inference.Examples.EightSchools.EightSchools

open Inference

open type Inference.Language

let school = PlateIndex("school", SchoolData.Count)

/// What is believed of the effects before the data. Written by z, what is drawn is nearly independent (non-centred: Papaspiliopoulos,
/// Roberts and Sköld, 2007).
let prior: Prob<Effects> =
    prob {
        let! mu = Sample("mu", Normal(0.0, SchoolData.PriorOfMean))
        let! tau = Sample("tau", LogNormal(log SchoolData.MedianOfDeviation, 1.0))
        let! each = Plate(school, Sample("z", Normal(0.0, 1.0)))
        return Effects(mu, tau, Stack(mu + tau * each.Value, school))
    }

/// The model of Rubin (1981): each school's effect was measured with a known error.
let model (context: LearnerContext) (data: Schools) : Prob<Effects> =
    prob {
        let! effects = prior
        let measured = Normal(Unstack(effects.Theta, school), Unstack(data.Error, school))
        let! _ = context.Plate(Plate(school, Observe("effect", measured, Unstack(data.Effect, school))))
        return effects
    }

let guide family =
    match family with
    | SchoolFamily.MeanField -> Family.MeanField("guide", prior)
    | SchoolFamily.FullRank -> Family.FullRank("guide", prior)
    | _ -> Family.Flow("guide", prior)

let learner family objective optimizer : Learner<Schools> =
    Learner.maximiseAll (Record.space<Schools>()) "eight schools" optimizer (fun context data ->
        EvidenceBound.derive objective (model context data) (guide family))
