using System.Globalization;
using System.Runtime.InteropServices;

namespace Inference;

/// <summary>
/// The beliefs that may be come to within a horizon, level after level, and which leads to which: the process over beliefs, whose states are
/// seen. Beliefs whose probabilities are all equal to 1e-10 are one.
/// </summary>
internal sealed class BeliefGraph
{
    /// <summary>Probabilities that are as near are equal: rounding parts what is.</summary>
    public const double Resolution = 1e-10;

    /// <summary>Numbers that the tables and messages of a tree may have: 1 GB of them.</summary>
    private const double Capacity = 1 << 27;

    private readonly FiniteMdp _process;
    private readonly BeliefTree _options;
    private readonly BeliefFilter _filter;
    private readonly List<double[]> _beliefs = [];
    private readonly Dictionary<long[], int> _counts = new(new Same());
    private readonly List<Move[]> _moves = [];

    /// <summary>Finds all beliefs.</summary>
    /// <exception cref="ModelException">There are too many of them.</exception>
    public BeliefGraph(FiniteMdp process, BeliefTree options, double? temperature)
    {
        (_process, _options) = (process, options);
        _filter = new BeliefFilter(process, temperature);
        (Roots, Start) = Observed(process.Start);
        Levels.Add(_beliefs.Count);
        for (int depth = 0; depth < options.Horizon && Levels[^1] > 0; depth++)
        {
            Widen(depth);
        }
    }

    /// <summary>How many beliefs were new at each depth; none are after the last.</summary>
    public List<int> Levels { get; } = [];

    /// <summary>The belief after each first observation; −1 where that is impossible.</summary>
    public int[] Roots { get; }

    /// <summary>How probable each first observation is, then that the episode has ended before it.</summary>
    public double[] Start { get; }

    /// <summary>How many beliefs there are.</summary>
    public int Count => _beliefs.Count;

    /// <summary>Whether no step leads from these beliefs to another.</summary>
    public bool IsClosed => _moves.Count == Count;

    /// <summary>p(s) of a belief.</summary>
    public ReadOnlySpan<double> Belief(int belief) => _beliefs[belief];

    /// <summary>The belief after an action and an observation; −1 where that observation is impossible.</summary>
    public int After(int belief, int action, int observation) => _moves[belief][action].Next[observation];

    /// <summary>The beliefs as the states of a finite process; one state more stands for all ends.</summary>
    public FiniteMdp Process()
    {
        int beliefs = Count, end = beliefs, actions = _process.Actions, observations = _filter.Observations;
        int[,,] next = new int[beliefs + 1, actions, observations + 1];
        double[,,] probability = new double[beliefs + 1, actions, observations + 1];
        double[,] reward = new double[beliefs + 1, actions];
        for (int belief = 0; belief <= beliefs; belief++)
        {
            for (int action = 0; action < actions; action++)
            {
                // Past the last level nothing is asked for: a belief there stays where it is.
                if (belief >= _moves.Count)
                {
                    (next[belief, action, 0], probability[belief, action, 0]) = (belief, 1);
                    continue;
                }

                Move move = _moves[belief][action];
                reward[belief, action] = move.Reward;
                for (int o = 0; o <= observations; o++)
                {
                    next[belief, action, o] = o < observations ? Math.Max(move.Next[o], 0) : end;
                    probability[belief, action, o] = move.Probability[o];
                }
            }
        }

        return Parts(FiniteMdpModule.ofSuccessors($"{_process.Name}, over beliefs", next, probability, reward, _process.Discount));
    }

    private FiniteMdp Parts(FiniteMdp process)
    {
        double[] start = new double[Count + 1], values = new double[Count + 1];
        bool[] ends = new bool[Count + 1];
        for (int o = 0; o < Roots.Length; o++)
        {
            start[Roots[o] < 0 ? Count : Roots[o]] += Start[o];
        }

        start[Count] += Start[^1];
        ends[Count] = true;
        for (int belief = 0; belief < Count; belief++)
        {
            values[belief] = _filter.TerminalValue(_beliefs[belief]);
        }

        process = FiniteMdpModule.terminalValue(values, FiniteMdpModule.terminating(ends, process));
        process = FiniteMdpModule.startingFrom(start, process);
        if (_process.Prior is null)
        {
            return process;
        }

        // The prior is the same in every state.
        double[] prior = [.. Enumerable.Range(0, _process.Actions * (Count + 1)).Select(k => _process.PriorOf(0, k / (Count + 1)))];
        return FiniteMdpModule.withPrior(prior, process);
    }

    /// <summary>The beliefs one step after those of the last level.</summary>
    private void Widen(int depth)
    {
        int before = Count;
        double[] predicted = new double[_process.States];
        for (int belief = _moves.Count; belief < before; belief++)
        {
            var moves = new Move[_process.Actions];
            for (int action = 0; action < moves.Length; action++)
            {
                double reward = _filter.Step(_beliefs[belief], action, predicted);
                (int[] next, double[] probability) = Observed(predicted);
                moves[action] = new Move(reward, next, probability);
            }

            _moves.Add(moves);
            RequireRoom(depth, before);
        }

        Levels.Add(Count - before);
    }

    private (int[] Next, double[] Probability) Observed(double[] predicted)
    {
        int observations = _filter.Observations;
        int[] next = new int[observations];
        double[] probability = new double[observations + 1];
        double[] belief = new double[_process.States];
        double goes = 0;
        for (int o = 0; o < observations; o++)
        {
            probability[o] = _filter.Observe(predicted, o, belief);
            next[o] = probability[o] > 0 ? CountOf(belief) : -1;
            goes += probability[o];
        }

        double all = predicted.Sum();
        probability[observations] = Math.Max(0, all - goes);
        return (next, probability);
    }

    private int CountOf(double[] belief)
    {
        long[] key = Array.ConvertAll(belief, p => (long)Math.Round(p / Resolution));
        if (!_counts.TryGetValue(key, out int count))
        {
            count = Count;
            _counts.Add(key, count);
            _beliefs.Add([.. belief]);
        }

        return count;
    }

    /// <summary>Refuses a tree that outgrows its room while it grows, and says how large it would become.</summary>
    private void RequireRoom(int depth, int before)
    {
        double of = Numbers(Count);
        if (Count <= _options.MaximumBeliefs && of <= Capacity)
        {
            return;
        }

        int taken = _moves.Count - (before - Levels[^1]);
        double growth = (double)(Count - before) / taken;
        double level = Levels[^1], total = before;
        for (int d = depth; d < _options.Horizon; d++)
        {
            level *= growth;
            total += level;
        }

        string limit = Count > _options.MaximumBeliefs
            ? $"at most {_options.MaximumBeliefs:N0} are taken"
            : $"their tables would take more than {Capacity * 8 / 1e9:F1} GB";
        throw new ModelException(
            string.Create(
                CultureInfo.InvariantCulture,
                $"\"{_process.Name}\" has {before:N0} beliefs within {depth} steps, about {growth:G2} for each at every further step: some {total:G2} within {_options.Horizon} steps, {Numbers(total) * 8 / 1e9:G2} GB; {limit}."),
            LocationModule.ofUser(),
            _process.Name,
            "Choose a smaller Horizon, or allow more by MaximumBeliefs; fewer values of what is observed make fewer beliefs.");
    }

    /// <summary>Numbers of so many beliefs, of their tables and of the messages at every time.</summary>
    private double Numbers(double beliefs) =>
        beliefs * (_process.States + (_process.Actions * (_filter.Observations + 1.0)) + (2.0 * _process.Actions * _options.Horizon));

    private readonly record struct Move(double Reward, int[] Next, double[] Probability);

    private sealed class Same : IEqualityComparer<long[]>
    {
        public bool Equals(long[]? x, long[]? y) => x.AsSpan().SequenceEqual(y);

        public int GetHashCode(long[] key)
        {
            var hash = new HashCode();
            hash.AddBytes(MemoryMarshal.AsBytes(key.AsSpan()));
            return hash.ToHashCode();
        }
    }
}
