namespace Inference.Benchmarks.Cases;

/// <summary>
/// One sweep of soft value iteration over a torus of 1000 × 1000 cells: four actions, and for each the five cells that a step may end in, with
/// probabilities of their own. Each successor is an index and a single-precision probability: 160 MB that a sweep reads.
/// </summary>
internal static class SoftValueIteration
{
    private const int Side = 1000, States = Side * Side, Actions = 4, Successors = 5;
    private static readonly TableShape Shape = new(States, Actions, Successors, uniform: true, endless: true);

    public static Case Case { get; } = new()
    {
        Name = "soft_vi_1m",
        SetUp = engine => new Work(engine),
        UnitsPerRound = 5,
        PeerUnitsPerRound = 1,
        Bytes = (long)Actions * Successors * States * (sizeof(int) + sizeof(float)),
        Baseline = Copying.Case,
    };

    private sealed class Work : IWork
    {
        private readonly Executable _sweep;

        public Work(Engine engine)
        {
            _sweep = engine.Compile(MessagePrograms.sweep(new Backup(PlanningSemantics.FixedDynamics, 1, 0.95), Shape));
            Shape.LayOut(Next()).CopyTo(_sweep.Input<int>(_sweep.IndexOfInput("next")));
            Draw(seed: 0);
        }

        public IEnumerable<float> Outputs => [.. _sweep.Output(0), .. _sweep.State(0)];

        public void DoUnit() => _sweep.Run();

        public IReadOnlyDictionary<string, double> RunAnew(int seed)
        {
            Draw(seed);
            _sweep.ResetStates();
            _sweep.Run();
            return new Dictionary<string, double> { ["residual"] = _sweep.Output(0)[0] };
        }

        public void Dispose() => _sweep.Dispose();

        private void Draw(int seed)
        {
            Shape.LayOut(Probabilities(seed)).CopyTo(_sweep.Input(_sweep.IndexOfInput("probability")));
            Shape.LayOut(Rewards(seed)).CopyTo(_sweep.Input(_sweep.IndexOfInput("reward")));
        }
    }

    /// <summary>[actions, successors, states]: the cells around one and the cell itself.</summary>
    private static int[] Next()
    {
        int[] next = new int[Actions * Successors * States];
        ReadOnlySpan<int> moves = [-Side, Side, -1, 1, 0];
        for (int row = 0; row < Actions * Successors; row++)
        {
            for (int state = 0; state < States; state++)
            {
                next[(row * States) + state] = (state + moves[row % Successors] + States) % States;
            }
        }

        return next;
    }

    private static float[] Probabilities(int seed)
    {
        float[] probability = new float[Actions * Successors * States];
        Span<float> row = stackalloc float[Successors];
        for (int action = 0; action < Actions; action++)
        {
            for (int state = 0; state < States; state++)
            {
                float sum = 0;
                for (int k = 0; k < Successors; k++)
                {
                    row[k] = Uniform((uint)state, (uint)((action * Successors) + k), 0, seed);
                    sum += row[k];
                }

                for (int k = 0; k < Successors; k++)
                {
                    probability[(((action * Successors) + k) * States) + state] = row[k] / sum;
                }
            }
        }

        return probability;
    }

    private static float[] Rewards(int seed) => [.. Enumerable.Range(0, Actions * States).Select(k => -Uniform((uint)k, 0, 1, seed))];

    private static float Uniform(uint a, uint b, uint c, int seed) => (float)((Philox.words(a / 4, b, c, 0, (uint)seed, 0)[a % 4] + 0.5) / 4294967296.0);
}

/// <summary>A copy of an array of 256 MiB, read and written, on all threads: what the machine's memory gives.</summary>
internal static class Copying
{
    private const int Count = 1 << 26;

    public static Case Case { get; } = new()
    {
        Name = "copy_256mib",
        SetUp = engine => new Work(engine.Threads),
        UnitsPerRound = 5,
        PeerUnitsPerRound = 1,
        Bytes = 2L * Count * sizeof(float),
    };

    private sealed class Work(int threads) : IWork
    {
        private readonly float[] _from = [.. Enumerable.Range(0, Count).Select(k => (float)k)];
        private readonly float[] _to = [.. Enumerable.Range(0, Count).Select(k => -(float)k)];

        public IEnumerable<float> Outputs => [_to[0], _to[^1]];

        public void DoUnit() => Parallel.For(0, threads, thread =>
        {
            int start = (int)((long)Count * thread / threads), end = (int)((long)Count * (thread + 1) / threads);
            Array.Copy(_from, start, _to, start, end - start);
        });

        public IReadOnlyDictionary<string, double> RunAnew(int seed)
        {
            DoUnit();
            return new Dictionary<string, double> { ["last"] = _to[^1] };
        }

        public void Dispose()
        {
            // Arrays are the collector's.
        }
    }
}
