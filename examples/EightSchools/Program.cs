using Inference;
using Inference.Examples.EightSchools;
using Microsoft.FSharp.Core;
using static Inference.Language;

FreeIndex school = PlateIndex("school", SchoolData.Count);

// What is believed of the effects before the data. Written by z, what is drawn is nearly independent (non-centred: Papaspiliopoulos, Roberts
// and Sköld, 2007).
Prob<Effects> prior =
    from mu in Sample("mu", Normal(0, SchoolData.PriorOfMean))
    from tau in Sample("tau", LogNormal(Math.Log(SchoolData.MedianOfDeviation), 1))
    from each in Plate(school, Sample("z", Normal(0, 1)))
    select new Effects(mu, tau, Stack(mu + tau * each.Value, school));

return EightSchoolsTerminal.Run(args, new EightSchoolsTwin
{
    Learner = (family, objective, optimizer) => Learner.Maximise(
        "eight schools",
        (LearnerContext context, Schools data) => Model(context, data).Bound(Guide(family), objective),
        optimizer),
    Prior = prior,
    Guide = Guide,
});

// The model of Rubin (1981): each school's effect was measured with a known error.
Prob<Effects> Model(LearnerContext context, Schools data) =>
    from effects in prior
    let measured = Normal(Unstack(effects.Theta, school), Unstack(data.Error, school))
    from _ in context.Plate(Plate(school, Observe("effect", measured, Unstack(data.Effect, school))))
    select effects;

Prob<Unit> Guide(SchoolFamily family) => family switch
{
    SchoolFamily.MeanField => Family.MeanField("guide", prior),
    SchoolFamily.FullRank => Family.FullRank("guide", prior),
    _ => Family.Flow("guide", prior),
};
