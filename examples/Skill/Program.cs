using Inference;
using Inference.Examples.Skill;
using static Inference.Language;

return SkillTerminal.Run(args, new SkillTwin
{
    Rate = (matches, players, method) => Tournament(matches, players).Approximate(method),
    Graph = (matches, players) => Tournament(Zeros(matches, 3), players).Graph("skill"),
});

// Herbrich, Minka and Graepel, "TrueSkill: a Bayesian skill rating system", 2006: skills are Gaussian, performances scatter around them, and the larger
// one wins by more than a margin, within which it is a draw. A row of matches is the winner, or of a draw the first, the other, and 1 for a draw.
static Prob<Tensor> Tournament(Tensor matches, int players)
{
    FreeIndex player = PlateIndex("player", players), match = PlateIndex("match", matches.Shape[0]);
    Tensor row = Unstack(matches, match), drawn = Less(0.5, Element(row, 2));
    Tensor first = Convert(Element(row, 0), DType.I32), second = Convert(Element(row, 1), DType.I32);
    return from skill in Plate(player, Sample("skill", Normal(SkillModel.Mean, SkillModel.Deviation)))
           let skills = Stack(skill.Value, player)
           from lead in Plate(
               match,
               from lead in Sample("lead", Normal(Gather(skills, first) - Gather(skills, second), Math.Sqrt(2) * SkillModel.Performance))
               let seen = Select(drawn, Less(Abs(lead), SkillModel.DrawMargin), Less(SkillModel.DrawMargin, lead))
               select lead.Factored(Select(seen, 0, double.NegativeInfinity)))
           select skills;
}
