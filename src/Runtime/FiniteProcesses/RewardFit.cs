using System.Globalization;
using Microsoft.Extensions.Logging;

namespace Inference;

/// <summary>How a reward is looked for.</summary>
public sealed record MaximumEntropyReward
{
    /// <summary>α: how far from optimal the demonstrations are. Weights are in its units. 1 unless given.</summary>
    public double Temperature { get; init; } = 1;

    /// <summary>What the demonstrators' optimality means; Boltzmann is refused.</summary>
    public PlanningSemantics Semantics { get; init; } = PlanningSemantics.FixedDynamics;

    /// <summary>λ: the precision of a Normal prior on the weights. 0, the default, is none; demonstrations without a slip then have no finite weights.</summary>
    public double Precision { get; init; }

    /// <summary>What climbs; null: Adam at 0.1, falling to 0 in a cosine over <see cref="MaximumSteps"/>.</summary>
    public Optimizer? Optimizer { get; init; }

    /// <summary>The most steps of the optimiser. 1000 unless given.</summary>
    public int MaximumSteps { get; init; } = 1000;

    /// <summary>The largest element of the gradient at which the search ends. 1e-5 unless given.</summary>
    public double Tolerance { get; init; } = 1e-5;

    /// <summary>Refuses options out of their range.</summary>
    /// <exception cref="ModelException">An option is out of its range.</exception>
    internal void Validate()
    {
        (string Option, double Value, bool Holds, string Mend)[] options =
        [
            (nameof(Temperature), Temperature, Temperature > 0 && double.IsFinite(Temperature), "Choose it above 0."),
            (nameof(Precision), Precision, Precision >= 0 && double.IsFinite(Precision), "Choose 0 for none, or a number above it."),
            (nameof(MaximumSteps), MaximumSteps, MaximumSteps >= 1, "Allow at least 1 step."),
            (nameof(Tolerance), Tolerance, Tolerance > 0, "Choose it above 0."),
        ];
        foreach ((string option, double value, bool holds, string mend) in options)
        {
            if (!holds)
            {
                throw new ModelException($"{nameof(MaximumEntropyReward)}.{option} is {value}.", LocationModule.ofUser(), "", mend);
            }
        }
    }
}

/// <summary>A reward that explains demonstrations: the weights of features, found by maximum-entropy inverse reinforcement learning.</summary>
public sealed class RewardFit
{
    private readonly MaximumEntropyReward _options;

    /// <summary>Looks for a reward.</summary>
    /// <param name="process">The process that the demonstrations are of; its reward is not read.</param>
    /// <param name="features">φ: [feature, action, state], as <see cref="FiniteMdp"/> lays out its tables.</param>
    /// <param name="demonstrations">Episodes. Their steps are the horizon.</param>
    /// <param name="options">How it is looked for.</param>
    /// <param name="engine">The machine that it runs on.</param>
    /// <param name="progress">Told the step and the largest element of the gradient, now and then.</param>
    /// <param name="cancellation">Ends the search.</param>
    /// <exception cref="ModelException">The semantics has no such gradient.</exception>
    /// <exception cref="ArgumentException">Features or demonstrations do not fit the process.</exception>
    /// <exception cref="InvalidOperationException">The weights are no longer finite.</exception>
    public RewardFit(
        FiniteMdp process,
        double[] features,
        Demonstrations demonstrations,
        MaximumEntropyReward options,
        Engine engine,
        IProgress<(int Step, double Worst)>? progress = null,
        CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(process);
        ArgumentNullException.ThrowIfNull(features);
        ArgumentNullException.ThrowIfNull(demonstrations);
        ArgumentNullException.ThrowIfNull(options);
        ArgumentNullException.ThrowIfNull(engine);
        int pairs = process.Actions * process.States;
        if (features.Length == 0 || features.Length % pairs != 0)
        {
            throw new ArgumentException(
                $"{features.Length} numbers of features came; \"{process.Name}\" needs {pairs} of each, [feature, action, state].", nameof(features));
        }

        if (Array.FindIndex(features, number => !double.IsFinite(number)) is >= 0 and var wrong)
        {
            int pair = wrong % pairs;
            throw new ArgumentException(
                $"Feature {wrong / pairs} of \"{process.Name}\" is {features[wrong]} in ({process.State(pair % process.States)}) for ({process.Action(pair / process.States)}).",
                nameof(features));
        }

        options.Validate();
        _options = options;
        Process = process;
        Features = features;
        Expert = demonstrations.FeaturesOf(process, features);
        Warnings = demonstrations.Strays(process) is { } strays ? [strays] : [];
        foreach (string warning in Warnings)
        {
            engine.Logger.LogWarning("{Warning}", warning);
        }

        Weights = new double[Expert.Length];
        Gap = new double[Expert.Length];
        RewardProgram program = InverseReinforcement.derive(
            new Backup(options.Semantics, options.Temperature, process.Discount),
            TableShape.Of(process),
            Expert.Length,
            demonstrations.Steps,
            options.Precision,
            options.Optimizer ?? new Adam(Rate.Cosine(0.1, options.MaximumSteps)));
        using var climb = new TableExecutable(engine, program.Program, process);
        climb.SetTable("features", features);
        climb.Set("expert", Expert);
        climb.Set("start", demonstrations.StartsOf(process));
        Climb(climb, progress, cancellation);
    }

    /// <summary>The process that was observed.</summary>
    public FiniteMdp Process { get; }

    /// <summary>φ: [feature, action, state].</summary>
    public double[] Features { get; }

    /// <summary>θ: the reward is Σ θ·φ(s, a).</summary>
    public double[] Weights { get; }

    /// <summary>The demonstrations' features, discounted sums over an episode.</summary>
    public double[] Expert { get; }

    /// <summary>What the demonstrations have more of each feature than a soft-optimal policy under these weights.</summary>
    public double[] Gap { get; }

    /// <summary>What may be a slip: demonstrated steps that the process never takes.</summary>
    public IReadOnlyList<string> Warnings { get; }

    /// <summary>L(θ), in units of reward; see <see cref="InverseReinforcement"/>.</summary>
    public double Objective { get; private set; }

    /// <summary>Steps taken.</summary>
    public int Steps { get; private set; }

    /// <summary>Whether the gradient has become as small as was asked for.</summary>
    public bool Converged { get; private set; }

    /// <summary>The same process with the reward that was found: Σ θ·φ(s, a).</summary>
    public FiniteMdp Rewarded()
    {
        int pairs = Process.Actions * Process.States;
        double[] reward = new double[pairs];
        for (int k = 0; k < Features.Length; k++)
        {
            reward[k % pairs] += Weights[k / pairs] * Features[k];
        }

        return FiniteMdpModule.withReward(reward, Process);
    }

    /// <summary>What was maximised, and how it ended.</summary>
    public string Explain() =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"""
            maximum-entropy inverse reinforcement learning of "{Process.Name}", {Weights.Length} features
              r(s, a) = θ·φ(s, a)
              L(θ) = θ·f − E[V_θ(s₀)] − λ‖θ‖²/2,  f the demonstrations' features, λ = {_options.Precision}
              ∂L/∂θ = f − E[Σ γᵗ φ(sₜ, aₜ)] − λθ, by the language's gradient of V_θ
            {SoftBellman.text(new Backup(_options.Semantics, _options.Temperature, Process.Discount))}
            {Steps} steps; largest element of the last gradient {_worst:G3} ({(Converged ? "converged" : "not converged")})

            """);

    private double _worst = double.PositiveInfinity;

    private void Climb(TableExecutable climb, IProgress<(int Step, double Worst)>? progress, CancellationToken cancellation)
    {
        for (Steps = 0; ; Steps++)
        {
            cancellation.ThrowIfCancellationRequested();

            // What is read here is of the weights before the step that the run takes.
            climb.State("weights", Weights);
            if (!climb.Run())
            {
                throw new InvalidOperationException(
                    $"The weights of the reward are no longer finite after {Steps} steps: give a smaller rate or a Precision above 0.");
            }

            _worst = climb.Output("worst");
            Objective = climb.Output("objective");
            climb.Output("gap", Gap);
            Converged = _worst <= _options.Tolerance;
            if (Steps % 50 == 0 || Converged || Steps == _options.MaximumSteps)
            {
                progress?.Report((Steps, _worst));
            }

            if (Converged || Steps == _options.MaximumSteps)
            {
                return;
            }
        }
    }
}
