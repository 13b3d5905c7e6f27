namespace Inference;

/// <summary>Episodes of a finite process: the counts of states and actions, each episode of the same number of steps.</summary>
/// <remarks>An episode that has ended stays where it is; what it does there counts for nothing.</remarks>
public sealed class Demonstrations
{
    /// <summary>Takes episodes as they are.</summary>
    /// <param name="states">[episode][time], one more than there are actions.</param>
    /// <param name="actions">[episode][time].</param>
    /// <exception cref="ArgumentException">Episodes are missing or have different lengths.</exception>
    public Demonstrations(int[][] states, int[][] actions)
    {
        ArgumentNullException.ThrowIfNull(states);
        ArgumentNullException.ThrowIfNull(actions);
        if (states.Length == 0 || states.Length != actions.Length || actions[0].Length == 0)
        {
            throw new ArgumentException($"Of {states.Length} episodes there are states, of {actions.Length} actions; give both of at least one.");
        }

        Steps = actions[0].Length;
        for (int episode = 0; episode < states.Length; episode++)
        {
            if (actions[episode].Length != Steps || states[episode].Length != Steps + 1)
            {
                throw new ArgumentException(
                    $"Episode {episode} has {states[episode].Length} states and {actions[episode].Length} actions; expected {Steps + 1} and {Steps}.");
            }
        }

        (States, Actions) = (states, actions);
    }

    /// <summary>[episode][time], the last state included.</summary>
    public IReadOnlyList<IReadOnlyList<int>> States { get; }

    /// <summary>[episode][time].</summary>
    public IReadOnlyList<IReadOnlyList<int>> Actions { get; }

    /// <summary>How many episodes there are.</summary>
    public int Episodes => States.Count;

    /// <summary>Actions of each episode.</summary>
    public int Steps { get; }

    /// <summary>The mean over episodes of Σ γᵗ φ(sₜ, aₜ), until an episode ends.</summary>
    /// <param name="process">The process that they are of.</param>
    /// <param name="features">φ: [feature, action, state].</param>
    internal double[] FeaturesOf(FiniteMdp process, double[] features)
    {
        int pairs = process.Actions * process.States;
        double[] mean = new double[features.Length / pairs];
        for (int episode = 0; episode < Episodes; episode++)
        {
            double discount = 1.0 / Episodes;
            for (int time = 0; time < Steps; time++, discount *= process.Discount)
            {
                int state = States[episode][time], action = Actions[episode][time];
                if ((uint)state >= (uint)process.States || (uint)action >= (uint)process.Actions)
                {
                    throw new ArgumentException(
                        $"Episode {episode} has state {state} and action {action} at time {time}; \"{process.Name}\" has {process.States} states and "
                            + $"{process.Actions} actions.");
                }

                if (process.EndsAt(state))
                {
                    break;
                }

                for (int feature = 0; feature < mean.Length; feature++)
                {
                    mean[feature] += discount * features[(feature * pairs) + (action * process.States) + state];
                }
            }
        }

        return mean;
    }

    /// <summary>How often episodes start in each state.</summary>
    internal double[] StartsOf(FiniteMdp process)
    {
        double[] starts = new double[process.States];
        foreach (IReadOnlyList<int> states in States)
        {
            starts[states[0]] += 1.0 / Episodes;
        }

        return starts;
    }
}
