namespace Inference.Benchmarks.Cases;

/// <summary>One solve of a planner.</summary>
internal sealed class PlannerWork(Planner planner) : IWork
{
    private const int SolvesOfARun = 5;

    public IEnumerable<float> Outputs => [.. planner.Plan, .. planner.Diagnostics];

    public void DoUnit() => planner.Act(Pendulum.HangingStill);

    public IReadOnlyDictionary<string, double> RunAnew(int seed)
    {
        planner.Seed = seed;
        planner.Reset();
        for (int solve = 0; solve < SolvesOfARun; solve++)
        {
            DoUnit();
        }

        return new Dictionary<string, double>
        {
            ["action"] = planner.Plan[0],
            ["size of the action"] = Math.Abs(planner.Plan[0]),
            ["effective sample size"] = planner.EffectiveSampleSize,
            ["free energy"] = planner.FreeEnergy,
        };
    }

    public void Dispose() => planner.Dispose();
}
