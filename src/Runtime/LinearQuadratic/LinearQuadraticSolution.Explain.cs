using System.Globalization;
using System.Text;

namespace Inference;

/// <content>What was done, for people.</content>
public sealed partial class LinearQuadraticSolution
{
    /// <inheritdoc/>
    public override string Explain()
    {
        LinearQuadraticShape shape = Process.Shape;
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"== Linear-quadratic process \"{Process.Name}\"");
        text.AppendLine(
            $"{shape.States} numbers of a state, {shape.Actions} of an action, {Counted(shape.Noises, "noise")}, {Counted(shape.Observations, "observation")}");
        text.AppendLine("The step is affine with constant noise and the reward quadratic, as their graphs show; F and R are their derivatives at 0.");
        text.AppendLine("prior policy: Lebesgue measure, so that V counts an entropy bonus");
        text.AppendLine().AppendLine("== Equations").Append(RiccatiModule.text(Process.Semantics, Process.Temperature, Process.Discount));
        if (_beliefs is not null)
        {
            text.AppendLine(Tilted
                ? "  s is the mean of a belief N(s, S) given what was observed and that past rewards were earned; with S′ = (S⁻¹ − V_ss/α)⁻¹ and J = S′·V_s/α, "
                    + "K ← K + K_s·J, Σ ← Σ + K_s·S′·K_sᵀ, V ← V + V_sᵀ·S′·V_s/α + constants"
                : "  s is the mean of a belief N(s, S): a Kalman filter's, whose covariance no action changes, so that the gains are those of a state that is seen");
        }

        text.AppendLine().AppendLine("== Method").AppendLine($"Riccati recursion, {_why}: {Steps} steps back from {(Horizon is null ? "0" : "the terminal value")}, in double precision");
        text.AppendLine(Certainty());
        text.AppendLine().AppendLine(Horizon is null ? "== Policy" : "== Policy at time 0");
        Policy(text);
        return text.AppendLine().AppendLine("== Recursion").Append(_solver.Recursion.Explain()).ToString();
    }

    private static string Counted(int count, string what) => count == 0 ? $"no {what}" : $"{count} of {what}";

    private static string Number(double x) => x.ToString("G6", CultureInfo.InvariantCulture);

    /// <summary>Whether rewards bend what is believed.</summary>
    private bool Tilted => _beliefs is { Costs: null };

    private string Certainty() =>
        Horizon is not null ? "exact but for rounding"
        : Tilted ? $"the last step changed V by {Residual:G3}; no bound is claimed for the value of a belief"
        : ErrorBound is { } bound
            ? $"the last step changed V by {Residual:G3}; P lies between the cost of {Steps} steps and the cost of the policy found: |P − P*| ≤ {bound:G3}"
        : $"the last step changed V by {Residual:G3}; no bound is claimed: the closed loop is not stable, or some reward is no cost";

    private void Policy(StringBuilder text)
    {
        string[] states = SpaceText.Components(Process.StateSpace), actions = SpaceText.Components(Process.ActionSpace);
        double[,] gain = Gain(), covariance = Covariance();
        double[] offset = Offset();
        for (int a = 0; a < Actions; a++)
        {
            IEnumerable<string> terms = Enumerable.Range(0, States)
                .Where(s => gain[a, s] != 0)
                .Select(s => $" {(gain[a, s] > 0 ? '−' : '+')} {Number(Math.Abs(gain[a, s]))}·{states[s]}");
            text.AppendLine($"{actions[a]} = {Number(offset[a])}{string.Concat(terms)}, with a deviation of {Number(Math.Sqrt(covariance[a, a]))}");
        }

        if (_beliefs is not null)
        {
            double[,] belief = BeliefCovariance();
            string deviations = string.Join(", ", Enumerable.Range(0, States).Select(s => $"{states[s]} {Number(Math.Sqrt(belief[s, s]))}"));
            string cost = Tilted ? "what Value counts"
                : Horizon is null && Process.Discount == 1 ? $"{Number(_beliefs.AverageReward)} to what a step earns"
                : $"{Number(EstimationCost())} to V";
            text.AppendLine($"after an observation the state is known with deviations of {deviations}; not knowing it adds {cost}");
        }

        if (Horizon is null && Process.Discount == 1)
        {
            text.AppendLine($"each step earns {Number(AverageReward)}");
        }
    }
}
