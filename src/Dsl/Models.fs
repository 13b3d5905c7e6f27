namespace Inference

open System
open System.Runtime.InteropServices

/// What definitions of models and guides check.
[<RequireQualifiedAccess>]
module internal Definition =
    let private zeros = Array.create 2 (Build.scalar DType.U32 0.0)

    /// The space of two tensors.
    let both (first: TensorInput) (second: TensorInput) : Space =
        {
            Name = $"{first.Name} and {second.Name}"
            Leaves = Array.append first.Space.Leaves second.Space.Leaves
        }

    /// A program of a datum, traced once so that what is wrong is found where it is defined.
    let ofDatum (name: string) (datum: Space) (program: 'D -> Prob<'T>) : 'T =
        Fail.within name (fun () ->
            let data = FreeIndex("data", Extent.Fixed 2, IndexKind.Plate)
            let x = Learner<'D>.Read(ProgramBuilder name, datum, data)
            fst (Prob.draw zeros zeros [ data ] [] (program x)))

    /// The same of a program of all data.
    let ofData (name: string) (datum: Space) (program: Data<'D> -> Prob<'T>) : 'T =
        Fail.within name (fun () ->
            let data = FreeIndex("data", Extent.Fixed 2, IndexKind.Plate)
            let x = Learner<'D>.Read(ProgramBuilder name, datum, data)
            fst (Prob.draw zeros zeros [] [] (program (Data(data, x, lazy (Build.scalar DType.F32 2.0))))))

    /// A program that was traced once, its result not used.
    let traced name datum (program: 'D -> Prob<'T>) : 'D -> Prob<unit> =
        ofDatum name datum program |> ignore
        program >> Prob.map ignore

    let tracedOfData name datum (program: Data<'D> -> Prob<'T>) : Data<'D> -> Prob<unit> =
        ofData name datum program |> ignore
        program >> Prob.map ignore

    let ofOrderOne (objective: Objective) : Objective =
        let objective = if isNull objective then Objective.Elbo() else objective

        if objective.Order <> 1.0 then
            Fail.model
                $"An evidence lower bound has order 1; the objective has {objective.Order}."
                "Use Bound, or ImportanceWeighted or Renyi."

        objective

    let requireSameDatum (model: string) (datum: Space) (guide: string) (ofGuide: Space) =
        let text (s: Space) =
            s.Leaves |> Array.map (fun l -> l.Path + Fail.shape l.Shape) |> String.concat ", "

        if text datum <> text ofGuide then
            Fail.model
                $"The model \"{model}\" is one of {text datum}; the guide \"{guide}\" reads {text ofGuide}."
                "Define both for the same datum."

/// The guide of a model of one datum: a program that draws the model's latent sites, knowing the datum.
[<Sealed>]
type Guide<'D> internal (name: string, datum: Space, program: 'D -> Prob<unit>) =
    member _.Name = name
    /// The fields of a datum.
    member _.Datum = datum
    /// The program of a datum.
    member _.Of(datum: 'D) : Prob<unit> = program datum

/// A model with its guide and the bound on the log-evidence by which both are fitted. One datum is written; data are a plate `data`, over
/// which the bound is averaged.
[<Sealed>]
type VariationalModel<'D> internal (model: Model<'D>, guide: Guide<'D>, objective: Objective) =
    let bound datum = EvidenceBound.derive objective (model.Of datum) (guide.Of datum)

    let explanation = (Definition.ofDatum model.Name model.Datum bound).Explanation

    member _.Model: Model<'D> = model
    member _.Guide = guide
    member _.Objective = objective
    /// The objective in mathematical notation, with the estimator of each site.
    member _.Explanation = explanation
    /// The bound of a datum.
    member _.Bound(datum: 'D) : Prob<EvidenceBound> = bound datum
    /// A learner that maximises the bound. Its metrics are the negative bound, `loss`, and the bound's parts.
    member _.Learner(optimizer: Optimizer) : Learner<'D> = Learner.maximise model.Datum model.Name optimizer bound

    /// The evidence lower bound with so many draws for each datum, for evaluations: nothing is learnt. Divergences count as they are,
    /// whatever the objective makes of them.
    member _.Evaluation(draws: int) : Learner<'D> =
        let plain = Objective(Samples = draws)

        for e in objective.Estimators do
            plain.Estimators[e.Key] <-
                match e.Value with
                | Estimator.Score _ -> Estimator.Score Baseline.Nothing
                | other -> other

        Learner.ofBound model.Datum model.Name (fun datum -> EvidenceBound.derive plain (model.Of datum) (guide.Of datum))

/// A model with its guide: the bound that is to be maximised follows.
and [<Sealed>] GuidedModel<'D> internal (model: Model<'D>, guide: Guide<'D>) =
    /// Any objective.
    member _.Bound(objective: Objective) : VariationalModel<'D> = VariationalModel<'D>(model, guide, objective)

    /// The evidence lower bound: of one draw for each datum, or as an objective of order 1 says.
    member g.Elbo([<Optional; DefaultParameterValue(null: Objective)>] objective: Objective) : VariationalModel<'D> =
        g.Bound(Definition.ofOrderOne objective)

    /// The importance-weighted bound of so many samples, at least 2.
    member g.ImportanceWeighted(samples: int) : VariationalModel<'D> = g.Bound(Objective.ImportanceWeighted samples)

    /// Rényi's bound of an order from 0 up to 1 with so many samples, at least 2.
    member g.Renyi(order: double, samples: int) : VariationalModel<'D> = g.Bound(Objective.Renyi(order, samples))

/// A model of one datum: a program that draws what is latent and observes fields of the datum.
and [<Sealed>] Model<'D> internal (name: string, datum: Space, program: 'D -> Prob<unit>) =
    member _.Name = name
    /// The fields of a datum.
    member _.Datum = datum
    /// The program of a datum.
    member _.Of(datum: 'D) : Prob<unit> = program datum

    /// The model with a guide for the same datum.
    member m.With(guide: Guide<'D>) : GuidedModel<'D> =
        Definition.requireSameDatum name datum guide.Name guide.Datum
        GuidedModel<'D>(m, guide)
