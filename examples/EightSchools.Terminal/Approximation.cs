using Microsoft.FSharp.Core;

namespace Inference.Examples.EightSchools;

/// <summary>A family that was fitted.</summary>
internal sealed record Approximation
{
    private const int StepsOfEvaluation = 80;
    private const int DrawsOfStep = 16;
    private const int DrawsOfElbo = 1 << 16;
    private const int Draws = 20_000;

    /// <summary>The families with their names.</summary>
    public static readonly (SchoolFamily Family, string Name)[] Families =
        [(SchoolFamily.MeanField, "mean-field"), (SchoolFamily.FullRank, "full-rank"), (SchoolFamily.Flow, "flow")];

    /// <summary>What it is called.</summary>
    public required string Name { get; init; }

    /// <summary>The evidence lower bound in nats, over 65,536 draws.</summary>
    public required double Elbo { get; init; }

    /// <summary>The time of the steps of learning.</summary>
    public required double Seconds { get; init; }

    /// <summary>The marginals of <see cref="SchoolData.Quantities"/>, of 20,000 draws.</summary>
    public required Marginal[] Marginals { get; init; }

    /// <summary>Which parameters came out.</summary>
    public required string ParametersSha256 { get; init; }

    /// <summary>Fits a family and measures it.</summary>
    public static Approximation Fit(
        EightSchoolsOptions options, EightSchoolsTwin twin, SchoolFamily family, string name, Engine engine, CancellationToken cancellation)
    {
        Dataset data = Dataset.Columns(("Effect", SchoolData.Effects), ("Error", SchoolData.Errors));
        var optimizer = new Adam(Rate.Cosine(0.02, options.Steps));
        var fit = new FitOptions
        {
            Steps = options.Steps,
            BatchSize = 1,
            Seed = options.Seed,
            EvaluateEvery = Math.Max(1, options.Steps / StepsOfEvaluation),
        };
        var view = new TrainingView($"{name,-10}", "negative ELBO", "steps", options.Json) { Pass = "step" };
        (Fitted fitted, TimeSpan time) = view.Show(
            options.Steps,
            progress => twin.Learner(family, Objective.Elbo(DrawsOfStep), optimizer).Fit(data, fit, engine, progress, cancellation));
        cancellation.ThrowIfCancellationRequested();
        Learner<Schools> measure = twin.Learner(family, Objective.Elbo(DrawsOfElbo), optimizer);
        return new Approximation
        {
            Name = name,
            Elbo = -measure.Evaluate(fitted, data, engine, batchSize: 1, options.Seed)["loss"],
            Seconds = time.TotalSeconds,
            Marginals = Drawn(twin.Prior, twin.Guide(family), fitted, options.Seed, engine),
            ParametersSha256 = ParameterDigest.Of(fitted.Parameters),
        };
    }

    // The prior, with the guide's draws in place of its own.
    private static Marginal[] Drawn(Prob<Effects> prior, Prob<Unit> guide, Fitted fitted, long seed, Engine engine)
    {
        Prob<Effects> posterior =
            from drawn in Handle.trace(guide)
            from effects in Prob.named("posterior", Handle.replay(drawn.Item2, prior))
            select effects;
        using var program = new DrawingProgram(
            engine, "draws", _ => posterior.Select(e => new[] { ("mu", e.Mu), ("tau", e.Tau), ("theta", e.Theta) }), fitted);
        double[][] draws = [.. SchoolData.Quantities.Select(_ => new double[Draws])];
        float[] row = new float[SchoolData.Quantities.Length];
        for (int k = 0; k < Draws; k++)
        {
            program.Run(seed, k);
            program.Get("mu", row.AsSpan(0, 1));
            program.Get("tau", row.AsSpan(SchoolData.Tau, 1));
            program.Get("theta", row.AsSpan(2));
            for (int quantity = 0; quantity < row.Length; quantity++)
            {
                draws[quantity][k] = row[quantity];
            }
        }

        return [.. draws.Select((values, quantity) => Marginal.Of(values, isPositive: quantity == SchoolData.Tau))];
    }
}
