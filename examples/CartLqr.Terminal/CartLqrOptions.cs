namespace Inference.Examples.CartLqr;

/// <summary>What the command line asks for.</summary>
internal sealed record CartLqrOptions() : ExampleOptions("cart-lqr.html")
{
    /// <summary>Episodes that are balanced by each controller.</summary>
    public int Episodes { get; init; } = 20;

    /// <summary>Steps of 0.1 s in which the pole is swung up.</summary>
    public int Horizon { get; init; } = 30;

    /// <summary>The command line.</summary>
    public static CommandLine<CartLqrOptions> CommandLine => new CommandLine<CartLqrOptions>(
            "Balances a cart's pole by LQR and LQG, linearised about upright, and swings it up by iterative LQR.",
            seed: "Decides starts, gusts and the noise of what is seen.")
        .Add("--episodes", "N", "Episodes that are balanced by each controller.", o => o.Episodes, (o, v) => o with { Episodes = v }, Limit.AtLeast(1))
        .Add("--horizon", "N", "Steps of 0.1 s in which the pole is swung up.", o => o.Horizon, (o, v) => o with { Horizon = v }, Limit.AtLeast(1));
}
