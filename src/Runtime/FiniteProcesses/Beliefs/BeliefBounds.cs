namespace Inference;

/// <summary>How far a value over beliefs may be off, under fixed dynamics.</summary>
internal sealed class BeliefBounds
{
    private readonly FiniteMdp _process;
    private readonly BeliefTree _tree;
    private readonly double _low = double.PositiveInfinity;
    private readonly double _high = double.NegativeInfinity;
    private readonly double _least;
    private readonly double _most;
    private readonly double _cost;

    /// <summary>Looks at the rewards that a policy may earn.</summary>
    /// <param name="process">A process whose states are hidden.</param>
    /// <param name="tree">The horizon.</param>
    /// <param name="temperature">α, unless its limit is taken.</param>
    public BeliefBounds(FiniteMdp process, BeliefTree tree, double temperature)
    {
        (_process, _tree) = (process, tree);
        double rarest = 1;
        for (int k = 0; k < process.Reward.Length; k++)
        {
            // Nothing is earned where an episode has ended.
            int state = k % process.States;
            double reward = process.EndsAt(state) ? 0 : process.Reward[k], prior = process.PriorOf(state, k / process.States);
            if (prior > 0)
            {
                (_low, _high, rarest) = (Math.Min(_low, reward), Math.Max(_high, reward), Math.Min(rarest, prior));
            }
        }

        (_least, _most) = (process.TerminalValue?.Min() ?? 0, process.TerminalValue?.Max() ?? 0);
        _cost = tree.Hard ? 0 : -temperature * Math.Log(rarest);
    }

    /// <summary>γ^H·max |V* − terminal value|, V* being between the smallest and the largest reward over 1 − γ.</summary>
    public double Truncation
    {
        get
        {
            double rest = 1 - _process.Discount;
            return Math.Pow(_process.Discount, _tree.Horizon) * Math.Max(_most - (_low / rest), (_high / rest) - _least);
        }
    }

    /// <summary>
    /// What it may add up to that near beliefs are one. V is the largest of functions that are linear in the belief, one for each policy. That of the best policy
    /// earns in every state at least n times the smallest reward less what it may cost to leave the prior, α·log(1/min p(a)) a step, and at most n times the largest:
    /// two beliefs differ in value by that width times half the sum of their differences.
    /// </summary>
    public double Merging
    {
        get
        {
            // Twice what equal keys allow leaves room for the rounding of the beliefs themselves.
            double distance = _process.States * BeliefGraph.Resolution, sum = 0, width = _most - _least;
            for (int toGo = 1; toGo <= _tree.Horizon; toGo++)
            {
                width = (_high - _low) + _cost + (_process.Discount * width);
                sum = (width * distance) + (_process.Discount * sum);
            }

            return sum;
        }
    }
}
