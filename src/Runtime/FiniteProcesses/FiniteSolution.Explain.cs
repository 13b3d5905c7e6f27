using System.Globalization;
using System.Text;

namespace Inference;

/// <content>What was solved, how, and how sure that is, as text for people.</content>
public sealed partial class FiniteSolution
{
    /// <summary>The derivation, the method and why, what it has found and how sure that is; then the compiled sweep.</summary>
    public override string Explain()
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"== Finite process \"{Process.Name}\"");
        text.AppendLine(
            CultureInfo.InvariantCulture,
            $"{Process.States} states, {Process.Actions} actions, at most {Process.Successors} {(Process.Successors == 1 ? "successor" : "successors")} of each{(IsDated ? "; it reads the time, and has tables for each" : "")}");
        text.AppendLine($"prior policy: {(Process.Prior is null ? "uniform" : "given")}");
        text.AppendLine().AppendLine("== Equations").Append(SoftBellman.text(_solver.Backup));
        if (Process.Ends is not null)
        {
            text.AppendLine("  V(s) = 0 where the episode has ended: the reward of the step that leads there counts");
        }

        text.AppendLine().AppendLine("== Method").AppendLine($"{Method.Name}, {_why}: {Course()}").AppendLine(Certainty());
        foreach (string warning in Warnings)
        {
            text.AppendLine($"warning: {warning}");
        }

        return text.AppendLine().AppendLine("== Sweep").Append(_solver.Decide.Explain()).ToString();
    }

    private static string Reason(FiniteMdp process) =>
        process.Discount < 1
            ? "chosen because the process is finite and discounted"
            : "chosen because the process is finite and every state can come to an end";

    private string Course() =>
        Method switch
        {
            BackwardInduction { Steps: var steps } => $"{steps} sweeps from the terminal value back",
            PolicyIteration => $"{Improvements} policies evaluated and improved, {Sweeps} sweeps in all",
            _ when _solver.Share < 1 => $"{Sweeps} sweeps from a value of 0, the last by {_solver.Share:G2} of the way",
            _ when _solver.Shifts > 0 => $"{Sweeps} sweeps from a value of 0, {_solver.Shifts} of them shifted by what all states still have to come in common",
            _ => $"{Sweeps} sweeps from a value of 0",
        };

    private string Certainty()
    {
        string bound = ErrorBound is { } b ? b.ToString("G3", CultureInfo.InvariantCulture) : "";
        string residual = Residual.ToString("G3", CultureInfo.InvariantCulture);
        return Method is BackwardInduction ? $"exact but for rounding: |V − V*| ≤ {bound}"
            : ErrorBound is null ? $"residual max |V′ − V| = {residual}; no bound is claimed"
            : _solver.Contracts ? $"residual max |V′ − V| = {residual}; |V′ − V*| ≤ (γ·residual + rounding)/(1 − γ) = {bound}"
            : $"residual max |V′ − V| = {residual}; |V′ − V*| ≤ {bound}: one more sweep from above falls, and one from below rises";
    }
}
