using static Inference.Language;

namespace Inference.Benchmarks.Cases;

/// <summary>
/// Kalman's filter over one series of 10,000 steps in double precision: position and velocity in a plane, of which positions are seen. Out come the means and
/// covariances of all steps and the log-evidence. The filter is derived from the model, a chain of Gaussian sites.
/// </summary>
internal static class KalmanFilter
{
    private const int Steps = 10_000, States = 4, Observations = 2;
    private const double Seconds = 0.1, Noise = 0.5;

    public static Case Case { get; } = new()
    {
        Name = "kalman_10000",
        SetUp = engine => new Work(engine),
        UnitsPerRound = 5,
        PeerUnitsPerRound = 1,
    };

    private static Prob<Chain<Tensor, Tensor>> Motion(Tensor seen)
    {
        FreeIndex time = TimeIndex("time", Steps);
        Tensor step = Matrix(
            [1, 0, Seconds, 0],
            [0, 1, 0, Seconds],
            [0, 0, 1, 0],
            [0, 0, 0, 1]);
        Tensor noise = Matrix(
            [0.02, 0, 0, 0],
            [0, 0.02, 0, 0],
            [0.1, 0, 0.2, 0],
            [0, 0.1, 0, 0.2]);
        return Markov(time, Zeros(States), before =>
            from state in Sample("state", MultivariateNormal(Dot(step, before), noise))
            select state.Observed("seen", Normal(Slice(state, 0, 0, Observations), Noise), Unstack(seen, time)));
    }

    private static Tensor Matrix(params double[][] rows) => Reshape(Constant([.. rows.SelectMany(row => row)]), rows.Length, rows[0].Length);

    private sealed class Work : IWork
    {
        private readonly Engine _engine;
        private readonly Executable _filter;
        private readonly double[] _seen = new double[Steps * Observations];

        public Work(Engine engine)
        {
            _engine = new Engine(engine.Options with { Precision = Precision.Double });
            var builder = new ProgramBuilder("kalman_10000");
            GaussianPosterior motion = Motion(builder.Input("seen", [Steps, Observations], DType.F32)).GaussianPosterior();
            GaussianMarginal state = motion.Filtered("time/state");
            builder.Output("evidence", motion.LogEvidence);
            builder.Output("mean", state.Mean);
            builder.Output("covariance", state.Covariance);
            _filter = _engine.Compile(builder.Build());
            Draw(seed: 0);
        }

        public IEnumerable<float> Outputs =>
            Enumerable.Range(0, 3).SelectMany(output => _filter.Output<double>(output).ToArray()).Select(value => (float)value);

        public void DoUnit() => _filter.Run();

        public IReadOnlyDictionary<string, double> RunAnew(int seed)
        {
            Draw(seed);
            _filter.Run();
            return new Dictionary<string, double> { ["evidence"] = _filter.Output<double>(0)[0] };
        }

        public void Dispose()
        {
            _filter.Dispose();
            _engine.Dispose();
        }

        /// <summary>A circle in 200 seconds, seen with noise.</summary>
        private void Draw(int seed)
        {
            for (int k = 0; k < _seen.Length; k++)
            {
                uint[] words = Philox.words((uint)k, 0, 0, 0, (uint)seed, 0);
                double radius = Math.Sqrt(-2 * Math.Log((words[0] + 0.5) / 4294967296.0)), angle = 2 * Math.PI * words[1] / 4294967296.0;
                double phase = (2 * Math.PI * (k / Observations) * Seconds / 200) - (Math.PI / 2 * (k % Observations));
                _seen[k] = (10 * Math.Cos(phase)) + (Noise * radius * Math.Cos(angle));
            }

            _filter.SetInput(0, _seen);
        }
    }
}
