namespace Inference;

/// <summary>What is believed of a hidden state, step by step: p(s | what has been observed and done), and Bayes' rule.</summary>
/// <remarks>
/// Under the exact posterior it is known as well that all steps so far were optimal, which tells of the state: a belief is weighed by exp(r(s, a)/α)
/// before it moves.
/// </remarks>
internal sealed class BeliefFilter
{
    private readonly FiniteMdp _process;
    private readonly double? _temperature;
    private readonly double[] _weighed;

    /// <summary>Filters the states of a process.</summary>
    /// <param name="process">A process whose states are hidden.</param>
    /// <param name="temperature">α, where past optimality tells of the state; else null.</param>
    public BeliefFilter(FiniteMdp process, double? temperature)
    {
        (_process, _temperature) = (process, temperature);
        _weighed = new double[process.States];
    }

    /// <summary>How many observations there are.</summary>
    public int Observations => _process.Observations.Length;

    /// <summary>What a step by an action earns from a belief, and where it leads.</summary>
    /// <param name="belief">p(s), of states that do not end the episode.</param>
    /// <param name="action">The action.</param>
    /// <param name="next">Takes p(s′), that of ends included.</param>
    /// <returns>E[r(s, a)], or under the exact posterior α·log E[exp(r(s, a)/α)].</returns>
    public double Step(ReadOnlySpan<double> belief, int action, Span<double> next)
    {
        double reward = Weigh(belief, action);
        next.Clear();
        int states = _process.States;
        for (int k = 0; k < _process.Successors; k++)
        {
            int row = ((action * _process.Successors) + k) * states;
            for (int state = 0; state < states; state++)
            {
                next[_process.Next[row + state]] += _weighed[state] * _process.Probability[row + state];
            }
        }

        return reward;
    }

    /// <summary>Bayes' rule, for an episode that goes on.</summary>
    /// <param name="predicted">p(s), that of ends included.</param>
    /// <param name="observation">What is observed.</param>
    /// <param name="belief">Takes p(s | observation, the episode goes on), if that is possible.</param>
    /// <returns>p(observation, the episode goes on).</returns>
    public double Observe(ReadOnlySpan<double> predicted, int observation, Span<double> belief)
    {
        double total = 0;
        for (int state = 0; state < belief.Length; state++)
        {
            double p = _process.EndsAt(state)
                ? 0
                : predicted[state] * _process.Observation[(observation * _process.States) + state];
            belief[state] = p;
            total += p;
        }

        for (int state = 0; state < belief.Length && total > 0; state++)
        {
            belief[state] /= total;
        }

        return total;
    }

    /// <summary>What a belief is worth where a plan of finite horizon ends.</summary>
    public double TerminalValue(ReadOnlySpan<double> belief)
    {
        if (_process.TerminalValue is not { } value)
        {
            return 0;
        }

        value.CopyTo(_weighed.AsSpan());
        return Mean(belief);
    }

    /// <summary>Leaves in _weighed what of the belief the step starts from.</summary>
    private double Weigh(ReadOnlySpan<double> belief, int action)
    {
        ReadOnlySpan<double> rewards = _process.Reward.AsSpan(action * _process.States, _process.States);
        rewards.CopyTo(_weighed);
        double mean = Mean(belief);
        for (int state = 0; state < belief.Length; state++)
        {
            _weighed[state] = belief[state] == 0 || _temperature is not { } alpha
                ? belief[state]
                : belief[state] * Math.Exp((rewards[state] - mean) / alpha);
        }

        return mean;
    }

    /// <summary>The mean of _weighed, or α·log E[exp(·/α)].</summary>
    private double Mean(ReadOnlySpan<double> belief)
    {
        double largest = double.NegativeInfinity, sum = 0;
        for (int state = 0; state < belief.Length; state++)
        {
            if (belief[state] > 0)
            {
                largest = Math.Max(largest, _weighed[state]);
            }
        }

        for (int state = 0; state < belief.Length; state++)
        {
            if (belief[state] > 0)
            {
                sum += belief[state] * (_temperature is { } alpha ? Math.Exp((_weighed[state] - largest) / alpha) : _weighed[state]);
            }
        }

        return _temperature is { } temperature ? largest + (temperature * Math.Log(sum)) : sum;
    }
}
