/// Herbrich, Minka and Graepel, "TrueSkill: a Bayesian skill rating system", 2006: skills are Gaussian, performances scatter around them, and the
/// larger one wins by more than a margin, within which it is a draw. A row of matches is the winner, or of a draw the first, the other, and 1 for a
/// draw.
module internal Inference.Examples.Skill.Skill

open System
open Inference

open type Inference.Language

let tournament (matches: Tensor) (players: int) =
    let player, game = PlateIndex("player", players), PlateIndex("match", matches.Shape[0])
    let row = Unstack(matches, game)
    let drawn = Less(0.5, Element(row, 2))
    let at k = Convert(Element(row, k), DType.I32)

    prob {
        let! skill = Plate(player, Sample("skill", Normal(SkillModel.Mean, SkillModel.Deviation)))
        let skills = Stack(skill.Value, player)

        let! _ =
            Plate(
                game,
                prob {
                    let lead = Gather(skills, at 0) - Gather(skills, at 1)
                    let! lead = Sample("lead", Normal(lead, sqrt 2.0 * SkillModel.Performance))
                    let seen = Select(drawn, Less(Abs lead, SkillModel.DrawMargin), Less(SkillModel.DrawMargin, lead))
                    do! Factor(Select(seen, 0.0, Double.NegativeInfinity))
                    return lead
                }
            )

        return skills
    }
