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
            throw new ArgumentException(
                $"States of {states.Length} episodes came, and actions of {actions.Length}; give both of at least one, with at least one action.");
        }

        Steps = actions[0].Length;
        for (int episode = 0; episode < states.Length; episode++)
        {
            if (actions[episode].Length != Steps || states[episode].Length != Steps + 1)
            {
                throw new ArgumentException(
                    $"Episode {episode} has {states[episode].Length} states and {actions[episode].Length} actions; expected {Steps + 1} and {Steps}, as many as "
                        + "the first has. Repeat the last state of one that ended before, with any actions: they count for nothing.");
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
    /// <exception cref="ArgumentException">An episode has a state or an action that the process has not, or a forbidden action.</exception>
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
                RequirePossible(process, episode, time);
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

    /// <summary>Steps that the process never takes, in words: where the first is, and how many there are; null where there are none.</summary>
    internal string? Strays(FiniteMdp process)
    {
        (int Episode, int Time)[] strays =
        [
            .. from episode in Enumerable.Range(0, Episodes)
               from time in Enumerable.Range(0, Steps)
               where !process.EndsAt(States[episode][time]) && !Leads(process, episode, time)
               select (episode, time),
        ];
        if (strays.Length == 0)
        {
            return null;
        }

        (int first, int at) = strays[0];
        return $"{strays.Length} steps of the demonstrations are none of \"{process.Name}\": in episode {first} one leads at time {at} from "
            + $"({process.State(States[first][at])}) by ({process.Action(Actions[first][at])}) to ({process.State(States[first][at + 1])}).";
    }

    private bool Leads(FiniteMdp process, int episode, int time)
    {
        int state = States[episode][time], row = Actions[episode][time] * process.Successors;
        return Enumerable.Range(row, process.Successors)
            .Select(successor => (successor * process.States) + state)
            .Any(place => process.Next[place] == States[episode][time + 1] && process.Probability[place] > 0);
    }

    private void RequirePossible(FiniteMdp process, int episode, int time)
    {
        int state = States[episode][time], action = Actions[episode][time], next = States[episode][time + 1];
        if ((uint)state >= (uint)process.States || (uint)action >= (uint)process.Actions || (uint)next >= (uint)process.States)
        {
            throw new ArgumentException(
                $"Episode {episode} has state {state} and action {action} at time {time}, and state {next} after it; \"{process.Name}\" has {process.States} states "
                    + $"and {process.Actions} actions.");
        }

        if (!process.EndsAt(state) && process.PriorOf(state, action) == 0)
        {
            throw new ArgumentException(
                $"Episode {episode} takes ({process.Action(action)}) in ({process.State(state)}) at time {time}, which the prior policy of \"{process.Name}\" forbids: "
                    + "no reward explains it.");
        }
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
