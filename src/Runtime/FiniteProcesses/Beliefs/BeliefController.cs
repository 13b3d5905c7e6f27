namespace Inference;

/// <summary>Acts in a process whose states are hidden, by a solution over beliefs: it remembers what it has observed and done as a belief.</summary>
/// <remarks>For one thread at a time. Spans hold until the next call.</remarks>
public sealed class BeliefController
{
    private readonly BeliefSolution _solution;
    private readonly bool _recedes;
    private readonly float[] _numbers;
    private double[] _probabilities = [];
    private int _belief = -1;
    private int _action;

    internal BeliefController(BeliefSolution solution, bool recedes)
    {
        (_solution, _recedes) = (solution, recedes);
        _numbers = new float[solution.Process.ActionSpace.Count];
    }

    /// <summary>How often it has acted; at most the horizon, unless that recedes.</summary>
    public int Time { get; private set; }

    /// <summary>p(s | observed and done so far), the last observation included; empty before the first.</summary>
    public ReadOnlySpan<double> Belief => _belief < 0 ? [] : _solution.Belief(_belief);

    /// <summary>π: the probability of every action, as of the last observation; empty before the first.</summary>
    public ReadOnlySpan<double> Probabilities => _probabilities;

    /// <summary>Observes, and then takes the most probable action, the first of equal ones.</summary>
    /// <param name="observation">The numbers of what is observed: at first of the start, then of where the last action led.</param>
    /// <returns>The action's numbers, field after field.</returns>
    /// <exception cref="ArgumentException">It is no observation of the process.</exception>
    /// <exception cref="InvalidOperationException">The observation is impossible after those before, or the horizon has ended.</exception>
    public ReadOnlySpan<float> Act(ReadOnlySpan<float> observation)
    {
        FiniteMdp process = _solution.Process;
        if (Time == _solution.Tree.Horizon && !_recedes)
        {
            throw new InvalidOperationException(
                $"The plan for \"{process.Name}\" has ended after its {Time} steps. Call Reset(), or solve with a longer Horizon{(_solution.IsClosed ? ", or take Controller(receding: true)" : "")}.");
        }

        int seen = _solution.ObservationOf(observation);
        int next = Time == 0 ? _solution.First(seen) : _solution.After(_belief, _action, seen);
        if (next < 0)
        {
            throw new InvalidOperationException(
                $"\"{process.Name}\" cannot be observed as ({string.Join(", ", observation.ToArray())}) at time {Time}, given what was observed and done before.");
        }

        _belief = next;
        _probabilities = _solution.Beliefs.Probabilities(next, _recedes ? 0 : Time);
        Time++;
        return Take(Array.IndexOf(_probabilities, _probabilities.Max()));
    }

    /// <summary>Says that another action was taken than the one that <see cref="Act"/> gave.</summary>
    /// <param name="action">The action by its count.</param>
    /// <returns>The action's numbers, field after field.</returns>
    public ReadOnlySpan<float> Take(int action)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)action, (uint)_solution.Process.Actions, nameof(action));
        _action = action;
        int[] numbers = FiniteSpace.valuesAt(_solution.Process.ActionSpace, action);
        for (int k = 0; k < numbers.Length; k++)
        {
            _numbers[k] = numbers[k];
        }

        return _numbers;
    }

    /// <summary>Forgets all: the next observation is the first of an episode.</summary>
    public void Reset() => (Time, _belief, _probabilities) = (0, -1, []);
}
