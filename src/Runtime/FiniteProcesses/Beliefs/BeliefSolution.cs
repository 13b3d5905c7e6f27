using System.Globalization;
using System.Text;

namespace Inference;

/// <summary>
/// What is optimal in a finite process whose states are hidden: the value and the policy of every belief that may be come to within a horizon. A belief
/// is p(s | all that was observed and done); the process over beliefs is one whose states are seen, and is solved by backward induction
/// (Kaelbling, Littman and Cassandra, "Planning and acting in partially observable stochastic domains", 1998, section 3).
/// </summary>
/// <remarks>All numbers are in units of reward. For one thread at a time.</remarks>
public sealed class BeliefSolution : IDisposable
{
    private readonly BeliefGraph _graph;
    private readonly bool _infers;

    /// <summary>Solves a process over beliefs.</summary>
    /// <param name="optimal">The process, its states hidden, and what optimal means.</param>
    /// <param name="tree">The horizon and the room.</param>
    /// <param name="engine">The machine that sweeps run on. It outlives the solution. Its precision is that of the values; beliefs are in double.</param>
    /// <exception cref="ModelException">States are not hidden, an option is out of its range, or there are too many beliefs.</exception>
    public BeliefSolution(FiniteOptimal optimal, BeliefTree tree, Engine engine)
    {
        ArgumentNullException.ThrowIfNull(optimal);
        ArgumentNullException.ThrowIfNull(tree);
        ArgumentNullException.ThrowIfNull(engine);
        (Process, Tree) = (optimal.Mdp, tree);
        _infers = optimal.Semantics == PlanningSemantics.ExactPosterior;
        Require();
        double? temperature = _infers ? optimal.Temperature : null;
        _graph = new BeliefGraph(Process, tree, temperature);
        var over = new FiniteOptimal(_graph.Process(), optimal.Temperature, optimal.Semantics);
        Beliefs = new FiniteSolution(over, [over.Mdp], new BackwardInduction { Steps = tree.Horizon, Hard = tree.Hard }, engine, warns: false);
        if (optimal.Semantics == PlanningSemantics.FixedDynamics)
        {
            var bounds = new BeliefBounds(Process, tree, optimal.Temperature);
            TruncationBound = Process.Discount < 1 ? bounds.Truncation : null;
            ErrorBound = Beliefs.ErrorBound + bounds.Merging;
        }

        Value = ValueOf(temperature);
    }

    /// <summary>The process as numbers.</summary>
    public FiniteMdp Process { get; }

    /// <summary>The horizon and the room.</summary>
    public BeliefTree Tree { get; }

    /// <summary>
    /// The same as a solution of the process whose states are the beliefs, by their count, the last standing for all ends: what it is expected to
    /// earn, and how probable each belief is at each time.
    /// </summary>
    public FiniteSolution Beliefs { get; }

    /// <summary>How many beliefs there are.</summary>
    public int Count => _graph.Count;

    /// <summary>V before the first observation.</summary>
    public double Value { get; }

    /// <summary>
    /// How far <see cref="Value"/> may be from that of an infinite horizon: γ^H·max |V* − terminal value|, where V* is between the smallest and the largest
    /// reward, each over 1 − γ. Null without a discount, and under semantics whose infinite horizon has no such bound.
    /// </summary>
    public double? TruncationBound { get; }

    /// <summary>
    /// How far <see cref="Value"/> may be from that of as many steps: what rounding, and taking beliefs for one that are equal to 1e-10, may have added up to.
    /// Null under other semantics than fixed dynamics.
    /// </summary>
    public double? ErrorBound { get; }

    /// <summary>Whether no further step leads to another belief: then what is best with the whole horizon to go is known of every belief there is.</summary>
    public bool IsClosed => _graph.IsClosed;

    /// <summary>p(s) of a belief by its count.</summary>
    public ReadOnlySpan<double> Belief(int belief) =>
        (uint)belief < (uint)Count
            ? _graph.Belief(belief)
            : throw new ArgumentOutOfRangeException(nameof(belief), belief, $"\"{Process.Name}\" has the beliefs 0 … {Count - 1}.");

    /// <summary>The belief, by its count, after the first observation; −1 where that is impossible.</summary>
    /// <param name="observation">The observation by its count.</param>
    public int First(int observation) => _graph.Roots[Counted(observation)];

    /// <summary>The belief, by its count, after an action in a belief and an observation; −1 where that is impossible.</summary>
    /// <param name="belief">A belief that is come to before the horizon.</param>
    /// <param name="action">The action by its count.</param>
    /// <param name="observation">The observation by its count.</param>
    public int After(int belief, int action, int observation) => _graph.After(belief, action, Counted(observation));

    /// <summary>Acts by this solution: filters what it observes.</summary>
    /// <param name="receding">Whether the whole horizon is always still to come, so that it acts as long as it likes; else the plan ends with the horizon.</param>
    /// <exception cref="ModelException">The horizon is to recede, and further steps lead to beliefs that are not in the plan.</exception>
    public BeliefController Controller(bool receding = false)
    {
        if (receding && !IsClosed)
        {
            Refuse(
                $"The horizon of \"{Process.Name}\" cannot recede: its last of {Tree.Horizon} steps leads to {_graph.Levels[^1]} beliefs that no step before it did.",
                "Choose a horizon after which no belief is new, if there is one, or plan anew when it has ended.");
        }

        return new(this, receding);
    }

    /// <summary>The derivation, how many beliefs there are, and how sure the values are; then the compiled sweep.</summary>
    public string Explain()
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"== Beliefs over the states of \"{Process.Name}\"");
        text.AppendLine(
            CultureInfo.InvariantCulture,
            $"{Process.States} states, {Process.Actions} actions, {Process.Observations.Length} observations, {Tree.Horizon} steps");
        text.AppendLine(
            CultureInfo.InvariantCulture,
            $"{Count} beliefs, those equal to {BeliefGraph.Resolution:G1} once; new at each depth: {string.Join(", ", _graph.Levels.Take(12))}{(_graph.Levels.Count > 12 ? ", …" : "")}");
        text.AppendLine(IsClosed ? "no further step leads to another belief" : "further steps lead to other beliefs");
        text.AppendLine("a state s below is a belief b, p(s | observed and done so far):");
        text.AppendLine(
            _infers
                ? "  r(b, a) = α·log Σ b(s)·exp(r(s, a)/α), and b′(s′) ∝ p(o | s′)·Σ p(s′ | s, a)·b(s)·exp(r(s, a)/α): past optimality tells of the state"
                : "  r(b, a) = Σ b(s)·r(s, a), and b′(s′) ∝ p(o | s′)·Σ p(s′ | s, a)·b(s) with probability p(o | b, a)");
        text.AppendLine(
            TruncationBound is { } bound
                ? string.Create(CultureInfo.InvariantCulture, $"cut off after {Tree.Horizon} steps: |V − V of an infinite horizon| ≤ {bound:G3}")
                : $"V is that of {Tree.Horizon} steps");
        return text.AppendLine().Append(Beliefs.Explain()).ToString();
    }

    /// <summary>Frees what is compiled. The engine stays.</summary>
    public void Dispose() => Beliefs.Dispose();

    /// <summary>The count of an observation by its numbers.</summary>
    internal int ObservationOf(ReadOnlySpan<float> numbers)
    {
        for (int o = 0; o < Process.Observations.Length; o++)
        {
            if (Process.Observations[o].Length == numbers.Length && Matches(Process.Observations[o], numbers))
            {
                return o;
            }
        }

        throw new ArgumentException(
            $"({string.Join(", ", numbers.ToArray())}) is no observation of \"{Process.Name}\"; it has {Process.Observations.Length}, each of {Process.Observations[0].Length} numbers.",
            nameof(numbers));
    }

    private static bool Matches(double[] known, ReadOnlySpan<float> numbers)
    {
        for (int k = 0; k < known.Length; k++)
        {
            if ((float)known[k] != numbers[k])
            {
                return false;
            }
        }

        return true;
    }

    private int Counted(int observation) =>
        (uint)observation < (uint)Process.Observations.Length
            ? observation
            : throw new ArgumentOutOfRangeException(
                nameof(observation), observation, $"\"{Process.Name}\" has the observations 0 … {Process.Observations.Length - 1}.");

    private void Require()
    {
        if (Process.Observation is null)
        {
            Refuse(
                $"The states of \"{Process.Name}\" are seen: there is nothing to believe.",
                "Solve it without a BeliefTree, or say what is observed: .Observe(s => …) of a process, FiniteMdpModule.observing of tables.");
        }

        if (Process.Start is null)
        {
            Refuse($"\"{Process.Name}\" has no start, and what is believed at first is not known.", "Define it: .Start(…).");
        }

        if (Tree.Horizon < 1 || Tree.MaximumBeliefs < 1)
        {
            Refuse(
                $"BeliefTree has a Horizon of {Tree.Horizon} and MaximumBeliefs of {Tree.MaximumBeliefs}.", "Both are at least 1.");
        }

        if (_infers && Tree.Hard)
        {
            Refuse(
                $"\"{Process.Name}\" is to be solved over beliefs under the exact posterior in the limit α → 0, where past optimality leaves no belief to speak of.",
                "Choose a temperature, or fixed dynamics.");
        }

        for (int k = 0; k < Process.Actions * Process.States && Process.Prior is not null; k++)
        {
            if (Math.Abs(Process.Prior[k] - Process.PriorOf(0, k / Process.States)) > BeliefGraph.Resolution)
            {
                Refuse(
                    $"The prior policy of \"{Process.Name}\" gives {Process.Action(k / Process.States)} different probabilities in {Process.State(0)} and in {Process.State(k % Process.States)}, which the agent cannot tell apart.",
                    "Give a prior that is the same in every state.");
            }
        }
    }

    private void Refuse(string problem, string mend) => throw new ModelException(problem, LocationModule.ofUser(), Process.Name, mend);

    /// <summary>V over the first observations: no action comes before them.</summary>
    private double ValueOf(double? temperature)
    {
        ReadOnlySpan<double> values = Beliefs.Values();
        double[] start = Beliefs.Process.Start;
        double largest = double.NegativeInfinity, sum = 0;
        for (int belief = 0; belief < start.Length; belief++)
        {
            largest = start[belief] > 0 ? Math.Max(largest, values[belief]) : largest;
        }

        for (int belief = 0; belief < start.Length; belief++)
        {
            sum += start[belief] == 0 ? 0
                : start[belief] * (temperature is { } a ? Math.Exp((values[belief] - largest) / a) : values[belief]);
        }

        return temperature is { } alpha ? largest + (alpha * Math.Log(sum)) : sum;
    }
}
