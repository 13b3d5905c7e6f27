namespace Inference

open System
open System.Runtime.InteropServices

/// A guide of a model with global variables: draws these once, and what is local to a datum in the plate of the data.
[<Sealed>]
type GlobalGuide<'D> internal (name: string, datum: Space, program: Data<'D> -> Prob<unit>) =
    member _.Name = name
    /// The fields of a datum.
    member _.Datum = datum
    /// The program of all data.
    member _.Of(data: Data<'D>) : Prob<unit> = program data

/// A model with global variables with its guide and the bound on the log-evidence of all data by which both are fitted.
[<Sealed>]
type VariationalGlobalModel<'D>
    internal (name: string, datum: Space, objective: Objective, model: Data<'D> -> Prob<unit>, guide: Data<'D> -> Prob<unit>) =
    let bound data = EvidenceBound.derive objective (model data) (guide data)
    let explanation = (Definition.ofData name datum bound).Explanation

    member _.Name = name
    member _.Objective = objective
    /// The objective in mathematical notation, with the estimator of each site.
    member _.Explanation: string = explanation
    /// The bound of all data.
    member _.Bound(data: Data<'D>) : Prob<EvidenceBound> = bound data

    /// A learner that maximises the bound. Its metrics are the negative bound for each datum, `loss`, and the bound's parts.
    member _.Learner(optimizer: Optimizer) : Learner<'D> =
        Learner.maximiseAll datum name optimizer (fun context x -> bound (context.Of x))

/// A model with global variables with its guide: the bound that is to be maximised follows.
[<Sealed>]
type GuidedGlobalModel<'D> internal (name: string, datum: Space, model: Data<'D> -> Prob<unit>, guide: Data<'D> -> Prob<unit>) =
    /// Any objective. Samples are weighed by all data, each of a batch counted N/B times: an importance-weighted bound bounds the evidence
    /// where each batch is all data.
    member _.Bound(objective: Objective) : VariationalGlobalModel<'D> = VariationalGlobalModel<'D>(name, datum, objective, model, guide)

    /// The evidence lower bound: of one draw, or as an objective of order 1 says.
    member g.Elbo([<Optional; DefaultParameterValue(null: Objective)>] objective: Objective) : VariationalGlobalModel<'D> =
        g.Bound(Definition.ofOrderOne objective)

/// A model of all data, with global variables: a program that draws what is drawn once, and opens the plate of the data for the rest.
[<Sealed>]
type GlobalModel<'D> internal (name: string, datum: Space, program: Data<'D> -> Prob<unit>) =
    member _.Name = name
    /// The fields of a datum.
    member _.Datum = datum
    /// The program of all data.
    member _.Of(data: Data<'D>) : Prob<unit> = program data

    /// The model with a guide for the same data.
    member _.With(guide: GlobalGuide<'D>) : GuidedGlobalModel<'D> =
        Definition.requireSameDatum name datum guide.Name guide.Datum
        GuidedGlobalModel<'D>(name, datum, program, guide.Of)

    /// The model with a guide that is made from its program, as a `Family` is.
    member _.With(family: Func<Prob<unit>, Prob<unit>>) : GuidedGlobalModel<'D> =
        GuidedGlobalModel<'D>(name, datum, program, (program >> family.Invoke))
