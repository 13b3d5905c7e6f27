namespace Inference.Benchmarks.Cases;

/// <summary>
/// Whole solves of path-integral control: draw, roll out, weigh, average. The state is the same each time, hanging still; the plan goes on
/// from solve to solve, as it does in a controller.
/// </summary>
internal static class MppiCases
{
    private const double Noise = 1;

    public static Case Small { get; } = new()
    {
        Name = "mppi_1024x30",
        SetUp = engine => new PlannerWork(BuiltIn(1024, 30, engine)),
        UnitsPerRound = 200,
        PeerUnitsPerRound = 50,
        Peers = PeersOf(1024, 30, "softmax"),
    };

    public static Case Large { get; } = new()
    {
        Name = "mppi_16384x100",
        SetUp = engine => new PlannerWork(BuiltIn(16_384, 100, engine)),
        UnitsPerRound = 50,
        PeerUnitsPerRound = 10,
        Peers = PeersOf(16_384, 100, "softmax"),
    };

    /// <summary>An algorithm of one's own is as fast as a built-in one.</summary>
    public static Case User { get; } = new()
    {
        Name = "mppi_user",
        SetUp = engine => new PlannerWork(TopTenth.Plan(Pendulum.Optimal, 1024, 30, Noise, engine)),
        UnitsPerRound = 200,
        PeerUnitsPerRound = 50,
        Baseline = Small,
        Peers = PeersOf(1024, 30, "top-tenth"),
    };

    private static Planner BuiltIn(int samples, int horizon, Engine engine) =>
        Pendulum.Optimal.Plan(new Mppi { Samples = samples, Horizon = horizon, Noise = Noise }, engine, seed: 0);

    private static PeerCommand[] PeersOf(int samples, int horizon, string weights)
    {
        string[] arguments = ["--samples", $"{samples}", "--horizon", $"{horizon}", "--weights", weights];
        return
        [
            new("PyTorch", "mppi.py", arguments),
            new("PyTorch by hand", "mppi.py", [.. arguments, "--by-hand"]),
        ];
    }
}
